"""Reading the inbound topics by shard: poll, hand over, and only later tell the broker how far.

The database's positions are the truth; what is committed to the broker is for lag tools. The
narrow interface keeps kafka-python's rough edges around rebalances in this file.
"""

import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from kafka import TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.base import MemberState
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from events.away import away
from events.clients import Consumer
from events.contract.registry import INBOUND_TOPICS
from events.log_ends import LogEnds
from events.odd_headers import tolerate_odd_headers
from events.whole import WholeAssignor
from partygrid.errors import Unavailable

log = logging.getLogger(__name__)

#: `timestamp_type` of a record that carries the broker's append time.
LOG_APPEND_TIME = 1
#: How long the broker may take to say how far a topic reaches.
ANSWER_WITHIN_MS = 2000
#: The same for a single partition, where all of them together got no answer.
_ALONE_WITHIN_MS = 300
#: Where so many in a row get no answer, the broker is away and not a topic.
_GIVE_UP_AFTER = 3
#: Milliseconds a poll waits at least while the group is not joined: kafka-python throws away a join
#: that succeeds between two polls and begins another, so short polls may never join.
JOINING_WAIT, LONGEST_JOINING = 500, 4000


class Read(NamedTuple):
    """A record as the broker gave it."""

    topic: str
    partition: int
    offset: int
    #: milliseconds
    timestamp: int
    append_time: bool
    key: bytes | None
    headers: list[tuple[str, bytes]]
    value: bytes


class _Given(ConsumerRebalanceListener):  # type: ignore[misc]
    """Counts how often the group gave out its partitions."""

    def __init__(self) -> None:
        self.times = 0

    def on_partitions_revoked(self, revoked: object) -> None:
        """Nothing: whose the shards are, the database says."""

    def on_partitions_assigned(self, assigned: object) -> None:  # noqa: ARG002 - kafka-python's
        self.times += 1


