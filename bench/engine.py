"""The engine on a log that waits for it: from the first record to the last that is committed."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from bench.ground import EngineProcess, Ground, Stage, Topics
from bench.load import Load
from bench.memory import Memory, Sample, memory_of
from models.values import Fate

#: Seconds between two looks at the positions, and until the measurement is given up.
_LOOK, _GIVE_UP = 0.05, 600
#: Seconds after which nothing more is expected to follow: more than the relay tries to write once.
_QUIET = 15


class Run(NamedTuple):
    """What an engine did with a load."""

    records: int
    took: timedelta
    #: how those records ended
    fates: Counter[str]
    #: share of the events that ended as they did when the load was made
    agreed: float
    #: rows of the outbox that were not published yet when the last record was committed
    unpublished: int
    memory: Memory

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.took.total_seconds()


def measure(ground: Ground, load: Load) -> Run:
    """Let one engine process work a preloaded log off, its relay running."""
    with ground.stage() as stage:
        return run_on(stage, load)


def run_on(stage: Stage, load: Load) -> Run:
    """Do so on these servers."""
    topics = stage.preload(load.log())
    with stage.engine() as engine:
        end = _wait(stage, engine, topics, len(load.records))
        run = _result(stage, load, topics, end)
    if run.records < len(load.records):
        print(f"{len(load.records) - run.records} events did not follow; the engine's log ends")
        print(engine.log.read_text(errors="replace")[-1500:])
    return run


class _End(NamedTuple):
    """When the last event was seen to be committed, and how it stood then."""

    at: datetime
    unpublished: int
    samples: list[Sample]


def _wait(stage: Stage, engine: EngineProcess, topics: Topics, events: int) -> _End:
    """Wait for the last event.

    Where some acts were refused, fewer events follow: then it is over when no more come.
    """
    deadline, samples = time.monotonic() + _GIVE_UP, list[Sample]()
    with stage.connected() as connection:
        known, rose, seen = 0, time.monotonic(), (datetime.min.replace(tzinfo=UTC), 0)
        while known < events and (not known or time.monotonic() - rose < _QUIET):
            engine.must_run()
            if time.monotonic() > deadline:
                raise TimeoutError("the engine did not get to the log's end")
            time.sleep(_LOOK)
            decided = topics.decided(connection)
            samples.append(Sample(sum(decided.values()), engine.resident()))
            if topics.are_passed(decided) and (found := _decided(connection, topics)) > known:
                known, rose = found, time.monotonic()
                (seen,) = connection.execute(_FINISHED).fetchall()
    return _End(*seen, samples)


_DECIDED = (
    "SELECT count(*) FROM records WHERE fate NOT IN ('duplicate', 'dead-lettered')"
    " AND topic_id = ANY(%s)"
)
_FINISHED = "SELECT clock_timestamp(), (SELECT count(*) FROM outbox WHERE published_at IS NULL)"
_RECORDED = "SELECT source, event_id, fate, recorded_at FROM records WHERE topic_id = ANY(%s)"


def _decided(connection: psycopg.Connection[Any], topics: Topics) -> int:
    """Return how many events are decided, each counted once."""
    ((found,),) = connection.execute(_DECIDED, (list(topics.ids.values()),)).fetchall()
    return int(found)


def _result(stage: Stage, load: Load, topics: Topics, end: _End) -> Run:
    with stage.connected() as connection:
        rows = connection.execute(_RECORDED, (list(topics.ids.values()),)).fetchall()
    # The relay's own copy of a follow-up that lay in the log is known, and bears another time.
    ended = {
        (source, event_id): fate
        for source, event_id, fate, _ in rows
        if fate not in (Fate.DUPLICATE, Fate.DEAD_LETTERED)
    }
    agreed = sum(ended.get(event) == fate for event, fate in load.outcomes.items())
    return Run(
        records=len(ended.keys() & load.outcomes.keys()),
        took=end.at - min(recorded_at for *_, recorded_at in rows),
        fates=Counter(fate for _, _, fate, _ in rows),
        agreed=agreed / len(load.outcomes),
        unpublished=end.unpublished,
        memory=memory_of(end.samples),
    )
