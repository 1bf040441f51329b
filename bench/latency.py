"""How long an event takes from being sent to being committed, at a steady stream of them.

A thread looks into the database every two milliseconds and notes how far the engine has committed;
so every figure is too large by up to that, and the looking itself takes a little of the machine.
"""

import threading
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any, NamedTuple

from bench.ground import Ends, EngineProcess, Ground, Stage, Topics, send
from bench.load import Load
from flows.batch import RawRecord

RATES = (1, 20, 200)
_LOOK = 0.002
_GIVE_UP = 60


class Latency(NamedTuple):
    """Milliseconds from send to commit at one rate."""

    #: events a second
    rate: int
    events: int
    p50: float
    p95: float
    p99: float


class _Sent(NamedTuple):
    at: float
    written: Any


class _Watch:
    """Notes when which positions were first seen."""

    def __init__(self, topics: Topics) -> None:
        self.topics = topics
        self._moments: list[float] = []
        self._seen: list[Ends] = [{}]
        self._ended = threading.Event()

    def run(self, stage: Stage) -> None:
        with stage.connected() as connection:
            while not self._ended.wait(_LOOK):
                positions = self.topics.decided(connection)
                if positions != self._seen[-1]:
                    self._moments.append(time.perf_counter())
                    self._seen.append(positions)

    def end(self) -> None:
        self._ended.set()

    def committed_at(self, log: tuple[str, int], offset: int) -> float | None:
        """Return when a record was first seen to be committed; None: it is not yet."""
        found = bisect_right(self._seen, offset, key=lambda one: one.get(log, 0))
        return self._moments[found - 1] if found < len(self._seen) else None


def measure(ground: Ground, load: Load, *, seconds: int) -> list[Latency]:
    """Send what people said, `seconds` long at each rate, to one engine that was idle before."""
    said = iter(load.said())
    with (
        ground.stage() as stage,
        stage.engine() as engine,
        closing(stage.producer()) as producer,
        _watching(stage) as watch,
    ):
        _await(engine, watch, [_one(producer, record) for record in islice(said, 1)])
        return [
            _at(engine, producer, watch, rate, list(islice(said, rate * seconds))) for rate in RATES
        ]


@contextmanager
def _watching(stage: Stage) -> Iterator[_Watch]:
    watch = _Watch(Topics(stage.topic_ids(), {}))
    thread = threading.Thread(target=watch.run, args=(stage,))
    thread.start()
    try:
        yield watch
    finally:
        watch.end()
        thread.join()


def _at(
    engine: EngineProcess, producer: Any, watch: _Watch, rate: int, records: Sequence[RawRecord]
) -> Latency:
    begun, sent = time.perf_counter(), []
    for number, record in enumerate(records):
        time.sleep(max(0.0, begun + number / rate - time.perf_counter()))
        sent.append(_one(producer, record))
    took = sorted(1000 * one for one in _await(engine, watch, sent))
    p50, p95, p99 = (_percentile(took, share) for share in (0.50, 0.95, 0.99))
    return Latency(rate, len(took), p50, p95, p99)


def _one(producer: Any, record: RawRecord) -> _Sent:
    return _Sent(time.perf_counter(), send(producer, record))


def _await(engine: EngineProcess, watch: _Watch, sent: Sequence[_Sent]) -> list[float]:
    """Wait until all of these are committed; returns seconds from send to commit."""
    took, deadline = [], time.monotonic() + _GIVE_UP
    for one in sent:
        written = one.written.get(timeout=_GIVE_UP)
        log = (written.topic, written.partition)
        while (committed := watch.committed_at(log, written.offset)) is None:
            engine.must_run()
            if time.monotonic() > deadline:
                raise TimeoutError("an event was not decided")
            time.sleep(_LOOK)
        took.append(committed - one.at)
    return took


def _percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value that this share of all does not exceed."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
