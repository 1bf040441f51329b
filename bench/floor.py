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
from bench.ground import Ground, Stage, township_of
from bench.load import BATCH_MAX, Load, Written, counted
from events.partitions import partition_of
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


def measure(ground: Ground, loads: Sequence[Load], *, partitions: int = 1) -> Floor:
    """Read each load from its partitions of one log and write its rows, a process for each.

    Each has a database of its own in the same server, as all were decided on the same shard.
    """
    with ExitStack() as stack:
        stage = stack.enter_context(ground.stage(partitions=partitions))
        stage.preload([record for load in loads for record in load.records])
        urls = [stack.enter_context(ground.database()) for _ in loads]
        parts = [_Part(stage, url, load) for url, load in zip(urls, loads, strict=True)]
        spans = _beside(parts) if len(parts) > 1 else [parts[0].work_off()]
    took = max(ended for _, ended in spans) - min(begun for begun, _ in spans)
    return Floor(sum(len(load.records) for load in loads), timedelta(seconds=took))


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


class _Part(NamedTuple):
    """What one process reads and writes."""

    stage: Stage
    url: str
    load: Load

    def work_off(self) -> tuple[float, float]:
        """Return when it began and ended, by the system's steady clock."""
        with (
            closing(self.stage.consumer(self._partitions())) as consumer,
            closing(bootstrap.connect(self.url)) as connection,
        ):
            before = counted(connection)
            _stand_as_then(connection, self.load)
            span = _work_off(consumer, connection, self.load.writes)
            written = counted(connection) - before
        rows = self.load.rows
        assert written == rows, f"the floor wrote {written}, deciding wrote {rows}"
        return span

    def _partitions(self) -> set[int]:
        townships = {township_of(record) for record in self.load.records}
        return {partition_of(one, self.stage.settings.partitions) for one in townships}


def _beside(parts: Sequence[_Part]) -> list[tuple[float, float]]:
    """Let a process work for each part, all at once; they have the loads from their parent."""
    several = multiprocessing.get_context("fork")
    spans = several.SimpleQueue()
    workers = [
        several.Process(target=lambda part=part: spans.put(part.work_off())) for part in parts
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(_GIVE_UP)
        assert worker.exitcode == 0, "a process of the floor failed"
    return [spans.get() for _ in workers]


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
    with connection.transaction(), connection.pipeline(), psycopg.Cursor(connection) as cursor:
        for statement in batch.statements:
            cursor.execute(statement.query, statement.values)
