"""The owner of one shard: runs batches as transactions, and finds the record that breaks them.

Three kinds of failure, three answers. The database is away: `Unavailable`, nothing is changed and
the same batch is tried again later. Another engine took the shard: `ShardLost`, let go. Anything
else is one record's fault: the batch is halved until that record stands alone, and is put aside.
"""

import logging
from collections.abc import Mapping
from typing import Any

import psycopg
from msgspec.structs import replace
from psycopg.errors import InterfaceError, LockNotAvailable, OperationalError, UniqueViolation

from flows.apply import Apply, Directories, apply_batch
from flows.attempts import Attempts, Survived
from flows.batch import Batch, RawRecord, Result
from flows.telling import tell
from models.setting import Setting
from models.shard_store import (
    Position,
    Positions,
    ShardState,
    offsets_read,
    read_before,
    take_shard,
)
from models.values import DeadLetterReason
from partygrid.clock import Clock
from partygrid.errors import Unavailable
from partygrid.logs import about

log = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

#: PostgreSQL's class of limits that a single statement or row exceeds: no second try helps.
_LIMIT_EXCEEDED = "54"


#: Our transaction was ended for us, or the server takes no writes: it is not the first any more.
_NOT_HERE = "25"
#: How long a transaction of a shard's last owner may hold up the taking.
_TAKE_WITHIN = "SET LOCAL lock_timeout = '2s'"


def is_transient(fault: Exception) -> bool:
    """Tell whether the database failed, and not the rows that were given to it."""
    state = (fault.sqlstate or "") if isinstance(fault, psycopg.Error) else ""
    if isinstance(fault, OperationalError):
        return not state.startswith(_LIMIT_EXCEEDED)
    return isinstance(fault, InterfaceError) or state.startswith(_NOT_HERE)


class ShardHeldUp(Unavailable):
    """A transaction of the shard's last owner has not ended yet."""


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
        survived: Survived | None = None,
        apply: Apply = apply_batch,
    ) -> None:
        """Take the shard over. `notes` commits by itself and counts attempts.

        `survived` are batches that this process began and lived through: only servers failed.
        Raises `ShardHeldUp`, and what psycopg raises.
        """
        self.shard, self._connection = shard, connection
        self._setting, self._directories = setting, directories
        self._survived = survived or Survived()
        self._apply = apply
        self.state = self._take(clock)
        self._survived.forget(shard)
        self._attempts = Attempts(notes, clock, shard=shard, epoch=self.state.epoch)
        self._firsts: dict[str, int] = {}

    def _take(self, clock: Clock) -> ShardState:
        try:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                cursor.execute(_TAKE_WITHIN)
                state = take_shard(cursor, self.shard, self._setting.engine, clock.now())
                self._survived.take_back(cursor, self.shard)
        except LockNotAvailable as fault:
            raise ShardHeldUp(shard=self.shard) from fault
        return state

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

    def lost_log(self, topic_ids: Mapping[str, str]) -> bool:
        """Tell whether these topics are not those that were read: the broker forgot its log.

        So it is before anything was read, too: nobody knows what stood in a log before this one.
        """
        known = self.state.positions
        return not known or any(
            topic_ids.get(topic, at.topic_id) != at.topic_id for topic, at in known.items()
        )

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
        for part in self._attempts.parts(batch):
            begun = self._attempts.begin(part, self._setting.shelf.current)
            results += self._attempt(begun)
        return results

    def _attempt(self, batch: Batch, *, again: bool = True) -> list[Result]:
        try:
            return [self._transaction(batch)]
        except Unavailable:
            self._directories.forget()
            raise
        except Exception as fault:  # whatever one record does, the others and the loop go on
            self._directories.forget()
            if is_transient(fault):
                self._survived.note(batch)
                raise Unavailable(f"PostgreSQL went away: {type(fault).__name__}") from fault
            if again and isinstance(fault, UniqueViolation):
                # Another shard's owner wrote the same identity at this moment; now it is known.
                # Or somebody set the positions back, and what is read has its row already.
                return self._attempt(self._not_read_before(batch), again=False)
            return self._halved(batch, fault)

    def _not_read_before(self, batch: Batch) -> Batch:
        """Take records out whose coordinates have a row: where they ended is known for good."""
        if not batch.records:
            return batch
        first, last = batch.records[0].at, batch.records[-1].at
        with self._connection.transaction(), self._connection.cursor() as cursor:
            known = offsets_read(
                cursor, first.topic_id, self.shard, between=(first.offset, last.offset)
            )
        left = tuple(record for record in batch.records if record.at.offset not in known)
        log.info("%s of %s records were read before", len(known), len(batch.records))
        return replace(batch, records=left, read_to=batch.records[-1])

    def _transaction(self, batch: Batch) -> Result:
        last = batch.last
        positions = self.positions_after(last) if last is not None else self.state.positions
        with self._connection.transaction(), self._connection.cursor() as cursor:
            state, result = self._apply(
                cursor,
                self.state,
                replace(batch, positions=positions),
                self._setting,
                self._directories,
            )
        self.state = state
        tell(self.shard, result)
        return result

    def _halved(self, batch: Batch, fault: Exception) -> list[Result]:
        """Find the input that cannot be stored."""
        inputs = batch.records or batch.firings
        # A row in the database's message may name people; our own faults are told with their place.
        where = None if isinstance(fault, psycopg.Error) else fault
        log.warning(
            "a batch of %s cannot be stored: %s",
            len(inputs),
            type(fault).__name__,
            exc_info=where,
            extra=about(shard=self.shard),
        )
        if not inputs or (len(inputs) == 1 and batch.aside is not None):
            raise fault
        if len(inputs) == 1:
            return self._attempt(replace(batch, aside=DeadLetterReason.POISON))
        middle = len(inputs) // 2
        if batch.records:
            halves = [
                replace(batch, records=batch.records[:middle], read_to=None),
                replace(batch, records=batch.records[middle:]),
            ]
        else:
            halves = self._halved_firings(batch, middle)
        return [result for half in halves for result in self._attempt(half)]

    def _halved_firings(self, batch: Batch, middle: int) -> list[Batch]:
        """By the wall clock the later half is looked up again: an earlier timer may be set now."""
        first = replace(batch, firings=batch.firings[:middle])
        if batch.instant is not None:
            return [first, replace(batch, firings=batch.firings[middle:])]
        self._attempts.leave(batch.firings[middle:])
        return [first]
