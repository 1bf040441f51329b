"""Villagers say whether it was solved: `grid.feedback`, decided by feedback."""

from enum import StrEnum

from events.contract.envelope import EvidenceHash, Payload, Text
from events.contract.registry import Origin, Topic, event_type
from models.policy.work import Satisfaction


class VisitChannel(StrEnum):
    """How the villager is asked."""

    #: 上门
    VISIT = "visit"
    #: 电话
    CALL = "call"
    #: 链接
    LINK = "link"


class VisitResult(StrEnum):
    """Whether anybody answered."""

    ANSWERED = "answered"
    NOBODY = "nobody"
    #: wrong number, moved away: leaves the denominator, reviewed
    UNREACHABLE = "unreachable"


@event_type(
    "grid.feedback.visit_requested",
    Topic.FEEDBACK,
    action="feedback.visit",
    origin=Origin.BOTH,
)
class VisitRequested(Payload, frozen=True, kw_only=True):
    """回访. When checked work is to be asked about."""

    channel: VisitChannel = VisitChannel.CALL


@event_type("grid.feedback.answered", Topic.FEEDBACK, action="feedback.visit")
class VisitAnswered(Payload, frozen=True, kw_only=True):
    """When the visitor records what the villager said, or that nobody answered."""

    channel: VisitChannel
    result: VisitResult
    #: was there contact with whoever handled it
    contacted: bool = False
    solved: bool = False
    satisfaction: Satisfaction | None = None
    comment: Text = ""


@event_type("grid.feedback.disputed", Topic.FEEDBACK, action="feedback.dispute")
class AnswerDisputed(Payload, frozen=True, kw_only=True):
    """When a villager or unit says the recorded answer is not what was said."""

    reason: Text


@event_type("grid.feedback.reopened", Topic.FEEDBACK, action="feedback.reopen", origin=Origin.BOTH)
class CaseReopened(Payload, frozen=True, kw_only=True):
    """重办. When an unsolved case is opened again within the window."""

    reason: Text
    evidence: tuple[EvidenceHash, ...] = ()


@event_type("grid.feedback.closed", Topic.FEEDBACK, action="feedback.close", origin=Origin.BOTH)
class CaseClosed(Payload, frozen=True, kw_only=True):
    """结案. When the duty supervisor, never the handler, closes the case."""

    reason: Text = ""


class Grade(StrEnum):
    """Evaluation of a case's handling as a whole."""

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"


@event_type(
    "grid.feedback.evaluated", Topic.FEEDBACK, action="feedback.evaluate", origin=Origin.BOTH
)
class CaseEvaluated(Payload, frozen=True, kw_only=True):
    """综合评价. When a closed case is evaluated."""

    grade: Grade
    note: Text = ""


@event_type("grid.feedback.self_close_audited", Topic.FEEDBACK, action="feedback.audit_self_close")
class SelfCloseAudited(Payload, frozen=True, kw_only=True):
    """抽查. When somebody who did not settle it looked at what was settled on the spot."""

    #: unsolved, the case is opened again
    solved: bool
    #: what was found; needed where it is not solved
    note: Text = ""
    evidence: tuple[EvidenceHash, ...] = ()


@event_type("grid.feedback.cancelled", Topic.FEEDBACK, action="feedback.cancel")
class CaseCancelled(Payload, frozen=True, kw_only=True):
    """作废. When a supervisor voids an open case, with a reason; it stays in the audit."""

    reason: Text


@event_type("grid.feedback.archived", Topic.FEEDBACK, action="feedback.archive", origin=Origin.BOTH)
class CaseArchived(Payload, frozen=True, kw_only=True):
    """归档. When an evaluated case is put away."""

    note: Text = ""
