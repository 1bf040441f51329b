"""Each spoilt record is put aside for its own reason, by the checks that every record passes."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from events.admission import Admitted, Gate, Rejected, admit
from events.codec import decode
from events.contract.reports import ReportFiled
from flows.conductor import Outbound
from flows.entries import entries_of
from models.directory import Directory
from models.values import DeadLetterReason
from partygrid.sample.county import Sample, sample_county
from partygrid.simulation.mischief import Mischief
from partygrid.simulation.spoilt import SPOILERS
from tests.unit.packs import default_pack

START = datetime(2026, 3, 2, 16, tzinfo=UTC)
END = START + timedelta(days=7)
#: What needs more than one record, or a fault of its own.
_OTHERWISE = {
    DeadLetterReason.PARKED_TOO_MANY,
    DeadLetterReason.ID_CONFLICT,
    DeadLetterReason.POISON,
    DeadLetterReason.CRASHED,
    DeadLetterReason.UNPUBLISHABLE,
}


@cache
def county() -> Sample:
    return sample_county(1, since=START - timedelta(days=30), policy=default_pack())


@cache
def gate() -> Gate:
    directory = Directory()
    for payload in county().entries:
        for entry in entries_of(payload):
            directory.record(entry)
    return Gate(directory=directory, policy=default_pack(), own_key=b"k" * 32)


@cache
def mischief() -> Mischief:
    return Mischief(county(), default_pack(), start=START, end=END, partitions=2)


@cache
def spoilt() -> dict[str, tuple[datetime, Outbound]]:
    every = [(at, order, one) for at, order, one in mischief().entries([])]
    return {
        order: (at, one)
        for at, order, one in every
        if order.startswith("spoilt|") and isinstance(one, Outbound)
    }


def test_every_reason_has_a_way_to_come_about() -> None:
    assert {*SPOILERS, *_OTHERWISE} == set(DeadLetterReason)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("reason", SPOILERS)
def test_a_spoilt_record_has_its_own_reason(reason: DeadLetterReason, number: int) -> None:
    at, record = spoilt()[f"spoilt|{reason}|{number}"]
    if reason is DeadLetterReason.TOO_LARGE:  # seen by its size, before anybody reads it
        assert len(record.value) > default_pack().limits.event_bytes
        return
    read = decode(record.value, record.headers)
    verdict = admit(gate(), read, record.topic, len(record.value), at)
    if reason is DeadLetterReason.PARKED_TOO_LONG:
        assert isinstance(verdict, Admitted)
        assert at == START
        return
    assert isinstance(verdict, Rejected)
    assert verdict.reason is reason


def test_poison_and_crash_are_sound_reports_that_only_the_rehearsal_knows() -> None:
    faults = mischief().faults
    for at, order, record in mischief().entries([]):
        if order in faults.poison | faults.crash:
            assert isinstance(record, Outbound)
            read = decode(record.value, record.headers)
            verdict = admit(gate(), read, record.topic, len(record.value), at)
            assert isinstance(verdict, Admitted)
            assert isinstance(verdict.event.data, ReportFiled)
            assert verdict.event.id == order


def test_everything_comes_within_the_week_and_the_same_seed_brings_the_same() -> None:
    once, twice = ([*mischief().entries([])] for _ in range(2))
    assert once == twice
    assert all(START <= at <= END for at, _, _ in once)


def test_records_come_again_at_most_three_times_and_rarely() -> None:
    from_county = county().events[:3000]
    counts = Counter(len(mischief().again(made)) for made in from_county)
    assert counts.keys() == {0, 1, 2, 3}
    assert counts[0] > 0.95 * len(from_county)
