"""`partygrid simulate`: the same seed is the same county, however often the engine is killed."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

from partygrid import bootstrap, rebuild
from partygrid.clock import WallClock
from partygrid.embedded.child import running
from partygrid.embedded.postgres import Postgres
from partygrid.embedded.servers import DATABASE
from partygrid.settings import Settings
from partygrid.simulation.home import simulated
from tests.acceptance.commands import COMMAND, environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = 10
_DAY = ("simulate", "--seed", "7", "--days", "1", "--reports", "60", "--townships", "2", "--json")


class Simulated(NamedTuple):
    """A simulation that has ended: what it said, and its database."""

    summary: dict[str, Any]
    home: Path
    server: Postgres

    def connect(self, database: str = DATABASE) -> psycopg.Connection[Any]:
        return bootstrap.connect(self.server.url(database))


@pytest.fixture(scope="module")
def pair(server_folder: Path) -> Iterator[tuple[Simulated, Simulated]]:
    """One undisturbed run and one whose engine is killed, both at once; then their databases."""
    homes = [server_folder / "undisturbed-week", server_folder / "killed-week"]
    runs = [
        subprocess.Popen(
            (*COMMAND, *_DAY, "--home", str(home), "--kill-engine", str(kills)),
            env=environment(home),
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for home, kills in zip(homes, (0, KILLS), strict=True)
    ]
    told = [run.communicate(timeout=500) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], told
    with ExitStack() as stack:
        servers = [Postgres(home / "postgres", durable=False) for home in homes]
        for server in servers:
            stack.enter_context(running(server.child()))
        undisturbed, killed = (
            Simulated(json.loads(out), home, server)
            for (out, _), home, server in zip(told, homes, servers, strict=True)
        )
        yield undisturbed, killed


def test_a_killed_engine_decides_what_an_undisturbed_one_decides(
    pair: tuple[Simulated, Simulated],
) -> None:
    undisturbed, killed = pair
    assert (undisturbed.summary["engine_kills"], killed.summary["engine_kills"]) == (0, KILLS)
    starts = killed.summary["engine_starts"] - undisturbed.summary["engine_starts"]
    # One that was killed before it took a shard over left no trace; one that the group let go for
    # a while took its shards twice.
    assert starts > KILLS / 2
    with undisturbed.connect() as one, killed.connect() as other:
        assert rebuild.compare(one, other) == []
        assert letters(one) == letters(other)


def letters(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """Dead letters as anybody would count them."""
    query = "SELECT reason, source, event_id FROM dead_letters ORDER BY 1, 2, 3"
    return connection.execute(query).fetchall()


def test_what_was_decided_in_spite_of_the_kills_is_decided_again_from_the_journal(
    pair: tuple[Simulated, Simulated],
) -> None:
    killed = pair[1]
    settings = simulated(Settings(partitions=2), killed.home)
    policy = bootstrap.policy_of(settings)
    killed.server.create_database("again")
    bootstrap.prepare(killed.server.url("again"), settings, policy, WallClock().now())
    with killed.connect() as source, killed.connect("again") as target:
        setting = bootstrap.setting_of(
            settings, bootstrap.shelf_of(source, policy), engine="rebuild"
        )
        entries = rebuild.rebuild(source, target, setting, WallClock().now())
        journal = source.execute("SELECT count(*) FROM journal").fetchone()
        source.rollback()
        assert (entries,) == journal
        assert rebuild.compare(source, target) == []


def test_every_way_a_record_can_end_is_shown_and_everything_adds_up(
    pair: tuple[Simulated, Simulated],
) -> None:
    for done in pair:
        summary = done.summary
        assert summary["gaps"] == []
        assert summary["reports"] == summary["counts"]["event types"]["grid.report.filed.v1"] == 60
        assert not {"dead-letter reasons", "fates"} & summary["missing"].keys()
        assert summary["refused"]
        assert summary["seal"][0] >= 1
