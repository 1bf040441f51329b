"""What the engine knows of one case and of what hangs on it: frozen snapshots. Pure.

A decision makes a new snapshot with `msgspec.structs.replace`; the store writes what differs.
Derived facts (open, overdue, light) are functions of the snapshot, never fields of their own.
"""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from models.clocks import Clock
from models.consulting import Consultation
from models.deadlines import Deadline
from models.handling import Assignment, Visit, Whistle
from models.values import SETTLED_STATES, CaseId, CaseState, Mark


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
    #: working days its deadlines are computed with; computing them again takes those of that day
    calendar_version: str = ""
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
