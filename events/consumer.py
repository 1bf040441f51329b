"""Reading the inbound topics by shard: poll, hand over, and only later tell the broker how far.

The database's positions are the truth; what is committed to the broker is for lag tools. The
narrow interface keeps kafka-python's rough edges around rebalances in this file.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kafka import TopicPartition
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from events.clients import Consumer
from events.contract.registry import INBOUND_TOPICS
from events.odd_headers import tolerate_odd_headers
from events.whole import WholeAssignor
from partygrid.errors import Unavailable

log = logging.getLogger(__name__)

#: `timestamp_type` of a record that carries the broker's append time.
LOG_APPEND_TIME = 1
#: How long the broker may take to say how far a topic reaches.
ANSWER_WITHIN_MS = 2000
#: Milliseconds a poll waits at least while nothing is assigned: kafka-python throws away a join
#: that succeeds between two polls and begins another, so short polls may never join.
JOINING_WAIT = 500


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
        """Join the group; shards come with the first polls.

        With `alone` it joins none and has all shards at once, so many as there are; with `whole`
        it has all or none of them, as the group says.
        """
        tolerate_odd_headers()
        try:
            self._consumer = Consumer(
                **client,
                group_id=group,
                # A topic that the client makes by asking has the broker's number of partitions.
                allow_auto_create_topics=False,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                session_timeout_ms=6000,
                heartbeat_interval_ms=1500,
                max_poll_interval_ms=60000,
                fetch_max_wait_ms=fetch_wait_ms,
                partition_assignment_strategy=[
                    WholeAssignor if whole else RangePartitionAssignor,
                ],
            )
            if alone:
                every = range(alone)
                self._consumer.assign([TopicPartition(t, p) for t in INBOUND_TOPICS for p in every])
            else:
                self._consumer.subscribe(list(INBOUND_TOPICS))
        except KafkaError as fault:
            raise Unavailable(f"the broker does not answer: {fault}") from fault

    def poll(self, *, wait_ms: int, at_most: int) -> dict[tuple[str, int], list[Read]]:
        """Return what was read, by topic and partition. Raises `Unavailable`."""
        if not self._consumer.assignment():
            wait_ms = max(wait_ms, JOINING_WAIT)
        try:
            polled = self._consumer.poll(timeout_ms=wait_ms, max_records=at_most)
        except KafkaError as fault:
            raise Unavailable(f"the broker does not answer: {fault}") from fault
        return {
            (partition.topic, partition.partition): [_read(record) for record in records]
            for partition, records in polled.items()
        }

    def shards(self) -> frozenset[int]:
        """Return the shards of which every inbound topic's partition is ours."""
        topics: dict[int, int] = {}
        for partition in self._consumer.assignment():
            topics[partition.partition] = topics.get(partition.partition, 0) + 1
        return frozenset(shard for shard, count in topics.items() if count == len(INBOUND_TOPICS))

    def read_from(self, topic: str, partition: int, offset: int) -> None:
        """Go on reading a partition at `offset`."""
        self._consumer.seek(TopicPartition(topic, partition), offset)

    def rewind(self, topic: str, partition: int) -> None:
        """Read a partition from its beginning."""
        self._consumer.seek_to_beginning(TopicPartition(topic, partition))

    def ends(self, shards: Iterable[int]) -> dict[int, dict[str, int]]:
        """Return by shard the offset behind the last record of each inbound topic's partition.

        Raises `Unavailable`: then nobody can say whether an answer lies unread.
        """
        return self._offsets(self._consumer.end_offsets, shards)

    def begins(self, shard: int) -> dict[str, int]:
        """Return the first offset of each inbound topic's partition."""
        return self._offsets(self._consumer.beginning_offsets, (shard,))[shard]

    def _offsets(self, ask: Any, shards: Iterable[int]) -> dict[int, dict[str, int]]:
        found: dict[int, dict[str, int]] = {shard: {} for shard in shards}
        partitions = [TopicPartition(topic, shard) for shard in found for topic in INBOUND_TOPICS]
        try:
            offsets = ask(partitions, timeout_ms=ANSWER_WITHIN_MS)
        except KafkaError as fault:
            raise Unavailable(f"the broker does not answer: {fault}") from fault
        for partition, offset in offsets.items():
            found[partition.partition][partition.topic] = offset
        return found

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
        self._consumer.close(autocommit=False)


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
