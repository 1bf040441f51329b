"""申诉: a villager or unit says that what was recorded is not so. Pure."""

from msgspec.structs import replace

from events.contract.feedback import AnswerDisputed, VisitChannel
from flows.decide.able import able
from flows.decide.draft import Draft, Refusal
from flows.decide.feedback_visiting import ask, usable_channel
from flows.decide.handled import told
from flows.decide.route import handles
from flows.decide.waiting import answer
from models.clocks import ClockKind
from models.policy.actions import Action
from models.values import CaseState
from notifications.notice import NoticeKind

#: Nobody was asked in these; what is disputed is the decision itself.
_WITHOUT_VISIT = frozenset({CaseState.SELF_CLOSED, CaseState.REJECTED})


@handles(AnswerDisputed)
def dispute(sheet: Draft, data: AnswerDisputed) -> Refusal | None:
    """申诉. When the recorded answer, or a decision on the report, is contested.

    While the case is still being asked about, somebody else asks again. Afterwards those whom the
    policy names look at it, and may reopen it.
    """
    visit = sheet.case.visit
    if not data.reason:
        return Refusal("reason_missing")
    if sheet.case.state not in _WITHOUT_VISIT and (visit is None or visit.answered_at is None):
        return Refusal("nothing_to_dispute")
    if _disputed_already(sheet):
        return Refusal("disputed_already")
    sheet.done_by(Action.FEEDBACK_DISPUTE, sheet.acting.actor)
    if visit is not None:
        sheet.change(visit=replace(visit, disputed=True))
    sheet.record(
        Action.FEEDBACK_DISPUTE,
        words=data.reason,
        detail={"visit": visit.id if visit is not None else None},
    )
    _tell(sheet)
    if visit is not None and sheet.case.state is CaseState.VISITING:
        answer(sheet, ClockKind.VISIT, ClockKind.CLOSE)
        ask(
            sheet,
            usable_channel(sheet, VisitChannel.CALL),
            sheet.policy.feedback.dispute_answer,
            disputed=visit.visitor,
        )
    return None


def _disputed_already(sheet: Draft) -> bool:
    """Everybody contests a case once; an answer is contested by one at a time."""
    visit, case = sheet.case.visit, sheet.case
    if sheet.acting.actor in case.deeds.get(Action.FEEDBACK_DISPUTE, ()):
        return True
    return visit is not None and visit.disputed


def _tell(sheet: Draft) -> None:
    """Tell the first of those whom policy names that may do something about it."""
    who = able(sheet, Action.FEEDBACK_REOPEN, *sheet.policy.feedback.dispute_roles)
    if who is not None:
        sheet.notify(NoticeKind.CASE_DISPUTED, told(who), about=sheet.new_id("dispute"))
