"""After a restore: the directory's unread records are decided before everybody else's.

A shard that catches up does not wait for another shard's directory. So an act of a person, or of an
app, who was entered between the backup and the loss could be looked at before they are entered.
Who and what is known has dates of its own, so knowing it sooner changes nothing for what was then.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from events.consumer import ShardConsumer
from events.contract.registry import INBOUND_TOPICS, Topic, plain_topic
from flows.apply import Directories
from flows.lapse import record_batches
from flows.owner import Owner
from flows.reading import Reading
from partygrid import bootstrap
from partygrid.adapters import broker_of, consumer_of
from partygrid.clock import Clock
from partygrid.errors import Unavailable
from partygrid.settings import Settings

#: Topics whose records change who is who.
TOPICS = tuple(topic for topic in INBOUND_TOPICS if plain_topic(topic) == Topic.DIRECTORY)
_AT_ONCE = 500
#: Polls in a row that bring nothing although something lies there.
_PATIENCE = 60
_WAIT_MS = 500


class _Shard:
    """One shard whose directory topics are read on."""

    def __init__(self, owner: Owner, reading: Reading, ends: dict[str, int]) -> None:
        self.owner, self.reading, self.ends = owner, reading, ends

    def decide(self, clock: Clock) -> int:
        """Decide what was read; returns how many records."""
        records = tuple(self.reading.all())
        for batch in record_batches(
            records, shard=self.owner.shard, at_most=_AT_ONCE, recorded_at=clock.now()
        ):
            self.owner.run(batch)
        self.reading.drop(records)
        return len(records)


def decide_directory_first(settings: Settings, clock: Clock) -> int:
    """Decide what lies unread in the directory's topics; returns how many records.

    No engine may run meanwhile. Raises `Unavailable`.
    """
    with closing(broker_of(settings)) as broker:
        topic_ids = broker.topic_ids(INBOUND_TOPICS)
    with (
        closing(consumer_of(settings, alone=True)) as consumer,
        _behind(settings, consumer, topic_ids, clock) as shards,
    ):
        decided = empty = 0
        while any(one.reading.is_behind(one.ends) for one in shards.values()):
            polled = consumer.poll(wait_ms=_WAIT_MS, at_most=_AT_ONCE)
            empty = 0 if polled else empty + 1
            if empty > _PATIENCE:
                raise Unavailable("the directory's topic stopped answering")
            for (_, partition), reads in polled.items():
                if partition in shards:
                    shards[partition].reading.add(reads, clock.now(), trust_timestamp=False)
            decided += sum(shard.decide(clock) for shard in shards.values())
        return decided


@contextmanager
def _behind(
    settings: Settings, consumer: ShardConsumer, topic_ids: dict[str, str], clock: Clock
) -> Iterator[dict[int, _Shard]]:
    """Take over the shards whose directory topics hold something unread."""
    url = settings.address("database_url")
    policy = bootstrap.policy_of(settings)
    with bootstrap.connected(url) as connection, bootstrap.connected(url) as notes:
        notes.autocommit = True
        shelf = bootstrap.shelf_of(connection, policy, bootstrap.calendar_of(settings))
        setting = bootstrap.setting_of(settings, shelf, engine="restored")
        directories, found = Directories(), {}
        for shard, all_ends in consumer.ends(range(settings.partitions)).items():
            owner = Owner(shard, connection, notes, setting, directories, clock)
            starts = _starts(owner, consumer.begins(shard), topic_ids)
            ends = {topic: all_ends[topic] for topic in starts}
            reading = Reading()
            for topic, start in starts.items():
                reading.begin(topic, topic_ids[topic], start)
            if reading.is_behind(ends):
                found[shard] = _Shard(owner, reading, ends)
        _read_only(consumer, found, partitions=settings.partitions)
        yield found


def _starts(owner: Owner, begins: dict[str, int], topic_ids: dict[str, str]) -> dict[str, int]:
    starts = {}
    for topic in TOPICS:
        offset = owner.next_offset(topic, topic_ids[topic])
        if offset is None:
            offset = begins[topic]
            owner.begin(topic, offset)
        starts[topic] = offset
    return starts


def _read_only(consumer: ShardConsumer, shards: dict[int, _Shard], *, partitions: int) -> None:
    """Read the directory's topics of these shards on, and nothing else."""
    wanted = {(topic, shard): one for shard, one in shards.items() for topic in one.ends}
    for (topic, shard), one in wanted.items():
        consumer.read_from(topic, shard, one.reading.read_to[topic])
    every = {(topic, shard) for topic in INBOUND_TOPICS for shard in range(partitions)}
    consumer.pause(every - wanted.keys())
