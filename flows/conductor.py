"""Time-lapse: releases one instant after the other, each only when the one before is drained.

It writes the records of an instant first and then sets the instant, so an engine that sees the
instant finds all its records. Drained means: every shard's owner has read every inbound topic to
its end, published its outbox, and has nothing due.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
from kafka import KafkaProducer
from kafka.errors import KafkaError
from msgspec import Struct

from events.away import away
from events.contract.registry import INBOUND_TOPICS
from events.partitions import partition_of
from models.ledger_store import next_due
from partygrid.errors import Unavailable

Connection = psycopg.Connection[Any]


#: Partition → topic → offset behind the last record written there.
Reached = dict[int, dict[str, int]]
#: On these the database tells that an instant is released, and that a shard has finished one.
INSTANT_CHANNEL, DRAINED_CHANNEL = "partygrid_instant", "partygrid_drained"
#: Seconds between two looks whether an instant is drained, where nobody tells.
_LOOK_AGAIN = 0.25

_RELEASE = """
INSERT INTO conductor (id, instant, handed_over, reached) VALUES (1, %s, false, %s)
ON CONFLICT (id) DO UPDATE
SET instant = excluded.instant, handed_over = false, reached = excluded.reached
"""


class Outbound(Struct, frozen=True, kw_only=True):
    """A record to be written at an instant: signed already, or deliberately spoilt."""

    topic: str
    key: str
    headers: list[tuple[str, bytes]]
    value: bytes
    #: a partition other than the key's, to try what a foreign partitioner does
    partition: int = -1


class Stalled(Unavailable):
    """An instant is not drained within the limit: is an engine running?"""


class Conductor:
    """Holds the present instant of an installation."""

    def __init__(
        self,
        connection: Connection,
        client: Mapping[str, Any],
        *,
        partitions: int,
        patience: timedelta = timedelta(seconds=120),
        while_waiting: Callable[[], None] = lambda: None,
    ) -> None:
        """`while_waiting` is called again and again until an instant is drained."""
        self._connection, self._partitions = connection, partitions
        self._patience, self._while_waiting = patience, while_waiting
        connection.execute(f"LISTEN {DRAINED_CHANNEL}")
        connection.commit()
        try:
            self._producer = KafkaProducer(
                **client,
                acks="all",
                enable_idempotence=True,
                linger_ms=2,
                max_request_size=16_000_000,
            )
        except KafkaError as fault:
            raise away(client, fault) from fault

    def release(self, instant: datetime, records: Iterable[Outbound] = ()) -> None:
        """Write what happens at `instant`, let it be decided, and wait until it is drained.

        Raises `Stalled` where that takes longer than the patience, `while_waiting` not counted.
        """
        reached = self._write(instant, records)
        self._connection.execute(_RELEASE, (instant, msgspec.json.encode(reached).decode()))
        self._connection.execute("SELECT pg_notify(%s, '')", (INSTANT_CHANNEL,))
        self._connection.commit()
        self._wait(instant)

    def _write(self, instant: datetime, records: Iterable[Outbound]) -> Reached:
        """Write records and return how far their partitions reach."""
        stamp = int(instant.astimezone(UTC).timestamp() * 1000)
        sent = [
            self._producer.send(
                record.topic,
                key=record.key.encode(),
                value=record.value,
                headers=record.headers,
                partition=self._partition(record),
                timestamp_ms=stamp,
            )
            for record in records
        ]
        if sent:
            self._producer.flush(timeout=30)
        reached: Reached = {}
        for future in sent:
            written = future.get(timeout=1)
            reached.setdefault(written.partition, {})[written.topic] = written.offset + 1
        return reached

    def next_due(self) -> datetime | None:
        """Return when the next timer of the installation is due."""
        with self._connection.cursor() as cursor:
            due = next_due(cursor)
        self._connection.commit()
        return due

    def instant(self) -> datetime | None:
        """Return the present instant; None before the first."""
        row = self._connection.execute("SELECT instant FROM conductor WHERE id = 1").fetchone()
        self._connection.commit()
        return row[0] if row else None

    def hand_over(self) -> None:
        """Give the installation to the wall clock: engines started next are live."""
        self._connection.execute("UPDATE conductor SET handed_over = true WHERE id = 1")
        self._connection.commit()

    def close(self) -> None:
        """Stop producing."""
        self._producer.close(timeout=5)
        self._connection.close()

    def _partition(self, record: Outbound) -> int:
        if record.partition >= 0:
            return record.partition
        return partition_of(record.key, self._partitions) if record.topic in INBOUND_TOPICS else 0

    def _wait(self, instant: datetime) -> None:
        deadline = time.monotonic() + self._patience.total_seconds()
        while not self._drained(instant):
            if time.monotonic() > deadline:
                raise Stalled(instant=instant.isoformat())
            begun = time.monotonic()
            self._while_waiting()
            deadline += time.monotonic() - begun  # what is done meanwhile is no waiting
            for _ in self._connection.notifies(timeout=_LOOK_AGAIN, stop_after=1):
                break

    def _drained(self, instant: datetime) -> bool:
        row = self._connection.execute(
            "SELECT count(*) FROM shards WHERE drained_at IS DISTINCT FROM %s", (instant,)
        ).fetchone()
        self._connection.commit()
        return row is not None and row[0] == 0
