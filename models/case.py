"""What the engine knows of one case and of what hangs on it: frozen snapshots. Pure.

A decision makes a new snapshot with `msgspec.structs.replace`; the store writes what differs.
Derived facts (open, overdue, light) are functions of the snapshot, never fields of their own.
"""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from models.deadlines import Deadline
from models.values import SETTLED_STATES, CaseId, CaseState, Mark, derived_id


class ClockKind(StrEnum):
    """What a timer waits for. Only the action that answers a clock stops it."""

    #: verification by the grid is due
    VERIFY = "verify"
    #: somebody must decide on a proposal (register, merge, reject)
    PROPOSAL = "proposal"
    #: the case's own limit: warning share passed
    CASE_WARNING = "case_warning"
    #: the case's own limit is over
    CASE_DUE = "case_due"
    #: next rung of the ladder after a breach
    RUNG = "rung"
    #: the unit must sign for the case
    SIGN = "sign"
    #: the member asked must accept or decline
    ACCEPT = "accept"
    #: the secretary must confirm a recommendation
    CONFIRM = "confirm"
    #: the handled work must be checked
    CHECK = "check"
    #: a return must be adjudicated
    RETURN = "return"
    #: an asked extension or suspension must be answered
    GRANT = "grant"
    #: a suspension ends
    SUSPENSION_END = "suspension_end"
    #: emergency: first on-site response
    ON_SITE = "on_site"
    #: emergency: report upward by telephone, then in writing
    UPWARD_PHONE = "upward_phone"
    UPWARD_WRITTEN = "upward_written"
    #: emergency: file afterwards
    RETROACTIVE_FILING = "retroactive_filing"
    #: a consultation must be convened
    CONVENE = "convene"
    #: a consultation must be concluded
    CONCLUDE = "conclude"
    #: a publicity period ends
    PUBLICITY = "publicity"
    #: an objection must be answered
    OBJECTION_ANSWER = "objection_answer"
    #: an action item's clear-off date
    ACTION_ITEM = "action_item"
    #: the principal must approve a whistle
    WHISTLE_APPROVAL = "whistle_approval"
    #: the principal must confirm an emergency whistle afterwards
    WHISTLE_CONFIRM = "whistle_confirm"
    #: whistle clocks, one a party: `<kind>:<org>`
    WHISTLE_SIGN = "whistle_sign"
    WHISTLE_ARRIVE = "whistle_arrive"
    WHISTLE_PLAN = "whistle_plan"
    WHISTLE_FINISH = "whistle_finish"
    #: an objection to a whistle must be adjudicated at its level
    WHISTLE_OBJECTION = "whistle_objection"
    #: both sides' rating is due
    RATING = "rating"
    #: the villager must be asked
    VISIT = "visit"
    #: the closing decision is due
    CLOSE = "close"
    #: a closed case is evaluated, then put away
    EVALUATE = "evaluate"
    ARCHIVE = "archive"
    #: a matching round of the township
    ROUND = "round"
    #: a parked event's patience
    PATIENCE = "patience"
    #: a village task needs a review, or ends
    TASK_REVIEW = "task_review"
    TASK_EXPIRING = "task_expiring"
    TASK_END = "task_end"


class Clock(Struct, frozen=True, kw_only=True):
    """One running timer of a subject.

    `key` is the kind, with `:<part>` behind it where several of a kind run (one a party).
    `generation` is the case version at which it was set, so a firing of an older one is stale.
    """

    key: str
    generation: int
    due_at: datetime
    #: how the instant came about; absent for plain calendar spans
    deadline: Deadline | None = None

    @property
    def kind(self) -> ClockKind:
        """The kind, without the part."""
        return ClockKind(self.key.partition(":")[0])

    @property
    def part(self) -> str:
        """What stands behind the colon: a party, an item; empty where only one runs."""
        return self.key.partition(":")[2]


class Owner(Struct, frozen=True, kw_only=True):
    """Who must act now. `role` at `org`, and the person where one is named."""

    org: str
    role: str
    person: str = ""


class Rung(Struct, frozen=True, kw_only=True):
    """One rung of the ladder, climbed or skipped with a reason."""

    name: str
    at: datetime
    skipped: str = ""
    #: role and organisation that were told
    told: str = ""
    #: clock that ran out: `case_due`, `on_site`, or a whistle clock with its party
    limit: str = ""
    #: what it did: remind, urge, supervise; empty outside a ladder
    kind: str = ""
    #: place on the ladder, counted on through the repeats of the last rung; -1 outside a ladder
    index: int = -1
    policy_version: str = ""
    #: how the case stood then: tells whether somebody has acted since
    stood: str = ""


