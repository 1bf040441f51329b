"""PostgreSQL killed, restarted, cut off, full: everybody waits, goes on, and says so once."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from time import monotonic

import httpx
import psycopg
import pytest

from partygrid import bootstrap
from partygrid.adapters import pool_of, sender_of
from partygrid.clock import WallClock
from partygrid.embedded.ports import free_port
from partygrid.embedded.postgres import Postgres
from partygrid.errors import Unavailable
from partygrid.settings import Settings
from tests.living import Broker, Mortal, living, outcome, report
from tests.rig import Rig
from tests.rigged import wait_until, working
from web.database import Database

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ENGINE, NOTICES = "partygrid.engine", "notifications.sender"


@pytest.fixture(scope="module")
def server(server_folder: Path) -> Postgres:
    """A database server of these tests alone, that keeps what it has promised."""
    return Postgres(server_folder / "outage-postgres", databases=("migrated",))


@pytest.fixture(scope="module")
def mortal(server: Postgres) -> Iterator[Mortal]:
    mortal = Mortal(server.child())
    mortal.start()
    bootstrap.migrate(server.url("migrated"))
    yield mortal
    mortal.kill()


@pytest.fixture(scope="module")
def rig(server: Postgres, mortal: Mortal, server_folder: Path) -> Iterator[Rig]:
    assert mortal.child.name == "postgres"
    broker = Broker(server_folder / "outage-kafka")
    broker.start()
    with living(server, "migrated", server_folder / "outage", broker) as rig:
        yield rig
    broker.kill()


@pytest.fixture
def settings(rig: Rig) -> Settings:
    return rig.settings.changed(database_url=rig.url)


def back(rig: Rig, mortal: Mortal) -> None:
    """Start the server again, and look into it again."""
    mortal.start()
    rig.db.close()
    rig.db = bootstrap.connect(rig.url, autocommit=True)


def lines(caplog: pytest.LogCaptureFixture, logger: str, level: int = logging.WARNING) -> list[str]:
    """What one part has said."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == logger and record.levelno == level
    ]


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_an_engine_outlasts_its_database(
    rig: Rig, mortal: Mortal, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    """It is away for longer than one try takes; one line says so, and one that it is over."""
    with working(rig.build_engine()):
        assert outcome(rig, report(rig, f"{how}之前")).fate == "applied"
        caplog.clear()
        with caplog.at_level(logging.INFO):
            {"killed": mortal.kill, "stopped": mortal.stop}[how]()
            wait_until(lambda: len(lines(caplog, ENGINE)) == 1)
            Flag().wait(2)
            back(rig, mortal)
            assert outcome(rig, report(rig, f"{how}之后")).fate == "applied"
            assert [one.partition(",")[0] for one in lines(caplog, ENGINE)] == [
                "the engine does not get on"
            ]
            assert any("over after" in one for one in lines(caplog, ENGINE, logging.INFO))
    assert not rig.rows(
        "SELECT 1 FROM records WHERE fate = 'applied' GROUP BY source, event_id HAVING count(*) > 1"
    )


@contextmanager
def process(settings: Settings, name: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A process of the installation, and where it writes its log."""
    log = settings.home / f"{name}.log"
    with log.open("w") as written:
        one = subprocess.Popen(
            (sys.executable, "-m", "partygrid.cli", name),
            env=settings.environment() | {"PATH": os.defpath, "PYTHONPATH": ":".join(sys.path)},
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    try:
        yield one, log
    finally:
        one.terminate()
        one.wait(timeout=40)


def test_office_and_door_outlast_it(rig: Rig, mortal: Mortal, settings: Settings) -> None:
    port = free_port()

    def health() -> int:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/health", timeout=20).status_code
        except httpx.HTTPError:
            return 0

    with ExitStack() as stack:
        office, log = stack.enter_context(process(settings, "office"))
        door, _ = stack.enter_context(process(settings.changed(http_port=port), "http"))
        wait_until(lambda: health() == 200)
        wait_until(lambda: "the office works" in log.read_text())
        mortal.kill()
        wait_until(lambda: health() == 503)
        wait_until(lambda: "sending notices fails" in log.read_text())
        Flag().wait(2)
        back(rig, mortal)
        wait_until(lambda: health() == 200)
        wait_until(lambda: "sending notices fails: over after" in log.read_text())
        assert log.read_text().count("sending notices fails, and is tried again") == 1
        assert (office.poll(), door.poll()) == (None, None)


def test_an_engine_that_is_cut_off_in_a_transaction_decides_it_once(rig: Rig) -> None:
    with working(rig.build_engine()):
        assert outcome(rig, report(rig, "剪断之前")).fate == "applied"
        with psycopg.connect(rig.url) as blocker:
            blocker.execute("LOCK TABLE journal IN SHARE MODE")
            event = report(rig, "剪断之中")
            waiting = (
                "SELECT l.pid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
                " WHERE NOT l.granted AND c.relname = 'journal'"
            )
            wait_until(lambda: rig.rows(waiting))
            ((pid,),) = rig.rows(waiting)
            rig.rows("SELECT pg_terminate_backend(%s)", pid)
        assert outcome(rig, event).fate == "applied"
    assert rig.rows("SELECT count(*) FROM journal WHERE event_id = %s", event.id) == [(1,)]


def test_a_full_disk_is_waited_for_and_nobody_s_fault(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.db.execute(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"
    )
    with working(rig.build_engine()):
        assert outcome(rig, report(rig, "盘满之前")).fate == "applied"
        rig.db.execute(
            "CREATE TRIGGER full_disk BEFORE INSERT ON journal EXECUTE FUNCTION full_disk()"
        )
        event = report(rig, "盘满之中")
        wait_until(lambda: any("DiskFull" in one for one in lines(caplog, ENGINE)))
        Flag().wait(2)
        assert outcome(rig, event, seconds=0).fate == "pending"
        rig.db.execute("DROP TRIGGER full_disk ON journal")
        assert outcome(rig, event).fate == "applied"
    assert not rig.rows("SELECT 1 FROM dead_letters")
    assert not rig.rows("SELECT 1 FROM attempts")


def test_a_request_that_is_cut_off_is_told_to_come_again(rig: Rig, settings: Settings) -> None:
    with pool_of(settings) as pool:
        database = Database(pool)
        with pytest.raises(Unavailable):
            cut_off(rig, database)
        assert_answers(database)


def cut_off(rig: Rig, database: Database) -> None:
    with database.transaction() as cursor:
        ((pid,),) = cursor.execute("SELECT pg_backend_pid()").fetchall()
        rig.rows("SELECT pg_terminate_backend(%s)", pid)
        cursor.execute("SELECT 1")


def assert_answers(database: Database) -> None:
    with database.transaction() as cursor:
        assert cursor.execute("SELECT 1").fetchall() == [(1,)]


def use_up(database: Database, others: ExitStack) -> None:
    for _ in range(10):
        others.enter_context(database.transaction())


def test_requests_beyond_the_pool_are_told_to_come_again_soon(settings: Settings) -> None:
    with pool_of(settings.changed(database_pool=1)) as pool, ExitStack() as others:
        database = Database(pool)
        started = monotonic()
        with pytest.raises(Unavailable):
            use_up(database, others)
        assert monotonic() - started < 30
        others.close()
        assert_answers(database)


def test_who_sends_notices_outlasts_a_pool_that_others_use_up(
    rig: Rig, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    stop, clock = Flag(), WallClock()
    with (
        caplog.at_level(logging.INFO),
        pool_of(settings.changed(database_pool=1)) as pool,
        ExitStack() as others,
    ):
        with suppress(Unavailable):
            use_up(Database(pool), others)
        sender = sender_of(settings, rig.policy, pool, clock)
        options = {"clock": clock, "idle": timedelta(seconds=1)}
        sending = Thread(target=sender.run, args=(stop,), kwargs=options)
        sending.start()
        wait_until(lambda: lines(caplog, NOTICES))
        others.close()
        wait_until(lambda: lines(caplog, NOTICES, logging.INFO))
        stop.set()
        sending.join()
        sender.close()
    assert len(lines(caplog, NOTICES)) == 1
