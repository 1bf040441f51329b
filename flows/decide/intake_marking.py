"""标记: a person sets or lifts the bypass or confidential mark. Pure."""

from events.contract.reports import ReportMarked
from flows.decide.draft import Draft, Refusal
from flows.decide.intake_marks import put_mark, strongest
from flows.decide.intake_registering import propose_registration, take_back
from flows.decide.route import handles
from flows.decide.waiting import answer
from models.case import ClockKind
from models.policy.actions import Action
from models.values import CaseState, Mark

_BEFORE = frozenset({CaseState.REPORTED, CaseState.VERIFYING})
#: The work is out with a unit that may no longer know of it.
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
    if sheet.case.state in _BEFORE:
        answer(sheet, ClockKind.VERIFY, ClockKind.PROPOSAL)
        propose_registration(sheet, reason="marked")
    elif Mark.BYPASS in (before, data.mark) and sheet.case.state in _OUT:
        take_back(sheet, Action.REPORT_MARK, "marked")
    return None
