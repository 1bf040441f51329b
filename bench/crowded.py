"""A server of its own with a database of very many cases, and an engine's speed there."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from bench import engine, patterns
from bench.crowd import Made, fill
from bench.engine import Run
from bench.ground import EMPTY, Ground
from bench.load import Load
from partygrid import bootstrap
from partygrid.embedded.child import Child, running
from partygrid.embedded.postgres import Postgres

_FULL = "crowded"
#: While the cases are made, nothing is logged that need not be; then it starts anew as ever.
_HASTY = ("wal_level=minimal", "max_wal_senders=0")
#: So it is known when a firing was committed.
_DATED = ("track_commit_timestamp=on",)
#: What the copied cases fill, and every batch asks or writes. Where a table is small, reading all
#: of it is right.
_FILLED = ("assignments", "audit", "cases", "journal", "outcomes", "records", "timers")


class Crowd(NamedTuple):
    """A server that runs, with a founded county and the same with many cases."""

    ground: Ground
    #: address of the one with many cases; it stays as a measurement leaves it
    url: str
    made: Made
    #: in which they were made
    seconds: float

    def scans(self) -> Counter[str]:
        """Return how often these tables were read from end to end since they were made."""
        with closing(bootstrap.connect(self.url)) as connection:
            rows = connection.execute(
                "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname = ANY(%s)",
                (list(_FILLED),),
            ).fetchall()
        return Counter(dict(rows))


class Speeds(NamedTuple):
    """What an engine did with the same load in three databases, one after the other."""

    before: Run
    full: Run
    after: Run
    #: tables that were read from end to end in the full one → how often
    scans: Counter[str]

    @property
    def ratio(self) -> float:
        """Return full ÷ empty."""
        return 2 * self.full.rate / (self.before.rate + self.after.rate)


@contextmanager
def crowded(like: Ground, *, cases: int) -> Iterator[Crowd]:
    """Make the cases, and start the server on them as an installation runs it."""
    folder = like.folder / "crowd"
    folder.mkdir(mode=0o755)
    server = Postgres(folder / "postgres", databases=(EMPTY,))
    with running(_with(replace(server, durable=False).child(), _HASTY)):
        ground = Ground(folder, server, like.brokers, like)
        begun = time.monotonic()
        made = _made(ground, server, cases)
    os.sync()  # else the disk is at it while something is measured
    seconds = time.monotonic() - begun
    print(f"{made.cases:,} cases with {made.timers:,} timers made in {seconds:.0f} s")
    with running(_with(server.child(), _DATED)):
        yield Crowd(ground, server.url(_FULL), made, seconds)


def _with(child: Child, settings: tuple[str, ...]) -> Child:
    return replace(child, argv=(*child.argv, *(part for one in settings for part in ("-c", one))))


def _made(ground: Ground, server: Postgres, cases: int) -> Made:
    server.create_database(_FULL, template=ground.county.database)
    with ground.database() as decided:
        patterns.decide(decided, ground.county.home, now=datetime.now(UTC))
        return fill(server.url(_FULL), decided, cases=cases)


def measure(crowd: Crowd, load: Load) -> Speeds:
    """Let an engine work the load off where there are no cases, where there are, and once more."""
    before = engine.measure(crowd.ground, [load])
    scanned = crowd.scans()
    with crowd.ground.stage(crowd.url) as stage:
        full = engine.run_on(stage, [load])
    return Speeds(before, full, engine.measure(crowd.ground, [load]), crowd.scans() - scanned)