class AskKind(StrEnum):
    """What a handler can ask for."""

    EXTENSION = "extension"
    SUSPENSION = "suspension"
    RETURN = "return"


class Ask(Struct, frozen=True, kw_only=True):
    """Something asked that somebody else must answer."""

    kind: AskKind
    asked_by: str
    asked_at: datetime
    #: working days wanted, for an extension
    working_days: int = 0
    #: wanted end, for a suspension
    until: datetime | None = None
    legal_basis: str = ""


class Sitting(Struct, frozen=True, kw_only=True):
    """One tally: who could come, who came, how they voted, and who entered it."""

    stage: str
    eligible: int
    present: int
    in_favour: int
    against: int
    abstained: int
    #: persons who entered it; as many as policy asks for it to count
    entered_by: tuple[str, ...]
    at: datetime
    #: when it met, and when draft or notice went out before it; four deliberations only
    met_at: datetime | None = None
    notice_at: datetime | None = None
    #: who decided in it, by which roll and out of how many, where the step leaves that open
    body: str = ""
    counted: str = ""
    members: int = 0


class RollSeat(Struct, frozen=True, kw_only=True):
    """A place on the eligibility roll as it stood when notice was given."""

    stage: str
    person: str
    votes: bool = True
    household: str = ""
    struck: str = ""


class Opinion(Struct, frozen=True, kw_only=True):
    """What a participant said; the words are a token."""

    id: str
    person: str
    stance: str
    opinion: str
    stage: str
    at: datetime


class Vote(Struct, frozen=True, kw_only=True):
    """One person's vote, where the body votes by person."""

    person: str
    stance: str
    stage: str
    at: datetime


class Passed(Struct, frozen=True, kw_only=True):
    """A step of the four deliberations and two publications that is behind the case."""

    stage: str
    #: when it happened, as told; the order of the steps is judged by it
    at: datetime
    #: id of the event that told it
    event: str


class Objection(Struct, frozen=True, kw_only=True):
    """An objection during a publicity period. It is open until `settled` says how it ended."""

    id: str
    at: datetime
    #: which publication it is against
    stage: str = ""
    answered: bool = False
    #: the answer was late once, and asked for again
    urged: bool = False
    #: upheld, checked, unchecked (nobody checked in time), unanswered, moot (another was upheld)
    settled: str = ""


class ActionItem(Struct, frozen=True, kw_only=True):
    """A task from a sitting, with owner and clear-off date."""

    id: str
    owner: str
    due_at: datetime
    cleared_at: datetime | None = None
    late: bool = False


class Consultation(Struct, frozen=True, kw_only=True):
    """One consultation of a case."""

    id: str
    kind: str
    body: str
    #: convening organisation
    org: str
    stage: str
    opened_at: datetime
    meets_at: datetime | None = None
    #: 应到, fixed when notice was given, and all members with a vote, struck ones too
    eligible: int = 0
    members: int = 0
    #: which roll is counted (policy's rolls), where the body may count more than one
    counted: str = ""
    roll: tuple[RollSeat, ...] = ()
    opinions: tuple[Opinion, ...] = ()
    votes: tuple[Vote, ...] = ()
    sittings: tuple[Sitting, ...] = ()
    #: steps behind it, in order; empty for a single sitting
    passed: tuple[Passed, ...] = ()
    #: how often it was called again because too few came
    recalls: int = 0
    #: step whose publication hangs out or waits for objections; empty: none
    publicity: str = ""
    minutes: tuple[str, ...] = ()
    objections: tuple[Objection, ...] = ()
    items: tuple[ActionItem, ...] = ()
    outcome: str = ""
    outcome_reason: str = ""
    concluded_at: datetime | None = None
    township_attendee: str = ""


class AssignmentState(StrEnum):
    """Where an assignment stands."""

    #: a lead is named; the dispatcher decides
    PROPOSED = "proposed"
    #: waits for the township's next matching round
    WAITING = "waiting"
    #: candidates are with the secretary
    RECOMMENDED = "recommended"
    #: a member or unit was asked
    OFFERED = "offered"
    #: taken
    ACCEPTED = "accepted"
    #: said to be done
    HANDLED = "handled"
    #: checked and good
    PASSED = "passed"
    #: ended without work: returned, reassigned, cancelled
    ENDED = "ended"


class CandidateOption(Struct, frozen=True, kw_only=True):
    """A recommended candidate with the reasons, in basis points."""

    assignee: str
    kind: str
    score: int
    reasons: dict[str, int]


