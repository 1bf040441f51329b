"""By the wall clock: what lies unread in any topic is decided before a timer calls it late."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kafka import KafkaProducer, TopicPartition

from events.consumer import ShardConsumer
from events.partitions import partition_of
from models.policy.people import Role
from partygrid.embedded.postgres import Postgres
from partygrid.firing_order import STALLED, UNREADABLE_AFTER
from tests.living import Broker, living, outcome, overdue, publish, report, rung, tell
from tests.rig import Rig
from tests.rigged import wait_until, working
from tests.unit.packs import changed
from tests.world import TOWNSHIP, acting

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ASSIGNMENT, FEEDBACK = "grid.assignment", "grid.feedback"
HANDLER = acting(Role.DEPARTMENT_HANDLER, "d-housing")


@pytest.fixture(scope="module")
def broker(server_folder: Path) -> Iterator[Broker]:
    broker = Broker(server_folder / "horizon-kafka")
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture(scope="module")
def rig(postgres: Postgres, migrated: str, server_folder: Path, broker: Broker) -> Iterator[Rig]:
    policy = changed({"deadlines": {"stall": {"E": "0s", "U": "3s", "N": "3s"}}})
    with living(postgres, migrated, server_folder / "horizon", broker, policy) as rig:
        yield rig


def gas(rig: Rig) -> str:
    """An emergency that a department's handler must sign for."""
    event = report(rig, "燃气泄漏", category="02-02", emergency=True, emergency_call="已报119")
    case_id = outcome(rig, event).case_id
    wait_until(lambda: rig.case(case_id).clock("sign"))
    return case_id


def lamp(rig: Rig) -> str:
    return outcome(rig, report(rig, "路灯不亮")).case_id


def drained(rig: Rig) -> bool:
    return rig.rows("SELECT count(*) FROM outbox WHERE published_at IS NULL") == [(0,)]


def sign_overdue(rig: Rig, case_id: str) -> None:
    rig.rows(
        "UPDATE timers SET due_at = %s WHERE subject = %s AND key = 'sign' RETURNING 1",
        datetime.now(UTC) - timedelta(hours=1),
        case_id,
    )


def sign(rig: Rig, case_id: str) -> None:
    tell(rig, "grid.assignment.accepted", {"note": "马上到"}, HANDLER, subject=case_id)


def junk(rig: Rig, topic: str, count: int) -> None:
    """Records that nobody can use, in the township's partition."""
    producer = KafkaProducer(bootstrap_servers=rig.settings.kafka_bootstrap)
    for _ in range(count):
        producer.send(topic, value=b"{}", partition=partition_of(TOWNSHIP, rig.partitions))
    producer.flush(timeout=30)
    producer.close()


def signed_and_never_rung(rig: Rig, case_id: str) -> bool:
    """Was the answer decided, and the clock that waited for it never rung?"""
    case = rig.case(case_id)
    assert rung(rig, case_id, "sign") == []
    return case.assignment is not None and case.assignment.accepted_at is not None


def test_an_answer_that_lay_unread_while_no_engine_ran_is_decided_first(rig: Rig) -> None:
    with working(rig.build_engine()):
        case_id = gas(rig)
        wait_until(lambda: drained(rig))
    sign(rig, case_id)
    publish(rig)
    sign_overdue(rig, case_id)
    with working(rig.build_engine()):
        wait_until(lambda: signed_and_never_rung(rig, case_id))
        wait_until(lambda: drained(rig))
    assert rung(rig, case_id, "sign") == []


def test_an_answer_behind_a_backlog_of_many_batches_is_waited_for(rig: Rig) -> None:
    """The backlog moves, so nothing is stalled, however short the patience."""
    with working(rig.build_engine()):
        case_id, other = gas(rig), lamp(rig)
        wait_until(lambda: drained(rig))
    junk(rig, ASSIGNMENT, 300)
    sign(rig, case_id)
    publish(rig)
    sign_overdue(rig, case_id)
    key = overdue(rig, other, timedelta(hours=1))
    with working(rig.build_engine(batch_max=5)):
        wait_until(lambda: signed_and_never_rung(rig, case_id), seconds=60)
        wait_until(lambda: rung(rig, other, key) == [""])


