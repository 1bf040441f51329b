"""The floor: what reading these records and writing these rows costs, and nothing else.

One process reads the log with kafka-python and executes, batch by batch, the statements that were
recorded when the load was decided: one transaction a batch, pipelined, rows prepared beforehand.
No decoding, no signature, no decision, no relay.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any, NamedTuple

import psycopg
from kafka import KafkaConsumer

from bench.ground import Ground
from bench.load import BATCH_MAX, Load, Written, counted
from partygrid import bootstrap

#: As many as the engine takes at a time.
_AT_MOST = 4 * BATCH_MAX
_GIVE_UP = 300


class Floor(NamedTuple):
    """How long the parts took."""

    records: int
    took: timedelta

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.took.total_seconds()


def measure(ground: Ground, load: Load) -> Floor:
    """Read the load from a log and write its rows, in one process."""
    with ground.stage() as stage:
        stage.preload(load.records)
        with (
            closing(stage.consumer()) as consumer,
            closing(bootstrap.connect(stage.url)) as connection,
        ):
            before = counted(connection)
            _stand_as_then(connection, load)
            took = _work_off(consumer, connection, load.writes)
            written = counted(connection) - before
        assert written == load.rows, f"the floor wrote {written}, deciding wrote {load.rows}"
        return Floor(len(load.records), timedelta(seconds=took))


def _stand_as_then(connection: psycopg.Connection[Any], load: Load) -> None:
    """Set the shard's epoch, so that the recorded fences find their row."""
    connection.execute("UPDATE shards SET epoch = %s", (load.epoch,))
    connection.commit()


def _work_off(
    consumer: KafkaConsumer, connection: psycopg.Connection[Any], writes: Sequence[Written]
) -> float:
    """Write each batch as soon as so many records are read; returns seconds from the first on."""
    read = _counts(consumer)
    came = next(read)
    begun, done = time.perf_counter(), 0
    for batch in writes:
        done += batch.records
        while came < done:
            came += next(read)
        _write(connection, batch)
    return time.perf_counter() - begun


def _counts(consumer: KafkaConsumer) -> Iterator[int]:
    """Give how many records each poll brought."""
    deadline = time.monotonic() + _GIVE_UP
    while time.monotonic() < deadline:
        polled = consumer.poll(timeout_ms=100, max_records=_AT_MOST)
        if polled:
            yield sum(map(len, polled.values()))
    raise TimeoutError("the log ended before the load")


def _write(connection: psycopg.Connection[Any], batch: Written) -> None:
    with connection.transaction(), connection.pipeline():
        plain, raw = psycopg.Cursor(connection), psycopg.RawCursor(connection)
        for statement in batch.statements:
            (raw if statement.raw else plain).execute(statement.query, statement.values)
