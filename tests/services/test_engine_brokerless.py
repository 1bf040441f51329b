"""Engines while no broker answers: what comes due is fired, once, and the audit says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.policy.categories import Urgency
from partygrid.broker_watch import BrokerWatch
from partygrid.embedded.postgres import Postgres
from partygrid.engine import Engine
from partygrid.firing_order import STALLED
from partygrid.ownership import AWAY_AFTER
from tests.living import Broker, living, outcome, overdue, report, rung
from tests.rig import Rig
from tests.rigged import wait_until, working
from tests.unit.packs import changed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def broker(server_folder: Path) -> Iterator[Broker]:
    broker = Broker(server_folder / "brokerless-kafka")
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture(scope="module")
def rig(postgres: Postgres, migrated: str, server_folder: Path, broker: Broker) -> Iterator[Rig]:
    limits = {"E": "0s", "U": "10s", "N": "10s"}
    policy = changed({"deadlines": {"stall": limits}})
    with living(postgres, migrated, server_folder / "brokerless", broker, policy) as rig:
        yield rig


@pytest.fixture
def answering(broker: Broker) -> Iterator[None]:
    """Whatever a test did to the broker, the next one has it."""
    yield
    broker.kill()
    broker.start()


def cases(rig: Rig) -> tuple[str, str]:
    """An emergency and a lamp, decided."""
    danger = report(rig, "河水漫堤", category="02-02", emergency=True, emergency_call="已报119")
    lamp = report(rig, "路灯不亮")
    told = [outcome(rig, one).case_id for one in (danger, lamp)]
    urgencies = rig.rows("SELECT id::text, urgency FROM cases WHERE id::text = ANY(%s)", told)
    assert dict(urgencies) == {told[0]: Urgency.EMERGENCY, told[1]: Urgency.NORMAL}
    wait_until(lambda: not rig.rows("SELECT 1 FROM outbox WHERE published_at IS NULL"))
    return told[0], told[1]


def owners(rig: Rig) -> list[str]:
    return [row[0] for row in rig.rows("SELECT owner FROM shards ORDER BY shard")]


@pytest.mark.usefixtures("answering")
def test_an_engine_that_starts_without_a_broker_fires_and_gives_back_what_it_adopted(
    rig: Rig, broker: Broker
) -> None:
    with working(rig.build_engine()):
        danger, lamp = cases(rig)
    broker.kill()
    keys = overdue(rig, danger), overdue(rig, lamp)
    engine = rig.build_engine()
    with working(engine):
        wait_until(lambda: rung(rig, danger, keys[0]) == [STALLED])
        assert rung(rig, lamp, keys[1]) == []
        assert all(held.adopted for held in engine.held.values())
        wait_until(lambda: rung(rig, lamp, keys[1]) == [STALLED])
        later = report(rig, "还没有消息服务器")
        broker.start()
        assert outcome(rig, later).fate == "applied"
        assert not any(held.adopted for held in engine.held.values())
    told = rig.rows(
        "SELECT act::jsonb->'detail'->>'stalled' FROM audit WHERE case_id = %s"
        " AND act::jsonb->>'action' = %s",
        danger,
        f"timer:{keys[0]}",
    )
    assert told == [(STALLED,)]


@pytest.mark.usefixtures("answering")
def test_an_engine_whose_broker_dies_keeps_its_shards_and_fires(rig: Rig, broker: Broker) -> None:
    engine = rig.build_engine()
    with working(engine):
        danger, lamp = cases(rig)
        epochs = rig.rows("SELECT epoch FROM shards ORDER BY shard")
        broker.kill()
        keys = overdue(rig, danger), overdue(rig, lamp)
        wait_until(lambda: rung(rig, danger, keys[0]) == [STALLED])
        assert rung(rig, lamp, keys[1]) == []
        wait_until(lambda: rung(rig, lamp, keys[1]) == [STALLED])
        assert rig.rows("SELECT epoch FROM shards ORDER BY shard") == epochs
        broker.start()
        assert outcome(rig, report(rig, "消息服务器回来了")).fate == "applied"
        danger, lamp = cases(rig)
        key = overdue(rig, lamp)
        wait_until(lambda: rung(rig, lamp, key) == [""])


@pytest.mark.usefixtures("answering")
def test_only_what_no_engine_holds_is_adopted(rig: Rig, broker: Broker) -> None:
    with working(rig.build_engine("second")) as second:
        with working(rig.build_engine("first")) as first:
            wait_until(lambda: sorted(owners(rig)) == ["first", "second"])
            danger, lamp = cases(rig)
            broker.kill()
            key = overdue(rig, danger)
            wait_until(lambda: rung(rig, danger, key) == [STALLED])
            wait_until(lambda: min(one.silent_for for one in watches(first, second)) > AWAY_AFTER)
            assert sorted(owners(rig)) == ["first", "second"]
            assert [len(one.held) for one in (first, second)] == [1, 1]
        wait_until(lambda: len(second.held) == 2)
        assert owners(rig) == ["second", "second"]
        key = overdue(rig, lamp)
        wait_until(lambda: rung(rig, lamp, key) == [STALLED])


def watches(*engines: Engine) -> list[BrokerWatch]:
    return [engine._shards.watch for engine in engines]
