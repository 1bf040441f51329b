"""What the other tests stand on: brokers that refuse strangers, keep their log and recover."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from events.broker import OWN_TOPICS, Broker
from events.clients import Admin, Consumer
from events.contract.registry import Topic
from tests.services.apache import Apache, Login

REPORTS = TopicPartition(str(Topic.REPORTS), 1)
QUICK = {"bootstrap_timeout_ms": 1500}


@contextmanager
def writing(kafka: Apache, **more: Any) -> Iterator[KafkaProducer]:
    producer = KafkaProducer(
        **kafka.client(), acks="all", enable_idempotence=True, max_block_ms=20000, **more
    )
    try:
        yield producer
    finally:
        producer.close(timeout=5)


def write(producer: KafkaProducer, *values: bytes) -> None:
    futures = [producer.send(REPORTS.topic, value, partition=1) for value in values]
    for future in futures:
        future.get(timeout=40)


def read(kafka: Apache) -> list[bytes]:
    with closing(Consumer(**kafka.client(), group_id=None)) as reader:
        reader.assign([REPORTS])
        reader.seek_to_beginning(REPORTS)
        end = reader.end_offsets([REPORTS])[REPORTS]
        found: list[bytes] = []
        while reader.position(REPORTS) < end:
            found += [one.value for some in reader.poll(timeout_ms=200).values() for one in some]
        return found


def ids(kafka: Apache) -> dict[str, str]:
    with closing(Broker(kafka.client(), partitions=4, replication=1)) as broker:
        return broker.topic_ids(OWN_TOPICS)


# --- one node ------------------------------------------------------------------------------------


def test_topics_are_made_anew_between_tests(kafka: Apache) -> None:
    kafka.fresh_topics(4)
    before = ids(kafka)
    with writing(kafka) as producer:
        write(producer, b"of the last test")
    kafka.fresh_topics(4)
    after = ids(kafka)
    assert set(before) == set(after) == set(OWN_TOPICS)
    assert not set(before.values()) & set(after.values())
    assert read(kafka) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"security_protocol": "PLAINTEXT"},
        {"security_protocol": "SSL"},
        {"sasl_plain_password": "wrong"},
        {"sasl_plain_username": "nobody"},
        {"ssl_cafile": None},
    ],
    ids=lambda changes: next(iter(changes)) + "=" + str(next(iter(changes.values()))),
)
def test_strangers_are_not_let_in(kafka: Apache, changes: dict[str, Any]) -> None:
    with pytest.raises(KafkaError):
        Admin(**{**kafka.client(), **QUICK, **changes})


def test_nothing_is_allowed_that_was_not_granted(kafka: Apache) -> None:
    kafka.fresh_topics(4)
    stranger = Login("stranger", "a stranger's password")
    kafka.add_account(stranger)
    with closing(kafka.ask(stranger)) as admin:
        assert admin.list_topics() == []


def test_a_killed_node_comes_back_with_its_log(kafka: Apache) -> None:
    kafka.fresh_topics(4)
    before = ids(kafka)
    with writing(kafka) as producer:
        write(producer, *(str(number).encode() for number in range(500)))
    kafka.nodes[0].kill()
    kafka.start()
    assert ids(kafka) == before
    assert read(kafka) == [str(number).encode() for number in range(500)]


def test_accounts_outlast_a_restart_though_others_were_taken_out(kafka: Apache) -> None:
    """Apache Kafka 4.3 forgets all of them, unless it has made a snapshot of its metadata."""
    for number in range(8):
        kafka.add_account(Login(f"passing-{number}", "gone in a moment"))
    kafka.empty()
    kafka.nodes[0].kill()
    kafka.start()
    with closing(kafka.ask()) as admin:
        assert set(admin.describe_user_scram_credentials()) == {"admin", "broker"}


def test_a_frozen_node_answers_nobody_until_it_goes_on(kafka: Apache) -> None:
    kafka.fresh_topics(4)
    with writing(kafka) as producer:
        write(producer, b"before")
        kafka.nodes[0].freeze()
        future = producer.send(REPORTS.topic, b"meanwhile", partition=1)
        time.sleep(1)
        assert not future.is_done
        kafka.nodes[0].thaw()
        future.get(timeout=40)
    assert read(kafka) == [b"before", b"meanwhile"]


# --- three nodes ---------------------------------------------------------------------------------


def test_one_of_three_may_be_lost_and_nothing_with_it(cluster: Apache) -> None:
    cluster.fresh_topics(4)
    cluster.wait_in_sync()
    with writing(cluster, delivery_timeout_ms=40000, request_timeout_ms=10000) as producer:
        write(producer, b"with three")
        cluster.nodes[0].kill()
        write(producer, b"with two")
    assert read(cluster) == [b"with three", b"with two"]
    cluster.start()
    cluster.wait_in_sync()


def test_what_only_one_of_three_would_have_is_not_taken(cluster: Apache) -> None:
    cluster.fresh_topics(4)
    cluster.wait_in_sync()
    with writing(cluster, delivery_timeout_ms=12000, request_timeout_ms=6000) as producer:
        write(producer, b"with three")
        for node in cluster.nodes[1:]:
            node.kill()
        with pytest.raises(KafkaError):
            write(producer, b"with one")
    cluster.mend()
    cluster.wait_in_sync()
    assert read(cluster)[0] == b"with three"