class Assignment(Struct, frozen=True, kw_only=True):
    """One attempt to have the work of a case done."""

    id: str
    state: AssignmentState
    #: organisation that leads (grid, village, office, department)
    org: str
    #: units that help
    helpers: tuple[str, ...] = ()
    #: of those, who signed their part off
    helpers_done: tuple[str, ...] = ()
    #: `unit` where a unit does it itself, else the kind of person or group
    kind: str = "unit"
    assignee: str = ""
    second: str = ""
    #: of these two, who said yes
    accepted_by: tuple[str, ...] = ()
    #: the search for a member who helps a unit that keeps the work; None: no such search
    aid: AssignmentState | None = None
    candidates: tuple[CandidateOption, ...] = ()
    #: who said no or did not answer, in order
    declined: tuple[str, ...] = ()
    recused: tuple[str, ...] = ()
    #: persons the matter is about
    kept_out: tuple[str, ...] = ()
    confirmed_by: str = ""
    requested_at: datetime
    offered_at: datetime | None = None
    accepted_at: datetime | None = None
    handled_at: datetime | None = None
    handled_by: str = ""
    checked_at: datetime | None = None
    checked_by: str = ""
    rework: int = 0
    progress: int = 0
    #: why it ended, where it ended without work
    ended: str = ""


class Party(Struct, frozen=True, kw_only=True):
    """A called department on its own clocks."""

    org: str
    lead: bool
    called_at: datetime
    signed_at: datetime | None = None
    arrived_at: datetime | None = None
    planned_at: datetime | None = None
    done_at: datetime | None = None
    #: clock kinds that ran out unanswered
    late: tuple[str, ...] = ()
    #: of those, answered in time and heard late (offline window)
    late_received: tuple[str, ...] = ()
    #: replaced by adjudication
    released: bool = False
    #: the call let it into the circle of a marked case
    let_in: bool = False
    #: when a consequence was proposed for it, and which ones a person has recorded
    proposed: tuple[datetime, ...] = ()
    measures: tuple[str, ...] = ()

    @property
    def counted_late(self) -> tuple[str, ...]:
        """Clock kinds in which it really was late."""
        return tuple(kind for kind in self.late if kind not in self.late_received)


class WhistleObjection(Struct, frozen=True, kw_only=True):
    """A department's objection and where it stands."""

    by: str
    cites: str
    level: int
    at: datetime
    decided_at: datetime | None = None
    upheld: bool = False
    #: upheld, rejected, no_decision, overtaken; empty while it is open
    outcome: str = ""


class WhistleState(StrEnum):
    """Where a whistle stands."""

    #: waits for the principal
    REQUESTED = "requested"
    #: departments are called
    BLOWN = "blown"
    #: refused by the principal
    REFUSED = "refused"
    #: the lead finished
    FINISHED = "finished"
    #: ended without work (case cancelled)
    ENDED = "ended"


class Whistle(Struct, frozen=True, kw_only=True):
    """One whistle of a case."""

    id: str
    kind: str
    state: WhistleState
    #: township that blew it
    org: str
    requested_by: str
    requested_at: datetime
    #: whom the request names; the approval may name others
    lead: str = ""
    helpers: tuple[str, ...] = ()
    approved_by: str = ""
    blown_at: datetime | None = None
    #: the lead's limit, and how many extensions of the case's it already holds
    due: Deadline | None = None
    extensions: int = 0
    #: confirmed afterwards by the principal: None not yet, else what was said
    confirmed: bool | None = None
    parties: tuple[Party, ...] = ()
    objections: tuple[WhistleObjection, ...] = ()
    finished_at: datetime | None = None
    #: department → 0–100 by the township; and the whistle by departments
    ratings: dict[str, int] = {}
    #: department → did it solve its part, as the township says
    solved: dict[str, bool] = {}
    whistle_ratings: dict[str, int] = {}


class Visit(Struct, frozen=True, kw_only=True):
    """One round of asking the villager."""

    id: str
    requested_at: datetime
    channel: str
    attempts: int = 0
    result: str = ""
    contacted: bool = False
    solved: bool | None = None
    satisfaction: str = ""
    visitor: str = ""
    answered_at: datetime | None = None
    disputed: bool = False


