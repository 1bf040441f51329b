"""What was begun and not finished: counted before each batch, where no crash can take it back.

Whoever takes a shard over after a crash finds the count, and decides alone what was under way
then; so it shows which of them killed the process, and that one is put aside.
"""

import logging
from collections.abc import Sequence
from typing import Any

import psycopg
from msgspec.structs import replace

from flows.batch import Batch, DueFiring, RawRecord
from models.case_store import case_to_show
from models.policy.schema import Policy
from models.shard_store import (
    TimerName,
    attempts_left,
    forget_attempts,
    forget_firings,
    note_attempt,
    note_firings,
)
from models.values import DeadLetterReason
from partygrid.clock import Clock
from partygrid.logs import about

log = logging.getLogger(__name__)

#: A batch of records that was begun: topic id, partition, first offset.
Begun = tuple[str, int, int]


class Survived:
    """Batches that this process began and lived through: only servers failed."""

    def __init__(self) -> None:
        """Know of none."""
        self._records: set[Begun] = set()
        self._firings: set[tuple[int, TimerName]] = set()

    def note(self, batch: Batch) -> None:
        """Remember one until its count can be taken back."""
        if batch.records:
            at = batch.records[0].at
            self._records.add((at.topic_id, at.partition, at.offset))
        self._firings |= {(batch.shard, due.name) for due in batch.firings}

    def take_back(self, cursor: psycopg.Cursor[Any], shard: int) -> None:
        """Take the counts of a shard back, in the transaction that takes the shard over."""
        for topic_id, partition, first in sorted(self._records):
            if partition == shard:
                forget_attempts(cursor, topic_id=topic_id, partition=shard, upto=first)
        forget_firings(cursor, [name for where, name in sorted(self._firings) if where == shard])

    def forget(self, shard: int) -> None:
        """Forget a shard's batches: their counts were taken back."""
        self._records = {one for one in self._records if one[1] != shard}
        self._firings = {one for one in self._firings if one[0] != shard}


class Attempts:
    """Counts for the owner of one shard."""

    def __init__(
        self, notes: psycopg.Connection[Any], clock: Clock, *, shard: int, epoch: int
    ) -> None:
        """Count over `notes`, a connection that commits by itself."""
        self._notes, self._clock = notes, clock
        self._shard, self._epoch = shard, epoch
        with notes.cursor() as cursor:
            left = attempts_left(cursor, shard)
        #: coordinates that were under way when an engine died: (topic id, first, last)
        self._suspects = [(topic_id, first, last) for topic_id, _, first, last, _ in left]

    def parts(self, batch: Batch) -> Sequence[Batch]:
        """Decide alone what was under way when an engine died.

        By the wall clock only the first firings are returned where one is under suspicion: what
        they set may come due before the next.
        """
        if batch.records:
            if not self._suspects or not any(map(self._was_under_way, batch.records)):
                return (batch,)
            return [replace(batch, records=(record,)) for record in batch.records]
        if not any(map(_was_begun, batch.firings)):
            return (batch,)
        if batch.instant is not None:
            return [replace(batch, firings=(due,)) for due in batch.firings]
        honest = next(at for at, due in enumerate(batch.firings) if _was_begun(due))
        return (replace(batch, firings=batch.firings[: honest or 1]),)

    def _was_under_way(self, record: RawRecord) -> bool:
        at = record.at
        return any(
            topic_id == at.topic_id and first <= at.offset <= last
            for topic_id, first, last in self._suspects
        )

    def begin(self, batch: Batch, policy: Policy) -> Batch:
        """Count that a batch is begun; put its one input aside that was begun too often."""
        attempts = self._count_records(batch) if batch.records else self._count_firings(batch)
        limit = policy.limits.crash_attempts
        inputs = len(batch.records) + len(batch.firings)
        if inputs > 1 or attempts <= limit or batch.aside is not None:
            return batch
        log.warning("%s kills the process: put aside", _told(batch), extra=self._about(batch))
        return replace(batch, aside=DeadLetterReason.CRASHED, unseen=attempts > limit + 1)

    def _about(self, batch: Batch) -> dict[str, dict[str, object]]:
        """Return what is put aside. Nothing of it may be decoded: that may be what kills."""
        if batch.records:
            return about(shard=self._shard)
        subject = batch.firings[0].timer.subject
        with self._notes.cursor() as cursor:
            return about(shard=self._shard, case=case_to_show(cursor, subject))

    def _count_records(self, batch: Batch) -> int:
        first, last = batch.records[0].at, batch.records[-1].at
        with self._notes.cursor() as cursor:
            return note_attempt(
                cursor,
                shard=self._shard,
                topic_id=first.topic_id,
                partition=first.partition,
                first=first.offset,
                last=last.offset,
                now=self._clock.now(),
            )

    def _count_firings(self, batch: Batch) -> int:
        names = [due.name for due in batch.firings]
        with self._notes.cursor() as cursor:
            counted = note_firings(cursor, shard=self._shard, epoch=self._epoch, timers=names)
        return counted.get(names[0], 0)

    def leave(self, firings: Sequence[DueFiring]) -> None:
        """Take back what was counted of firings that are left for later."""
        with self._notes.cursor() as cursor:
            forget_firings(cursor, [due.name for due in firings])


def _was_begun(due: DueFiring) -> bool:
    return due.timer.attempts > 0


def _told(batch: Batch) -> str:
    if batch.records:
        at = batch.records[0].at
        return f"record {at.topic}/{at.offset}"
    return f"timer {batch.firings[0].timer.clock.key}"
