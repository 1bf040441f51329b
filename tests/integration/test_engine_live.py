"""A live engine on a broker that forgets: what the outbox and the journal know comes back."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from uuid import uuid4

import pytest
from msgspec.structs import replace

from events.contract.envelope import Event
from events.contract.registry import INBOUND_TOPICS
from models.policy.people import Role
from models.values import case_id_of
from partygrid import bootstrap
from partygrid.embedded.child import Process, running
from partygrid.embedded.ports import free_port
from partygrid.embedded.postgres import Postgres
from partygrid.embedded.tansu import Tansu
from partygrid.errors import Unavailable
from partygrid.operations.produce import Outcome, await_outcome, event_of, send
from partygrid.operations.reconcile import reconcile
from partygrid.operations.reconciled import Reconciled
from partygrid.processes.topics import TopicKeeper
from tests.rig import Rig
from tests.rigged import found_county, wait_until, working
from tests.world import GRID, TOWNSHIP, person


class Broker:
    """A broker in memory that can be killed and started anew on the same port."""

    def __init__(self, folder: Path) -> None:
        self.server = Tansu(folder / "kafka", free_port())
        self._running: AbstractContextManager[Process] | None = None

    def start(self) -> None:
        self._running = running(self.server.child())
        self._running.__enter__()

    def kill(self) -> None:
        if self._running is not None:
            self._running.__exit__(None, None, None)
            self._running = None


@pytest.fixture(scope="module")
def broker(server_folder: Path) -> Iterator[Broker]:
    broker = Broker(server_folder / "forgetful")
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture(scope="module")
def rig(postgres: Postgres, migrated: str, server_folder: Path, broker: Broker) -> Iterator[Rig]:
    """The county is made in a time-lapse; then the wall clock takes over."""
    postgres.create_database("live", template=migrated)
    rig = Rig(postgres.url("live"), broker.server.bootstrap, server_folder / "live")
    with working(rig.engine):
        found_county(rig)
    rig.conductor.hand_over()
    rig.conductor.close()
    rig.setting = replace(rig.setting, time_lapse=False)
    stop = Flag()
    keeping = Thread(target=keep_topics, args=(rig, stop))
    keeping.start()
    yield rig
    stop.set()
    keeping.join()
    rig.db.close()
    postgres.drop_database("live")


def keep_topics(rig: Rig, stop: Flag) -> None:
    """Make forgotten topics again, as the office does beside the engines."""
    with closing(TopicKeeper(rig.settings, anew=True)) as keeper:
        while not stop.wait(0.2):
            with suppress(Unavailable):
                keeper.look()


def report(rig: Rig, title: str) -> Event:
    """A report put into the outbox now, as a door does."""
    data = {"grid": GRID, "category": "06-02", "source": "grid_member", "title": title}
    now = datetime.now(UTC)
    attributes = {
        "township": TOWNSHIP,
        "actor": person(Role.GRID_MEMBER, GRID),
        "actingrole": str(Role.GRID_MEMBER),
        "actingorg": GRID,
    }
    content = json.dumps(data).encode()
    event = event_of("grid.report.filed", content, attributes, event_id=str(uuid4()), now=now)
    send(rig.db, event, own_key=rig.setting.own_key, partitions=rig.partitions, now=now)
    return event


def outcome(rig: Rig, event: Event, seconds: float = 60) -> Outcome:
    return await_outcome(rig.db, event, timedelta(seconds=seconds))


def reconciled(rig: Rig) -> Reconciled:
    with bootstrap.connected(rig.url) as connection:
        return reconcile(connection, now=datetime.now(UTC), offline=timedelta(days=1))


def drained(rig: Rig) -> bool:
    return rig.rows("SELECT count(*) FROM outbox WHERE published_at IS NULL") == [(0,)]


def test_a_report_becomes_a_case_that_somebody_is_asked_to_handle(rig: Rig) -> None:
    with working(rig.build_engine()):
        event = report(rig, "路灯不亮")
        told = outcome(rig, event)
        assert (told.fate, told.case_id) == ("applied", case_id_of(event.source, event.id))
        wait_until(lambda: rig.case(told.case_id).assignment is not None)
        wait_until(lambda: drained(rig))
    assert reconciled(rig).gaps == ()


def test_a_broker_that_comes_back_without_its_log_gets_again_what_it_lost(
    rig: Rig, broker: Broker
) -> None:
    """One event was published and never read, one is sent while the broker is away."""
    topics = {row[0] for row in rig.rows("SELECT DISTINCT topic_id FROM records")}
    unread = report(rig, "写进去没人读")
    engine = rig.build_engine()
    assert engine._relay.publish_all([0, 1]) >= 1
    engine.close()
    broker.kill()
    away = report(rig, "服务器不在的时候")
    assert drained(rig) is False
    broker.start()
    with working(rig.build_engine()):
        assert outcome(rig, unread).fate == "applied"
        assert outcome(rig, away).fate == "applied"
        wait_until(lambda: drained(rig))
    anew = {row[0] for row in rig.rows("SELECT DISTINCT topic_id FROM records")} - topics
    assert anew
    twice = rig.rows("SELECT source, event_id FROM journal GROUP BY 1, 2 HAVING count(*) > 1")
    assert twice == []
    assert reconciled(rig).gaps == ()


def test_an_engine_at_work_notices_that_the_log_was_lost(rig: Rig, broker: Broker) -> None:
    with working(rig.build_engine()):
        first = report(rig, "丢失之前")
        assert outcome(rig, first).fate == "applied"
        wait_until(lambda: drained(rig))
        broker.kill()
        during = report(rig, "丢失之中")
        broker.start()
        after = report(rig, "丢失之后")
        assert outcome(rig, during).fate == "applied"
        assert outcome(rig, after).fate == "applied"
        wait_until(lambda: drained(rig))
    assert reconciled(rig).gaps == ()
    assert rig.rows(
        "SELECT count(*) FROM outbox o WHERE o.topic = ANY(%s) AND NOT EXISTS (SELECT FROM"
        " journal j WHERE j.source = o.source AND j.event_id = o.event_id)",
        list(INBOUND_TOPICS),
    ) == [(0,)]
