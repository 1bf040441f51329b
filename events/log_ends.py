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
#: Seconds for which the others are asked again where some have told: who asks has more to do.
_FOR_THE_REST = 0.3

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
        found = await self._ask_leaders(partitions, until)
        if found:
            until = min(until, time.monotonic() + _FOR_THE_REST)
        while len(found) < len(partitions) and time.monotonic() < until:
            with suppress(KafkaError):
                await self._manager.wait_for(self._manager.cluster.request_update(), _left(until))
            await self._manager._net.sleep(_ASK_AGAIN)
            wanted = tuple(one for one in partitions if one.topic not in found)
            found |= await self._ask_leaders(wanted, until)
        return found

    async def _ask_leaders(
        self, wanted: tuple[TopicPartition, ...], until: float
    ) -> dict[str, int]:
        asked = [
            self._manager.call_soon(self._ask_leader, leader, topics)
            for leader, topics in self._by_leader(wanted).items()
        ]
        found: dict[str, int] = {}
        for answer in asked:
            with suppress(KafkaError):  # this leader is away: the others tell of theirs
                found |= await self._manager.wait_for(answer, _left(until))
        return found

    def _by_leader(self, wanted: tuple[TopicPartition, ...]) -> dict[int, list[Any]]:
        """Return what to ask whom, with the epoch in which that broker leads as far as we know.

        A copy tells this reader of its own log. With the epoch of another's leading it refuses.
        """
        cluster, found = self._manager.cluster, defaultdict(list)
        for one in wanted:
            leader = cluster.leader_for_partition(one)
            if leader is None or leader < 0:
                continue
            asked = _Partition(
                partition_index=one.partition,
                current_leader_epoch=cluster.leader_epoch_for_partition(one),
                timestamp=int(OffsetSpec.LATEST),
            )
            found[leader].append(_Topic(name=one.topic, partitions=[asked]))
        return found

    async def _ask_leader(self, leader: int, topics: list[Any]) -> dict[str, int]:
        request = ListOffsetsRequest(
            replica_id=_DEBUGGING_REPLICA,
            isolation_level=0,
            topics=topics,
            min_version=_ONE_OFFSET_EACH,
        )
        response = await self._manager.send(request, node_id=leader)
        return {
            topic.name: partition.offset
            for topic in response.topics
            for partition in topic.partitions
            if partition.error_code == NoError.errno
        }


def _left(until: float) -> float:
    """Return the milliseconds that are left."""
    return max((until - time.monotonic()) * 1000, 0.0)
