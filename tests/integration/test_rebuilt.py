"""The journal as a way back: a new database is made from it by the commands, and gone on with."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from models.every_table import Table
from models.pack_store import KEPT
from models.values import CaseState
from partygrid import bootstrap
from partygrid.embedded.postgres import Postgres
from partygrid.operations.carrying import CARRIED, COMPLETED, ITS_OWN
from partygrid.rebuild import COMPARED
from tests.integration.restoring import Restorable, restorable, run
from tests.rigged import command

#: What must be dumped to decide everything again: journal, rules, how many shards there are.
JOURNAL = ("journal", *KEPT, "shards", "installation")


def test_every_table_comes_from_the_journal_or_is_carried_or_is_made_anew() -> None:
    parts = [set(COMPARED), set(CARRIED), set(ITS_OWN)]
    assert set.union(*parts) == set(Table.metadata.tables)
    assert sum(map(len, parts)) == len(Table.metadata.tables)
    assert set(COMPLETED) <= set(COMPARED)


@pytest.fixture
def one(
    postgres: Postgres, migrated: str, server_folder: Path, request: pytest.FixtureRequest
) -> Iterator[Restorable]:
    """Two reports were decided and mailed, the second waits for its registration."""
    name = f"rebuilt_{request.node.name.split('_')[-1]}"
    with restorable(postgres, migrated, server_folder, name) as it:
        with it.working():
            it.decided(it.report("第一件"))
            it.decided(it.report("第二件"))
            it.settled()
        it.seal()
        it.send()
        yield it
        postgres.drop_database(f"{name}_new")


def rebuilt(one: Restorable, *options: str, damaged: bool) -> dict[str, Any]:
    """Make the new database and let the installation use it."""
    postgres, new = one.postgres, f"{one.name}_new"
    postgres.create_database(new)
    told: dict[str, Any] = one.told(
        "rebuild", "--into", postgres.url(new), *options, code=1 if damaged else 0
    )
    one.rig.db.close()
    one.rig.url = postgres.url(new)
    one.rig.db = bootstrap.connect(one.rig.url, autocommit=True)
    return told


def words(one: Restorable) -> list[tuple[Any, ...]]:
    return one.rig.rows("SELECT words FROM free_texts ORDER BY 1")


def go_on(one: Restorable) -> None:
    """Declare it, catch up, and take one more report."""
    mailed = one.mailed()
    told = one.told("restored", "--at", datetime.now(UTC).isoformat())
    assert (told["first_lost"], told["last_lost"]) == (1, 1)
    with one.working():
        one.catch_up()
        one.settled()
        assert one.mailed() == mailed
        one.decided(one.report("之后"))
        one.settled()
    one.send()
    assert set(one.mailed().values()) == {1}
    assert sum(one.mailed().values()) > sum(mailed.values())
    one.seal()
    assert one.told("audit", "verify")["sound"]
    assert one.told("rebuild")["differences"] == []


def test_a_damaged_database_is_replaced_and_nothing_is_lost(one: Restorable) -> None:
    """Somebody changed cases behind the engine's back; the journal knows better."""
    before, states = words(one), one.rig.rows("SELECT id::text, state FROM cases ORDER BY 1")
    one.rig.db.execute("UPDATE cases SET state = %s, owner = NULL", (CaseState.ARCHIVED,))
    one.rig.db.execute("DELETE FROM timers")
    told = rebuilt(one, "--carry-over", damaged=True)
    assert {row["table"] for row in told["differences"]} == {"cases", "timers"}
    assert one.rig.rows("SELECT id::text, state FROM cases ORDER BY 1") == states
    assert words(one) == before != []
    records = "SELECT count(*), count(*) FILTER (WHERE fate = 'duplicate') FROM records"
    ((count, twice),) = one.rig.rows(records)
    go_on(one)
    assert one.rig.rows(records)[0][1] == twice, "the log is read on, not again"
    assert one.rig.rows(records)[0][0] > count
    assert one.told("reconcile")["gaps"] == []


def test_from_a_backup_of_the_journal_alone(
    one: Restorable, caplog: pytest.LogCaptureFixture
) -> None:
    """Cases come back; words, identities and what was told to whom do not."""
    dump = one.folder / "journal.dump"
    tables = [f"--table={table}" for table in JOURNAL]
    run("pg_dump", "--format=custom", "--data-only", *tables, f"--file={dump}", one.rig.url)
    states = one.rig.rows("SELECT id::text, state FROM cases ORDER BY 1")
    outcomes = one.rig.rows("SELECT source, event_id, fate FROM outcomes ORDER BY 1, 2")
    one.rig.db.close()
    one.postgres.drop_database(one.name)
    one.postgres.create_database(one.name)
    bootstrap.migrate(one.rig.url)
    run("pg_restore", "--data-only", "--exit-on-error", f"--dbname={one.rig.url}", str(dump))
    one.rig.db = bootstrap.connect(one.rig.url, autocommit=True)
    rebuilt(one, damaged=True)
    assert one.rig.rows("SELECT id::text, state FROM cases ORDER BY 1") == states
    assert one.rig.rows("SELECT source, event_id, fate FROM outcomes ORDER BY 1, 2") == outcomes
    assert words(one) == []
    assert command(one.rig, "case", "show", states[0][0]).exit_code == 0
    one._enter_addresses()
    go_on(one)
    # The log was read again from its beginning: everything in it was known.
    fates = dict(one.rig.rows("SELECT fate, count(*) FROM records GROUP BY 1"))
    assert set(fates) == {"duplicate", "applied"}
    assert "cannot be stored" not in caplog.text
    assert one.told("reconcile")["gaps"] == []
