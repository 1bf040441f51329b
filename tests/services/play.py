"""One fault: the day is played with it, held to the undisturbed one, and leaves its row."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from partygrid import bootstrap
from partygrid.embedded.postgres import Postgres
from partygrid.simulation.stage import Stage
from tests.services.apache import Apache
from tests.services.hardness import HARD
from tests.services.lapse import Disturbance, Strikes, compared, played, repeats
from tests.services.report import Report, Row


class Play:
    """Plays the day with a fault and holds it to the undisturbed one."""

    def __init__(self, kafka: Apache, undisturbed: Postgres, folder: Path, report: Report) -> None:
        self._kafka, self._undisturbed = kafka, undisturbed
        self._folder, self._report = folder, report

    def __call__(self, fault: str, disturbance: Disturbance, *, home: Path | None = None) -> Row:
        """Return the row that was added; fails where anything differs."""
        begun = time.monotonic()
        home = home or self._folder / fault.replace(" ", "-").replace(",", "")[:20]
        with (
            played(self._kafka, home, disturbance) as one,
            bootstrap.connected(self._undisturbed.url("partygrid")) as reference,
        ):
            found = compared(one, reference)
            repeated = repeats(one)
        row = found.row(fault, seconds=time.monotonic() - begun, repeats=repeated)
        assert found.differences == found.unsound == [], [*found.differences, *found.unsound][:20]
        self._report.add(row)
        return row


def disturbed(
    strike: Callable[[Stage], bool], count: int, kept: list[Strikes], **fields: Any
) -> Disturbance:
    """Let something strike so many times; who strikes is kept for looking at."""

    def disturb(stage: Stage) -> Strikes:
        if "connect" in fields:
            commit_for_sure(stage)
        kept.append(Strikes(stage, count, strike))
        return kept[-1]

    return Disturbance(disturb=disturb, **fields)


def commit_for_sure(stage: Stage) -> None:
    """Have what is committed outlive PostgreSQL's processes, as in any installation.

    A stage's database does not by itself: it is quicker so.
    """
    with bootstrap.connected(stage.settings.address("database_url")) as connection:
        connection.autocommit = True
        connection.execute("ALTER DATABASE partygrid SET synchronous_commit = on")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def stay_away(stage: Stage) -> None:
    """Let time pass before a server that was killed comes back; ours are looked after by nobody."""
    time.sleep(HARD.away)


def stayed() -> str:
    """Say for how long it stays away, where it is for longer than its start takes."""
    return f" after {HARD.away:.0f} s" if HARD.away else ""
