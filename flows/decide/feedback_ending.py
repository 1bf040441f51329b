"""综合评价, 归档, 作废: how a case comes to its very end. Pure."""

from events.contract.feedback import CaseArchived, CaseCancelled, CaseEvaluated, Grade
from flows.decide.decision import Firing
from flows.decide.draft import Draft, Refusal
from flows.decide.feedback_reopening import window_ends
from flows.decide.fitting import unfit
from flows.decide.intake_ending import end_work
from flows.decide.route import fires, handles
from models.case import Case
from models.clocks import ClockKind
from models.policy.actions import Action
from models.policy.schema import Policy
from models.values import CaseState, OrgId, Step
from notifications.notice import NoticeKind, Org, Reporter, instant


def faults(case: Case, policy: Policy) -> tuple[str, ...]:
    """Return what went wrong in the handling, of the facts that are counted. Never who did it."""
    visit = case.visit
    bad_answer = visit is not None and (
        visit.solved is False or visit.satisfaction in policy.feedback.reopening
    )
    found = {
        "late": case.breached_at is not None and not case.late_received,
        "rework": case.rework > 0,
        "reopened": case.reopened > 0,
        "bad_answer": bad_answer,
    }
    return tuple(name for name, so in found.items() if so)


def grade(case: Case, policy: Policy) -> Grade:
    """Return the grade: good without a fault, fair with one, poor with more."""
    match len(faults(case, policy)):
        case 0:
            return Grade.GOOD
        case 1:
            return Grade.FAIR
        case _:
            return Grade.POOR


@handles(CaseEvaluated)
def evaluate_by_person(sheet: Draft, data: CaseEvaluated) -> Refusal | None:
    """综合评价. When somebody evaluates a closed case before the engine does."""
    if refusal := unfit(sheet, Action.FEEDBACK_EVALUATE):
        return refusal
    ends = window_ends(sheet)
    reopens_later = sheet.policy.lifecycle.fits(CaseState.EVALUATED, Action.FEEDBACK_REOPEN)
    if ends is not None and sheet.now <= ends and not reopens_later:
        return Refusal("reopen_window_open", {"ends": instant(ends)})
    sheet.done_by(Action.FEEDBACK_EVALUATE, sheet.acting.actor)
    _evaluate(sheet, data.grade, words=data.note)
    return None


def _evaluate(sheet: Draft, given: Grade, *, words: str = "", rule: str = "") -> None:
    sheet.stop(ClockKind.EVALUATE)
    sheet.change(grade=given.value)
    sheet.move(
        CaseState.EVALUATED,
        Action.FEEDBACK_EVALUATE,
        words=words,
        rule=rule,
        detail={"grade": given.value, "faults": ",".join(faults(sheet.case, sheet.policy))},
    )


@fires(Step.FEEDBACK, ClockKind.EVALUATE)
def evaluate(sheet: Draft, firing: Firing) -> None:
    """When a closed case can no longer be reopened: it is graded by what is counted of it."""
    sheet.stop(ClockKind.EVALUATE)
    if sheet.case.state is not CaseState.CLOSED:
        sheet.record(f"timer:{firing.clock.kind}", reason="no_longer_needed")
        return
    _evaluate(sheet, grade(sheet.case, sheet.policy), rule="feedback/evaluate")


@handles(CaseArchived)
def archive_by_person(sheet: Draft, data: CaseArchived) -> Refusal | None:
    """归档. When somebody puts an evaluated case away before the engine does."""
    if refusal := unfit(sheet, Action.FEEDBACK_ARCHIVE):
        return refusal
    ends = window_ends(sheet)
    if ends is not None and sheet.now <= ends:
        return Refusal("reopen_window_open", {"ends": instant(ends)})
    sheet.done_by(Action.FEEDBACK_ARCHIVE, sheet.acting.actor)
    _archive(sheet, words=data.note)
    return None


def _archive(sheet: Draft, *, words: str = "", rule: str = "") -> None:
    sheet.stop(ClockKind.ARCHIVE, ClockKind.EVALUATE)
    sheet.move(CaseState.ARCHIVED, Action.FEEDBACK_ARCHIVE, words=words, rule=rule)


@fires(Step.FEEDBACK, ClockKind.ARCHIVE)
def archive(sheet: Draft, firing: Firing) -> None:
    """When the time after closing is over: the case is put away, evaluated first if need be."""
    sheet.stop(ClockKind.ARCHIVE)
    if sheet.case.is_open or sheet.case.state is CaseState.ARCHIVED:
        sheet.record(f"timer:{firing.clock.kind}", reason="no_longer_needed")
        return
    if sheet.case.state is CaseState.CLOSED:
        _evaluate(sheet, grade(sheet.case, sheet.policy), rule="feedback/evaluate")
    _archive(sheet, rule="deadlines/archive")


@handles(CaseCancelled)
def cancel(sheet: Draft, data: CaseCancelled) -> Refusal | None:
    """作废. When a supervisor voids an open case; it stays in the audit, and people are told."""
    if not data.reason:
        return Refusal("reason_missing")
    if not sheet.case.is_open:
        return Refusal("wrong_state", {"state": str(sheet.case.state)})
    held = sheet.case.owner.org if sheet.case.owner is not None else ""
    sheet.done_by(Action.FEEDBACK_CANCEL, sheet.acting.actor)
    end_work(sheet, "cancelled")
    sheet.change(closed_at=sheet.now, merge_candidate="")
    sheet.move(CaseState.CANCELLED, Action.FEEDBACK_CANCEL, reason="voided", words=data.reason)
    if held:
        sheet.notify(NoticeKind.CASE_CANCELLED, Org(OrgId(held)), reason="voided")
    if sheet.case.reporter_ref:
        sheet.notify(NoticeKind.CASE_CANCELLED, Reporter(sheet.case.reporter_ref), reason="voided")
    return None
