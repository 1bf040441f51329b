"""Does every matter have an owner, a list item, and the treatment the law asks for? Pure."""

from collections import Counter

from models.policy.actions import Action
from models.policy.categories import Category, Urgency
from models.policy.checks.finding import Findings, error, warning
from models.policy.consultation import Body, BodyRank
from models.policy.people import OrgKind
from models.policy.responsibility import DutyKind
from models.policy.schema import Policy
from models.policy.span import SpanKind
from models.policy.work import Acting, MatchFilter
from models.values import Mark

_TIER = {
    OrgKind.GRID: 1,
    OrgKind.VILLAGE: 2,
    OrgKind.TOWNSHIP: 3,
    OrgKind.TOWNSHIP_ORGAN: 3,
    OrgKind.DEPARTMENT: 4,
    OrgKind.COUNTY: 4,
}
_TOP_TIER = 4
_DECIDING = (BodyRank.DELEGATED, BodyRank.ASSEMBLY)


def check_matters(policy: Policy) -> Findings:
    """Find categories without owner, item or body, and treatment that breaks a rule."""
    for code, category in policy.categories.items.items():
        place = f"categories.items.{code}"
        yield from _owned(place, code, category, policy)
        yield from _treated(place, code, category, policy)
        yield from _decided(place, category, policy)
    for head, codes in policy.categories.by_class.items():
        if not codes:
            yield warning("class_empty", f"categories.classes.{head}", "has no subclass")
    yield from _lists(policy)
    yield from _automation(policy)
    yield from _helpers(policy)


def _owned(place: str, code: str, category: Category, policy: Policy) -> Findings:
    item = policy.responsibility.for_category(code)
    if item is None:
        message = "no item of the responsibility lists claims it; cases go to the backstop"
        yield error("category_without_item", place, message)
    elif item.owner != category.lead:
        message = f"its owner is {category.lead}, its list item says {item.owner}"
        yield warning("owner_differs", place, message)
    if _TIER[category.lead.level] != category.handling_tier:
        message = f"tier {category.handling_tier} does not fit its owner {category.lead}"
        yield warning("tier_mismatch", place, message)


def _treated(place: str, code: str, category: Category, policy: Policy) -> Findings:
    calendar = category.limit.kind is SpanKind.CALENDAR
    if calendar is (category.urgency is Urgency.NORMAL):
        yield warning("limit_clock", place, "normal matters use working time, urgent ones calendar")
    if category.self_closable and category.handling_tier > policy.intake.self_close.tier_at_most:
        yield error("self_close_above_tier", place, "is above the tier that may settle on the spot")
    if category.mark is Mark.BYPASS and _TIER[category.lead.level] < _TOP_TIER:
        yield error("bypass_to_township", place, "bypass matters go past village and township")
    if category.mark is not Mark.NONE:
        acting, rule = policy.acting(code, Action.REPORT_REGISTER)
        if acting is Acting.BY_ITSELF:
            yield error(
                "marked_by_itself", place, f"automation rule {rule} acts on a marked matter"
            )


def _decided(place: str, category: Category, policy: Policy) -> Findings:
    body = policy.consultation.bodies.get(category.body or "")
    if category.public_interest and body is None:
        yield error("public_interest_without_body", place, "opens a consultation; name its body")
    if category.reserved is None:
        return
    if category.self_closable:
        yield error("reserved_self_closable", place, "a reserved matter cannot be settled on spot")
    if body is not None and not _may_decide(body, category):
        message = f"{category.reserved} is reserved; {category.body} may not decide it"
        yield error("reserved_to_lower_body", place, message)


def _may_decide(body: Body, category: Category) -> bool:
    return body.rank in _DECIDING and category.reserved in body.reserved


def _lists(policy: Policy) -> Findings:
    claims = Counter(
        code for item in policy.responsibility.items.values() for code in item.categories
    )
    for code, times in claims.items():
        if times > 1:
            place = f"categories.items.{code}"
            yield error("two_items", place, f"{times} items claim it; only the first would count")
    for item_id, item in policy.responsibility.items.items():
        if item.kind is not DutyKind.BASIC and _TIER[item.owner.level] < _TOP_TIER:
            place = f"responsibility.items.{item_id}"
            message = f"a duty that is {item.kind} is led by a department, not by {item.owner}"
            yield error("duty_pushed_down", place, message)


def _automation(policy: Policy) -> Findings:
    for rule_id, rule in policy.intake.automation.items():
        if rule.acting.get(Action.REPORT_MERGE) is Acting.BY_ITSELF:
            place = f"intake.automation.{rule_id}"
            yield error("merge_by_itself", place, "merging is always proposed to a person")
    if policy.intake.duplicates.otherwise is Acting.BY_ITSELF:
        place = "intake.duplicates.otherwise"
        yield error("merge_by_itself", place, "merging is always proposed to a person")
    for code in policy.categories.items:
        if not policy.acting(code, Action.REPORT_REGISTER)[1]:
            message = "no automation rule fits; everything waits for a person"
            yield warning("no_automation", f"categories.items.{code}", message)


def _helpers(policy: Policy) -> Findings:
    wanted = policy.categories.items.values()
    if MatchFilter.NOT_ENFORCEMENT not in policy.matching.filters and any(
        category.enforcement for category in wanted
    ):
        message = "without not_enforcement Party members would be sent to enforce"
        yield error("enforcement_by_members", "matching.filters", message)
    if policy.matching.handlers_in_disputes < 2 and any(c.two_handlers for c in wanted):
        message = "disputes need two handlers"
        yield error("one_handler_in_disputes", "matching.handlers_in_disputes", message)
