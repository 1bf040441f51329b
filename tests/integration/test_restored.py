"""After a restore nobody hears twice, whatever the log kept, and everything closes again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from events.contract.directory import PersonSet, RoleSet
from events.partitions import partition_of
from models.policy.people import Role
from partygrid.embedded.postgres import Postgres
from tests.integration.restoring import Restorable, restorable
from tests.rigged import command
from tests.world import COUNTY, GRIDS

#: A grid of the township whose shard is not the county's.
ELSEWHERE = next(grid for grid in GRIDS if partition_of(grid[:9], 2) != partition_of(COUNTY, 2))


@pytest.fixture
def one(
    postgres: Postgres,
    migrated: str,
    server_folder: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Restorable]:
    with restorable(
        postgres, migrated, server_folder, f"restored_{request.node.callspec.id}"
    ) as it:
        yield it


@pytest.mark.parametrize("log_kept", [True, False], ids=["log_kept", "log_lost"])
def test_nobody_hears_twice_and_everything_closes(one: Restorable, log_kept: bool) -> None:
    """One report was mailed before the backup, one waited in it, one came after it."""
    with one.working():
        before = one.decided(one.report("备份之前"))
        one.settled()
    one.send()
    waiting = one.report("备份之时还在路上")
    taken_at = one.back_up()
    with one.working():
        one.decided(waiting)
        since = taken_at - timedelta(days=1)
        held_role = RoleSet(person="p-new", role=Role.GRID_MEMBER, org=ELSEWHERE, valid_from=since)
        one.enter(PersonSet(person="p-new", valid_from=since), held_role)
        one.settled()
        after = one.decided(one.report("备份之后", grid=ELSEWHERE, by="p-new"))
        one.settled()
    erased = command(one.rig, "erase", "words", before.case_id, "--yes", "--as", "p-operator")
    assert erased.exit_code == 0
    one.seal()
    one.send()
    mailed = one.mailed()
    assert set(mailed.values()) == {1}

    if not log_kept:
        one.stop_broker()
    one.restore()
    if not log_kept:
        one.start_broker()
    refuse_other_instants(one)
    told = one.told("restored", "--at", taken_at.isoformat())
    assert (told["before"], told["unread"] > 0) == (False, log_kept)
    assert (told["seal"], told["first_lost"], told["last_lost"]) == (2, 1, 1)
    # Another shard decides what the new person did: it must not be quicker than the directory's.
    assert told["directory"] == (2 if log_kept else 0)
    known = one.rig.rows("SELECT count(*) FROM roles_held WHERE person = 'p-new'")
    assert known == [(1 if log_kept else 0,)]
    assert one.told("restored", "--at", taken_at.isoformat())["before"] is True
    assert words_of(one, before.case_id) == 1
    too_soon = command(one.rig, "notices", "release", "--yes")
    assert (too_soon.exit_code, "still being decided" in too_soon.output) == (3, True)

    with one.working():
        one.catch_up()
        one.settled()
        again = one.rig.rows("SELECT count(*) FROM cases WHERE version > 0")
        assert again == [(3 if log_kept else 2,)]
        assert one.mailed() == mailed
        assert words_of(one, before.case_id) == 0
        held = one.told("notices", "held")
        assert held["catching_up"] is None
        assert held["count"] > 0
        new = one.decided(one.report("恢复之后"))
        one.settled()
        one.send()
        fresh = one.mailed() - mailed
        assert fresh
        assert set(fresh.values()) == {1}
        assert one.rig.rows(
            "SELECT DISTINCT case_id::text FROM notices n JOIN notice_sends s ON s.notice_id = n.id"
            " WHERE s.state = 'sent' AND n.created_at > (SELECT max(until) FROM notice_holds)"
        ) == [(new.case_id,)]
    assert before.case_id != after.case_id

    assert one.told("reconcile")["gaps"] == []
    one.seal()
    verified = one.told("audit", "verify")
    assert verified["sound"]
    assert "restored" in {finding["kind"] for finding in verified["findings"]}
    assert one.told("rebuild")["differences"] == []
    dropped = one.told("notices", "drop", "--yes")
    assert dropped["notices"] == held["count"]
    one.send()
    assert one.mailed() == mailed + fresh
    assert one.told("notices", "held")["count"] == 0


def refuse_other_instants(one: Restorable) -> None:
    """An instant that cannot be the backup's changes nothing."""
    ahead = datetime.now(UTC) + timedelta(hours=1)
    done = command(one.rig, "restored", "--at", ahead.isoformat())
    assert (done.exit_code, "ahead of this machine" in done.output) == (2, True)
    last = one.rig.rows("SELECT max(recorded_at) FROM records")[0][0]
    done = command(one.rig, "restored", "--at", (last - timedelta(seconds=1)).isoformat())
    assert (done.exit_code, "after that instant" in done.output) == (3, True)
    for text in ("yesterday", "2026-11-21T03:00:00"):
        assert command(one.rig, "restored", "--at", text).exit_code == 2
    assert one.told("notices", "held")["count"] == 0


def words_of(one: Restorable, case_id: str) -> int:
    (row,) = one.rig.rows("SELECT count(*) FROM free_texts WHERE subject = %s", case_id)
    return int(row[0])
