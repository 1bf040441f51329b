"""What an app says of when: believed where nothing it told before speaks against it."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from events.contract.envelope import Event, Payload
from events.contract.reports import ReportFiled, ReportRegistered, ReportSource, ReportSupplemented
from models.clocks import ClockKind
from models.policy.people import Role
from models.values import Fate, case_id_of
from partygrid.operations.rebuilding import rebuild_into
from tests.one_shard import OneShard
from tests.rig import SOURCE
from tests.world import GRID, NOW, TOWNSHIP, acting

MINUTE = timedelta(minutes=1)
MEMBER = acting(Role.GRID_MEMBER, GRID)
SUPERVISOR = acting(Role.DUTY_SUPERVISOR, TOWNSHIP)


@pytest.fixture
def limit(shard: OneShard) -> datetime:
    """Three proposals wait for the supervisor; nobody decided on them in time."""
    for name in ("one", "two", "three"):
        data = ReportFiled(grid=GRID, category="06-06", source=ReportSource.GRID_MEMBER, title="t")
        shard.say(NOW, shard.event(data, MEMBER, event_id=name))
    case = shard.case(case_id_of(SOURCE, "one"))
    (due,) = [clock.due_at for clock in case.clocks if clock.kind is ClockKind.PROPOSAL]
    shard.until(due)
    return due


def told(
    shard: OneShard, name: str, data: Payload, *, at: datetime, sequence: int, version: int = -1
) -> Event:
    subject = case_id_of(SOURCE, name)
    event = shard.event(data, SUPERVISOR, subject=subject, time=at, sequence=sequence)
    return replace(event, case_version=version)


def reasons(shard: OneShard, name: str) -> list[str]:
    rows = shard.rows(
        "SELECT act::json->>'reason' FROM audit WHERE case_id = %s"
        " AND act::json->>'rule' = 'deadlines/offline' ORDER BY case_seq",
        case_id_of(SOURCE, name),
    )
    return [row[0] for row in rows]


def believed(shard: OneShard, name: str) -> bool:
    found = reasons(shard, name)
    assert found in (["late_received"], ["told_out_of_order"])
    return found == ["late_received"]


def test_what_was_done_offline_in_time_counts(shard: OneShard, limit: datetime) -> None:
    events = [
        told(shard, name, ReportRegistered(), at=limit - n * MINUTE, sequence=7 - n)
        for n, name in ((3, "one"), (2, "two"), (1, "three"))
    ]
    shard.say(limit + 60 * MINUTE, *events)
    assert all(believed(shard, name) for name in ("one", "two", "three"))


def test_a_clerk_who_was_connected_meanwhile_cannot_say_it_was_earlier(
    shard: OneShard, limit: datetime
) -> None:
    later = limit + 30 * MINUTE
    shard.say(later, told(shard, "two", ReportSupplemented(description="t"), at=later, sequence=5))
    late = told(shard, "one", ReportRegistered(), at=limit - MINUTE, sequence=6)
    shard.say(limit + 60 * MINUTE, late)
    assert not believed(shard, "one")


@pytest.mark.parametrize("number", [5, 4], ids=["used before", "passed over"])
def test_a_number_from_before_proves_nothing(shard: OneShard, limit: datetime, number: int) -> None:
    later = limit + 30 * MINUTE
    other = shard.event(
        ReportSupplemented(description="t"),
        MEMBER,
        subject=case_id_of(SOURCE, "two"),
        time=later,
        sequence=5,
    )
    shard.say(later, other)
    late = told(shard, "one", ReportRegistered(), at=limit - MINUTE, sequence=number)
    shard.say(limit + 60 * MINUTE, late)
    assert not believed(shard, "one")


@pytest.mark.parametrize("at_once", [1, 2, 500])
def test_it_does_not_matter_where_a_batch_ends(
    shard: OneShard, limit: datetime, at_once: int
) -> None:
    shard.at_once = at_once
    later = limit + 30 * MINUTE
    now = limit + 60 * MINUTE
    shard.say(
        now,
        told(shard, "one", ReportRegistered(), at=limit - 2 * MINUTE, sequence=5),
        told(shard, "two", ReportSupplemented(description="t"), at=later, sequence=6),
        told(shard, "three", ReportRegistered(), at=limit - MINUTE, sequence=7),
        told(shard, "two", ReportRegistered(), at=limit - MINUTE, sequence=6),
    )
    assert [believed(shard, name) for name in ("one", "two", "three")] == [True, False, False]


def test_what_waits_is_judged_by_what_was_heard_before_it_came(
    shard: OneShard, limit: datetime, empty_database_url: str
) -> None:
    now = limit + 60 * MINUTE
    version = shard.case(case_id_of(SOURCE, "one")).version
    ahead = told(
        shard, "one", ReportRegistered(), at=limit - MINUTE, sequence=5, version=version + 1
    )
    shard.say(now, ahead)
    assert shard.rows("SELECT fate FROM records WHERE event_id = %s", ahead.id) == [(Fate.PARKED,)]
    words = ReportSupplemented(description="t")
    shard.say(now + MINUTE, told(shard, "one", words, at=now + MINUTE, sequence=6))
    assert believed(shard, "one")
    entries, differences = rebuild_into(shard.settings, empty_database_url, datetime.now(UTC))
    assert (entries > 0, differences) == (True, [])
