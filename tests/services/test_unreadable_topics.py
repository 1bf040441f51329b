"""How far topics reach, where one has no leader and where an app ends transactions of its own."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from kafka import KafkaProducer
from kafka.admin import NewTopic

from events.consumer import ShardConsumer
from events.contract.registry import INBOUND_TOPICS, Topic
from flows.reading import Reading
from tests.services.apache import Apache
from tests.services.node import until

REPORTS, FEEDBACK = str(Topic.REPORTS), str(Topic.FEEDBACK)
LAST = 3


@pytest.fixture
def torn(cluster: Apache) -> Apache:
    """A cluster in which one topic lies on one node only."""
    with closing(cluster.ask()) as admin:
        admin.create_topics(
            [
                NewTopic(topic, replica_assignments={0: [LAST] if topic == FEEDBACK else [1, 2, 3]})
                for topic in INBOUND_TOPICS
            ]
        )
    cluster.wait_ready()
    return cluster


@pytest.fixture
def reader(torn: Apache) -> Iterator[ShardConsumer]:
    with closing(ShardConsumer(torn.client(), group="", fetch_wait_ms=20, alone=1)) as reader:
        reader.poll(wait_ms=100, at_most=10)
        for topic in INBOUND_TOPICS:
            reader.read_from(topic, 0, 0)
        yield reader


def write(kafka: Apache, topic: str, *values: bytes) -> None:
    with closing(KafkaProducer(**kafka.client(), acks="all")) as producer:
        for value in values:
            producer.send(topic, value, partition=0).get(timeout=30)


def test_a_topic_without_a_leader_hides_no_other(torn: Apache, reader: ShardConsumer) -> None:
    write(torn, REPORTS, b"one")
    told = dict.fromkeys(INBOUND_TOPICS, 0) | {REPORTS: 1}
    until(lambda: reader.log_ends(0) == told, "not every topic's end is told")
    torn.nodes[LAST - 1].kill()
    others = set(INBOUND_TOPICS) - {FEEDBACK}
    until(lambda: set(reader.log_ends(0)) == others, "its end is told, or no other's")
    until(lambda: set(reader.begins_told(0, INBOUND_TOPICS)) == others, "nor are their beginnings")
    write(torn, REPORTS, b"two")
    found: list[bytes] = []

    def both_came() -> bool:
        for reads in reader.poll(wait_ms=100, at_most=10).values():
            found.extend(read.value for read in reads)
        return found == [b"one", b"two"]

    until(both_came, "the other topics are not read")


def test_what_ends_a_transaction_is_no_record_that_is_missing(
    torn: Apache, reader: ShardConsumer
) -> None:
    with closing(KafkaProducer(**torn.client(), acks="all", transactional_id="app")) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        for value in (b"one", b"two"):
            producer.send(REPORTS, value, partition=0)
        producer.commit_transaction()
    reading, now = Reading(), datetime.now(UTC)
    reading.begin(REPORTS, "id", 0)

    def both_came() -> bool:
        for reads in reader.poll(wait_ms=100, at_most=10).values():
            reading.add(reads, now, trust_timestamp=False)
        return len(reading.all()) == 2

    until(both_came, "the records do not come")
    until(lambda: reader.log_ends(0).get(REPORTS) == 3, "the transaction's mark is not written")
    reading.expect({REPORTS: 3}, now)
    assert reading.is_short(REPORTS)

    def stepped_over() -> bool:
        reader.poll(wait_ms=100, at_most=10)
        reading.skip_to(REPORTS, reader.position(REPORTS, 0))
        return not reading.is_short(REPORTS)

    until(stepped_over, "the mark is waited for like a record")
