"""What Apache Kafka refuses is put aside alone: everything that lay beside it goes out."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest
from kafka import TopicPartition
from msgspec.structs import replace

from events.broker import Broker
from events.clients import Consumer
from events.contract.envelope import Acting
from events.contract.registry import Topic
from events.contract.reports import ReportFiled, ReportSource
from events.producer import Producer
from events.relay import Relay
from models.keys import SigningKey
from partygrid import bootstrap
from partygrid.clock import WallClock
from tests.contract.brokers import TOO_LARGE
from tests.services.apache import Apache

PARTITIONS = 2
REPORTS, TASKS = str(Topic.REPORTS), str(Topic.TASKS)
LARGE = b"x" * TOO_LARGE
ACTING = Acting(actor="p-1", role="grid_member", org="330281101201001")
REPORT = ReportFiled(grid="330281101201001", source=ReportSource.GRID_MEMBER, title="路灯不亮")


@pytest.fixture
def secured(kafka: Apache) -> Apache:
    kafka.fresh_topics(PARTITIONS)
    return kafka


@pytest.fixture
def relay(secured: Apache, database_url: str) -> Iterator[Relay]:
    broker = Broker(secured.client(), partitions=PARTITIONS, replication=1)
    one = Relay(
        lambda: bootstrap.connect(database_url),
        secured.client(),
        broker,
        partitions=PARTITIONS,
        clock=WallClock(),
    )
    with closing(broker), closing(one):
        yield one


def test_a_row_too_large_is_a_dead_letter_and_the_others_go_out(
    relay: Relay, secured: Apache, database_url: str
) -> None:
    rows = [(REPORTS, b"1"), (REPORTS, LARGE), (TASKS, b"2"), (REPORTS, b"3"), (TASKS, LARGE)]
    with bootstrap.connected(database_url) as db:
        for number, (topic, value) in enumerate(rows):
            db.execute(
                "INSERT INTO outbox (shard, topic, key, source, event_id, value, created_at,"
                " partition) VALUES (0, %s, '330281101', 's', %s, %s, %s, -1)",
                (topic, f"e{number}", value, datetime.now(UTC)),
            )
        db.commit()
        assert relay.publish_all([0]) == len(rows)
        letters = db.execute("SELECT event_id, reason FROM dead_letters ORDER BY 1").fetchall()
        waiting = db.execute("SELECT count(*) FROM outbox WHERE published_at IS NULL").fetchone()
    assert letters == [("e1", "unpublishable"), ("e4", "unpublishable")]
    assert waiting == (0,)
    # What lay beside it in one request may have been written before it failed, and be again.
    assert set(lying(secured)) == {(REPORTS, b"1"), (TASKS, b"2"), (REPORTS, b"3")}


def lying(kafka: Apache) -> list[tuple[str, bytes]]:
    """Return what lies on the two topics."""
    found: list[tuple[str, bytes]] = []
    with closing(Consumer(**kafka.client(), group_id=None)) as reader:
        every = [TopicPartition(*both) for both in product((REPORTS, TASKS), range(PARTITIONS))]
        reader.assign(every)
        reader.seek_to_beginning()
        ends = reader.end_offsets(every)
        while any(reader.position(one) < end for one, end in ends.items()):
            for records in reader.poll(timeout_ms=500).values():
                found += [(one.topic, one.value) for one in records]
    return found


def test_an_apps_event_too_large_stops_no_other(secured: Apache, tmp_path: Path) -> None:
    huge = replace(REPORT, evidence=("a" * 64,) * 30_000)
    producer = Producer(
        "app/branch-1",
        SigningKey.generate(),
        bootstrap=secured.bootstrap,
        folder=tmp_path,
        client=secured.client(),
    )
    with closing(producer):
        sent = [
            producer.send(data, township="330281101", acting=ACTING)
            for data in (REPORT, huge, REPORT)
        ]
        assert producer.pump().published == 2
        (letter,) = producer.status().dead_lettered
    assert (letter.event_id, letter.reason) == (sent[1], "unpublishable")