class Untold(ShardConsumer):
    """The end of one topic cannot be told: its partition has no leader."""

    def log_ends(self, shard: int) -> dict[str, int]:
        ends = super().log_ends(shard)
        return {topic: end for topic, end in ends.items() if topic != FEEDBACK}


def test_a_topic_whose_end_nobody_tells_is_waited_for_no_longer_than_the_patience(rig: Rig) -> None:
    """And an answer in another topic is decided first all the same."""
    with working(rig.build_engine()):
        answered, late, normal = gas(rig), gas(rig), lamp(rig)
        wait_until(lambda: drained(rig))
    sign(rig, answered)
    publish(rig)
    for case_id in (answered, late):
        sign_overdue(rig, case_id)
    with working(rig.build_engine(consumer=Untold)):
        wait_until(lambda: rung(rig, late, "sign") == [STALLED])
        assert signed_and_never_rung(rig, answered)
        key = overdue(rig, normal)
        wait_until(lambda: rung(rig, normal, key) == [STALLED])


def test_a_topic_that_gives_nothing_although_more_lies_there_cannot_be_read(rig: Rig) -> None:
    engine = rig.build_engine()
    with working(engine):
        case_id, normal = gas(rig), lamp(rig)
        wait_until(lambda: drained(rig))
        engine._consumer.pause([(FEEDBACK, shard) for shard in range(rig.partitions)])
        junk(rig, FEEDBACK, 1)
        started = datetime.now(UTC)
        sign_overdue(rig, case_id)
        key = overdue(rig, normal)
        wait_until(lambda: rung(rig, case_id, "sign") == [STALLED])
        wait_until(lambda: rung(rig, normal, key) == [STALLED])
        assert datetime.now(UTC) - started > UNREADABLE_AFTER * 0.9
        client = engine._consumer._client
        assert client is not None
        client.resume(*[TopicPartition(FEEDBACK, shard) for shard in range(rig.partitions)])
        other = lamp(rig)
        key = overdue(rig, other)
        wait_until(lambda: rung(rig, other, key) == [""])


class Stepped:
    """A wall clock that somebody sets."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def due_by(rig: Rig, clock: Stepped) -> int:
    ((count,),) = rig.rows("SELECT count(*) FROM timers WHERE due_at <= %s", clock.now())
    return int(count)


def test_a_clock_that_is_set_back_fires_nothing_twice_and_loses_nothing(rig: Rig) -> None:
    clock = Stepped()
    with working(rig.build_engine(clock=clock)):
        case_id, other = outcome(rig, report(rig, "没有分类", category="")).case_id, lamp(rig)
        (proposal,) = [one for one in rig.case(case_id).clocks if one.key == "proposal"]
        clock.ahead = proposal.due_at - datetime.now(UTC) + timedelta(minutes=1)
        wait_until(lambda: rung(rig, case_id, "proposal") == [""])
        wait_until(lambda: due_by(rig, clock) == 0)
        version = rig.case(case_id).version
        clock.ahead = -timedelta(hours=3)
        # Nothing is looked at by the time that was: what is due by the clock of now is fired.
        key = overdue(rig, other, -clock.ahead + timedelta(minutes=1))
        wait_until(lambda: rung(rig, other, key) == [""])
        assert rig.case(case_id).version == version
        clock.ahead = timedelta(days=9)
        wait_until(lambda: due_by(rig, clock) == 0, seconds=60)
        wait_until(lambda: drained(rig))
    twice = "SELECT event_id FROM journal GROUP BY source, event_id HAVING count(*) > 1"
    assert rig.rows(twice) == []
    assert len(rung(rig, case_id, "proposal")) == 1
