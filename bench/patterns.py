"""Matters of a year, really decided: what the cases of a crowded database are copied from.

Some were reported months ago and are put away, some are settled and will be put away, some are
open. The rows are taken from the tables that the engine wrote.
"""

from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench.load import matters
from partygrid.sample.draw import Draw
from tests.one_shard import OneShard

#: Days before the present on which matters are reported that are settled on the same day.
_SETTLED_DAYS = (*range(360, 59, -30), 20, 5)
#: The open ones are reported so long before the present: no more within the hours in which
#: another report seems to be the same, and within no limit that is over.
_OPEN_SINCE = timedelta(hours=30)
#: The open ones are left after so many acts each.
_ACTS = (1, 2, 3, 4, 5)
_AT_A_TIME = 24


def decide(url: str, home: Path, *, now: datetime, at_a_time: int = _AT_A_TIME) -> None:
    """Decide them in a founded county, with every timer that came due up to `now`."""
    draw = Draw(0)
    with closing(OneShard(url, home, name="pattern")) as shard:
        moments = [(now - timedelta(days=days), _TO_THE_END) for days in _SETTLED_DAYS]
        moments += [(now - _OPEN_SINCE, {"rounds": acts}) for acts in _ACTS]
        for place, (moment, until) in enumerate(moments):
            shard.until(moment)
            numbers = range(place * at_a_time, (place + 1) * at_a_time)
            matters(shard, draw, numbers, moment, **until)
        shard.until(now)


_TO_THE_END: dict[str, Any] = {}
