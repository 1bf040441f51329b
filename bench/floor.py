"""The floor: what reading these records and writing these rows costs, and nothing else.

One process reads the log with kafka-python and executes, batch by batch, the statements that were
recorded when the load was decided: one transaction a batch, pipelined, rows prepared beforehand.
No decoding, no signature, no decision, no relay.
"""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import timedelta
from typing import Any, NamedTuple

import psycopg
from kafka import KafkaConsumer

from bench import copying
from bench.ground import Ground, Stage
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


def measure(ground: Ground, load: Load, *, processes: int = 1) -> Floor:
    """Read the load from a log and write its rows; several processes have a stage each."""
    with ExitStack() as stack:
        stages = [stack.enter_context(ground.stage()) for _ in range(processes)]
        for stage in stages:
            stage.preload(load.records)
        spans = _beside(stages, load) if processes > 1 else [_alone(stages[0], load)]
    took = max(ended for _, ended in spans) - min(begun for begun, _ in spans)
    return Floor(len(load.records) * processes, timedelta(seconds=took))


class Ceiling(NamedTuple):
    """The same rows by COPY, and the room they take."""

    speed: Floor
    #: bytes that a record left in the database, indexes included
    stored: float


def ceiling(ground: Ground, load: Load) -> Ceiling:
    """Write the rows once as the floor does, then time only the copying of what came of it."""
    with ground.database() as url, closing(bootstrap.connect(url)) as connection:
        before = copying.room(connection)
        _stand_as_then(connection, load)
        for batch in load.writes:
            _write(connection, batch)
        stored = copying.room(connection) - before
        speed = Floor(len(load.records), copying.measure(connection))
    return Ceiling(speed, stored / len(load.records))


def _beside(stages: Sequence[Stage], load: Load) -> list[tuple[float, float]]:
    """Let a process work for each stage, all at once; they have the load from their parent."""
    several = multiprocessing.get_context("fork")
    spans = several.SimpleQueue()
    workers = [
        several.Process(target=lambda stage=stage: spans.put(_alone(stage, load)))
        for stage in stages
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(_GIVE_UP)
        assert worker.exitcode == 0, "a process of the floor failed"
    return [spans.get() for _ in workers]


def _alone(stage: Stage, load: Load) -> tuple[float, float]:
    """Work one stage off; returns when it began and ended, by the system's steady clock."""
    with (
        closing(stage.consumer()) as consumer,
        closing(bootstrap.connect(stage.url)) as connection,
    ):
        before = counted(connection)
        _stand_as_then(connection, load)
        span = _work_off(consumer, connection, load.writes)
        written = counted(connection) - before
    assert written == load.rows, f"the floor wrote {written}, deciding wrote {load.rows}"
    return span


def _stand_as_then(connection: psycopg.Connection[Any], load: Load) -> None:
    """Set the shard's epoch, so that the recorded fences find their row."""
    connection.execute("UPDATE shards SET epoch = %s", (load.epoch,))
    connection.commit()


def _work_off(
    consumer: KafkaConsumer, connection: psycopg.Connection[Any], writes: Sequence[Written]
) -> tuple[float, float]:
    """Write each batch as soon as so many records are read; returns the first's and last's time."""
    read = _counts(consumer)
    came = next(read)
    begun, done = time.monotonic(), 0
    for batch in writes:
        done += batch.records
        while came < done:
            came += next(read)
        _write(connection, batch)
    return begun, time.monotonic()


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
