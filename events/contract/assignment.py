"""Somebody gets the work and does it: `grid.assignment`, decided by assignment."""

from enum import StrEnum

from msgspec import field

from events.contract.envelope import Count, EvidenceHash, Label, Moment, Part, Payload, Ref, Text
from events.contract.registry import Origin, Topic, event_type
from events.contract.reports import OutcomeEvidence


class AssigneeKind(StrEnum):
    """Who can be given work."""

    PARTY_MEMBER = "party_member"
    GRID_MEMBER = "grid_member"
    VOLUNTEER = "volunteer"
    SOCIAL_ORGANISATION = "social_organisation"
    UNIT = "unit"


@event_type(
    "grid.assignment.requested",
    Topic.ASSIGNMENT,
    action="assignment.request",
    origin=Origin.BOTH,
)
class AssignmentRequested(Payload, frozen=True, kw_only=True):
    """派遣. When a registered case needs somebody: a unit by the list, or a member by matching."""

    #: the unit that leads; empty lets the list decide
    lead: str = ""
    helpers: tuple[Ref, ...] = ()
    #: persons the matter is about; they are never asked to handle it
    kept_out: tuple[Ref, ...] = ()
    reason: Text = ""


class Candidate(Part, frozen=True, kw_only=True):
    """One person or group that fits, and why."""

    assignee: Ref
    kind: AssigneeKind
    #: 0 to 10,000: the weighted score in basis points
    score: int
    #: reason name → its share of the score in basis points
    reasons: dict[str, int]


@event_type("grid.assignment.recommended", Topic.ASSIGNMENT, origin=Origin.ENGINE)
class AssignmentRecommended(Payload, frozen=True, kw_only=True):
    """When a matching round found candidates, best first; or nobody, and why."""

    candidates: tuple[Candidate, ...]
    #: filter name → how many it left out, so that an empty list explains itself
    left_out: dict[str, int] = field(default_factory=dict)
    #: the round: township and instant
    round: Label


@event_type("grid.assignment.confirmed", Topic.ASSIGNMENT, action="assignment.confirm")
class AssignmentConfirmed(Payload, frozen=True, kw_only=True):
    """When the branch secretary confirms whom to ask; declares kinship or interest (回避)."""

    assignee: Ref
    #: candidates who must keep out of it
    recused: tuple[Ref, ...] = ()
    #: second person, where policy asks for two
    second: str = ""
    reason: Text = ""


@event_type("grid.assignment.accepted", Topic.ASSIGNMENT, action="assignment.accept")
class AssignmentAccepted(Payload, frozen=True, kw_only=True):
    """签收. When the member or unit takes the work."""

    note: Text = ""


@event_type("grid.assignment.declined", Topic.ASSIGNMENT, action="assignment.decline")
class AssignmentDeclined(Payload, frozen=True, kw_only=True):
    """When a member says no, with a reason; the next candidate is asked. No penalty."""

    reason: Text
    #: kinship or interest in the matter
    recusal: bool = False


@event_type("grid.assignment.returned", Topic.ASSIGNMENT, action="assignment.return")
class AssignmentReturned(Payload, frozen=True, kw_only=True):
    """退单. When a unit says the case is not theirs: once, with reason and legal basis."""

    reason: Text
    legal_basis: Label


@event_type(
    "grid.assignment.return_adjudicated",
    Topic.ASSIGNMENT,
    action="assignment.adjudicate_return",
)
class ReturnAdjudicated(Payload, frozen=True, kw_only=True):
    """When somebody else decides on a return: upheld names the new lead; else the clock ran on."""

    upheld: bool
    new_lead: str = ""
    reason: Text


@event_type("grid.assignment.reassigned", Topic.ASSIGNMENT, action="assignment.reassign")
class AssignmentReassigned(Payload, frozen=True, kw_only=True):
    """改派. When a supervisor gives the case to another unit or member."""

    to: Ref
    reason: Text


@event_type("grid.assignment.progress_reported", Topic.ASSIGNMENT, action="assignment.progress")
class ProgressReported(Payload, frozen=True, kw_only=True):
    """When the handler tells how it goes. Restarts no clock."""

    note: Text
    evidence: tuple[EvidenceHash, ...] = ()


@event_type("grid.assignment.handled", Topic.ASSIGNMENT, action="assignment.handle")
class AssignmentHandled(Payload, frozen=True, kw_only=True):
    """处理反馈. When the handler says it is done, with opinion and evidence of the outcome."""

    opinion: Text
    shown_by: OutcomeEvidence
    evidence: tuple[EvidenceHash, ...] = ()
    #: lead goes on without helpers who did not sign, with this reason
    without_helpers: Text = ""


@event_type("grid.assignment.checked", Topic.ASSIGNMENT, action="assignment.check")
class HandlingChecked(Payload, frozen=True, kw_only=True):
    """核查. When somebody other than the handler looked at the result."""

    passed: bool
    note: Text = ""
    evidence: tuple[EvidenceHash, ...] = ()


@event_type("grid.assignment.rework_ordered", Topic.ASSIGNMENT, action="assignment.rework")
class ReworkOrdered(Payload, frozen=True, kw_only=True):
    """返工. When a supervisor sends handled work back without a new check."""

    reason: Text


class Grant(StrEnum):
    """Answer to something asked."""

    GRANTED = "granted"
    REFUSED = "refused"


@event_type("grid.assignment.extension_asked", Topic.ASSIGNMENT, action="assignment.ask_extension")
class ExtensionAsked(Payload, frozen=True, kw_only=True):
    """When the handler asks for more time, before expiry."""

    working_days: Count
    reason: Text


@event_type(
    "grid.assignment.extension_answered", Topic.ASSIGNMENT, action="assignment.grant_extension"
)
class ExtensionAnswered(Payload, frozen=True, kw_only=True):
    """延期. When somebody other than the asker grants or refuses more time."""

    answer: Grant
    working_days: Count = 0
    reason: Text = ""


@event_type(
    "grid.assignment.suspension_asked", Topic.ASSIGNMENT, action="assignment.ask_suspension"
)
class SuspensionAsked(Payload, frozen=True, kw_only=True):
    """When the handler asks to let the case rest, before expiry."""

    until: Moment
    reason: Text


@event_type(
    "grid.assignment.suspension_answered",
    Topic.ASSIGNMENT,
    action="assignment.grant_suspension",
)
class SuspensionAnswered(Payload, frozen=True, kw_only=True):
    """挂账. When somebody other than the asker lets the case rest, or not."""

    answer: Grant
    until: Moment | None = None
    reason: Text = ""


@event_type("grid.assignment.resumed", Topic.ASSIGNMENT, action="assignment.resume")
class HandlingResumed(Payload, frozen=True, kw_only=True):
    """恢复办理. When a resting case goes on; the clock runs again."""

    reason: Text = ""
