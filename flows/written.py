"""What a batch will write: rows collected while folding, stored together at its end."""

from datetime import datetime

from msgspec import Struct, field

from models.audit_chain import Act, Circumstance
from models.directory import Spell
from models.setting import Row
from models.shard_store import TimerName


class Written(Struct, kw_only=True):
    """Rows by table, in the order in which they were decided."""

    journal: list[Row] = field(default_factory=list)
    records: list[Row] = field(default_factory=list)
    #: by source and event id: the last word counts
    outcomes: dict[tuple[str, str], Row] = field(default_factory=dict)
    #: the same, but only where there is no word yet
    first_outcomes: dict[tuple[str, str], Row] = field(default_factory=dict)
    parked: list[Row] = field(default_factory=list)
    unparked: list[str] = field(default_factory=list)
    #: topic id, partition, offset, fate, reason of records whose fate changed
    fates: list[tuple[str, int, int, str, str]] = field(default_factory=list)
    dead_letters: list[Row] = field(default_factory=list)
    outbox: list[Row] = field(default_factory=list)
    texts: list[Row] = field(default_factory=list)
    notices: list[Row] = field(default_factory=list)
    audit: list[tuple[Act, Circumstance]] = field(default_factory=list)
    entries: list[tuple[int, Spell]] = field(default_factory=list)
    stopped_timers: list[TimerName] = field(default_factory=list)
    running_timers: dict[TimerName, Row] = field(default_factory=dict)
    #: timers of the batch that were left for later
    unfired: list[TimerName] = field(default_factory=list)

    def stop_timer(self, subject: str, key: str) -> None:
        """Take a timer away, also one set earlier in this batch."""
        self.running_timers.pop((subject, key), None)
        self.stopped_timers.append((subject, key))

    def rings_before(self, moment: datetime) -> bool:
        """Was a timer set in this batch that comes due before `moment`?"""
        return any(row["due_at"] < moment for row in self.running_timers.values())

    def run_timer(self, row: Row) -> None:
        """Set a timer; it takes the place of one of the same subject and key."""
        self.running_timers[row["subject"], row["key"]] = row
