"""What is known of the work on a case: assignments, whistles and visits. Pure."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from models.deadlines import Deadline


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
