"""Servers that die and hang: nothing that was decided tells of it."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import psutil
import psycopg
import pytest

from partygrid import bootstrap
from partygrid.embedded.installation import Installation
from partygrid.embedded.postgres import Postgres
from partygrid.errors import Unavailable
from partygrid.simulation.stage import Stage
from tests.services.apache import Apache
from tests.services.lapse import (
    Connection,
    Disturbance,
    Strikes,
    compared,
    played,
    repeats,
)
from tests.services.report import Report, Row
from tests.services.waiting import soon

pytestmark = pytest.mark.timeout(600)

#: Longer than every client of ours waits for an answer: the consumer does for 30 s.
FROZEN = 35.0


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
        assert found.differences == found.unsound == []
        self._report.add(row)
        return row


@pytest.fixture
def play(kafka: Apache, undisturbed: Postgres, server_folder: Path, report: Report) -> Play:
    return Play(kafka, undisturbed, server_folder, report)


# --- the broker ----------------------------------------------------------------------------------


def test_the_broker_is_killed_and_comes_back_with_its_log(play: Play, kafka: Apache) -> None:
    strikes: list[Strikes] = []

    def kill(stage: Stage) -> bool:
        kafka.nodes[0].kill()
        kafka.start()
        return True

    play("broker killed and started again, twice", disturbed(kill, 2, strikes))
    assert strikes[0].hits == 2


def test_the_broker_hangs_longer_than_any_client_waits(play: Play, kafka: Apache) -> None:
    strikes: list[Strikes] = []

    def freeze(stage: Stage) -> bool:
        kafka.nodes[0].freeze()
        try:
            until = time.monotonic() + FROZEN
            while time.monotonic() < until:
                stage.keep()
                time.sleep(0.05)
        finally:
            kafka.nodes[0].thaw()
        return True

    play(f"broker silent (SIGSTOP) for {FROZEN:.0f} s", disturbed(freeze, 1, strikes))
    assert strikes[0].hits == 1


# --- the database --------------------------------------------------------------------------------


class Renewed:
    """The conductor's connection, which can be opened anew in its place while it waits.

    The engines must find their way back by themselves; the one who plays the day need not.
    """

    def __init__(self, url: str) -> None:
        self._url, self._connection = url, bootstrap.connect(url)
        self._listens: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, query: str, *rest: Any) -> Any:
        if query.startswith("LISTEN"):
            self._listens.append(query)
        return self._connection.execute(query, *rest)

    def renew(self) -> None:
        """Connect again, and hear what was heard before."""
        self._connection.close()
        self._connection = bootstrap.connect(self._url)
        for query in self._listens:
            self._connection.execute(query)
        self._connection.commit()


class Renewals:
    """All connections of the one who plays the day."""

    def __init__(self) -> None:
        self._made: list[Renewed] = []

    def connect(self, url: str) -> Connection:
        """Connect, and remember it."""
        self._made.append(Renewed(url))
        return cast("Connection", self._made[-1])

    def renew(self) -> None:
        """Have all of them anew."""
        for one in self._made:
            one.renew()


@pytest.fixture
def renewals() -> Renewals:
    return Renewals()


def test_the_database_is_killed_and_started_again(play: Play, renewals: Renewals) -> None:
    strikes: list[Strikes] = []

    def kill(stage: Stage) -> bool:
        server = server_of(stage)
        server.kill()
        server.wait(10)
        back(stage, renewals)
        return True

    play(
        "PostgreSQL killed (kill -9) and started again, 4 times",
        disturbed(kill, 4, strikes, connect=renewals.connect),
    )
    assert strikes[0].hits == 4


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


def server_of(stage: Stage) -> psutil.Process:
    """Return the process of the stage's PostgreSQL."""
    known = Installation.read(stage.settings.home)
    assert known is not None
    (child,) = (one for one in known.children if one.name == "postgres")
    return psutil.Process(child.pid)


def back(stage: Stage, renewals: Renewals) -> None:
    """Wait until PostgreSQL answers, and have the conductor's connections made anew."""

    def answers() -> bool:
        with suppress(psycopg.OperationalError, Unavailable):
            bootstrap.connect(stage.settings.address("database_url")).close()
            return True
        return False

    assert soon(answers, stage, seconds=60)
    renewals.renew()
