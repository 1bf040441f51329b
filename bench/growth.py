"""What the figures of one run come to for a county and for a province. Pure."""

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

_YEAR = timedelta(days=365)
_MONTH = timedelta(days=30)
#: A peak against the mean of the year: an hour of a storm, or the first morning after a holiday.
_PEAK = 20
#: Engines are not planned to be busy for more than this share of a peak.
_BUSY = 0.5
_GIGABYTE = 2**30


class Measured(NamedTuple):
    """What one run found."""

    #: records of one case, follow-ups among them
    records_per_case: float
    #: records a second of one engine process
    rate: float
    #: bytes that one record leaves in PostgreSQL, indexes included
    stored: float
    #: bytes that one record and what follows from it take in the log, one copy
    logged: float


class Place(NamedTuple):
    """Somewhere to be served."""

    name: str
    cases_a_year: int


COUNTY = Place("a county", 1_000_000)
PROVINCE = Place("a province of 100 counties", 100_000_000)
HEADS = (
    "worked estimate",
    "cases a year",
    "records/s, mean",
    "at a peak",
    "engines for the peak",
    "a month again, hours",
    "PostgreSQL, GB a year",
    "log, GB a month and copy",
)


def estimates(found: Measured) -> Sequence[tuple[str, ...]]:
    """Return a row for each place."""
    return [_estimate(place, found) for place in (COUNTY, PROVINCE)]


def _estimate(place: Place, found: Measured) -> tuple[str, ...]:
    yearly = place.cases_a_year * found.records_per_case
    mean = yearly / _YEAR.total_seconds()
    engines = max(1, math.ceil(mean * _PEAK / (found.rate * _BUSY)))
    month = mean * _MONTH.total_seconds()
    again = timedelta(seconds=month / (found.rate * engines))
    return (
        place.name,
        f"{place.cases_a_year:,}",
        f"{mean:,.1f}",
        f"{mean * _PEAK:,.0f}",
        str(engines),
        f"{again / timedelta(hours=1):,.1f}",
        f"{yearly * found.stored / _GIGABYTE:,.0f}",
        f"{month * found.logged / _GIGABYTE:,.1f}",
    )