class ShardConsumer:
    """One member of the engines' consumer group."""

    def __init__(
        self,
        client: Mapping[str, Any],
        *,
        group: str,
        fetch_wait_ms: int,
        alone: int = 0,
        whole: bool = False,
    ) -> None:
        """Join the group with the first polls; the broker need not be there yet.

        With `alone` it joins none and has all shards at once, so many as there are; with `whole`
        it has all or none of them, as the group says.
        """
        tolerate_odd_headers()
        self._settings: dict[str, Any] = {
            **client,
            "group_id": group,
            # A topic that the client makes by asking has the broker's number of partitions.
            "allow_auto_create_topics": False,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "session_timeout_ms": 6000,
            "heartbeat_interval_ms": 1500,
            "max_poll_interval_ms": 60000,
            "fetch_max_wait_ms": fetch_wait_ms,
            "partition_assignment_strategy": [WholeAssignor if whole else RangePartitionAssignor],
        }
        self._alone = alone
        self._given, self._joining_wait = _Given(), JOINING_WAIT
        self._client: Consumer | None = None

    @property
    def is_connected(self) -> bool:
        """Tell whether the broker was reached once; until then every question may take seconds."""
        return self._client is not None

    @property
    def _consumer(self) -> Consumer:
        """Return the client; made as soon as the broker answers. Raises `KafkaError`."""
        if self._client is None:
            client = Consumer(**self._settings)
            if self._alone:
                every = range(self._alone)
                client.assign([TopicPartition(t, p) for t in INBOUND_TOPICS for p in every])
            else:
                client.subscribe(list(INBOUND_TOPICS), listener=self._given)
            self._client = client
        return self._client

    def poll(self, *, wait_ms: int, at_most: int) -> dict[tuple[str, int], list[Read]]:
        """Return what was read, by topic and partition. Raises `Unavailable`."""
        try:
            consumer = self._consumer
            polled = consumer.poll(timeout_ms=max(wait_ms, self._to_join()), max_records=at_most)
        except KafkaError as fault:
            raise away(self._settings, fault) from fault
        return {
            (partition.topic, partition.partition): [_read(record) for record in records]
            for partition, records in polled.items()
        }

    def _to_join(self) -> int:
        """Return how long a poll should wait for the group: longer each time it was in vain."""
        if self.joined():
            self._joining_wait = JOINING_WAIT
            return 0
        wait, self._joining_wait = self._joining_wait, min(2 * self._joining_wait, LONGEST_JOINING)
        return wait

    def joined(self) -> bool:
        """Tell whether this is a member of the group, as far as it knows.

        A broker that is away puts no member out, so this alone does not say that it is there.
        """
        if self._client is None:
            return False
        return bool(self._alone) or self._client.group_metadata().state is MemberState.STABLE

    @property
    def rebalances(self) -> int:
        """How often the group gave us shards; each time the positions are gone.

        The group's own generation does not tell: a broker that forgot it counts anew.
        """
        return self._given.times

    def shards(self) -> frozenset[int]:
        """Return the shards of which every inbound topic's partition is ours."""
        topics: dict[int, int] = {}
        for partition in self._client.assignment() if self._client is not None else ():
            topics[partition.partition] = topics.get(partition.partition, 0) + 1
        return frozenset(shard for shard, count in topics.items() if count == len(INBOUND_TOPICS))

    def read_from(self, topic: str, partition: int, offset: int) -> None:
        """Go on reading a partition at `offset`."""
        self._consumer.seek(TopicPartition(topic, partition), offset)

    def position(self, topic: str, partition: int) -> int:
        """Return behind which offset everything was handed out; -1 where nobody can say.

        It stands behind records that are none: the marks that end an app's own transaction.
        """
        try:
            found = self._consumer.position(TopicPartition(topic, partition), timeout_ms=0)
        except KafkaError:
            return -1
        return -1 if found is None else int(found)

    def ends(self, shards: Iterable[int]) -> dict[int, dict[str, int]]:
        """Return by shard the offset behind the last record of each inbound topic's partition.

        Raises `Unavailable`: then nobody can say whether an answer lies unread.
        """
        return {
            shard: self._ask(
                "end_offsets",
                [TopicPartition(topic, shard) for topic in INBOUND_TOPICS],
                ANSWER_WITHIN_MS,
            )
            for shard in shards
        }

    def log_ends(self, shard: int) -> dict[str, int]:
        """Return how far a shard's topics are written, also where nobody can read it yet.

        Without the topics of which nobody can tell the end. A leader that dies takes with it what
        only it had: the end may be nearer then.
        """
        partitions = [TopicPartition(topic, shard) for topic in INBOUND_TOPICS]
        try:
            return LogEnds(self._consumer.manager).ask(partitions, ANSWER_WITHIN_MS)
        except KafkaError:
            return {}

    def begins(self, shard: int) -> dict[str, int]:
        """Return the first offset of each inbound topic's partition. Raises `Unavailable`."""
        partitions = [TopicPartition(topic, shard) for topic in INBOUND_TOPICS]
        return self._ask("beginning_offsets", partitions, ANSWER_WITHIN_MS)

    def begins_told(self, shard: int, topics: Iterable[str]) -> dict[str, int]:
        """Return the first offset of these topics' partitions, as far as it can be told.

        All are asked for at once; where that fails, one after the other, while any answers.
        """
        partitions = [TopicPartition(topic, shard) for topic in topics]
        with suppress(Unavailable):
            return self._ask("beginning_offsets", partitions, ANSWER_WITHIN_MS)
        found: dict[str, int] = {}
        for count, partition in enumerate(partitions, 1):
            with suppress(Unavailable):
                found |= self._ask("beginning_offsets", [partition], _ALONE_WITHIN_MS)
            if count == _GIVE_UP_AFTER and not found:
                break
        return found

    def _ask(
        self, question: str, partitions: list[TopicPartition], within_ms: int
    ) -> dict[str, int]:
        try:
            offsets = getattr(self._consumer, question)(partitions, timeout_ms=within_ms)
        except (KafkaError, KeyError) as fault:  # a partition without a leader is a KeyError
            raise away(self._settings, fault) from fault
        return {partition.topic: offset for partition, offset in offsets.items()}

    def commit(self, shard: int, positions: Mapping[str, int]) -> None:
        """Tell the broker how far a shard is read. A refusal is no harm: the database knows."""
        offsets = {
            TopicPartition(topic, shard): OffsetAndMetadata(offset, "", -1)
            for topic, offset in positions.items()
        }
        try:
            self._consumer.commit_async(offsets)
        except KafkaError as fault:
            log.info("offsets of shard %s were not committed: %s", shard, type(fault).__name__)

    def pause(self, topic_partitions: Iterable[tuple[str, int]]) -> None:
        """Fetch nothing more of these partitions for now."""
        self._consumer.pause(*(TopicPartition(*one) for one in topic_partitions))

    def close(self) -> None:
        """Leave the group."""
        if self._client is not None:
            self._client.close(autocommit=False)


def _read(record: Any) -> Read:
    return Read(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        append_time=record.timestamp_type == LOG_APPEND_TIME,
        key=record.key,
        headers=[(name, text or b"") for name, text in record.headers],
        value=record.value or b"",
    )
