"""What a shard has read and not decided yet, and how far its reading reaches.

A timer fires only when every inbound topic is read past its due time, or to its end: an answer
that lies in a topic is decided before anything is declared late.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from events.consumer import Read
from events.contract.registry import INBOUND_TOPICS
from flows.batch import Coordinate, RawRecord

_FIRST = datetime.min.replace(tzinfo=UTC)
_RANK = {topic: rank for rank, topic in enumerate(INBOUND_TOPICS)}


class Reading:
    """The unread, by topic, of one shard."""

    def __init__(self, topic_ids: Mapping[str, str]) -> None:
        """Know the topics' ids; they are part of every coordinate."""
        self.topic_ids = dict(topic_ids)
        self._waiting: dict[str, deque[RawRecord]] = {topic: deque() for topic in INBOUND_TOPICS}
        #: next offset to be read, by topic
        self.read_to: dict[str, int] = {}
        self._last: dict[str, datetime] = {}

    def add(self, reads: Iterable[Read], now: datetime, *, trust_timestamp: bool) -> None:
        """Take records in. `now` is when they were read; it decides where there is no append time.

        In a time-lapse (`trust_timestamp`) the conductor's timestamps are the time.
        """
        for read in reads:
            if read.offset < self.read_to.get(read.topic, 0):
                continue
            stamped = trust_timestamp or read.append_time
            written_at = _moment_of(read)
            moment = written_at if stamped and written_at is not None else now
            # A clock ahead of ours never moves the reading.
            moment = moment if trust_timestamp else min(moment, now)
            self._waiting[read.topic].append(
                RawRecord(
                    at=Coordinate(
                        topic=read.topic,
                        topic_id=self.topic_ids[read.topic],
                        partition=read.partition,
                        offset=read.offset,
                    ),
                    key=read.key,
                    headers=read.headers,
                    value=read.value,
                    now=moment,
                    written_at=written_at,
                )
            )
            self.read_to[read.topic] = read.offset + 1
            self._last[read.topic] = moment

    def horizon(self, ends: Mapping[str, int], now: datetime) -> datetime:
        """Return up to when everything was read; `now` where every topic is read to its end."""
        return min(
            [
                now,
                *(
                    self._last.get(topic, _FIRST)
                    for topic, end in ends.items()
                    if self.read_to.get(topic, 0) < end
                ),
            ]
        )

    def is_behind(self, ends: Mapping[str, int]) -> bool:
        """Does any topic hold a record that was not read yet?"""
        return any(self.read_to.get(topic, 0) < end for topic, end in ends.items())

    def first(self) -> RawRecord | None:
        """Return the waiting record with the earliest decision time; ties by topic and offset."""
        heads = [queue[0] for queue in self._waiting.values() if queue]
        return min(heads, key=_order, default=None)

    def take(self, topic: str, *, before: datetime | None, at_most: int) -> tuple[RawRecord, ...]:
        """Take the topic's next records, those of `before` or later left where they are."""
        queue = self._waiting[topic]
        taken: list[RawRecord] = []
        while queue and len(taken) < at_most and (before is None or queue[0].now < before):
            taken.append(queue.popleft())
        return tuple(taken)

    def all(self) -> list[RawRecord]:
        """Return every waiting record, by topic and offset."""
        return [record for queue in self._waiting.values() for record in queue]

    def drop(self, records: Iterable[RawRecord]) -> None:
        """Take these records out: they are decided."""
        gone = {(record.at.topic, record.at.offset) for record in records}
        for topic, queue in self._waiting.items():
            if any(one == topic for one, _ in gone):
                kept = (record for record in queue if (topic, record.at.offset) not in gone)
                self._waiting[topic] = deque(kept)


def _moment_of(read: Read) -> datetime | None:
    """Return a record's timestamp; None where it has none, or one that is no time at all."""
    try:
        return datetime.fromtimestamp(read.timestamp / 1000, UTC) if read.timestamp >= 0 else None
    except (OverflowError, ValueError, OSError):
        return None


def _order(record: RawRecord) -> tuple[datetime, int, int]:
    return record.now, _RANK[record.at.topic], record.at.offset
