"""抽查: somebody looks at what was settled on the spot (domain.md section 2). Pure."""

from events.contract.feedback import SelfCloseAudited
from flows.decide.draft import Draft, Refusal
from flows.decide.feedback_reopening import reopen, too_often
from flows.decide.route import handles
from models.policy.actions import Action


@handles(SelfCloseAudited)
def audit_self_close(sheet: Draft, data: SelfCloseAudited) -> Refusal | None:
    """抽查. When somebody who did not settle it looked at it; unsolved, it is opened again."""
    if _audited_already(sheet):
        return Refusal("audited_already")
    if not data.solved and not data.note:
        return Refusal("reason_missing")
    if not data.solved and (capped := too_often(sheet)):
        return capped
    sheet.done_by(Action.FEEDBACK_AUDIT_SELF_CLOSE, sheet.acting.actor)
    sheet.change(evidence=sheet.case.evidence + len(data.evidence))
    reason = "audit_passed" if data.solved else "audit_failed"
    sheet.record(
        Action.FEEDBACK_AUDIT_SELF_CLOSE,
        reason=reason,
        words=data.note,
        evidence=data.evidence,
    )
    if not data.solved:
        reopen(sheet, reason=reason)
    return None


def _audited_already(sheet: Draft) -> bool:
    """Once each time it is settled: an audit that found it unsolved has opened it again."""
    audits = sheet.case.deeds.get(Action.FEEDBACK_AUDIT_SELF_CLOSE, ())
    return len(audits) > sheet.case.reopened
