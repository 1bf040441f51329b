"""How far topics reach, with what their leaders took and the copies have not confirmed yet.

A consumer is told less: the end of what every copy in sync holds. While a broker is missed, records
lie behind that end for seconds. They have their append time already, and nobody can read them.
"""

import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError, NoError
from kafka.protocol.consumer import ListOffsetsRequest, OffsetSpec

#: Who asks as this debugging reader is told where the leader's own log ends (Apache Kafka,
#: `ListOffsetsRequest.DEBUGGING_REPLICA_ID`). Brokers that do not know it tell a consumer's end.
_DEBUGGING_REPLICA = -2
#: The first version in which partitions are told each with its own fault and one offset.
_ONE_OFFSET_EACH = 1
#: Seconds between two questions to a broker that does not lead any more, or not yet.
_ASK_AGAIN = 0.05

_Topic = ListOffsetsRequest.ListOffsetsTopic
_Partition = _Topic.ListOffsetsPartition


class LogEnds:
    """Asks the leaders, over the connections of a client."""

    def __init__(self, manager: Any) -> None:
        """`manager` is the client's `KafkaConnectionManager`."""
        self._manager = manager

    def ask(self, partitions: Iterable[TopicPartition], within_ms: int) -> dict[str, int]:
        """Return by topic the offset behind all its leader has; without those nobody tells of.

        `partitions` have the same number, each of another topic. Raises `KafkaError` where no
        connection can be made at all.
        """
        until = time.monotonic() + within_ms / 1000
        found: dict[str, int] = self._manager.run(self._ask_until, tuple(partitions), until)
        return found

    async def _ask_until(
        self, partitions: tuple[TopicPartition, ...], until: float
    ) -> dict[str, int]:
        found: dict[str, int] = {}
        while len(found) < len(partitions):
            wanted = [one for one in partitions if one.topic not in found]
            found |= await self._ask_leaders(wanted, until)
            if len(found) == len(partitions) or time.monotonic() >= until:
                break
            with suppress(KafkaError):
                await self._manager.wait_for(self._manager.cluster.request_update(), _left(until))
            await self._manager._net.sleep(_ASK_AGAIN)
        return found

    async def _ask_leaders(self, wanted: list[TopicPartition], until: float) -> dict[str, int]:
        by_leader: dict[int, list[TopicPartition]] = defaultdict(list)
        for partition in wanted:
            leader = self._manager.cluster.leader_for_partition(partition)
            if leader is not None and leader >= 0:
                by_leader[leader].append(partition)
        asked = [
            self._manager.call_soon(self._ask_leader, leader, theirs)
            for leader, theirs in by_leader.items()
        ]
        found: dict[str, int] = {}
        for answer in asked:
            with suppress(KafkaError):  # this leader is away: the others tell of theirs
                found |= await self._manager.wait_for(answer, _left(until))
        return found

    async def _ask_leader(self, leader: int, wanted: list[TopicPartition]) -> dict[str, int]:
        request = ListOffsetsRequest(
            replica_id=_DEBUGGING_REPLICA,
            isolation_level=0,
            topics=[_Topic(name=one.topic, partitions=[self._named(one)]) for one in wanted],
            min_version=_ONE_OFFSET_EACH,
        )
        response = await self._manager.send(request, node_id=leader)
        return {
            topic.name: partition.offset
            for topic in response.topics
            for partition in topic.partitions
            if partition.error_code == NoError.errno
        }

    def _named(self, partition: TopicPartition) -> Any:
        """Name the partition and its leader's epoch, or a copy might tell of its own log."""
        epoch = self._manager.cluster.leader_epoch_for_partition(partition)
        return _Partition(
            partition_index=partition.partition,
            current_leader_epoch=-1 if epoch is None else epoch,
            timestamp=int(OffsetSpec.LATEST),
        )


def _left(until: float) -> float:
    """Return the milliseconds that are left."""
    return max((until - time.monotonic()) * 1000, 0.0)
