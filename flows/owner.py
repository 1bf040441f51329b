"""The owner of one shard: runs batches as transactions, and finds the record that breaks them.

Three kinds of failure, three answers. The database is away: `Unavailable`, nothing is changed and
the same batch is tried again later. Another engine took the shard: `ShardLost`, let go. Anything
else is one record's fault: the batch is halved until that record stands alone, and is put aside.
"""

import logging
from collections.abc import Sequence
from typing import Any

import psycopg
from msgspec.structs import replace
from psycopg.errors import InterfaceError, OperationalError, UniqueViolation

from flows.apply import Apply, Directories, apply_batch
from flows.batch import Batch, RawRecord, Result
from models.setting import Setting
from models.shard_store import (
    Position,
    Positions,
    ShardState,
    attempts_left,
    forget_attempts,
    note_attempt,
    read_before,
    take_shard,
)
from models.values import DeadLetterReason
from partygrid.clock import Clock
from partygrid.errors import Unavailable

log = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]
#: A batch that was begun: topic id, partition, first offset.
Begun = tuple[str, int, int]

#: PostgreSQL's class of limits that a single statement or row exceeds: no second try helps.
_LIMIT_EXCEEDED = "54"


def is_transient(fault: Exception) -> bool:
    """Tell whether the database failed, and not the rows that were given to it."""
    if isinstance(fault, OperationalError):
        return not (fault.sqlstate or "").startswith(_LIMIT_EXCEEDED)
    return isinstance(fault, InterfaceError)


class Owner:
    """One shard, owned by this engine."""

    def __init__(
        self,
        shard: int,
        connection: Connection,
        notes: Connection,
        setting: Setting,
        directories: Directories,
        clock: Clock,
        survived: set[Begun] | None = None,
        apply: Apply = apply_batch,
    ) -> None:
        """Take the shard over. `notes` commits by itself and counts attempts.

        `survived` are batches that this process began and lived through: only servers failed.
        """
        self.shard, self._connection, self._notes = shard, connection, notes
        self._setting, self._directories, self._clock = setting, directories, clock
        self._survived = set() if survived is None else survived
        self._apply = apply
        with connection.transaction(), connection.cursor() as cursor:
            self.state: ShardState = take_shard(cursor, shard, setting.engine, clock.now())
            for topic_id, partition, first in sorted(self._survived):
                if partition == shard:
                    forget_attempts(cursor, topic_id=topic_id, partition=shard, upto=first)
            left = attempts_left(cursor, shard)
        self._survived.difference_update([one for one in self._survived if one[1] == shard])
        self._firsts: dict[str, int] = {}
        #: coordinates that were under way when an engine died: (topic id, first, last)
        self._suspects = [(topic_id, first, last) for topic_id, _, first, last, _ in left]

    def next_offset(self, topic: str, topic_id: str) -> int | None:
        """Return where reading goes on; None where nothing of this topic was read yet.

        A log that comes back after another one stood in its place goes on where it was left.
        """
        known = self.state.positions.get(topic)
        if known is not None and known.topic_id == topic_id:
            return known.next
        with self._connection.transaction(), self._connection.cursor() as cursor:
            span = read_before(cursor, topic_id, self.shard)
        if span is None:
            return None
        first, last = span
        self.begin(topic, first)
        return last + 1

    def begin(self, topic: str, first: int) -> None:
        """Note where a topic begins of which nothing was read yet."""
        self._firsts[topic] = first

    def positions_after(self, last: RawRecord) -> Positions:
        """Return where reading stands once this record is decided."""
        at = last.at
        known = self.state.positions.get(at.topic)
        same = known is not None and known.topic_id == at.topic_id
        if known is not None and same:
            here = known._replace(next=max(known.next, at.offset + 1))
        else:
            here = Position(at.topic_id, at.offset + 1, self._firsts.get(at.topic, 0))
        return {**self.state.positions, at.topic: here}

    def run(self, batch: Batch) -> list[Result]:
        """Decide a batch; smaller ones where a record is under suspicion or breaks it."""
        results = []
        for part in self._parts(batch):
            if part.records:
                part = self._counted(part)
            results += self._attempt(part)
        return results

    def _parts(self, batch: Batch) -> Sequence[Batch]:
        """Decide records alone that were under way when an engine died."""
        if not self._suspects or not batch.records:
            return (batch,)
        ids = {batch.records[0].at.topic_id}
        ranges = [(first, last) for topic_id, first, last in self._suspects if topic_id in ids]
        if not any(
            first <= record.at.offset <= last for record in batch.records for first, last in ranges
        ):
            return (batch,)
        return [replace(batch, records=(record,)) for record in batch.records]

    def _counted(self, batch: Batch) -> Batch:
        """Note that the batch is begun, where no crash can take the note back."""
        first, last = batch.records[0].at, batch.records[-1].at
        with self._notes.cursor() as cursor:
            attempts = note_attempt(
                cursor,
                shard=self.shard,
                topic_id=first.topic_id,
                partition=first.partition,
                first=first.offset,
                last=last.offset,
                now=self._clock.now(),
            )
        limit = self._setting.shelf.current.limits.crash_attempts
        if len(batch.records) == 1 and attempts > limit and batch.aside is None:
            log.warning("record %s/%s kills the process: put aside", first.topic, first.offset)
            return replace(batch, aside=DeadLetterReason.CRASHED, unseen=attempts > limit + 1)
        return batch

    def _attempt(self, batch: Batch, *, again: bool = True) -> list[Result]:
        try:
            return [self._transaction(batch)]
        except Unavailable:
            self._directories.forget()
            raise
        except Exception as fault:  # whatever one record does, the others and the loop go on
            self._directories.forget()
            if is_transient(fault):
                self._survive(batch)
                raise Unavailable(f"PostgreSQL went away: {type(fault).__name__}") from fault
            if again and isinstance(fault, UniqueViolation):
                # Another shard's owner wrote the same identity at this moment; now it is known.
                return self._attempt(batch, again=False)
            return self._halved(batch, fault)

    def _survive(self, batch: Batch) -> None:
        if batch.records:
            at = batch.records[0].at
            self._survived.add((at.topic_id, at.partition, at.offset))

    def _transaction(self, batch: Batch) -> Result:
        if batch.records:
            positions = self.positions_after(batch.records[-1])
        else:
            positions = self.state.positions
        with self._connection.transaction(), self._connection.cursor() as cursor:
            state, result = self._apply(
                cursor,
                self.state,
                replace(batch, positions=positions),
                self._setting,
                self._directories,
            )
        self.state = state
        return result

    def _halved(self, batch: Batch, fault: Exception) -> list[Result]:
        """Find the input that cannot be stored."""
        inputs = batch.records or batch.firings
        # A row in the database's message may name people; our own faults are told with their place.
        where = None if isinstance(fault, psycopg.Error) else fault
        log.warning(
            "a batch of %s cannot be stored: %s", len(inputs), type(fault).__name__, exc_info=where
        )
        if len(inputs) == 1:
            if batch.aside is not None:
                raise fault
            return self._attempt(replace(batch, aside=DeadLetterReason.POISON))
        middle = len(inputs) // 2
        if batch.records:
            halves = [
                replace(batch, records=batch.records[:middle]),
                replace(batch, records=batch.records[middle:]),
            ]
        else:
            halves = [
                replace(batch, firings=batch.firings[:middle]),
                replace(batch, firings=batch.firings[middle:]),
            ]
        return [result for half in halves for result in self._attempt(half)]
