"""After a restore a shard's topics are decided in the order of their times, and one by one."""

from datetime import UTC, datetime, timedelta

import pytest

from events.consumer import Read
from events.contract.registry import INBOUND_TOPICS
from flows.reading import Reading
from flows.written_order import WrittenOrder
from models.restores import LogEnd

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
REPORTS, TASKS, *_ = INBOUND_TOPICS


def read(topic: str, offset: int, second: int, *, append_time: bool = True) -> Read:
    moment = NOW + timedelta(seconds=second)
    return Read(
        topic=topic,
        partition=0,
        offset=offset,
        timestamp=int(moment.timestamp() * 1000),
        append_time=append_time,
        key=None,
        headers=[],
        value=b"",
    )


def ends(**of: int) -> list[LogEnd]:
    return [
        LogEnd(0, {"reports": REPORTS, "tasks": TASKS}[name], "id", n) for name, n in of.items()
    ]


@pytest.fixture
def reading() -> Reading:
    one = Reading()
    one.begin(REPORTS, "id", 0)
    one.begin(TASKS, "id", 0)
    return one


def waits(
    order: WrittenOrder,
    reading: Reading,
    *reads: Read,
    handed_out: int = -1,
    broker_answers: bool = True,
) -> bool:
    reading.add(reads, NOW + timedelta(hours=1), trust_timestamp=False)
    first = reading.first()
    assert first is not None
    return order.must_wait(
        reading, first, handed_out=lambda _: handed_out, broker_answers=broker_answers
    )


def decide(reading: Reading, topic: str, number: int) -> None:
    assert len(reading.take(topic, before=None, at_most=number)) == number


def test_what_may_be_older_is_waited_for(reading: Reading) -> None:
    order = WrittenOrder(ends(reports=2, tasks=2))
    assert waits(order, reading, read(REPORTS, 0, 5))
    assert not waits(order, reading, read(TASKS, 0, 3))
    assert order.one_by_one
    decide(reading, TASKS, 1)
    # Read up to second 3 only: the next task may have come before second 5.
    assert waits(order, reading)
    assert not waits(order, reading, read(TASKS, 1, 6))


def test_no_order_is_kept_behind_the_end(reading: Reading) -> None:
    order = WrittenOrder(ends(reports=1, tasks=1))
    assert not waits(order, reading, read(REPORTS, 0, 1), read(TASKS, 0, 2))
    decide(reading, REPORTS, 1)
    assert not waits(order, reading)
    assert order.one_by_one
    decide(reading, TASKS, 1)
    assert not waits(order, reading, read(REPORTS, 1, 3))
    assert not order.one_by_one


def test_without_a_restore_nothing_is_waited_for(reading: Reading) -> None:
    order = WrittenOrder()
    assert not waits(order, reading, read(REPORTS, 0, 5))
    assert not order.one_by_one


def test_a_topic_of_another_log_is_not_waited_for(reading: Reading) -> None:
    order = WrittenOrder([LogEnd(0, TASKS, "of the log that was lost", 9)])
    assert not waits(order, reading, read(REPORTS, 0, 5))
    assert not order.one_by_one


def test_records_without_a_time_wait_for_none(reading: Reading) -> None:
    order = WrittenOrder(ends(tasks=1))
    assert not waits(order, reading, read(REPORTS, 0, 5, append_time=False))


def test_what_ends_a_transaction_is_no_record_to_wait_for(reading: Reading) -> None:
    order = WrittenOrder(ends(tasks=3))
    assert waits(order, reading, read(REPORTS, 0, 5), handed_out=2)
    assert not waits(order, reading, handed_out=3)


def test_a_topic_that_gives_nothing_is_waited_for_while_the_broker_is_away_and_a_while_more(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = 100.0
    monkeypatch.setattr("flows.written_order.time.monotonic", lambda: moment)
    order = WrittenOrder(ends(tasks=1))
    assert waits(order, reading, read(REPORTS, 0, 5))
    for _ in range(100):
        moment += 60
        assert waits(order, reading, broker_answers=False)
    for _ in range(19):
        moment += 60  # so long between two looks this was busy
        assert waits(order, reading)
    moment += 1
    assert not waits(order, reading)
    decide(reading, REPORTS, 1)
    assert not waits(order, reading, read(REPORTS, 1, 6))
