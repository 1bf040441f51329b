"""A group whose members take turns: one of them has every partition.

In a time-lapse one engine decides for all shards; the others of its group stand by. Which one it is
changes as members come, go and fall silent, so takeovers can be rehearsed.
"""

from typing import Any

from kafka.coordinator.assignors.abstract import (
    AbstractPartitionAssignor,
    ConsumerProtocolAssignment,
    ConsumerProtocolSubscription,
)


class WholeAssignor(AbstractPartitionAssignor):  # type: ignore[misc]  # kafka-python tells no types
    """Gives everything to the member whose id comes first; ids are drawn anew with each joining."""

    name = "whole"
    version = 0

    @classmethod
    def assign(cls, cluster: Any, members: list[Any]) -> dict[str, ConsumerProtocolAssignment]:
        """Return what each member gets. The leader of the group asks."""
        owner = min(member.member_id for member in members)
        return {
            member.member_id: ConsumerProtocolAssignment(
                cls.version,
                [
                    (topic, sorted(cluster.partitions_for_topic(topic) or ()))
                    for topic in sorted(member.metadata.topics)
                ]
                if member.member_id == owner
                else [],
                b"",
            )
            for member in members
        }

    @classmethod
    def metadata(cls, topics: Any) -> ConsumerProtocolSubscription:
        """Return what a member says of itself."""
        return ConsumerProtocolSubscription(cls.version, list(topics), b"")

    @classmethod
    def on_assignment(cls, assignment: Any, generation: int) -> None:
        """Take no notice: who owns which shard stands in the database."""
