"""Events that are decided one at a time: each committed together with what follows from it.

`python -m bench.one_by_one FILE` does so with nothing around it. Whatever else stands around an
event here (`bench.prefect_runs`, `bench.dbos_steps`) does the same work by the same `Hand`.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from msgspec import Struct, msgpack

from flows.batch import RawRecord
from tests.one_shard import OneShard

#: Cases under way at a time, where they can be side by side; more made nothing quicker.
LANES = 4


class Given(Struct, frozen=True, kw_only=True):
    """What a process is to do. Cases are whole, each with what people said in its order."""

    url: str
    home: str
    cases: list[list[RawRecord]]
    #: after these no further event is begun
    seconds: float
    #: of whoever keeps its own beside ours
    other_url: str = ""
    #: all but the work
    empty: bool = False


class Done(Struct, frozen=True, kw_only=True):
    """What it did of that."""

    events: int
    seconds: float


class Hand(OneShard):
    """Decides one event after the other."""

    def __init__(self, given: Given) -> None:
        """Take the shard over."""
        super().__init__(given.url, Path(given.home), name="hand")
        self.db.commit()

    def decide(self, given: RawRecord) -> None:
        """Decide this event and all that follows from it, in one transaction."""
        with self.db.transaction():
            self.hear([self.record(given.at.topic, given.headers, given.value, given.now)])
            self.settle(given.now)

    def _keep_marks(self) -> None:
        """Nothing is kept before all is decided."""


class Clock:
    """Tells when the time is over, and what was done until then."""

    def __init__(self, seconds: float) -> None:
        """Begin."""
        self._begun = time.perf_counter()
        self._seconds = seconds

    @property
    def over(self) -> bool:
        """May no further event be begun?"""
        return time.perf_counter() - self._begun >= self._seconds

    def done(self, events: int) -> Done:
        """Return what was done until now."""
        return Done(events=events, seconds=time.perf_counter() - self._begun)


def until_over(clock: Clock, case: Sequence[RawRecord]) -> Iterator[int]:
    """Give the places of a case's events, as long as there is time."""
    for place in range(len(case)):
        if clock.over:
            return
        yield place


def decide(given: Given) -> Done:
    """Do nothing else."""
    with closing(Hand(given)) as hand:
        clock, events = Clock(given.seconds), 0
        for case in given.cases:
            for place in until_over(clock, case):
                hand.decide(case[place])
                events += 1
        return clock.done(events)


def answer(way: Callable[[Given], Done]) -> None:
    """Read what is to do from the file that is named, do it, and say what was done."""
    given = msgpack.decode(Path(sys.argv[1]).read_bytes(), type=Given)
    Path(sys.argv[2]).write_bytes(msgpack.encode(way(given)))


if __name__ == "__main__":
    answer(decide)
