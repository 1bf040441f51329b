"""A producer that has to learn of new topics while it runs, as the relay's does."""

from collections.abc import Iterator

import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from events.writer import Record, Writer, keep_in_view

FIRST, LATER = "grid.first", "app.outcomes.later"


@pytest.fixture
def admin(fresh_broker: str) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=fresh_broker)
    client.create_topics([NewTopic(name=FIRST, num_partitions=2, replication_factor=1)])
    yield client
    client.close()


def test_it_forgets_no_topic_for_a_new_one(admin: KafkaAdminClient, fresh_broker: str) -> None:
    producer = KafkaProducer(bootstrap_servers=fresh_broker, allow_auto_create_topics=False)
    try:
        keep_in_view(producer, [FIRST])
        producer.send(FIRST, b"x", partition=1).get(timeout=10)
        admin.create_topics([NewTopic(name=LATER, num_partitions=1, replication_factor=1)])
        producer.send(LATER, b"x", partition=0).get(timeout=10)
        # Of a topic it holds and does not know, it asks without a pause: a whole core's worth.
        assert producer._metadata.topics() == {FIRST, LATER}
    finally:
        producer.close(timeout=5)


def test_it_keeps_in_view_what_it_writes_to(admin: KafkaAdminClient, fresh_broker: str) -> None:
    """Forgotten while records wait for it, a topic would hold up all of them for ten seconds."""
    writer = Writer(
        {"bootstrap_servers": fresh_broker}, flush_seconds=10, allow_auto_create_topics=False
    )
    first = Record(topic=FIRST, key=b"k", value=b"x", headers=[], partition=1)
    try:
        writer.write([first])
        admin.create_topics([NewTopic(name=LATER, num_partitions=1, replication_factor=1)])
        told = writer.write([first._replace(topic=LATER, partition=0)])
        assert told[0].topic == LATER
        assert writer.connect()._metadata.topics() == {FIRST, LATER}
    finally:
        writer.drop(seconds=5)
