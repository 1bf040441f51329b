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
from psycopg.errors import InterfaceError, OperationalError

from flows.apply import Directories, apply_batch
from flows.batch import Batch, RawRecord, Result
from models.setting import Setting
from models.shard_store import (
    Position,
    Positions,
    ShardState,
    attempts_left,
    note_attempt,
    take_shard,
)
from models.values import DeadLetterReason
from partygrid.clock import Clock
from partygrid.errors import Unavailable

log = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]


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
    ) -> None:
        """Take the shard over. `notes` commits by itself and counts attempts."""
        self.shard, self._connection, self._notes = shard, connection, notes
        self._setting, self._directories, self._clock = setting, directories, clock
        with connection.transaction(), connection.cursor() as cursor:
            self.state: ShardState = take_shard(cursor, shard, setting.engine, clock.now())
            left = attempts_left(cursor, shard)
        self._firsts: dict[str, int] = {}
        #: coordinates that were under way when an engine died: (topic id, first, last)
        self._suspects = [(topic_id, first, last) for topic_id, _, first, last, _ in left]

    def next_offset(self, topic: str, topic_id: str) -> int | None:
        """Return where reading goes on; None where nothing of this topic was read yet."""
        known = self.state.positions.get(topic)
        return known.next if known is not None and known.topic_id == topic_id else None

    def begin(self, topic: str, first: int) -> None:
        """Note where a topic begins of which nothing was read yet."""
        self._firsts[topic] = first

    def positions_after(self, last: RawRecord) -> Positions:
        """Return where reading stands once this record is decided."""
        at = last.at
        known = self.state.positions.get(at.topic)
        same = known is not None and known.topic_id == at.topic_id
        first = known.first if known is not None and same else self._firsts.get(at.topic, 0)
        return {**self.state.positions, at.topic: Position(at.topic_id, at.offset + 1, first)}

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
            return replace(batch, aside=DeadLetterReason.CRASHED)
        return batch

    def _attempt(self, batch: Batch) -> list[Result]:
        try:
            return [self._transaction(batch)]
        except (OperationalError, InterfaceError) as fault:
            self._directories.forget()
            raise Unavailable(f"PostgreSQL went away: {type(fault).__name__}") from fault
        except psycopg.Error as fault:
            self._directories.forget()
            return self._halved(batch, fault)

    def _transaction(self, batch: Batch) -> Result:
        if batch.records:
            positions = self.positions_after(batch.records[-1])
        else:
            positions = self.state.positions
        with self._connection.transaction(), self._connection.cursor() as cursor:
            state, result = apply_batch(
                cursor,
                self.state,
                replace(batch, positions=positions),
                self._setting,
                self._directories,
            )
        self.state = state
        return result

    def _halved(self, batch: Batch, fault: psycopg.Error) -> list[Result]:
        """Find the input that cannot be stored."""
        inputs = batch.records or batch.firings
        log.warning("a batch of %s cannot be stored: %s", len(inputs), type(fault).__name__)
        if len(inputs) == 1:
            if batch.firings or batch.aside is not None:
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
