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

    def __init__(self) -> None:
        """Read nothing yet: each topic is begun by itself, when the broker tells of it."""
        self._waiting: dict[str, deque[RawRecord]] = {topic: deque() for topic in INBOUND_TOPICS}
        #: id of every topic that is read; part of every coordinate
        self.topic_ids: dict[str, str] = {}
        #: next offset to be read, by topic
        self.read_to: dict[str, int] = {}
        #: append time of the last record read
        self._appended: dict[str, datetime] = {}
        #: an end to be reached, and when it was told
        self._ends: dict[str, tuple[int, datetime]] = {}
        #: up to when a topic was read, because an end told at that time was reached
        self._reached: dict[str, datetime] = {}

    def begin(self, topic: str, topic_id: str, offset: int) -> None:
        """Read a topic from this offset on."""
        self.topic_ids[topic], self.read_to[topic] = topic_id, offset

    def not_begun(self) -> list[str]:
        """Return the topics of which it is not known yet where to begin."""
        return [topic for topic in INBOUND_TOPICS if topic not in self.read_to]

    def is_of_another_log(self, topic_ids: Mapping[str, str]) -> bool:
        """Tell whether a topic that is read has another id now: the broker lost its log."""
        return any(topic_ids.get(topic, known) != known for topic, known in self.topic_ids.items())

    def add(self, reads: Iterable[Read], now: datetime, *, trust_timestamp: bool) -> None:
        """Take records in. `now` is when they were read; it decides where there is no append time.

        In a time-lapse (`trust_timestamp`) the conductor's timestamps are the time.
        """
        for read in reads:
            begun = self.read_to.get(read.topic)
            if begun is None or read.offset < begun:
                continue
            written_at = _moment_of(read)
            appended = written_at if trust_timestamp or read.append_time else None
            # A clock ahead of ours never moves the reading.
            if appended is not None and appended > now and not trust_timestamp:
                appended = None
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
                    now=appended or now,
                    timed=appended is not None,
                    written_at=written_at,
                )
            )
            self.read_to[read.topic] = read.offset + 1
            if appended is not None:
                self._appended[read.topic] = appended

    def skip_to(self, topic: str, offset: int) -> None:
        """Know that there is no record before this offset that was not read."""
        if topic in self.read_to:
            self.read_to[topic] = max(self.read_to[topic], offset)

    def expect(self, ends: Mapping[str, int], told_at: datetime) -> None:
        """Know where topics ended at a time: reaching that end is having read up to then.

        An end that is not reached yet stays, unless the topic is shorter now: under a steady
        stream the newest end is never reached.
        """
        for topic, end in ends.items():
            if not self.is_short(topic) or end < self._ends[topic][0]:
                self._ends[topic] = end, told_at

    def is_short(self, topic: str) -> bool:
        """Tell whether an end of this topic was told that is not reached yet."""
        end = self._ends.get(topic)
        if end is None:
            return False
        if self.read_to.get(topic, -1) < end[0]:
            return True
        self._reached[topic] = max(end[1], self._reached.get(topic, _FIRST))
        return False

    def horizon(self, topic: str) -> datetime:
        """Return up to when this topic was read; what lies there and is older waits in here."""
        self.is_short(topic)
        return max(self._reached.get(topic, _FIRST), self._appended.get(topic, _FIRST))

    def is_behind(self, ends: Mapping[str, int]) -> bool:
        """Does any topic hold a record that was not read yet?"""
        return any(self.read_to.get(topic, 0) < end for topic, end in ends.items())

    def heads(self) -> dict[str, RawRecord]:
        """Return the first waiting record of each topic that has any."""
        return {topic: queue[0] for topic, queue in self._waiting.items() if queue}

    def first(self) -> RawRecord | None:
        """Return the waiting record with the earliest decision time; ties by topic and offset."""
        return min(self.heads().values(), key=_order, default=None)

    def take(self, topic: str, *, before: datetime | None, at_most: int) -> tuple[RawRecord, ...]:
        """Take the topic's next records, those of `before` or later left where they are."""
        queue = self._waiting[topic]
        taken: list[RawRecord] = []
        while queue and len(taken) < at_most and not queue[0].is_from(before):
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


def _order(record: RawRecord) -> tuple[bool, datetime, int, int]:
    return record.timed, record.now, _RANK[record.at.topic], record.at.offset