class Case(Struct, frozen=True, kw_only=True):
    """One matter, from report to archive."""

    id: CaseId
    #: counts the applied inputs; 0 is a stub
    version: int = 0
    state: CaseState = CaseState.STUB
    #: number people can say on the phone: grid code, date, sequence
    number: str = ""
    county: str = ""
    township: str = ""
    village: str = ""
    grid: str = ""
    category: str = ""
    #: E, U or N of the category
    urgency: str = ""
    tier: int = 0
    #: 1 is worst; 0 is none
    emergency_level: int = 0
    mark: Mark = Mark.NONE
    #: organisations that may know of a marked case
    circle: tuple[str, ...] = ()
    source: str = ""
    #: app or partner system whose report opened it
    origin: str = ""
    reporter_ref: str = ""
    #: person who filed it
    filed_by: str = ""
    lon: float | None = None
    lat: float | None = None
    evidence: int = 0
    joint: bool = False
    disputed: bool = False
    public_interest: bool = False
    occurred_at: datetime | None = None
    reported_at: datetime | None = None
    registered_at: datetime | None = None
    closed_at: datetime | None = None
    policy_version: str = ""
    #: rule that set tier, owner and limit
    rule: str = ""
    #: open case this one seems to repeat, waiting for a person's decision
    merge_candidate: str = ""
    merged_into: str = ""
    #: reports that were merged into this one
    merged: tuple[str, ...] = ()
    #: cases a person said are different matters
    not_same: tuple[str, ...] = ()
    owner: Owner | None = None
    #: the case's limit, with its explanation
    due: Deadline | None = None
    breached_at: datetime | None = None
    #: answered in time, heard late (offline window)
    late_received: bool = False
    rungs: tuple[Rung, ...] = ()
    ask: Ask | None = None
    extensions: int = 0
    suspensions: int = 0
    suspended_at: datetime | None = None
    returns: int = 0
    rework: int = 0
    reopened: int = 0
    urged: int = 0
    supervised: str = ""
    #: units that ever led it, in order
    leads: tuple[str, ...] = ()
    clocks: tuple[Clock, ...] = ()
    consultation: Consultation | None = None
    assignment: Assignment | None = None
    whistle: Whistle | None = None
    visit: Visit | None = None
    grade: str = ""
    #: action → who did it, for the acts that bar somebody from a later one
    deeds: dict[str, tuple[str, ...]] = {}
    #: imported cases: id in the other system, and rows seen
    history_ref: str = ""
    history_rows: int = 0

    @property
    def is_open(self) -> bool:
        """Does somebody still owe something?"""
        return self.state not in SETTLED_STATES

    def clock(self, key: str) -> Clock | None:
        """Return the running clock of this key, or None."""
        return next((clock for clock in self.clocks if clock.key == key), None)


class TaskState(StrEnum):
    """Where a village task stands."""

    REQUESTED = "requested"
    ADMITTED = "admitted"
    TEMPORARY = "temporary"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class TaskReview(Struct, frozen=True, kw_only=True):
    """One review a village task passed."""

    role: str
    by: str
    at: datetime


class VillageTask(Struct, frozen=True, kw_only=True):
    """Work a department wants villages to do."""

    id: str
    version: int = 0
    state: TaskState = TaskState.REQUESTED
    township: str = ""
    title: str = ""
    item: str = ""
    asked_by: str = ""
    villages: tuple[str, ...] = ()
    legal_basis: str = ""
    forms: int = 0
    ledgers: int = 0
    meetings: int = 0
    inspections: int = 0
    systems: tuple[str, ...] = ()
    funding: str = ""
    off_hours: bool = False
    urgent: bool = False
    #: on the admission list, asked for by who may, within the list's figures
    listed: bool = False
    #: what the list check found against it, as codes
    findings: tuple[str, ...] = ()
    #: last day, as an ISO date
    ends_on: str = ""
    reviews: tuple[TaskReview, ...] = ()
    #: villages that agreed to a temporary admission
    consents: tuple[str, ...] = ()
    renewals: int = 0
    requested_at: datetime | None = None
    decided_at: datetime | None = None
    policy_version: str = ""
    clocks: tuple[Clock, ...] = ()

    def clock(self, key: str) -> Clock | None:
        """Return the running clock of this key, or None."""
        return next((clock for clock in self.clocks if clock.key == key), None)


def task_id_of(source: str, event_id: str) -> str:
    """Return the id of the village task that the request (source, event_id) opens."""
    return derived_id("task", source, event_id)


class Township(Struct, frozen=True, kw_only=True):
    """What belongs to a township as a whole: its matching round."""

    id: str
    version: int = 0
    #: cases that wait for the next round, in the order they came
    waiting: tuple[str, ...] = ()
    clocks: tuple[Clock, ...] = ()
