"""自行处置: a small matter settled on the spot (domain.md section 2). Pure."""

import hashlib

from events.contract.reports import OutcomeEvidence, ReportSelfClosed
from flows.decide.able import able
from flows.decide.draft import Draft, Refusal
from flows.decide.handled import told
from flows.decide.intake_ending import end_work
from flows.decide.route import handles
from models.clocks import ClockKind
from models.policy.actions import Action
from models.policy.people import Role
from models.values import CaseState
from notifications.notice import NoticeKind, Reporter, instant

_BUCKETS = 10_000
#: What is on paper or on a picture is attached; a word given or witnessed needs nothing more.
_ATTACHED = frozenset({OutcomeEvidence.PHOTO, OutcomeEvidence.DOCUMENT})


@handles(ReportSelfClosed)
def self_close(sheet: Draft, data: ReportSelfClosed) -> Refusal | None:
    """自行处置. When the grid or village settled it and shows how; some are drawn for an audit."""
    if refusal := _not_allowed(sheet) or _not_shown(sheet, data):
        return refusal
    drawn = drawn_for_audit(sheet.case.id, sheet.policy.intake.self_close.audit_share)
    sheet.done_by(Action.REPORT_SELF_CLOSE, sheet.acting.actor)
    end_work(sheet, "self_closed")
    sheet.change(
        closed_at=sheet.now,
        merge_candidate="",
        evidence=sheet.case.evidence + len(data.evidence),
    )
    sheet.start_until(ClockKind.ARCHIVE, sheet.now + sheet.policy.deadlines.archive)
    sheet.move(
        CaseState.SELF_CLOSED,
        Action.REPORT_SELF_CLOSE,
        words=data.outcome,
        rule="intake/self_close",
        evidence=data.evidence,
        detail={
            "shown_by": data.shown_by.value,
            "witness": data.witness or None,
            "audit": drawn,
        },
    )
    if sheet.case.reporter_ref:
        sheet.notify(NoticeKind.CASE_SELF_CLOSED, Reporter(sheet.case.reporter_ref))
    if drawn:
        _ask_audit(sheet)
    return None


def _not_allowed(sheet: Draft) -> Refusal | None:
    case, rules = sheet.case, sheet.policy.intake.self_close
    category = sheet.policy.category(case.category)
    if category is None:
        return Refusal("category_missing")
    if case.emergency_level:
        return Refusal("emergency_not_self_closed")
    if not category.self_closable or case.tier > rules.tier_at_most:
        return Refusal("not_self_closable", {"category": case.category, "tier": case.tier})
    return None


def _not_shown(sheet: Draft, data: ReportSelfClosed) -> Refusal | None:
    """Return what the outcome lacks. Any one way of showing it does; none is demanded."""
    if not data.outcome:
        return Refusal("outcome_missing")
    if data.shown_by.value not in sheet.policy.intake.self_close.evidence:
        return Refusal("evidence_not_admitted", {"shown_by": data.shown_by.value})
    if data.shown_by in _ATTACHED and not data.evidence:
        return Refusal("evidence_missing", {"shown_by": data.shown_by.value})
    if data.shown_by is OutcomeEvidence.WITNESS and data.witness in ("", sheet.acting.actor):
        return Refusal("witness_missing")
    return None


def drawn_for_audit(case_id: str, share: float) -> bool:
    """Tell whether a case is drawn: by a hash of its id, so nobody can choose or foresee less."""
    digest = hashlib.sha256(f"audit|{case_id}".encode()).digest()
    return int.from_bytes(digest[:8]) % _BUCKETS < share * _BUCKETS


def _ask_audit(sheet: Draft) -> None:
    """Ask a checker to look at it afterwards; the case stays settled unless it is reopened."""
    auditor = able(sheet, Action.FEEDBACK_AUDIT_SELF_CLOSE, Role.CHECKER)
    if auditor is not None:
        due_at = sheet.limit(sheet.policy.intake.self_close.audit_within).due_at
        sheet.notify(
            NoticeKind.CHECK_REQUESTED, told(auditor), about="audit", due_at=instant(due_at)
        )
