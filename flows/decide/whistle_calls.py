"""Calling a department: whom the list names, who may be called, which clocks it has. Pure."""

from msgspec.structs import replace

from flows.decide.able import able
from flows.decide.draft import Draft
from flows.decide.escalation_notices import handler_role, tell_unit
from flows.decide.limits import run_case_limit
from flows.decide.places import unit
from models.clocks import ClockKind
from models.deadlines import Deadline, warning_at
from models.directory import Org
from models.handling import Assignment, AssignmentState, Party, Whistle
from models.policy.actions import Action
from models.policy.categories import Owner as UnitName
from models.policy.people import OrgKind, Role
from models.policy.span import Span
from models.policy.whistle import WhistleKind, WhistleRule
from models.values import Mark
from notifications.notice import NoticeKind, Urgency, instant

#: A whistle calls units beyond the township, never the territory's own.
_TERRITORY = frozenset(
    {OrgKind.COUNTY, OrgKind.TOWNSHIP, OrgKind.VILLAGE, OrgKind.GRID, OrgKind.MICRO_GRID}
)
#: The clocks of a party: one of each, named by its organisation.
PARTY_CLOCKS = (
    ClockKind.WHISTLE_SIGN,
    ClockKind.WHISTLE_ARRIVE,
    ClockKind.WHISTLE_PLAN,
    ClockKind.WHISTLE_FINISH,
)


def rule_of(sheet: Draft, whistle: Whistle) -> WhistleRule:
    """Return the policy's rule for this whistle's kind."""
    return sheet.policy.whistles.kinds[WhistleKind(whistle.kind)]


def whistle_of(sheet: Draft) -> Whistle:
    """Return the case's whistle. Raises ValueError where there is none: callers have looked."""
    if sheet.case.whistle is None:
        raise ValueError("the case has no whistle")
    return sheet.case.whistle


def by_list(sheet: Draft) -> tuple[str, tuple[str, ...]]:
    """Return lead and helpers as the lists name them; ("", ()) where they name no department.

    First the owner of the matter, then who holds a legal power in it, then who helps.
    """
    route = sheet.policy.routes.get(sheet.case.category)
    item = sheet.policy.responsibility.for_category(sheet.case.category)
    if route is None:
        return "", ()
    powers = tuple(power.holder for power in item.powers) if item is not None else ()
    names = (route.owner, *powers, *route.helpers)
    found = [org for name in names if (org := _department(sheet, name)) is not None]
    ids = tuple(dict.fromkeys(org.id for org in found))
    return (ids[0], ids[1:]) if ids else ("", ())


def why_not_callable(sheet: Draft, org_id: str) -> str:
    """Return the code of the reason why a unit cannot be called; empty where it can."""
    org = sheet.facts.directory.org(org_id, sheet.now)
    if org is None or not org.code.startswith(sheet.case.county):
        return "unknown_unit"
    return "" if _may_be_called(sheet, org) else "not_a_department"


def call(sheet: Draft, whistle: Whistle, org: str, *, lead: bool) -> Party:
    """Call a unit now: set its clocks, tell it, and let it into the circle of a marked case."""
    rule = rule_of(sheet, whistle)
    sign = sheet.start(ClockKind.WHISTLE_SIGN, rule.sign, part=org)
    sheet.start(ClockKind.WHISTLE_ARRIVE, rule.arrive, part=org)
    if lead and rule.plan is not None:
        sheet.start(ClockKind.WHISTLE_PLAN, rule.plan, part=org)
    finish = sheet.limit(rule.finish)
    share = sheet.policy.whistles.helper_share
    until = finish.due_at if lead else warning_at(finish, share, office=sheet.facts.office)
    sheet.start_until(ClockKind.WHISTLE_FINISH, until, part=org, deadline=finish)
    outside = sheet.case.mark is not Mark.NONE and org not in sheet.case.circle
    if outside:
        sheet.change(circle=(*sheet.case.circle, org))
    told = len(sheet.notices)
    tell_unit(
        sheet,
        NoticeKind.WHISTLE_APPROVED,
        org,
        about=f"{org}-{'lead' if lead else 'helper'}",
        whistle=whistle.kind,
        part="lead" if lead else "helper",
        due_at=instant(sign.due_at),
    )
    make_urgent(sheet, whistle, told)
    return Party(org=org, lead=lead, called_at=sheet.now, let_in=outside)


def make_urgent(sheet: Draft, whistle: Whistle, since: int) -> None:
    """Let the notices written since then wait for no morning, if the whistle is an emergency's."""
    if whistle.kind == WhistleKind.EMERGENCY:
        sheet.notices[since:] = [
            replace(notice, urgency=Urgency.URGENT) for notice in sheet.notices[since:]
        ]


def lead_with(sheet: Draft, whistle: Whistle, org: str) -> Deadline:
    """Let a unit just called lead: the work is its; its limit is the case's where it is longer.

    Returns the lead's limit. A shorter one leaves the case's limit alone, a breach stays.
    """
    limit = sheet.limit(rule_of(sheet, whistle).finish)
    if sheet.case.due is None or limit.due_at > sheet.case.due.due_at:
        sheet.stop(ClockKind.CASE_WARNING)
        run_case_limit(sheet, limit)
    sheet.change(leads=tuple(dict.fromkeys((*sheet.case.leads, org))))
    work = sheet.case.assignment
    lead = Assignment(
        id=sheet.new_id("assignment"),
        state=AssignmentState.ACCEPTED,
        org=org,
        requested_at=sheet.now,
        rework=work.rework if work is not None else 0,
    )
    sheet.change(assignment=lead)
    own_by(sheet, org)
    return limit


def granted(sheet: Draft) -> tuple[Span, ...]:
    """Return the extensions granted on the case's limit."""
    return sheet.case.due.extensions if sheet.case.due is not None else ()


def own_by(sheet: Draft, org_id: str) -> None:
    """Make the people of a called unit who may finish the whistle the owners of the next step."""
    able_there = able(
        sheet, Action.ESCALATION_WHISTLE_FINISH, Role.DEPARTMENT_HANDLER, at=(org_id,)
    )
    org = sheet.facts.directory.org(org_id, sheet.now)
    usual = handler_role(org) if org is not None else Role.DEPARTMENT_HANDLER
    sheet.own(org_id, able_there.role if able_there is not None else usual)


def release(sheet: Draft, party: Party) -> None:
    """Let a unit go: its clocks stop, and it leaves the circle that the call let it into."""
    sheet.stop(*PARTY_CLOCKS, part=party.org)
    if party.let_in:
        sheet.change(circle=tuple(one for one in sheet.case.circle if one != party.org))


def _department(sheet: Draft, name: UnitName) -> Org | None:
    """Return the callable unit that policy names; the county's where the station cannot be."""
    if name.level not in (OrgKind.DEPARTMENT, OrgKind.TOWNSHIP_ORGAN):
        return None
    for org in (
        unit(sheet, name),
        sheet.facts.directory.department(sheet.case.county, name.kind, sheet.now),
    ):
        if org is not None and _may_be_called(sheet, org):
            return org
    return None


def _may_be_called(sheet: Draft, org: Org) -> bool:
    """Is it a kind of unit in which a role is held that may sign for a whistle?"""
    roles = sheet.policy.roles
    signing = roles.holders[Action.ESCALATION_SIGN]
    kinds = {kind for role in signing for kind in roles.roles[role].at}
    return OrgKind(org.kind) in kinds - _TERRITORY
