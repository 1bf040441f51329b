"""It is late, or beyond the township's powers: `grid.escalation`, decided by escalation."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from events.contract.envelope import EvidenceHash, Label, Moment, Payload, Ref, Score, Text
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
class CaseUrged(Payload, frozen=True, kw_only=True):
    """催办. When somebody with the right asks the unit to hurry."""

    reason: Text


@event_type("grid.escalation.supervised", Topic.ESCALATION, action="escalation.supervise")
class CaseSupervised(Payload, frozen=True, kw_only=True):
    """督办. When a leader puts the case under supervision."""

    kind: UrgeKind
    reason: Text


@event_type(
    "grid.escalation.deadline_recomputed",
    Topic.ESCALATION,
    action="escalation.recompute_deadline",
    origin=Origin.BOTH,
)
class DeadlineRecomputed(Payload, frozen=True, kw_only=True):
    """When the calendar's data changed and open deadlines are computed again."""

    calendar_version: Label
    reason: Text = ""


@event_type(
    "grid.escalation.whistle_requested", Topic.ESCALATION, action="escalation.whistle_request"
)
class WhistleRequested(Payload, frozen=True, kw_only=True):
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
class WhistleApproved(Payload, frozen=True, kw_only=True):
    """When the township principal lets a whistle be blown."""

    lead: str = ""
    helpers: tuple[Ref, ...] = ()
    note: Text = ""


@event_type("grid.escalation.whistle_refused", Topic.ESCALATION, action="escalation.whistle_refuse")
class WhistleRefused(Payload, frozen=True, kw_only=True):
    """When the township principal refuses a whistle: no casual whistles."""

    reason: Text


@event_type(
    "grid.escalation.whistle_confirmed_afterwards",
    Topic.ESCALATION,
    action="escalation.whistle_confirm_after",
)
class WhistleConfirmedAfterwards(Payload, frozen=True, kw_only=True):
    """When the principal confirms an emergency whistle; refusing does not stop the work."""

    confirmed: bool
    reason: Text = ""


@event_type("grid.escalation.signed", Topic.ESCALATION, action="escalation.sign")
class WhistleSigned(Payload, frozen=True, kw_only=True):
    """签收. When a called department signs for the whistle."""

    note: Text = ""


@event_type("grid.escalation.arrived", Topic.ESCALATION, action="escalation.arrive")
class DepartmentArrived(Payload, frozen=True, kw_only=True):
    """报到. When a called department is on site."""

    note: Text = ""
    evidence: tuple[EvidenceHash, ...] = ()


@event_type("grid.escalation.planned", Topic.ESCALATION, action="escalation.plan")
class PlanSubmitted(Payload, frozen=True, kw_only=True):
    """When the lead says how and until when it will be solved."""

    plan: Text


@event_type("grid.escalation.helper_done", Topic.ESCALATION, action="escalation.helper_done")
class HelperDone(Payload, frozen=True, kw_only=True):
    """When a helper finished its part."""

    note: Text = ""
    evidence: tuple[EvidenceHash, ...] = ()


@event_type(
    "grid.escalation.whistle_finished", Topic.ESCALATION, action="escalation.whistle_finish"
)
class WhistleFinished(Payload, frozen=True, kw_only=True):
    """When the lead finished; missing helpers only with a reason."""

    opinion: Text
    evidence: tuple[EvidenceHash, ...] = ()
    without_helpers: Text = ""


@event_type("grid.escalation.objected", Topic.ESCALATION, action="escalation.object")
class WhistleObjected(Payload, frozen=True, kw_only=True):
    """异议. When a called department says it is not its duty: once, citing item or law."""

    cites: Label
    reason: Text


@event_type("grid.escalation.adjudicated", Topic.ESCALATION, action="escalation.adjudicate")
class ObjectionAdjudicated(Payload, frozen=True, kw_only=True):
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
class DepartmentRated(Payload, frozen=True, kw_only=True):
    """反向考核. When the township rates a department's answer to its whistle."""

    department: Ref
    score: Score
    solved: bool
    note: Text = ""


@event_type("grid.escalation.whistle_rated", Topic.ESCALATION, action="escalation.rate_whistle")
class WhistleRated(Payload, frozen=True, kw_only=True):
    """When a department rates the quality of the whistle."""

    score: Score
    note: Text = ""


@event_type(
    "grid.escalation.accountability_recorded",
    Topic.ESCALATION,
    action="escalation.record_accountability",
)
class AccountabilityRecorded(Payload, frozen=True, kw_only=True):
    """When a person decided on a consequence for a unit. Units only, never persons."""

    unit: Ref
    kind: AccountabilityKind
    #: whether the unit held the legal power in this matter
    had_power: bool
    reason: Text


class EmergencyNumber(StrEnum):
    """Whom somebody called before, or besides, telling this system."""

    #: 公安
    POLICE = "110"
    #: 消防
    FIRE = "119"
    #: 急救
    AMBULANCE = "120"
    #: 交警
    TRAFFIC = "122"


class UpwardForm(StrEnum):
    """How the county was told of an emergency."""

    #: 电话报告
    PHONE = "phone"
    #: 书面报告
    WRITTEN = "written"


@event_type(
    "grid.escalation.emergency_declared",
    Topic.ESCALATION,
    action="escalation.declare_emergency",
)
class EmergencyDeclared(Payload, frozen=True, kw_only=True):
    """宣布突发事件. When a case turns out to be an emergency, or its level is rated anew."""

    #: I 红 is worst
    level: Annotated[int, Meta(ge=1, le=4)]
    reason: Text


@event_type(
    "grid.escalation.emergency_call_recorded",
    Topic.ESCALATION,
    action="escalation.record_call",
)
class EmergencyCallRecorded(Payload, frozen=True, kw_only=True):
    """登记报警. When it is written down which emergency number was called, and when."""

    number: EmergencyNumber
    called_at: Moment
    note: Text = ""


@event_type("grid.escalation.reported_upward", Topic.ESCALATION, action="escalation.report_upward")
class ReportedUpward(Payload, frozen=True, kw_only=True):
    """信息上报. When the county was told of an emergency, by phone or in writing."""

    form: UpwardForm
    note: Text = ""
    evidence: tuple[EvidenceHash, ...] = ()


@event_type("case.warned", Topic.CASE_UPDATES, origin=Origin.ENGINE)
class CaseWarned(Payload, frozen=True, kw_only=True):
    """预警. When the warning share of the limit has passed. Made by the engine's timer."""

    #: which clock
    clock: Label


@event_type("case.breached", Topic.CASE_UPDATES, origin=Origin.ENGINE)
class CaseBreached(Payload, frozen=True, kw_only=True):
    """超期. When a clock ran out unanswered. Made by the engine's timer."""

    clock: Label


@event_type("case.rung_climbed", Topic.CASE_UPDATES, origin=Origin.ENGINE)
class RungClimbed(Payload, frozen=True, kw_only=True):
    """升级. When the ladder's next rung is told; a skipped rung says why."""

    rung: Label
    #: why nobody was told at this rung; empty where somebody was
    skipped: str = ""
