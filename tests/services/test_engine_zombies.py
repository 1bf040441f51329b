"""Two engine processes: one is paused, the other takes its shards, the first one wakes up."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from time import monotonic

import psycopg
import pytest

from events.contract.envelope import Event
from events.contract.registry import INBOUND_TOPICS
from models.values import case_id_of
from partygrid import bootstrap
from partygrid.embedded.postgres import Postgres
from tests.living import Broker, living, outcome, report
from tests.rig import Rig
from tests.rigged import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_numbers = count(1)


class EngineProcess:
    """`partygrid engine` as a process, and what it logs."""

    def __init__(self, rig: Rig, name: str) -> None:
        self.name, self._log = name, rig.settings.home / f"{name}.log"
        settings = rig.settings.changed(database_url=rig.url)
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                (sys.executable, "-m", "partygrid.cli", "engine", "--name", name),
                env=settings.environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def lives(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        self.wake()
        self._process.terminate()
        self._process.wait(timeout=30)


@pytest.fixture
def rig(postgres: Postgres, migrated: str, server_folder: Path) -> Iterator[Rig]:
    """Each test has a group of its own: nobody waits for the paused ones of another."""
    number = next(_numbers)
    broker = Broker(server_folder / f"zombies-kafka-{number}")
    broker.start()
    with living(postgres, migrated, server_folder / f"zombies-{number}", broker) as rig:
        yield rig
    broker.kill()


@contextmanager
def engines(rig: Rig, *names: str) -> Iterator[list[EngineProcess]]:
    """Start engines one after the other; each owns a shard before the next is started."""
    with ExitStack() as stack:
        started: list[EngineProcess] = []
        for name in names:
            one = EngineProcess(rig, name)
            stack.callback(one.end)
            wait_until(lambda one=one: one.name in owners(rig), seconds=60)
            started.append(one)
        yield started


def owners(rig: Rig) -> list[str]:
    return [row[0] for row in rig.rows("SELECT owner FROM shards ORDER BY shard")]


def deciders(rig: Rig, event: Event) -> list[str]:
    """Which engines' names stand on what was done about an event's case."""
    rows = rig.rows(
        "SELECT DISTINCT circumstance::jsonb->>'engine' FROM audit WHERE case_id = %s",
        case_id_of(event.source, event.id),
    )
    return [row[0] for row in rows]


@contextmanager
def locked(rig: Rig, table: str) -> Iterator[None]:
    """Nobody writes into a table meanwhile."""
    with psycopg.connect(rig.url) as blocker:
        blocker.execute(f"LOCK TABLE {table} IN SHARE MODE".encode())
        yield


def waiting_for_lock(rig: Rig, table: str) -> bool:
    return bool(
        rig.rows(
            "SELECT 1 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
            " WHERE NOT l.granted AND c.relname = %s",
            table,
        )
    )


def shard_of(rig: Rig, event: Event) -> int:
    ((shard,),) = rig.rows("SELECT shard FROM outbox WHERE event_id = %s", event.id)
    return int(shard)


def everything_once(rig: Rig) -> None:
    """No record has two fates, no event was decided twice, nothing waits."""
    wait_until(lambda: not rig.rows("SELECT 1 FROM outbox WHERE published_at IS NULL"))
    unanswered = (
        "SELECT 1 FROM outbox o WHERE o.topic = ANY(%s) AND NOT EXISTS"
        " (SELECT FROM journal j WHERE j.source = o.source AND j.event_id = o.event_id)"
    )
    wait_until(lambda: not rig.rows(unanswered, list(INBOUND_TOPICS)))
    for shard in range(rig.partitions):
        numbers = rig.rows("SELECT seq FROM journal WHERE shard = %s ORDER BY seq", shard)
        assert [row[0] for row in numbers] == list(range(1, len(numbers) + 1))


def test_what_a_paused_engine_had_begun_is_not_committed_when_it_wakes_up(rig: Rig) -> None:
    """It is paused after it counted its batch and before it asks whether the shard is its own."""
    with engines(rig, "zombie") as (zombie,):
        assert outcome(rig, report(rig, "之前")).fate == "applied"
        with locked(rig, "attempts"):
            event = report(rig, "被暂停的一件")
            wait_until(lambda: waiting_for_lock(rig, "attempts"))
            zombie.pause()
        with engines(rig, "heir"):
            assert outcome(rig, event).fate == "applied"
            zombie.wake()
            wait_until(lambda: "was taken over by another engine" in zombie.log)
            assert deciders(rig, event) == ["heir"]
            later = report(rig, "两台都醒着")
            assert outcome(rig, later).fate == "applied"
            everything_once(rig)
            # Now both are members again, and share the shards.
            wait_until(lambda: sorted(owners(rig)) == ["heir", "zombie"])
            assert zombie.lives()
    everything_once_after_all(rig)


def everything_once_after_all(rig: Rig) -> None:
    with bootstrap.connected(rig.url) as connection:
        rows = connection.execute(
            "SELECT source, event_id FROM records WHERE fate = 'applied'"
            " GROUP BY 1, 2 HAVING count(*) > 1"
        ).fetchall()
    assert rows == []


def test_a_transaction_its_engine_left_open_holds_up_no_other_shard(rig: Rig) -> None:
    """It is paused in the middle of a transaction, with the shard's row locked."""
    with engines(rig, "sleeper") as (sleeper,):
        assert outcome(rig, report(rig, "睡前")).fate == "applied"
        with locked(rig, "journal"):
            event = report(rig, "睡着时的一件")
            wait_until(lambda: waiting_for_lock(rig, "journal"))
            sleeper.pause()
        with engines(rig, "keeper") as (keeper,):
            started = monotonic()
            assert outcome(rig, event).fate == "applied"
            assert monotonic() - started < 60
            assert deciders(rig, event) == ["keeper"]
            sleeper.wake()
            wait_until(lambda: sorted(owners(rig)) == ["keeper", "sleeper"])
            assert outcome(rig, report(rig, "醒来之后")).fate == "applied"
            assert keeper.lives()
            assert sleeper.lives()
            everything_once(rig)
    everything_once_after_all(rig)
