"""What deciding takes and gives: the types every step shares. Pure."""

from datetime import datetime

from msgspec import Struct

from events.contract.envelope import Acting, Event, Payload
from models.case import Case
from models.clocks import Clock
from models.directory import Directory
from models.office import Office
from models.values import CaseId, Fate
from models.village import Township, VillageTask
from notifications.notice import Notice


class Firing(Struct, frozen=True, kw_only=True):
    """A timer that came due. `now` of its decision is `clock.due_at`."""

    subject: str
    township: str
    clock: Clock
    #: why it fired although a topic could not be read; empty where all was read
    stalled: str = ""


class Neighbour(Struct, frozen=True, kw_only=True):
    """An open case of the same township and category, reported within the window."""

    case_id: CaseId
    number: str
    grid: str
    category: str
    lon: float | None
    lat: float | None
    reported_at: datetime


class OpenWork(Struct, frozen=True, kw_only=True):
    """What a person has on the desk, for matching."""

    open_tasks: int
    #: tasks taken in the policy's fairness window
    recent_tasks: int
    #: when the last task was offered; None where never
    last_offered_at: datetime | None


class Facts(Struct, frozen=True, kw_only=True):
    """A frozen slice of what else a decision may know, as of its moment."""

    directory: Directory
    #: calendar and office hours, as the case keeps them
    office: Office
    #: the same hours on the calendar in force now; None: the case's own is in force
    newest: Office | None = None
    #: open cases that might be the same matter (reports filed only)
    neighbours: tuple[Neighbour, ...] = ()
    #: next free sequence number of the grid's day (reports filed only)
    sequence: int = 1
    #: the case another one is merged into
    other: Case | None = None
    #: where a merged case is handled now (not where it was merged first, if that was merged too)
    main: Case | None = None
    #: person → what is on the desk (matching rounds only)
    work: dict[str, OpenWork] = {}
    #: cases that wait for the round (matching rounds only)
    waiting: tuple[Case, ...] = ()
    #: the township as a whole
    township: Township | None = None


class Audit(Struct, frozen=True, kw_only=True):
    """One thing that was done: becomes one audit record. Who acted is `acting`."""

    #: imperative of the event type, or `timer:<kind>`
    action: str
    acting: Acting
    #: state before and after; the same where it did not change
    before: str = ""
    after: str = ""
    #: reason code, `ok` where nothing needs explaining
    reason: str = "ok"
    #: token of the words that were given as reason
    words: str = ""
    #: rule of the policy that acted, e.g. `categories/06-02` or `ladders/normal/2`
    rule: str = ""
    #: organisation the work lies with after it
    org: str = ""
    #: hashes of the evidence
    evidence: tuple[str, ...] = ()
    #: more that explains it: codes, numbers, due times; never free text
    detail: dict[str, str | int | bool | None] = {}


class FollowUp(Struct, frozen=True, kw_only=True):
    """An event the engine makes because of this one. Its topic follows from its data's type."""

    data: Payload
    #: case or task it is about
    subject: str
    acting: Acting


class Decision(Struct, frozen=True, kw_only=True):
    """What follows from one input. Timers are the difference of the subject's clocks."""

    fate: Fate
    #: `ok`, or the code of the reason it was refused or parked
    reason: str = "ok"
    #: the case after it; None where no case changes
    case: Case | None = None
    #: another case that changes with it (merging)
    other: Case | None = None
    task: VillageTask | None = None
    township: Township | None = None
    #: directory entries to record (directory step only)
    entries: tuple[Payload, ...] = ()
    audit: tuple[Audit, ...] = ()
    follow_ups: tuple[FollowUp, ...] = ()
    notices: tuple[Notice, ...] = ()


Input = Event | Firing
