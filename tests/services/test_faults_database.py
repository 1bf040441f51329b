"""PostgreSQL that dies, cuts connections and has no room: nothing that was decided tells of it."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from partygrid import bootstrap
from partygrid.simulation.stage import Stage
from tests.services.conftest import need
from tests.services.hardness import HARD
from tests.services.lapse import Connection, Disturbance, Strikes, engine_log
from tests.services.play import Play, commit_for_sure, disturbed, stay_away, stayed
from tests.services.renewed import Renewals, server_of
from tests.services.small_disk import SmallDisk
from tests.services.waiting import soon

pytestmark = pytest.mark.timeout(HARD.patience)

#: Seconds for which it stays so.
FULL_FOR = 3.0


@pytest.fixture
def renewals() -> Renewals:
    return Renewals()


def test_the_database_is_killed_and_started_again(play: Play, renewals: Renewals) -> None:
    strikes: list[Strikes] = []

    def kill(stage: Stage) -> bool:
        server = server_of(stage)
        server.kill()
        server.wait(10)
        stay_away(stage)
        renewals.back(stage)
        return True

    play(
        f"PostgreSQL killed (kill -9) and started again{stayed()}, {HARD.database_kills} times",
        disturbed(kill, HARD.database_kills, strikes, connect=renewals.connect),
    )
    assert strikes[0].hits == HARD.database_kills


#: Ends whoever is in a transaction, but for the conductor's connections and the one that asks.
CUT = """
SELECT pg_terminate_backend(pid), state FROM pg_stat_activity
WHERE datname = current_database() AND xact_start IS NOT NULL AND state <> 'idle'
 AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND pid <> ALL(%s)
"""


def test_connections_are_cut_in_the_middle_of_transactions(play: Play, renewals: Renewals) -> None:
    strikes: list[Strikes] = []

    def cut(stage: Stage) -> bool:
        own = renewals.backends()
        with looking(stage) as connection:
            deadline = time.monotonic() + 0.2
            while time.monotonic() < deadline:
                if connection.execute(CUT, (own,)).fetchall():
                    return True
        return False

    play(
        f"connections to PostgreSQL cut in the middle of a transaction, {HARD.cuts} times",
        disturbed(cut, HARD.cuts, strikes, connect=renewals.connect),
    )
    assert strikes[0].hits == HARD.cuts


# --- the disk ------------------------------------------------------------------------------------

#: Shards whose row does not say what its journal and its audit hold.
HALF_WRITTEN = """
SELECT s.shard FROM shards s
WHERE s.seq <> (SELECT count(*) FROM journal t WHERE t.shard = s.shard)
 OR s.audit_seq <> (SELECT count(*) FROM audit t WHERE t.shard = s.shard)
"""
#: What was committed, and is never changed.
COMMITTED = """
SELECT 'journal', shard, seq, md5(t::text) FROM journal t
UNION ALL SELECT 'audit', shard, seq, md5(t::text) FROM audit t
"""
Committed = tuple[object, ...]
#: Shards that are not done with the present instant.
WORKS = "SELECT shard FROM shards, conductor WHERE drained_at IS DISTINCT FROM instant"
#: Files of the write-ahead log that are there before anything is written into them.
FILES_AHEAD = """
SELECT name FROM pg_ls_waldir()
WHERE name ~ '^[0-9A-F]{24}$' AND name > pg_walfile_name(pg_current_wal_insert_lsn())
"""
NEXT_FILE = "SELECT pg_logical_emit_message(false, '', ''), pg_switch_wal()"
#: How PostgreSQL's log and the engine's name it. They fill the last page they have.
FULL = re.compile("No space left on device|DiskFull")
FULL_AHEAD = re.compile("pg_wal/.*No space left on device")


class Fills(Strikes):
    """Fills the disk until somebody complains, keeps it full for a while, and frees it.

    Every other time for the write-ahead log.
    """

    def __init__(self, stage: Stage, count: int, disk: SmallDisk, renewals: Renewals) -> None:
        super().__init__(stage, count, self._fill, within=timedelta())
        self._disk, self._renewals = disk, renewals
        self._committed: set[Committed] = set()
        #: how often PostgreSQL said that there was no room for its write-ahead log
        self.ahead = 0

    def before(self, instant: datetime) -> None:
        """Remember what is committed: nobody works now, and then every moment counts."""
        super().before(instant)
        if self._armed:
            with looking(self._stage) as connection:
                self._committed = whole(connection)

    def _fill(self, stage: Stage) -> bool:
        told = found(FULL, stage)
        with looking(stage) as connection:
            self._disk.fill()
            try:
                hit = (self._met_by_the_log if self.hits % 2 else self._met)(connection, told)
                if hit:
                    soon(lambda: False, stage, seconds=FULL_FOR)
                with suppress(psycopg.OperationalError):  # it may have ended
                    assert self._committed <= whole(connection)
            finally:
                self._disk.free()
        self._renewals.back(stage)
        with looking(stage) as connection:
            assert self._committed <= whole(connection)
        self.ahead = found(FULL_AHEAD, stage)
        return hit

    def _met(self, connection: Connection, told: int) -> bool:
        """Tell whether the disk is found full before all of this instant is decided."""

        def over() -> bool:
            return found(FULL, self._stage) > told or not connection.execute(WORKS).fetchall()

        with suppress(psycopg.OperationalError):
            assert soon(over, self._stage)
        return found(FULL, self._stage) > told

    def _met_by_the_log(self, connection: Connection, told: int) -> bool:
        """Have the next thing that is written need a new file of the write-ahead log."""
        with suppress(psycopg.OperationalError):  # it was this that was written
            while connection.execute(FILES_AHEAD).fetchall():
                connection.execute(NEXT_FILE)
            connection.execute(NEXT_FILE)
        return soon(lambda: found(FULL, self._stage) > told, self._stage, seconds=1)


def test_the_disk_is_full_and_freed_again(
    play: Play, renewals: Renewals, server_folder: Path
) -> None:
    home, strikes = server_folder / "full", list[Fills]()
    need(SmallDisk.missing(home))

    def disturb(stage: Stage) -> Fills:
        commit_for_sure(stage)
        strikes.append(Fills(stage, HARD.fills, disk, renewals))
        return strikes[-1]

    with SmallDisk(home) as disk:
        play(
            f"disk full under PostgreSQL and all logs for {FULL_FOR:.0f} s, {HARD.fills} times",
            Disturbance(disturb=disturb, connect=renewals.connect),
            home=home,
        )
    assert strikes[0].hits == HARD.fills
    assert strikes[0].ahead > 0


@contextmanager
def looking(stage: Stage) -> Iterator[Connection]:
    """Connect for a look, beside everybody who works."""
    with bootstrap.connected(stage.settings.address("database_url")) as connection:
        connection.autocommit = True
        yield connection


def whole(connection: Connection) -> set[Committed]:
    """Return what is committed; nothing of it is a half."""
    assert connection.execute(HALF_WRITTEN).fetchall() == []
    return set(connection.execute(COMMITTED).fetchall())


def found(told: re.Pattern[str], stage: Stage) -> int:
    """Return how often PostgreSQL or the engine wrote it into its log."""
    logs = (stage.settings.home / "postgres" / "postgres.log", engine_log(stage))
    return sum(len(told.findall(log.read_text(errors="replace"))) for log in logs)
