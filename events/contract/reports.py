"""What happens to a report: `grid.reports`, decided by intake."""

from enum import StrEnum

from events.contract.envelope import Code, EvidenceHash, Label, Moment, Part, Payload, Ref, Text
from events.contract.registry import Origin, Topic, event_type
from models.values import Mark


class ReportSource(StrEnum):
    """Who found the matter."""

    #: 网格员 a grid member on the way
    GRID_MEMBER = "grid_member"
    #: 党员 a Party member
    PARTY_MEMBER = "party_member"
    #: 群众 a villager, by page, call or visit
    VILLAGER = "villager"
    #: 热线 the hotline
    HOTLINE = "hotline"
    #: 巡查 a patrol of a department or the township
    PATROL = "patrol"
    #: 领导交办 handed down
    LEADER = "leader"
    #: 媒体舆情 press or network
    MEDIA = "media"


#: Sources that count as found by the public rather than by the grid (domain.md §7).
PUBLIC_SOURCES = frozenset(
    {ReportSource.VILLAGER, ReportSource.HOTLINE, ReportSource.LEADER, ReportSource.MEDIA}
)


class Datum(StrEnum):
    """Coordinate system of a position."""

    #: inside the engine
    CGCS2000 = "CGCS2000"
    #: from phones; converted at the door
    GCJ02 = "GCJ-02"


class Place(Part, frozen=True, kw_only=True):
    """Where a matter is: of the matter, never of a person."""

    #: degrees east
    lon: float
    #: degrees north
    lat: float
    datum: Datum = Datum.CGCS2000


@event_type("grid.report.filed", Topic.REPORTS, action="report.file", needs_subject=False)
class ReportFiled(Payload, frozen=True, kw_only=True):
    """上报. When somebody reports a matter. Opens a case."""

    #: 15-digit grid code (17 with the micro-grid)
    grid: Code
    #: `CC-SS` of the category tree; empty where the acceptor shall decide
    category: str = ""
    source: ReportSource
    title: Text
    description: Text = ""
    place: Place | None = None
    evidence: tuple[EvidenceHash, ...] = ()
    #: pseudonym from the identity vault; never a name
    reporter_ref: str = ""
    #: danger to life or property now; the caller was told to call 110/119/120 first
    emergency: bool = False
    #: who called which emergency number when, as told by the reporter
    emergency_call: Text = ""
    mark: Mark = Mark.NONE
    #: several parties or units are needed
    joint: bool = False
    #: the matter is disputed between parties
    disputed: bool = False
    #: it touches the interest of the village as a whole
    public_interest: bool = False
    #: a minor is concerned: treated as confidential
    concerns_minor: bool = False
    #: filed after acting first (emergencies), when it was dealt with
    filed_afterwards: bool = False


@event_type("grid.report.amended", Topic.REPORTS, action="report.amend")
class ReportAmended(Payload, frozen=True, kw_only=True):
    """更正. When the reporter or acceptor corrects what was reported, before registration."""

    grid: Code | None = None
    place: Place | None = None
    title: Text | None = None
    description: Text | None = None
    reason: Text


@event_type("grid.report.supplemented", Topic.REPORTS, action="report.supplement")
class ReportSupplemented(Payload, frozen=True, kw_only=True):
    """补充. When more is told or shown about an open case. Restarts no clock."""

    description: Text = ""
    evidence: tuple[EvidenceHash, ...] = ()


class Verdict(StrEnum):
    """What a verification found."""

    #: 存在
    EXISTS = "exists"
    #: 不存在
    DOES_NOT_EXIST = "does_not_exist"
    #: 无法核实
    CANNOT_TELL = "cannot_tell"


@event_type("grid.report.verification_requested", Topic.REPORTS, action="report.ask_verification")
class VerificationRequested(Payload, frozen=True, kw_only=True):
    """When the acceptor asks the grid to look whether it is so."""

    reason: Text = ""


@event_type("grid.report.verified", Topic.REPORTS, action="report.verify")
class ReportVerified(Payload, frozen=True, kw_only=True):
    """核实. When a grid member looked whether the matter exists."""

    verdict: Verdict
    note: Text = ""
    evidence: tuple[EvidenceHash, ...] = ()


@event_type("grid.report.registered", Topic.REPORTS, action="report.register", origin=Origin.BOTH)
class ReportRegistered(Payload, frozen=True, kw_only=True):
    """立案. When the duty supervisor (or the engine, where policy lets it) files the case."""

    category: str = ""
    #: handling tier 1 grid, 2 village, 3 township, 4 county; 0 takes the list's
    tier: int = 0
    reason: Text = ""


@event_type("grid.report.rejected", Topic.REPORTS, action="report.reject")
class ReportRejected(Payload, frozen=True, kw_only=True):
    """不予受理. When the matter is refused, with a reason and where to turn instead."""

    reason: Text
    turn_to: Label | None = None


@event_type("grid.report.merged", Topic.REPORTS, action="report.merge")
class ReportMerged(Payload, frozen=True, kw_only=True):
    """并案. When the duty supervisor makes the report part of another case."""

    into: Ref
    reason: Text = ""


@event_type("grid.report.merge_declined", Topic.REPORTS, action="report.merge")
class MergeDeclined(Payload, frozen=True, kw_only=True):
    """When the duty supervisor decides that two reports are different matters."""

    other: Ref
    reason: Text = ""


class OutcomeEvidence(StrEnum):
    """How an outcome is shown; a photo is never the only way."""

    PHOTO = "photo"
    DOCUMENT = "document"
    STATEMENT = "statement"
    WITNESS = "witness"


@event_type("grid.report.self_closed", Topic.REPORTS, action="report.self_close")
class ReportSelfClosed(Payload, frozen=True, kw_only=True):
    """自行处置. When a small matter was settled on the spot, with evidence of the outcome."""

    outcome: Text
    shown_by: OutcomeEvidence
    evidence: tuple[EvidenceHash, ...] = ()
    #: the witness's person id, where shown by a witness
    witness: str = ""


@event_type("grid.report.reclassified", Topic.REPORTS, action="report.reclassify")
class ReportReclassified(Payload, frozen=True, kw_only=True):
    """改类. When the category turns out to be another one. Restarts no clock that has begun."""

    category: Label
    reason: Text


@event_type("grid.report.marked", Topic.REPORTS, action="report.mark")
class ReportMarked(Payload, frozen=True, kw_only=True):
    """标记. When the bypass or confidential mark is set or lifted afterwards."""

    mark: Mark
    reason: Text


@event_type(
    "grid.report.history_recorded",
    Topic.REPORTS,
    action="report.record_history",
    needs_subject=False,
)
class HistoryRecorded(Payload, frozen=True, kw_only=True):
    """历史记录. When a step of a case from another system's log is imported: not decided again."""

    #: the case's id in the other system
    case_ref: Label
    grid: Code
    #: what was done, in the other system's words
    activity: Label
    #: the row's id in the other system's log
    instance: Label
    channel: Label | None = None
    started_at: Moment | None = None
    planned_end: Moment | None = None
    ended_at: Moment | None = None
    #: unit and person responsible for the whole case
    responsible: str = ""
    department: Label | None = None
    group: Label | None = None
    #: the log's last row of this case
    last: bool = False
