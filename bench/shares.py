"""How many cases of which kind stand in which township of a crowded county. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tests.world import COUNTY
from tests.world import TOWNSHIPS as HOME

#: Townships of the county, the two of the load among them.
_TOWNSHIPS = (*HOME, *(f"{COUNTY}{number}" for number in range(201, 219)))
#: Of all cases so many are settled and not put away yet.
_SETTLED = 0.2
#: Of the load's own townships so many cases are open: what comes in there in a week, of a year.
_OPEN_AT_HOME = 0.015


class Copies(NamedTuple):
    """How often a pattern is copied into a township."""

    case_id: str
    #: it is in this one
    township: str
    to: str
    times: int


class Pattern(NamedTuple):
    """A decided case that can be copied."""

    case_id: str
    township: str
    is_open: bool
    clocks: int


def planned(patterns: Sequence[Pattern], cases: int) -> list[Copies]:
    """Say how often each pattern is copied where, so that there are as many timers as cases."""
    under_way = [one for one in patterns if one.is_open]
    settled = [one for one in patterns if not one.is_open and one.clocks]
    put_away = [one for one in patterns if not one.is_open and not one.clocks]
    share = len(HOME) / len(_TOWNSHIPS)
    running = (1 - _SETTLED * _clocks(settled)) / _clocks(under_way)
    at_home = round(share * cases)
    found: list[Copies] = []
    for townships, total, are_open in (
        (HOME, at_home, _OPEN_AT_HOME),
        (
            _TOWNSHIPS[len(HOME) :],
            cases - at_home,
            (running - share * _OPEN_AT_HOME) / (1 - share),
        ),
    ):
        counts = round(are_open * total), round(_SETTLED * total)
        for kind, count in zip((under_way, settled), counts, strict=True):
            found += _spread(kind, townships, count)
        found += _spread(put_away, townships, total - sum(counts))
    return found


def _clocks(patterns: Sequence[Pattern]) -> float:
    return sum(one.clocks for one in patterns) / len(patterns)


def _spread(patterns: Sequence[Pattern], townships: Iterable[str], count: int) -> Iterator[Copies]:
    """Divide `count` evenly among every pattern in every township."""
    places = [(pattern, township) for township in townships for pattern in patterns]
    each, more = divmod(count, len(places))
    for at, (pattern, township) in enumerate(places):
        if times := each + (at < more):
            yield Copies(pattern.case_id, pattern.township, township, times)
