"""What goes into a transaction and what comes out of it."""

from datetime import datetime

from msgspec import Struct

from models.ledger_store import DueTimer
from models.shard_store import Positions, TimerName
from models.values import DeadLetterReason, Step


class Coordinate(Struct, frozen=True, kw_only=True):
    """Where a record lies: never the same twice, not even after a broker lost its log."""

    topic: str
    topic_id: str
    partition: int
    offset: int


class RawRecord(Struct, frozen=True, kw_only=True):
    """A record as it was read."""

    at: Coordinate
    key: bytes | None
    headers: list[tuple[str, bytes]]
    value: bytes
    #: decision time: append time in the log, or when it was first read
    now: datetime
    #: `now` is when it came; else only that it came before is known
    timed: bool = True
    #: its timestamp, whoever set it: to measure by, never to decide by
    written_at: datetime | None = None

    def is_from(self, moment: datetime | None) -> bool:
        """Tell whether it is known to have come at this moment or later."""
        return moment is not None and self.timed and self.now >= moment


class DueFiring(Struct, frozen=True, kw_only=True):
    """A timer to fire, and why it does not wait for a topic that cannot be read."""

    timer: DueTimer
    stalled: str = ""
    wave: int = 0

    @property
    def name(self) -> TimerName:
        """What its timer is known by."""
        return self.timer.subject, self.timer.clock.key

    @property
    def due_at(self) -> datetime:
        """When it was due: its decision time."""
        return self.timer.clock.due_at


class Batch(Struct, frozen=True, kw_only=True):
    """Records of one topic and partition, or firings: decided in one transaction."""

    shard: int
    step: Step
    records: tuple[RawRecord, ...] = ()
    firings: tuple[DueFiring, ...] = ()
    #: last record it was read with, where those behind were taken out again; None: its own last
    read_to: RawRecord | None = None
    #: where the shard's reading stands after it; the owner fills it in
    positions: Positions = {}
    #: wall clock
    recorded_at: datetime
    #: present instant of a time-lapse
    instant: datetime | None = None
    flow_run: str = ""
    #: why its one input must not be decided: it killed the process, or could not be stored
    aside: DeadLetterReason | None = None
    #: even putting it aside killed the process: its one record must not be read
    unseen: bool = False

    @property
    def last(self) -> RawRecord | None:
        """The last record that is read with it."""
        return self.read_to or (self.records[-1] if self.records else None)


class Line(Struct, frozen=True, kw_only=True):
    """One input as the shift's table shows it. Marked cases are `restricted`."""

    number: str
    event: str
    fate: str
    reason: str
    #: for the log alone: ids of the event and of its case, as far as operators may see them
    event_id: str = ""
    case_id: str = ""


class Result(Struct, frozen=True, kw_only=True):
    """What a transaction did."""

    lines: tuple[Line, ...]
    #: timers or follow-ups were written: the loop looks again at once
    follow_ups: int
    dead_letters: int
