"""结案: the duty supervisor, never the handler, closes the case. Pure."""

from events.contract.envelope import Acting as Actor
from events.contract.feedback import CaseClosed
from flows.decide.decision import Firing
from flows.decide.draft import Detail, Draft, Refusal, system
from flows.decide.escalation import record_breach, rings
from flows.decide.fitting import unfit
from flows.decide.intake_marks import hand_to
from flows.decide.route import fires, handles
from flows.decide.waiting import answer, waits_for
from models.clocks import ClockKind
from models.policy.actions import Action
from models.policy.people import Role
from models.policy.work import Acting
from models.values import CaseState, Mark, Step
from notifications.notice import NoticeKind, Reporter, instant

#: Clocks of duties that outlive a closed case: resolutions are published, whistles are rated.
OUTLIVING = frozenset(
    {
        ClockKind.PUBLICITY,
        ClockKind.OBJECTION_ANSWER,
        ClockKind.ACTION_ITEM,
        ClockKind.RATING,
        ClockKind.WHISTLE_CONFIRM,
    }
)
#: Acts of whoever did the work.
_HANDLED = (Action.ASSIGNMENT_HANDLE, Action.ESCALATION_WHISTLE_FINISH)


def go_to_closing(sheet: Draft, reason: str, *, reviewed: bool = False) -> None:
    """Close by itself where the policy lets the engine; else put it before the duty supervisor.

    `reviewed`: a person has to look at it whatever the policy says. So has one at a marked case.
    """
    answer(sheet, ClockKind.VISIT)
    acting, rule = sheet.policy.acting(sheet.case.category, Action.FEEDBACK_CLOSE)
    engine = system(Step.FEEDBACK, sheet.case.township)
    if acting is Acting.BY_ITSELF and not reviewed and sheet.case.mark is Mark.NONE:
        close(sheet, acting=engine, reason=reason, rule=f"intake/{rule}")
        return
    hand_to(sheet, Action.FEEDBACK_CLOSE, Role.DUTY_SUPERVISOR)
    deadline = sheet.start(ClockKind.CLOSE, sheet.policy.deadlines.close)
    sheet.record(
        f"propose:{Action.FEEDBACK_CLOSE}",
        reason=reason,
        acting=engine,
        rule="deadlines/close",
        detail={"due_at": instant(deadline.due_at)},
    )


def close(
    sheet: Draft,
    *,
    acting: Actor | None = None,
    reason: str = "ok",
    words: str = "",
    rule: str = "",
    detail: Detail | None = None,
) -> None:
    """Settle the case: only what outlives it keeps a clock; its reporters are told."""
    kept = tuple(clock for clock in sheet.case.clocks if clock.kind in OUTLIVING)
    sheet.change(clocks=kept, owner=None, ask=None, closed_at=sheet.now)
    limits = sheet.policy.deadlines
    sheet.start_until(ClockKind.EVALUATE, sheet.now + limits.evaluate)
    sheet.start_until(ClockKind.ARCHIVE, sheet.now + limits.archive)
    sheet.move(
        CaseState.CLOSED,
        Action.FEEDBACK_CLOSE,
        acting=acting,
        reason=reason,
        words=words,
        rule=rule,
        detail=detail,
    )
    if sheet.case.reporter_ref:
        sheet.notify(NoticeKind.CASE_CLOSED, Reporter(sheet.case.reporter_ref))
    for merged in sheet.case.merged:
        sheet.follow(CaseClosed(), subject=merged)


@handles(CaseClosed)
def close_by_person(sheet: Draft, data: CaseClosed) -> Refusal | None:
    """结案. When the duty supervisor closes the case, after the villager was asked.

    For a merged case the engine tells its reporter so that the main case is closed.
    """
    if sheet.case.state is CaseState.MERGED:
        _tell_of_main_case(sheet)
        return None
    if refusal := unfit(sheet, Action.FEEDBACK_CLOSE):
        return refusal
    actor = sheet.acting.actor
    for deed in _HANDLED:
        if actor in sheet.case.deeds.get(deed, ()):
            return Refusal("same_person", {"did": str(deed)})
    if sheet.case.state is not CaseState.VISITING or waits_for(sheet, ClockKind.VISIT):
        return Refusal("visit_not_done")
    sheet.done_by(Action.FEEDBACK_CLOSE, actor)
    late = waits_for(sheet, ClockKind.CLOSE) and sheet.case.clock(ClockKind.CLOSE) is None
    close(sheet, words=data.reason, detail={"late": late})
    return None


def _tell_of_main_case(sheet: Draft) -> None:
    sheet.record(
        Action.FEEDBACK_CLOSE,
        reason="main_case_closed",
        detail={"into": sheet.case.merged_into},
    )
    if sheet.case.reporter_ref:
        sheet.notify(NoticeKind.CASE_CLOSED, Reporter(sheet.case.reporter_ref))


@fires(Step.FEEDBACK, ClockKind.CLOSE)
def nobody_closed(sheet: Draft, firing: Firing) -> None:
    """When the closing decision waited too long: the ladder tells who stands above."""
    if rings(sheet, firing):
        record_breach(sheet, firing, firing.clock.kind)
