"""One notice: who must know of what, until when. Pure; decided with the case, delivered later."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct, field

from models.values import CaseId, OrgId, PersonId, RoleName


class Urgency(StrEnum):
    """Whether a notice may wait for the morning."""

    NORMAL = "normal"  # waits while quiet hours last
    URGENT = "urgent"  # goes out at once, on every channel the rules name for it


class NoticeKind(StrEnum):
    """Every moment at which a person must be told something. Each comment: when, and whom."""

    # intake
    REPORT_RECEIVED = "report_received"  # a report became a case; its reporter
    CASE_REGISTERED = "case_registered"  # filed with a deadline; its reporter
    REPORT_REJECTED = "report_rejected"  # not taken on; its reporter
    MERGE_PROPOSED = "merge_proposed"  # it may repeat another case; duty supervisor
    REPORT_MERGED = "report_merged"  # joined to another case; its reporter
    CASE_SELF_CLOSED = "case_self_closed"  # settled on the spot; its reporter
    EMERGENCY_ALERT = "emergency_alert"  # an emergency came in; duty roster and township
    UPWARD_REPORT_DUE = "upward_report_due"  # the county is to be told; duty leader
    RETROACTIVE_FILING_DUE = "retroactive_filing_due"  # emergency over, file missing; dispatcher
    VERIFICATION_REQUESTED = "verification_requested"  # is it so on the spot; grid member
    REGISTRATION_PROPOSED = "registration_proposed"  # filing needs a person; duty supervisor
    DISPATCH_PROPOSED = "dispatch_proposed"  # a lead was suggested; dispatcher
    CASE_DISPATCHED = "case_dispatched"  # a case was given to a unit; lead or helper

    # consultation
    CONSULTATION_REQUESTED = "consultation_requested"  # a matter is to be talked over; convenor
    CONSULTATION_INVITED = "consultation_invited"  # a hearing was called; participant
    MEETING_NOTICE = "meeting_notice"  # a body that votes was called; its members
    VOTE_OPEN = "vote_open"  # votes may be entered; who enters them
    CONSULTATION_CONCLUDED = "consultation_concluded"  # an outcome was recorded; dispatcher
    CONSULTATION_TIMED_OUT = "consultation_timed_out"  # no outcome in time; convenor, dispatcher
    PUBLICITY_STARTED = "publicity_started"  # a result hangs out; body and supervisors
    PUBLICITY_OBJECTION_RECEIVED = "publicity_objection_received"  # somebody objects; committees
    OBJECTION_ANSWER_DUE = "objection_answer_due"  # an objection waits; committees
    ACTION_ITEM_DUE = "action_item_due"  # a resolved item nears its date; its owner

    # assignment
    ASSIGNMENT_RECOMMENDED = "assignment_recommended"  # members were found; secretary
    ASSIGNMENT_OFFERED = "assignment_offered"  # secretary confirmed; member
    ASSIGNMENT_ACCEPTED = "assignment_accepted"  # a member said yes; secretary
    ASSIGNMENT_DECLINED = "assignment_declined"  # no, or no answer, the next is asked; secretary
    NOBODY_AVAILABLE = "nobody_available"  # no member fits; secretary
    CASE_RETURNED = "case_returned"  # a unit hands a case back; adjudicator
    RETURN_ADJUDICATED = "return_adjudicated"  # the return was judged; who asked
    CASE_REASSIGNED = "case_reassigned"  # another one has it now; old and new
    EXTENSION_ASKED = "extension_asked"  # more time is asked for; supervisor
    EXTENSION_GRANTED = "extension_granted"  # the deadline moved; who asked
    EXTENSION_REFUSED = "extension_refused"  # the deadline stays; who asked
    SUSPENSION_ASKED = "suspension_asked"  # the clock should stop; supervisor
    SUSPENSION_GRANTED = "suspension_granted"  # the clock stands; who asked
    SUSPENSION_REFUSED = "suspension_refused"  # the clock runs on; who asked
    CASE_RESUMED = "case_resumed"  # somebody ended a suspension; handler
    SUSPENSION_EXPIRED = "suspension_expired"  # a suspension ran out; handler, supervisor
    CHECK_REQUESTED = "check_requested"  # handled, to be checked; checker
    REWORK_ORDERED = "rework_ordered"  # the check failed; handler

    # escalation
    DUE_SOON = "due_soon"  # the warning share of a limit is used; who holds it
    BREACHED = "breached"  # a limit has passed; who holds it, supervisor
    RUNG_CLIMBED = "rung_climbed"  # the ladder went up; who stands on the new rung
    CASE_URGED = "case_urged"  # a person asked to hurry; who holds the case
    CASE_SUPERVISED = "case_supervised"  # put under supervision; who holds the case
    DEADLINE_RECOMPUTED = "deadline_recomputed"  # calendar or policy changed; who holds the case
    WHISTLE_REQUESTED = "whistle_requested"  # departments should be called; township principal
    WHISTLE_APPROVED = "whistle_approved"  # departments are called; lead and helpers
    WHISTLE_REFUSED = "whistle_refused"  # the principal said no; who asked
    WHISTLE_TO_CONFIRM = "whistle_to_confirm"  # blown in an emergency; principal, afterwards
    SIGN_OVERDUE = "sign_overdue"  # a unit has not signed; unit, township
    ARRIVAL_OVERDUE = "arrival_overdue"  # a unit is not on site; unit, township
    PLAN_OVERDUE = "plan_overdue"  # no plan yet; lead, township
    HELPER_DONE = "helper_done"  # a helper finished its part; lead
    HELPERS_LATE = "helpers_late"  # helpers passed their limit; lead, township
    WHISTLE_FINISHED = "whistle_finished"  # the joint work is done; township
    OBJECTION_RAISED = "objection_raised"  # a unit says not ours; adjudicator of the level
    OBJECTION_ADJUDICATED = "objection_adjudicated"  # judged, or out of time; unit, township
    RATING_ASKED = "rating_asked"  # both sides rate a whistle; township, units
    ACCOUNTABILITY_PROPOSED = "accountability_proposed"  # a measure is proposed; who decides

    # feedback
    VISIT_REQUESTED = "visit_requested"  # checked, ask the villager; visitor
    VISIT_NO_ANSWER = "visit_no_answer"  # the villager was not reached; visitor
    EVALUATION_ASKED = "evaluation_asked"  # handled, how was it; villager
    CASE_REOPENED = "case_reopened"  # closed too early; handler, supervisor, reporter
    CASE_CLOSED = "case_closed"  # done; its reporter
    CASE_CANCELLED = "case_cancelled"  # void; its reporter, who held it
    CASE_DISPUTED = "case_disputed"  # the villager says it is not solved; duty supervisor

    # admission
    TASK_REQUEST_RECEIVED = "task_request_received"  # an asking was noted; asking department
    TASK_REVIEW_NEEDED = "task_review_needed"  # an asking waits for a review; reviewers
    TASK_ADMITTED = "task_admitted"  # on the list; department, villages
    TASK_TEMPORARY = "task_temporary"  # allowed until a date; department, villages
    TASK_REFUSED = "task_refused"  # not for the villages; department
    TASK_EXPIRING = "task_expiring"  # the date is near; department, villages
    TASK_EXPIRED = "task_expired"  # the date has passed, work may stop; department, villages

    # the system itself
    DEAD_LETTER = "dead_letter"  # an event cannot be used; operator
    PARKED_TOO_LONG = "parked_too_long"  # an event waited in vain; operator
    EVENT_REFUSED = "event_refused"  # the rules said no to an act; who acted
    DIGEST_DAILY = "digest_daily"  # the day's figures; grid heads, duty supervisor


class Person(Struct, frozen=True, tag="person"):
    """One person of the directory, by id."""

    id: PersonId


class RoleAt(Struct, frozen=True, tag="role_at"):
    """All holders of `role` at `org` at decision time; see `addressees.resolve` for nobody."""

    role: RoleName
    org: OrgId


class Org(Struct, frozen=True, tag="org"):
    """The inbox and the office address of an organisation."""

    id: OrgId


class Reporter(Struct, frozen=True, tag="reporter"):
    """Who reported, known only to the vault: an SMS or a call-back."""

    reporter_ref: str


Recipient = Person | RoleAt | Org | Reporter

_CASE = frozenset({"category", "place"})
_DUE = _CASE | {"due_at"}
_UNIT = _CASE | {"unit"}
_UNIT_DUE = _UNIT | {"due_at"}
_BODY = _CASE | {"body"}
_TASK = frozenset({"title", "unit"})

KIND_PARAMS: Mapping[NoticeKind, frozenset[str]] = MappingProxyType(
    {
        NoticeKind.REPORT_RECEIVED: _CASE,
        NoticeKind.CASE_REGISTERED: _DUE,
        NoticeKind.REPORT_REJECTED: _CASE | {"reason"},
        NoticeKind.MERGE_PROPOSED: _CASE | {"other_number"},
        NoticeKind.REPORT_MERGED: _CASE | {"other_number"},
        NoticeKind.CASE_SELF_CLOSED: _CASE,
        NoticeKind.EMERGENCY_ALERT: _DUE | {"hotline"},
        NoticeKind.UPWARD_REPORT_DUE: _DUE | {"form"},
        NoticeKind.RETROACTIVE_FILING_DUE: _DUE,
        NoticeKind.VERIFICATION_REQUESTED: _DUE,
        NoticeKind.REGISTRATION_PROPOSED: _CASE,
        NoticeKind.DISPATCH_PROPOSED: _UNIT,
        NoticeKind.CASE_DISPATCHED: _DUE | {"part"},
        NoticeKind.CONSULTATION_REQUESTED: _BODY,
        NoticeKind.CONSULTATION_INVITED: _BODY | {"meeting_at", "venue"},
        NoticeKind.MEETING_NOTICE: _BODY | {"meeting_at", "venue"},
        NoticeKind.VOTE_OPEN: _BODY | {"due_at"},
        NoticeKind.CONSULTATION_CONCLUDED: _BODY | {"outcome"},
        NoticeKind.CONSULTATION_TIMED_OUT: _BODY,
        NoticeKind.PUBLICITY_STARTED: _BODY | {"until_at"},
        NoticeKind.PUBLICITY_OBJECTION_RECEIVED: _BODY | {"due_at"},
        NoticeKind.OBJECTION_ANSWER_DUE: _BODY | {"due_at"},
        NoticeKind.ACTION_ITEM_DUE: _DUE | {"item"},
        NoticeKind.ASSIGNMENT_RECOMMENDED: _CASE | {"count"},
        NoticeKind.ASSIGNMENT_OFFERED: _DUE,
        NoticeKind.ASSIGNMENT_ACCEPTED: _CASE,
        NoticeKind.ASSIGNMENT_DECLINED: _CASE | {"count"},
        NoticeKind.NOBODY_AVAILABLE: _CASE,
        NoticeKind.CASE_RETURNED: _UNIT_DUE | {"reason"},
        NoticeKind.RETURN_ADJUDICATED: _UNIT | {"outcome"},
        NoticeKind.CASE_REASSIGNED: _UNIT,
        NoticeKind.EXTENSION_ASKED: _UNIT_DUE | {"reason"},
        NoticeKind.EXTENSION_GRANTED: _DUE,
        NoticeKind.EXTENSION_REFUSED: _DUE,
        NoticeKind.SUSPENSION_ASKED: _UNIT | {"reason"},
        NoticeKind.SUSPENSION_GRANTED: _CASE | {"until_at"},
        NoticeKind.SUSPENSION_REFUSED: _DUE,
        NoticeKind.CASE_RESUMED: _DUE,
        NoticeKind.SUSPENSION_EXPIRED: _DUE,
        NoticeKind.CHECK_REQUESTED: _DUE,
        NoticeKind.REWORK_ORDERED: _DUE | {"reason"},
        NoticeKind.DUE_SOON: _DUE | {"stage"},
        NoticeKind.BREACHED: _UNIT_DUE | {"stage"},
        NoticeKind.RUNG_CLIMBED: _UNIT | {"rung", "stage"},
        NoticeKind.CASE_URGED: _CASE | {"count"},
        NoticeKind.CASE_SUPERVISED: _CASE | {"supervision"},
        NoticeKind.DEADLINE_RECOMPUTED: _DUE | {"old_due_at", "reason"},
        NoticeKind.WHISTLE_REQUESTED: _UNIT | {"whistle"},
        NoticeKind.WHISTLE_APPROVED: _DUE | {"whistle", "part"},
        NoticeKind.WHISTLE_REFUSED: _CASE | {"whistle", "reason"},
        NoticeKind.WHISTLE_TO_CONFIRM: _DUE | {"whistle"},
        NoticeKind.SIGN_OVERDUE: _UNIT_DUE,
        NoticeKind.ARRIVAL_OVERDUE: _UNIT_DUE,
        NoticeKind.PLAN_OVERDUE: _UNIT_DUE,
        NoticeKind.HELPER_DONE: _UNIT,
        NoticeKind.HELPERS_LATE: _DUE | {"count"},
        NoticeKind.WHISTLE_FINISHED: _UNIT | {"whistle"},
        NoticeKind.OBJECTION_RAISED: _UNIT_DUE | {"level"},
        NoticeKind.OBJECTION_ADJUDICATED: _UNIT | {"outcome"},
        NoticeKind.RATING_ASKED: _DUE | {"whistle"},
        NoticeKind.ACCOUNTABILITY_PROPOSED: _UNIT | {"measure"},
        NoticeKind.VISIT_REQUESTED: _DUE,
        NoticeKind.VISIT_NO_ANSWER: _CASE | {"count"},
        NoticeKind.EVALUATION_ASKED: _DUE | {"link_code"},
        NoticeKind.CASE_REOPENED: _DUE,
        NoticeKind.CASE_CLOSED: _CASE,
        NoticeKind.CASE_CANCELLED: _CASE | {"reason"},
        NoticeKind.CASE_DISPUTED: _CASE,
        NoticeKind.TASK_REQUEST_RECEIVED: _TASK,
        NoticeKind.TASK_REVIEW_NEEDED: _TASK,
        NoticeKind.TASK_ADMITTED: _TASK,
        NoticeKind.TASK_TEMPORARY: _TASK | {"until_at"},
        NoticeKind.TASK_REFUSED: _TASK | {"reason"},
        NoticeKind.TASK_EXPIRING: _TASK | {"until_at"},
        NoticeKind.TASK_EXPIRED: _TASK | {"until_at"},
        NoticeKind.DEAD_LETTER: frozenset({"reason", "topic", "count"}),
        NoticeKind.PARKED_TOO_LONG: frozenset({"reason", "event_type", "since_at"}),
        NoticeKind.EVENT_REFUSED: frozenset({"reason", "event_type"}),
        NoticeKind.DIGEST_DAILY: frozenset({"digest"}),
    }
)
"""What the templates of a kind need. Names ending in `_at` hold an instant made by `instant()`.

`category`, `place`, `unit`, `body`, `item`, `title`: names from the policy or the directory.
`reason`, `outcome`, `stage`, `rung`, `whistle`, `supervision`, `level`, `measure`, `form`, `part`:
a code of the contract or a label of the policy, never free text: free text may name people.
"""


def instant(moment: datetime) -> str:
    """Write an aware moment the way `*_at` params carry it: ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat()


class Notice(Struct, frozen=True, kw_only=True):
    """Somebody must know. Constructing one without the params of its kind is a `TypeError`.

    `params` hold no personal data. Within the policy's repeat window a second notice with the same
    `dedup_key` to the same addressee is skipped as a repeat. `discreet` is set for every case
    marked bypass or confidential: then only the number and the due time leave the system.
    """

    kind: NoticeKind
    recipient: Recipient
    dedup_key: str
    case_id: CaseId | None = None
    case_number: str | None = None
    urgency: Urgency = Urgency.NORMAL
    discreet: bool = False
    params: dict[str, str | int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Find a forgotten param in the test of the decision, not at night in the sender."""
        missing = KIND_PARAMS[self.kind].difference(self.params)
        if missing:
            raise TypeError(f"a {self.kind} notice lacks {', '.join(sorted(missing))}")
