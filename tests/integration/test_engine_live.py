"""A live engine on a broker that forgets: what the outbox and the journal know comes back."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from events.contract.registry import INBOUND_TOPICS
from models.shard_store import take_shard
from models.values import case_id_of
from partygrid import bootstrap
from partygrid.embedded.postgres import Postgres
from partygrid.operations.reconcile import reconcile
from partygrid.operations.reconciled import Reconciled
from tests.living import Broker, living, outcome, report
from tests.rig import Rig
from tests.rigged import wait_until, working


@pytest.fixture(scope="module")
def broker(server_folder: Path) -> Iterator[Broker]:
    broker = Broker(server_folder / "live-kafka")
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture(scope="module")
def rig(postgres: Postgres, migrated: str, server_folder: Path, broker: Broker) -> Iterator[Rig]:
    with living(postgres, migrated, server_folder / "live", broker) as rig:
        yield rig


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


def test_a_shard_that_was_anothers_between_two_looks_is_taken_again(rig: Rig) -> None:
    """The group gives shards away and back while an engine reads and looks at nothing else."""
    engine = rig.build_engine()
    consumer = engine._consumer

    def holds_all() -> bool:
        consumer.poll(wait_ms=20, at_most=1)
        return len(consumer.shards()) == rig.partitions and consumer.joined()

    with closing(engine), bootstrap.connected(rig.url) as other:
        wait_until(holds_all)
        engine._shards.follow()
        with other.cursor() as cursor:
            for shard in range(rig.partitions):
                take_shard(cursor, shard, "other", datetime.now(UTC))
        other.commit()
        # What the group says when it has given the shards to `other` and, when that ended, back.
        consumer._given.on_partitions_assigned(())

        def holds_them_again() -> bool:
            engine._shards.follow()
            return rig.rows("SELECT DISTINCT owner FROM shards") == [("rig",)]

        wait_until(holds_them_again)


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
