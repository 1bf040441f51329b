"""The engine on a log that waits for it: from the first record to the last that is committed."""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from bench.ground import EngineProcess, Ground, ProcessorTime, Stage, Topics, together
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
    begun: datetime
    ended: datetime
    #: how those records ended
    fates: Counter[str]
    #: share of the events that ended as they did when the load was made
    agreed: float
    #: rows of the outbox that were not published yet when the last record was committed
    unpublished: int
    #: that the engines' main threads took, and their others: reading, publishing
    processor: ProcessorTime
    #: of the first where there are several
    memory: Memory

    @property
    def took(self) -> timedelta:
        """From the first record to the last."""
        return self.ended - self.begun

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.took.total_seconds()


def measure(
    ground: Ground, loads: Sequence[Load], *, processes: int = 1, partitions: int = 1
) -> Run:
    """Let engines of one installation work a preloaded log off, their relays running."""
    with ground.stage(partitions=partitions) as stage:
        return run_on(stage, loads, processes=processes)


def run_on(stage: Stage, loads: Sequence[Load], *, processes: int = 1) -> Run:
    """Do so on these servers. Several engines start at once and share the shards out."""
    topics = stage.preload([record for load in loads for record in load.log()])
    with ExitStack() as stack:
        engines = [
            stack.enter_context(stage.engine(f"bench-{number}"))
            for number in range(1, 1 + processes)
        ]
        idle = [engine.processor_time() for engine in engines]
        events = sum(len(load.records) for load in loads)
        end = _wait(stage, engines, topics, events)
        took = [
            engine.processor_time().since(was) for engine, was in zip(engines, idle, strict=True)
        ]
        run = _result(stage, loads, topics, end, together(took))
        if run.records < events:
            print(f"{events - run.records} events did not follow; the engines' logs end")
            for engine in engines:
                print(engine.log.read_text(errors="replace")[-1500:])
    return run


class _End(NamedTuple):
    """When the last event was seen to be committed, and how it stood then."""

    at: datetime
    unpublished: int
    samples: list[Sample]


def _wait(stage: Stage, engines: Sequence[EngineProcess], topics: Topics, events: int) -> _End:
    """Wait for the last event.

    Where some acts were refused, fewer events follow: then it is over when no more come.
    """
    deadline, samples = time.monotonic() + _GIVE_UP, list[Sample]()
    with stage.connected() as connection:
        known, rose, seen = 0, time.monotonic(), (datetime.min.replace(tzinfo=UTC), 0)
        while known < events and (not known or time.monotonic() - rose < _QUIET):
            for engine in engines:
                engine.must_run()
            if time.monotonic() > deadline:
                raise TimeoutError("the engine did not get to the log's end")
            time.sleep(_LOOK)
            decided = topics.decided(connection)
            samples.append(Sample(sum(decided.values()), engines[0].resident()))
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


def _result(
    stage: Stage, loads: Sequence[Load], topics: Topics, end: _End, processor: ProcessorTime
) -> Run:
    outcomes = {event: fate for load in loads for event, fate in load.outcomes.items()}
    with stage.connected() as connection:
        rows = connection.execute(_RECORDED, (list(topics.ids.values()),)).fetchall()
    # The relay's own copy of a follow-up that lay in the log is known, and bears another time.
    ended = {
        (source, event_id): fate
        for source, event_id, fate, _ in rows
        if fate not in (Fate.DUPLICATE, Fate.DEAD_LETTERED)
    }
    agreed = sum(ended.get(event) == fate for event, fate in outcomes.items())
    return Run(
        records=len(ended.keys() & outcomes.keys()),
        begun=min(recorded_at for *_, recorded_at in rows),
        ended=end.at,
        fates=Counter(fate for _, _, fate, _ in rows),
        agreed=agreed / len(outcomes),
        unpublished=end.unpublished,
        processor=processor,
        memory=memory_of(end.samples),
    )
