"""Words the assignment step shares: who is asked, who answers for a unit, where a search stands.

A search for a member is either the assignment itself or, where a unit keeps the work and only
wants help, the `aid` beside it; both go the same way. Pure.
"""

from msgspec.structs import replace

from events.contract.assignment import AssigneeKind
from events.contract.envelope import Event
from flows.decide.able import able
from flows.decide.draft import Draft
from models.case import Case, Owner
from models.clocks import ClockKind
from models.deadlines import Deadline
from models.handling import Assignment, AssignmentState
from models.policy.actions import Action
from models.policy.categories import Urgency
from models.policy.people import OrgKind, Role
from models.policy.span import Span
from models.values import SYSTEM_PREFIX, CaseState

#: Organisations that can be given a case.
UNITS = frozenset(
    {
        OrgKind.GRID,
        OrgKind.VILLAGE,
        OrgKind.TOWNSHIP,
        OrgKind.TOWNSHIP_ORGAN,
        OrgKind.DEPARTMENT,
        OrgKind.COUNTY,
    }
)
#: Organisations that are asked as one, like a person.
GROUPS = frozenset({OrgKind.VOLUNTEER_TEAM, OrgKind.SOCIAL_ORGANISATION})
#: States in which somebody has the work or is asked for it.
AT_WORK = frozenset({CaseState.DISPATCHED, CaseState.ACCEPTED, CaseState.HANDLING})


def search_of(work: Assignment) -> AssignmentState:
    """Return where the search for a member stands; for a unit's own work, where that stands."""
    return work.aid or work.state


def with_search(work: Assignment, state: AssignmentState) -> Assignment:
    """Return the assignment with its search in another state."""
    return replace(work, aid=state) if work.aid is not None else replace(work, state=state)


def asked(work: Assignment) -> tuple[str, ...]:
    """Return the persons, or the group, that were asked."""
    return tuple(who for who in (work.assignee, work.second) if who)


def asked_one(sheet: Draft, work: Assignment) -> str:
    """Return who of those asked is acting, or is acted for; empty where it is nobody of them."""
    acting, those = sheet.acting, asked(work)
    return next((w for w in (acting.actor, acting.on_behalf_of, acting.org) if w in those), "")


def answers_for(sheet: Draft, org_id: str) -> bool:
    """Does the actor stand in the unit, above it, or in the Party organisation of its territory?"""
    directory, acting = sheet.facts.directory, sheet.acting
    own = directory.org(acting.org, sheet.now)
    stands = {acting.org, own.serves if own is not None else ""}
    return any(org.id in stands for org in directory.above(org_id, sheet.now))


def does_the_work(sheet: Draft, work: Assignment) -> bool:
    """Is the actor the one who does the work: the member who took it, or the unit's people?"""
    if work.kind == AssigneeKind.UNIT and answers_for(sheet, work.org):
        return True
    return asked_one(sheet, work) in work.accepted_by


def by_engine(sheet: Draft) -> bool:
    """Did the engine make this event, so that no person decided?"""
    return isinstance(sheet.input, Event) and sheet.acting.actor.startswith(SYSTEM_PREFIX)


def urgency(case: Case) -> Urgency:
    """Return the clock the case is on: an emergency, however it was classed, is one."""
    if case.emergency_level:
        return Urgency.EMERGENCY
    return Urgency(case.urgency) if case.urgency else Urgency.NORMAL


def secretary(sheet: Draft) -> Owner:
    """Return who confirms whom to ask: policy's roles in order, where somebody may."""
    found = able(sheet, Action.ASSIGNMENT_CONFIRM, *sheet.policy.matching.confirmed_by)
    return found or Owner(org=sheet.case.township or sheet.case.county, role=Role.DISPATCHER)


def own(sheet: Draft, owner: Owner) -> None:
    """Make `owner` the one who must act next."""
    sheet.own(owner.org, owner.role, owner.person)


def begin(sheet: Draft, kind: ClockKind, span: Span) -> Deadline:
    """Set a clock afresh, for somebody who has not been asked before."""
    sheet.stop(kind)
    return sheet.start(kind, span)


def end_help(sheet: Draft) -> None:
    """End the search for somebody who helps a unit, where it is still going on."""
    work = sheet.case.assignment
    if work is None or work.aid in (None, AssignmentState.ACCEPTED):
        return
    sheet.change(assignment=replace(work, aid=None, assignee="", second="", accepted_by=()))
    sheet.stop(ClockKind.ACCEPT, ClockKind.CONFIRM)
