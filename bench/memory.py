"""What an engine holds in memory while it decides. Pure."""

from collections.abc import Sequence
from statistics import linear_regression
from typing import NamedTuple

#: Until this part of the events is decided, everything is loaded that is used again and again.
_BEGINNING = 0.1
_MEGABYTE = 2**20
_PER = 100_000


class Sample(NamedTuple):
    """One look at an engine."""

    #: records decided until then
    events: int
    #: bytes
    resident: int


class Memory(NamedTuple):
    """Megabytes that an engine held."""

    #: when a tenth was decided
    begun: float
    ended: float
    most: float
    #: by which it grew with each 100,000 records after the beginning: slope of a fitted line
    growth: float


def memory_of(samples: Sequence[Sample]) -> Memory:
    """Sum the samples up. An engine that had ended is left out."""
    alive = [one for one in samples if one.resident]
    last = max(one.events for one in alive)
    events, held = zip(
        *(
            (one.events, one.resident / _MEGABYTE)
            for one in alive
            if one.events >= _BEGINNING * last
        ),
        strict=True,
    )
    slope = linear_regression(events, held).slope if len(set(events)) > 1 else 0.0
    return Memory(held[0], held[-1], max(one.resident for one in alive) / _MEGABYTE, slope * _PER)
