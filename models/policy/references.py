"""Names in the pack that must stand somewhere else in it. Pure."""

from collections.abc import Iterable, Iterator

from models.policy.categories import Owner
from models.policy.people import OrgKind
from models.policy.schema import Policy
from models.policy.yaml_tree import Path

Dangling = tuple[Path, str]


def dangling(policy: Policy) -> list[Dangling]:
    """Return every name that leads nowhere: its place and what is wrong."""
    return [*_categories(policy), *_lists(policy), *_bodies(policy), *_automation(policy)]


def _categories(policy: Policy) -> Iterator[Dangling]:
    for code, category in policy.categories.items.items():
        here: Path = ("categories", "items", code)
        if code[:2] not in policy.categories.classes:
            yield here, f"there is no class {code[:2]!r}"
        yield from _owners((*here, "owners"), category.owners, policy)
        if category.body is not None and category.body not in policy.consultation.bodies:
            yield (*here, "body"), f"there is no body {category.body!r}"
        for skill in category.skills:
            if skill not in policy.matching.skills:
                yield (*here, "skills"), f"there is no skill {skill!r}"


def _lists(policy: Policy) -> Iterator[Dangling]:
    yield from _owners(("responsibility", "backstop"), (policy.responsibility.backstop,), policy)
    for item_id, item in policy.responsibility.items.items():
        here: Path = ("responsibility", "items", item_id)
        yield from _owners((*here, "owner"), (item.owner,), policy)
        yield from _owners((*here, "helpers"), item.helpers, policy)
        yield from _owners((*here, "powers"), (power.holder for power in item.powers), policy)
        for code in item.categories:
            if code not in policy.categories.items:
                yield (*here, "categories"), f"there is no category {code!r}"
    for item_id, matter in policy.admission.listed.items():
        yield from _owners(("admission", "listed", item_id, "asked_by"), matter.asked_by, policy)


def _owners(path: Path, owners: Iterable[Owner], policy: Policy) -> Iterator[Dangling]:
    for owner in owners:
        rule = policy.organisation.departments.get(owner.kind)
        if owner.kind and rule is None:
            yield path, f"there is no kind of department {owner.kind!r}"
        elif owner.level is OrgKind.TOWNSHIP_ORGAN and rule and not rule.at_township:
            yield path, f"{owner.kind!r} has no organ at the township"


def _bodies(policy: Policy) -> Iterator[Dangling]:
    rules = policy.consultation
    named: list[tuple[Path, str | None]] = [
        (("consultation", "default_body"), rules.default_body),
        (("consultation", "joint_body"), rules.joint_body),
    ]
    named += [(("consultation", "steps", n, "body"), s.body) for n, s in enumerate(rules.steps)]
    named += [
        (("consultation", "bodies", key, "instead"), body.instead)
        for key, body in rules.bodies.items()
    ]
    for path, key in named:
        if key is not None and key not in rules.bodies:
            yield path, f"there is no body {key!r}"


def _automation(policy: Policy) -> Iterator[Dangling]:
    known = {*policy.categories.classes, *policy.categories.items}
    for rule_id, rule in policy.intake.automation.items():
        for code in sorted(rule.categories - known):
            path: Path = ("intake", "automation", rule_id, "categories")
            yield path, f"there is no class or category {code!r}"
