"""The order within an instant of a time-lapse: by waves, so that a restart changes nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.batch import Coordinate, RawRecord
from flows.lapse import Inputs, Wave, wave_of_record, wave_of_timer, waves_of_records
from models.clocks import Clock
from models.ledger_store import DueTimer

INSTANT = datetime(2026, 3, 2, 1, tzinfo=UTC)


def record(topic: str, offset: int, wave: str = "") -> RawRecord:
    headers = [("ce_wave", wave.encode())] if wave else []
    at = Coordinate(topic=topic, topic_id="t", partition=0, offset=offset)
    return RawRecord(at=at, key=None, headers=headers, value=b"", now=INSTANT)


def timer(subject: str, *, minutes: int = 0, wave: int = 0, now: bool = False) -> DueTimer:
    due_at = INSTANT - timedelta(minutes=minutes)
    return DueTimer(
        subject=subject,
        subject_kind="case",
        township="990101101",
        clock=Clock(key="sign", generation=1, due_at=due_at),
        set_at=INSTANT if now else INSTANT - timedelta(days=1),
        wave=wave,
        shard=0,
    )


@pytest.mark.parametrize(
    ("topic", "wave", "expected"),
    [
        ("grid.reports", "", Wave(0)),
        ("grid.reports", "3", Wave(3)),
        ("grid.reports", "three", Wave(0)),
        ("grid.directory", "", Wave(0, 0)),
        ("restricted.grid.directory", "", Wave(0, 0)),
    ],
    ids=["outside", "follow-up", "odd", "directory", "marked directory"],
)
def test_a_record_says_its_wave(topic: str, wave: str, expected: Wave) -> None:
    assert wave_of_record(record(topic, 0, wave)) == expected


def test_a_timer_set_at_this_instant_is_of_the_wave_that_set_it() -> None:
    assert wave_of_timer(timer("a", wave=2, now=True), INSTANT) == Wave(2)
    assert wave_of_timer(timer("a", wave=2), INSTANT) == Wave(0)


def test_the_directory_changes_before_anybody_decides_with_it() -> None:
    waiting = Inputs([record("grid.reports", 0), record("grid.directory", 7)], [], INSTANT)
    assert waiting.lowest == Wave(0, 0)
    assert [one.at.topic for one in waiting.of(Wave(0, 0))[1]] == ["grid.directory"]


def test_of_one_wave_timers_come_by_due_time_and_records_by_topic_and_offset() -> None:
    waiting = Inputs(
        [record("grid.feedback", 1), record("grid.reports", 9), record("grid.reports", 2)],
        [timer("b", minutes=1), timer("a", minutes=1), timer("c", minutes=5)],
        INSTANT,
    )
    timers, records = waiting.of(Wave(0))
    assert [one.subject for one in timers] == ["c", "a", "b"]
    assert [(one.at.topic, one.at.offset) for one in records] == [
        ("grid.reports", 2),
        ("grid.reports", 9),
        ("grid.feedback", 1),
    ]


@given(st.lists(st.tuples(st.sampled_from(["grid.reports", "grid.feedback"]), st.integers(0, 4))))
def test_no_record_goes_before_an_earlier_one_of_its_topic(said: list[tuple[str, int]]) -> None:
    """How far a topic is decided is one offset: what lies before it would be lost in a crash."""
    records = [record(topic, at, str(wave)) for at, (topic, wave) in enumerate(said)]
    highest: dict[str, Wave] = {}
    for wave, one in waves_of_records(records):
        assert wave >= highest.get(one.at.topic, Wave(0))
        assert wave >= wave_of_record(one)
        highest[one.at.topic] = wave


def test_nothing_waits_where_nothing_was_read_and_nothing_is_due() -> None:
    assert Inputs([], [], INSTANT).lowest is None
