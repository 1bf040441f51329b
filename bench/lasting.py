"""An engine over very many events: does its memory grow?

The load is made and written part by part, and forgotten as soon as it is in the log, so that this
process stays small too. The broker keeps all of it in memory.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

from bench.ground import EngineProcess, Ground, Stage, Topics
from bench.load import AT_A_TIME, Recording, closes_a_matter, matters
from bench.memory import Memory, Sample, memory_of
from flows.batch import RawRecord
from partygrid.sample.draw import Draw

_LOOK, _GIVE_UP = 0.2, 600


def measure(servers: Ground, *, seed: int, events: int) -> dict[str, tuple[int, Memory]]:
    """Let one engine decide `events` records at least, and say what it held."""
    samples: list[Sample] = []
    with servers.stage() as stage, stage.engine() as engine:
        for part in _parts(servers, seed, events):
            _decide(stage, engine, stage.preload(part), samples)
            print(f"{samples[-1].events:,} records, {samples[-1].resident / 2**20:.0f} MB")
        with stage.connected() as connection:
            ((decided,),) = connection.execute(
                "SELECT count(*) FROM records WHERE topic_id = ANY(%s)",
                (list(stage.topic_ids().values()),),
            ).fetchall()
    return {"engine": (decided, memory_of(samples))}


def _parts(servers: Ground, seed: int, events: int) -> Iterator[list[RawRecord]]:
    """Make records until there are so many."""
    with servers.database() as url, closing(Recording(url, servers.county.home)) as shard:
        made, first, now = 0, 0, datetime.now(UTC)
        while made < events:
            matters(shard, Draw(seed), range(first, first + AT_A_TIME), now)
            made, first = made + len(shard.records), first + AT_A_TIME
            yield [one for one in shard.records if not closes_a_matter(one)]
            shard.records.clear()
            shard.writes.clear()


def _decide(stage: Stage, engine: EngineProcess, topics: Topics, samples: list[Sample]) -> None:
    deadline = time.monotonic() + _GIVE_UP
    with stage.connected() as connection:
        while not topics.are_passed(decided := topics.decided(connection)):
            engine.must_run()
            if time.monotonic() > deadline:
                raise TimeoutError("the engine did not get to the log's end")
            samples.append(Sample(sum(decided.values()), engine.resident()))
            time.sleep(_LOOK)
