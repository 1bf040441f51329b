"""It is late, or beyond the township's powers: `grid.escalation`, decided by escalation."""

from enum import StrEnum

from events.contract.envelope import EvidenceHash, Label, Payload, Ref, Score, Text
from events.contract.registry import Origin, Topic, event_type
from models.policy.whistle import WhistleKind


class UrgeKind(StrEnum):
    """Why a case is supervised (督办)."""

    TIMEOUT = "timeout"
    LEADER = "leader"
    IMPORTANT = "important"


class AccountabilityKind(StrEnum):
    """Consequences a person may decide on; the engine only proposes."""

    #: 提醒
    REMINDER = "reminder"
    #: 书面批评
    WRITTEN_CRITICISM = "written_criticism"
    #: 约谈
    TALK = "talk"
    #: 年度考核
    ANNUAL_SCORE = "annual_score"


@event_type("grid.escalation.urged", Topic.ESCALATION, action="escalation.urge")
class CaseUrged(Payload, kw_only=True):
    """催办. When somebody with the right asks the unit to hurry."""

    reason: Text


@event_type("grid.escalation.supervised", Topic.ESCALATION, action="escalation.supervise")
class CaseSupervised(Payload, kw_only=True):
    """督办. When a leader puts the case under supervision."""

    kind: UrgeKind
    reason: Text


@event_type(
    "grid.escalation.deadline_recomputed",
    Topic.ESCALATION,
    action="escalation.recompute_deadline",
    origin=Origin.BOTH,
)
class DeadlineRecomputed(Payload, kw_only=True):
    """When the calendar's data changed and open deadlines are computed again."""

    calendar_version: Label
    reason: Text = ""


@event_type(
    "grid.escalation.whistle_requested", Topic.ESCALATION, action="escalation.whistle_request"
)
class WhistleRequested(Payload, kw_only=True):
    """吹哨. When the township calls departments; the duty leader's emergency blows at once."""

    kind: WhistleKind
    #: 主办 empty lets the responsibility list name it
    lead: str = ""
    #: 协办
    helpers: tuple[Ref, ...] = ()
    reason: Text


@event_type(
    "grid.escalation.whistle_approved", Topic.ESCALATION, action="escalation.whistle_approve"
)
class WhistleApproved(Payload, kw_only=True):
    """When the township principal lets a whistle be blown."""

    lead: str = ""
    helpers: tuple[Ref, ...] = ()
    note: Text = ""


@event_type("grid.escalation.whistle_refused", Topic.ESCALATION, action="escalation.whistle_refuse")
class WhistleRefused(Payload, kw_only=True):
    """When the township principal refuses a whistle: no casual whistles."""

    reason: Text


@event_type(
    "grid.escalation.whistle_confirmed_afterwards",
    Topic.ESCALATION,
    action="escalation.whistle_confirm_after",
)
class WhistleConfirmedAfterwards(Payload, kw_only=True):
    """When the principal confirms an emergency whistle; refusing does not stop the work."""

    confirmed: bool
    reason: Text = ""


@event_type("grid.escalation.signed", Topic.ESCALATION, action="escalation.sign")
class WhistleSigned(Payload, kw_only=True):
    """签收. When a called department signs for the whistle."""

    note: Text = ""


@event_type("grid.escalation.arrived", Topic.ESCALATION, action="escalation.arrive")
class DepartmentArrived(Payload, kw_only=True):
    """报到. When a called department is on site."""

    note: Text = ""
    evidence: tuple[EvidenceHash, ...] = ()


@event_type("grid.escalation.planned", Topic.ESCALATION, action="escalation.plan")
class PlanSubmitted(Payload, kw_only=True):
    """When the lead says how and until when it will be solved."""

    plan: Text


@event_type("grid.escalation.helper_done", Topic.ESCALATION, action="escalation.helper_done")
class HelperDone(Payload, kw_only=True):
    """When a helper finished its part."""

    note: Text = ""
    evidence: tuple[EvidenceHash, ...] = ()


@event_type(
    "grid.escalation.whistle_finished", Topic.ESCALATION, action="escalation.whistle_finish"
)
class WhistleFinished(Payload, kw_only=True):
    """When the lead finished; missing helpers only with a reason."""

    opinion: Text
    evidence: tuple[EvidenceHash, ...] = ()
    without_helpers: Text = ""


@event_type("grid.escalation.objected", Topic.ESCALATION, action="escalation.object")
class WhistleObjected(Payload, kw_only=True):
    """异议. When a called department says it is not its duty: once, citing item or law."""

    cites: Label
    reason: Text


@event_type("grid.escalation.adjudicated", Topic.ESCALATION, action="escalation.adjudicate")
class ObjectionAdjudicated(Payload, kw_only=True):
    """裁定. When the level in charge decides on an objection."""

    upheld: bool
    #: unit that objected; empty where only one objection is open
    objector: str = ""
    #: unit that takes over; a helper may be let go without one
    new_lead: str = ""
    reason: Text


@event_type(
    "grid.escalation.department_rated", Topic.ESCALATION, action="escalation.rate_department"
)
class DepartmentRated(Payload, kw_only=True):
    """反向考核. When the township rates a department's answer to its whistle."""

    department: Ref
    score: Score
    solved: bool
    note: Text = ""


@event_type("grid.escalation.whistle_rated", Topic.ESCALATION, action="escalation.rate_whistle")
class WhistleRated(Payload, kw_only=True):
    """When a department rates the quality of the whistle."""

    score: Score
    note: Text = ""


@event_type(
    "grid.escalation.accountability_recorded",
    Topic.ESCALATION,
    action="escalation.record_accountability",
)
class AccountabilityRecorded(Payload, kw_only=True):
    """When a person decided on a consequence for a unit. Units only, never persons."""

    unit: Ref
    kind: AccountabilityKind
    #: whether the unit held the legal power in this matter
    had_power: bool
    reason: Text


@event_type("case.warned", Topic.CASE_UPDATES, origin=Origin.ENGINE)
class CaseWarned(Payload, kw_only=True):
    """预警. When the warning share of the limit has passed. Made by the engine's timer."""

    #: which clock
    clock: Label


@event_type("case.breached", Topic.CASE_UPDATES, origin=Origin.ENGINE)
class CaseBreached(Payload, kw_only=True):
    """超期. When a clock ran out unanswered. Made by the engine's timer."""

    clock: Label


@event_type("case.rung_climbed", Topic.CASE_UPDATES, origin=Origin.ENGINE)
class RungClimbed(Payload, kw_only=True):
    """升级. When the ladder's next rung is told; a skipped rung says why."""

    rung: Label
    #: why nobody was told at this rung; empty where somebody was
    skipped: str = ""
