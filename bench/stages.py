"""Where the time of deciding and writing goes, by what the code is there for.

The load's own batches are decided once more under Python's profiler, which makes calls dearer than
they are: the shares say more than the microseconds. Reading from the log and publishing are threads
of the engine's process and not part of it; what they take stands in the table of speeds.
"""

import cProfile
import pstats
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from bench.ground import Ground
from bench.load import BATCH_MAX, Load
from tests.one_shard import OneShard

#: What a file is there for: the first of these that its path begins with.
_ROOT = Path(__file__).parent.parent
_PURPOSES = {
    "events/": "reading, checking and signing events",
    "models/canonical": "reading, checking and signing events",
    "models/keys": "reading, checking and signing events",
    "models/rows": "rows to snapshots and back",
    "models/asking": "rows to snapshots and back",
    "flows/decide/": "deciding",
    "models/": "deciding",
    "flows/": "journal, audit, outgoing rows",
}
_POSTGRESQL, _OTHERS = "waiting for PostgreSQL, and its protocol", "Python's library, and the rest"
#: More than are needed for steady shares.
_ENOUGH = 8_000


class Stage(NamedTuple):
    """One kind of work."""

    name: str
    share: float
    #: microseconds a record, under the profiler
    each: float


def measure(ground: Ground, load: Load) -> list[Stage]:
    """Decide the load's first batches again under the profiler."""
    profile = cProfile.Profile(builtins=False)
    done = 0
    with (
        ground.database() as url,
        closing(OneShard(url, ground.county.home, name="load")) as shard,
    ):
        shard.at_once = BATCH_MAX
        for batch in load.writes:
            part = load.records[done : done + batch.records]
            profile.runcall(shard.hear, part)
            done += batch.records
            if done >= _ENOUGH:
                break
    return _by_purpose(pstats.Stats(profile), done)


def _by_purpose(stats: pstats.Stats, records: int) -> list[Stage]:
    seconds: Counter[str] = Counter()
    for (file, _, _), (_, _, own, _, _) in stats.stats.items():  # type: ignore[attr-defined]
        seconds[_purpose(file)] += own
    whole = seconds.total()
    return [Stage(name, took / whole, 1e6 * took / records) for name, took in seconds.most_common()]


def _purpose(file: str) -> str:
    if "psycopg" in file:
        return _POSTGRESQL
    path = Path(file)
    if not path.is_relative_to(_ROOT):
        return _OTHERS
    inside = str(path.relative_to(_ROOT))
    if "_store" in path.stem:
        return _PURPOSES["models/rows"]
    return next((what for begin, what in _PURPOSES.items() if inside.startswith(begin)), _OTHERS)
