"""并案: a person decides whether two reports are one matter. Pure."""

from msgspec.structs import replace

from events.contract.reports import MergeDeclined, ReportMerged
from flows.decide.draft import Draft, Refusal
from flows.decide.intake import go_on
from flows.decide.intake_ending import end_work
from flows.decide.route import handles
from flows.decide.waiting import answer
from models.case import Case
from models.clocks import ClockKind
from models.policy.actions import Action
from models.values import CaseState
from notifications.notice import NoticeKind, Reporter


@handles(ReportMerged)
def merge(sheet: Draft, data: ReportMerged) -> Refusal | None:
    """并案. When the duty supervisor makes this case part of another; its reporter is told which.

    `facts.other` is the case named by `into`.
    """
    target = _target(sheet.case, sheet.facts.other, data.into)
    if isinstance(target, Refusal):
        return target
    sheet.done_by(Action.REPORT_MERGE, sheet.acting.actor)
    _join(sheet, target)
    end_work(sheet, "merged")
    sheet.move(
        CaseState.MERGED,
        Action.REPORT_MERGE,
        words=data.reason,
        detail={"into": target.id, "into_number": target.number},
    )
    if sheet.case.reporter_ref:
        sheet.notify(
            NoticeKind.REPORT_MERGED,
            Reporter(sheet.case.reporter_ref),
            other_number=target.number,
        )
    return None


def _target(case: Case, other: Case | None, into: str) -> Case | Refusal:
    """Return the case to merge into, or why the two cannot be one."""
    if into == case.id:
        return Refusal("merge_with_itself")
    if other is None or other.id != into or other.version == 0:
        return Refusal("merge_target_unknown", {"into": into})
    if other.township != case.township:
        return Refusal("merge_other_township")
    if other.mark is not case.mark or frozenset(other.circle) != frozenset(case.circle):
        return Refusal("merge_other_circle")
    if not other.is_open:
        return Refusal("merge_target_settled", {"state": str(other.state)})
    return other


def _join(sheet: Draft, target: Case) -> None:
    """Write the tie on both sides; what was merged into this case goes along."""
    merged = tuple(dict.fromkeys((*target.merged, *sheet.case.merged, sheet.case.id)))
    sheet.other = replace(target, merged=merged, version=target.version + 1)
    sheet.change(merged_into=target.id, merge_candidate="")


@handles(MergeDeclined)
def decline_merge(sheet: Draft, data: MergeDeclined) -> Refusal | None:
    """When the duty supervisor says that the two are different matters: this one goes on."""
    candidate = sheet.case.merge_candidate
    if not candidate or data.other != candidate:
        return Refusal("no_merge_proposed", {"other": data.other})
    sheet.change(not_same=(*sheet.case.not_same, candidate), merge_candidate="")
    sheet.done_by(Action.REPORT_MERGE, sheet.acting.actor)
    sheet.record(
        Action.REPORT_MERGE,
        reason="different_matters",
        words=data.reason,
        detail={"other": candidate},
    )
    if sheet.case.state is CaseState.REPORTED:
        answer(sheet, ClockKind.PROPOSAL)
        go_on(sheet)
    return None
