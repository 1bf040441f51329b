"""A relay marks what was acknowledged to it, as it was read: it may repeat, and loses nothing."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError
from kafka.future import Future

from events.broker import OWN_TOPICS, Broker
from events.relay import Relay, Row, send_again
from events.writer import Writer
from models.ledger_store import OUTBOX
from partygrid import bootstrap
from partygrid.clock import SetClock, WallClock
from partygrid.errors import Unavailable

REPORTS, UPDATES = "grid.reports", "case.updates.330281101"
NOON = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)

Connection = psycopg.Connection[Any]


@pytest.fixture
def db(database_url: str) -> Iterator[Connection]:
    with closing(bootstrap.connect(database_url, autocommit=True)) as connection:
        yield connection


def put(db: Connection, *topics: str, key: str = "330281101") -> None:
    """Rows for these topics, in this order."""
    rows: list[dict[str, Any]] = [
        {
            "shard": 0,
            "topic": topic,
            "key": key,
            "source": "app/test",
            "event_id": f"{topic}-{number}",
            "headers": [],
            "value": f"{number}".encode(),
            "created_at": NOON,
            "published_at": None,
            "partition": -1,
            "instant": None,
        }
        for number, topic in enumerate(topics)
    ]
    with db.transaction(), db.cursor() as cursor:
        OUTBOX.append(cursor, rows)


def waiting(db: Connection) -> list[str]:
    query = "SELECT event_id FROM outbox WHERE published_at IS NULL ORDER BY id"
    return [row[0] for row in db.execute(query)]


def relay_of(
    url: str, kafka: str, kind: type[Relay] = Relay, *, clock: SetClock | WallClock | None = None
) -> Relay:
    client = {"bootstrap_servers": kafka, "bootstrap_timeout_ms": 2000}
    broker = Broker(client, partitions=1, replication=1)
    return kind(
        lambda: bootstrap.connect(url), client, broker, partitions=1, clock=clock or WallClock()
    )


class Paused(Relay):
    """Paused between the broker's acknowledgement and the mark, while something happens."""

    meanwhile: Callable[[], object]

    def _mark(self, rows: Sequence[Row]) -> None:
        self.meanwhile()
        super()._mark(rows)


@pytest.fixture
def zombie(database_url: str, fresh_broker: str) -> Iterator[Paused]:
    relay = relay_of(database_url, fresh_broker, Paused, clock=SetClock(NOON))
    assert isinstance(relay, Paused)
    relay._broker.ensure(OWN_TOPICS)
    yield relay
    relay.close()
    relay._broker.close()


def test_what_is_to_be_sent_again_meanwhile_is_sent_again(db: Connection, zombie: Paused) -> None:
    """The broker lost the log it was published to, and the shard's new owner noticed."""
    put(db, REPORTS)
    zombie.meanwhile = lambda: send_again(db, 0)
    zombie.publish_all([0])
    assert waiting(db) == [f"{REPORTS}-0"]
    zombie.meanwhile = lambda: None
    zombie.publish_all([0])
    assert waiting(db) == []


def test_the_mark_of_the_new_owner_stands(
    db: Connection, zombie: Paused, database_url: str, fresh_broker: str
) -> None:
    put(db, REPORTS)
    owner = relay_of(database_url, fresh_broker)
    zombie.meanwhile = lambda: owner.publish_all([0])
    zombie.publish_all([0])
    owner.close()
    owner._broker.close()
    assert waiting(db) == []
    assert db.execute("SELECT 1 FROM outbox WHERE published_at = %s", (NOON,)).fetchone() is None


class Torn(Writer):
    """A broker of which one topic has no leader: nothing is acknowledged there."""

    def __init__(self, fault: Exception) -> None:
        super().__init__({}, flush_seconds=1)
        self.leaderless, self.fault = REPORTS, fault
        self.sent: list[str] = []

    def connect(self) -> KafkaProducer:
        return self

    @property
    def _sender(self) -> "Torn":
        return self

    def add_topic(self, topic: str) -> None:
        """Hear of a topic, as the producer's sender does."""

    def send(self, topic: str, *, value: bytes, **_: Any) -> Future:
        """Take a record as kafka-python's producer does."""
        self.sent.append(f"{topic}-{value.decode()}")
        future = Future()
        if topic == self.leaderless and value == b"0":
            return future.failure(self.fault)
        return future.success(Place())

    def flush(self, *, timeout: float) -> None:
        """Everything was answered at once."""

    def close(self, **_: Any) -> None:
        """Nothing is open."""


class Place:
    """Where a record was written to."""

    topic, partition, offset = UPDATES, 0, 0


@pytest.mark.parametrize("fault", [KafkaTimeoutError(), ConnectionResetError()])
def test_a_topic_that_takes_nothing_holds_up_only_itself(
    db: Connection, database_url: str, fresh_broker: str, fault: Exception
) -> None:
    """And no younger row of its key goes before the one that failed, whatever failed it."""
    put(db, REPORTS, UPDATES, REPORTS, UPDATES)
    relay, torn = relay_of(database_url, fresh_broker), Torn(fault)
    relay._writer = torn
    with pytest.raises(Unavailable):
        relay.publish_all([0])
    assert waiting(db) == [f"{REPORTS}-0", f"{REPORTS}-2"]
    put(db, UPDATES)
    torn.sent.clear()
    relay.publish_all([0], but_resting=True)
    assert torn.sent == [f"{UPDATES}-0"]
    torn.leaderless = ""
    torn.sent.clear()
    relay.publish_all([0])
    assert torn.sent == [f"{REPORTS}-0", f"{REPORTS}-2"]
    assert waiting(db) == []
    relay._connection.close()
    relay._broker.close()
