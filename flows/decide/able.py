"""Who is able to do the next act on a case: a role, held by somebody, who really may. Pure.

Owners and addressees are found with the same rights that are checked when the act comes in, so
that no case lies with somebody who would be refused.
"""

from collections.abc import Iterator

from events.contract.envelope import Acting
from flows.decide.draft import Draft
from flows.decide.places import org_at
from flows.decide.rights import Reach, reach_of, why_not
from models.case import Owner
from models.policy.actions import Action
from models.policy.people import OrgKind, Role
from models.values import Mark

_UPWARD = (OrgKind.GRID, OrgKind.VILLAGE, OrgKind.TOWNSHIP, OrgKind.COUNTY)
#: These never own a step: the engine acts by itself, villagers are asked.
_NEVER = frozenset({Role.SYSTEM, Role.VILLAGER})


def able(sheet: Draft, action: Action, *preferred: Role, at: tuple[str, ...] = ()) -> Owner | None:
    """Return the role and organisation whose holders may do `action` on the case now, or None.

    Preferred roles come first, wherever they are held; then any role with the right. Places go
    from the grid upward, or are those of `at`. Nobody counts whom a separation bars.
    """
    reach, places = reach_of(sheet.case), at or tuple(_places(sheet))
    out = barred(sheet, action)
    for role in _roles(sheet, action, preferred):
        for org in places:
            if _has_holder(sheet, action, role, org, reach, out):
                return Owner(org=org, role=role)
    return None


def barred(sheet: Draft, action: Action) -> frozenset[str]:
    """Return who did something on the case that separates them from `action`."""
    firsts = sheet.policy.roles.barred_by[action]
    return frozenset(who for first in firsts for who in sheet.case.deeds.get(first, ()))


def _roles(sheet: Draft, action: Action, preferred: tuple[Role, ...]) -> Iterator[Role]:
    holders = sheet.policy.roles.holders[action] - _NEVER
    yield from (role for role in preferred if role in holders)
    yield from (role for role in Role if role in holders and role not in preferred)


def _places(sheet: Draft) -> Iterator[str]:
    """Yield the organisations at the case's place, each followed by those that serve it."""
    case, directory = sheet.case, sheet.facts.directory
    if case.mark is not Mark.NONE:
        yield from case.circle
    for level in _UPWARD:
        org = org_at(sheet, level)
        if org is not None:
            yield from (serving.id for serving in directory.serving(org.id, sheet.now))
            yield org.id


def _has_holder(
    sheet: Draft, action: Action, role: Role, org: str, reach: Reach, out: frozenset[str]
) -> bool:
    """Tell whether somebody who is not `out` holds `role` at `org` and may do `action`."""
    return any(
        person not in out
        and not why_not(
            Acting(actor=person, role=role, org=org),
            action,
            reach,
            directory=sheet.facts.directory,
            policy=sheet.policy,
            on=sheet.now,
        )
        for person in sheet.facts.directory.holders(role, org, sheet.now)
    )
