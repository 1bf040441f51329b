"""标记: a person sets or lifts the bypass or confidential mark. Pure."""

from msgspec.structs import replace

from events.contract.assignment import AssigneeKind
from events.contract.reports import ReportMarked
from flows.decide.draft import Draft, Refusal
from flows.decide.intake_marks import hand_to, put_mark, strongest
from flows.decide.intake_registering import propose_registration, take_back
from flows.decide.intake_routing import routing
from flows.decide.route import handles
from flows.decide.waiting import answer, waits_for
from models.clocks import ClockKind
from models.policy.actions import Action
from models.policy.people import Role
from models.values import CaseState, Mark

_BEFORE = frozenset({CaseState.REPORTED, CaseState.VERIFYING})
#: The work is given or being given to units; another circle means other units.
_OUT = frozenset(
    {
        CaseState.REGISTERED,
        CaseState.CONSULTING,
        CaseState.DISPATCHED,
        CaseState.ACCEPTED,
        CaseState.RETURN_REQUESTED,
        CaseState.HANDLING,
        CaseState.REOPENED,
    }
)
#: Who has the next word in states that are a person's to decide.
_NEXT = {
    CaseState.REGISTERED: (Action.ASSIGNMENT_REQUEST, Role.DISPATCHER),
    CaseState.RETURN_REQUESTED: (Action.ASSIGNMENT_ADJUDICATE_RETURN, Role.DISPATCHER),
    CaseState.FEEDBACK: (Action.ASSIGNMENT_CHECK, Role.CHECKER),
    CaseState.CHECKING: (Action.ASSIGNMENT_CHECK, Role.CHECKER),
    CaseState.VISITING: (Action.FEEDBACK_VISIT, Role.VISITOR),
}


def keep_within_circle(sheet: Draft, before: Mark, action: Action) -> None:
    """Let go whoever may no longer know, after the mark became another one than `before`.

    An unregistered report is decided by who may know. A bypass changes hands whole, and nobody
    talks over a marked case; otherwise the unit that has the work is of the circle and keeps it.
    """
    state, mark = sheet.case.state, sheet.case.mark
    bypass = Mark.BYPASS in (before, mark)
    if mark is before:
        return
    if bypass and state not in _BEFORE | _OUT:
        _pass_work_on(sheet)
    if state in _BEFORE:
        answer(sheet, ClockKind.VERIFY, ClockKind.PROPOSAL)
        propose_registration(sheet, reason="marked")
    elif state in _OUT and (bypass or state is CaseState.CONSULTING):
        take_back(sheet, action, "marked")
    elif state is CaseState.VISITING and not waits_for(sheet, ClockKind.VISIT):
        hand_to(sheet, Action.FEEDBACK_CLOSE, Role.DUTY_SUPERVISOR)
    elif state in _NEXT:
        hand_to(sheet, *_NEXT[state])
    elif bypass:
        hand_to(sheet, Action.ASSIGNMENT_REASSIGN, Role.DUTY_SUPERVISOR)


def _pass_work_on(sheet: Draft) -> None:
    """Let work that rests or is done be its new lead's: sent back, it goes to who may know."""
    work, route = sheet.case.assignment, routing(sheet)
    if work is not None and work.org != route.lead:
        passed = replace(
            work,
            org=route.lead,
            kind=AssigneeKind.UNIT.value,
            assignee="",
            second="",
            helpers=route.helpers,
            helpers_done=(),
        )
        sheet.change(assignment=passed)


@handles(ReportMarked)
def mark_case(sheet: Draft, data: ReportMarked) -> Refusal | None:
    """标记. When a case must be kept from people who could see it, or no longer has to.

    What the category itself demands cannot be lifted. Whoever may not know of it any more stops
    being its owner at once.
    """
    if not data.reason:
        return Refusal("reason_missing")
    before, category = sheet.case.mark, sheet.policy.category(sheet.case.category)
    least = category.mark if category is not None else Mark.NONE
    if data.mark is before:
        return Refusal("same_mark", {"mark": str(before)})
    if strongest(data.mark, least) is not data.mark:
        return Refusal("mark_of_category", {"mark": str(least)})
    put_mark(sheet, data.mark)
    sheet.done_by(Action.REPORT_MARK, sheet.acting.actor)
    sheet.record(
        Action.REPORT_MARK,
        words=data.reason,
        detail={"from": str(before), "to": str(data.mark)},
    )
    keep_within_circle(sheet, before, Action.REPORT_MARK)
    return None
