"""Of what an app sends too early for a case only so much waits as the policy allows."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from psycopg import sql

from events.contract.envelope import Event
from events.contract.reports import ReportFiled, ReportSource, ReportSupplemented
from models.policy.people import Role
from models.values import case_id_of
from partygrid.operations.rebuilding import rebuild_into
from tests.one_shard import OneShard
from tests.rig import SOURCE
from tests.world import GRID, NOW, acting

OTHERS = "app/others"
MEMBER = acting(Role.GRID_MEMBER, GRID)
LATER = NOW + timedelta(minutes=1)


def early(shard: OneShard, name: str, count: int, source: str = SOURCE) -> list[Event]:
    """Words for a case that has not come."""
    data, subject = ReportSupplemented(description="又看了一次"), case_id_of(SOURCE, name)
    return [shard.event(data, MEMBER, subject=subject, source=source) for _ in range(count)]


def report(shard: OneShard, name: str) -> Event:
    data = ReportFiled(grid=GRID, category="06-02", source=ReportSource.GRID_MEMBER, title="路灯")
    return shard.event(data, MEMBER, event_id=name)


def told(shard: OneShard, table: str, events: list[Event]) -> Counter[tuple[str, str]]:
    """What became of these, by fate and reason."""
    ids = [event.id for event in events]
    query = sql.SQL("SELECT fate, reason FROM {} WHERE event_id = ANY(%s)")
    rows = shard.db.execute(query.format(sql.Identifier(table)), (ids,)).fetchall()
    return Counter((fate, reason) for fate, reason in rows)


@pytest.mark.parametrize("at_once", [7, 500])
def test_what_is_too_many_is_put_aside_and_the_others_wait_on(
    shard: OneShard, at_once: int, empty_database_url: str
) -> None:
    shard.at_once, most = at_once, shard.policy.limits.parked_per_case
    waiting, beyond = early(shard, "flooded", most), early(shard, "flooded", 3)
    elsewhere = early(shard, "another", 1) + early(shard, "flooded", 1, OTHERS)
    shard.say(NOW, *waiting, *beyond, *elsewhere)
    for table in ("records", "outcomes"):
        assert told(shard, table, beyond) == {("dead-lettered", "parked_too_many"): 3}
        assert told(shard, table, waiting) == {("parked", "case_unknown"): most}
        assert told(shard, table, elsewhere) == {("parked", "case_unknown"): 2}
    assert shard.rows("SELECT count(*) FROM timers WHERE subject_kind = 'parked'") == [(most + 2,)]
    letters = shard.rows("SELECT event_id, reason FROM dead_letters")
    assert set(letters) == {(event.id, "parked_too_many") for event in beyond}
    shard.say(LATER, report(shard, "flooded"))
    assert told(shard, "records", waiting) == {("applied", "ok"): most}
    assert told(shard, "records", beyond) == {("dead-lettered", "parked_too_many"): 3}
    shard.say(LATER, *beyond)
    assert told(shard, "outcomes", beyond) == {("applied", "ok"): 3}
    entries, differences = rebuild_into(shard.settings, empty_database_url, datetime.now(UTC))
    assert (entries > 0, differences) == (True, [])


def test_it_is_the_same_where_the_case_is_there_and_only_waits_for_a_version(
    shard: OneShard,
) -> None:
    most, later = shard.policy.limits.parked_per_case, 5
    shard.say(NOW, report(shard, "there"))
    ahead = [replace(one, case_version=later) for one in early(shard, "there", most + 1)]
    shard.say(NOW, *ahead)
    assert told(shard, "records", ahead[:most]) == {("parked", "version_ahead"): most}
    assert told(shard, "records", ahead[most:]) == {("dead-lettered", "parked_too_many"): 1}


def test_there_is_room_again_when_what_waited_is_decided(shard: OneShard) -> None:
    most = shard.policy.limits.parked_per_case
    shard.say(NOW, *early(shard, "flooded", most))
    shard.say(LATER, report(shard, "flooded"))
    late = early(shard, "flooded", 1)
    shard.say(LATER, *late)
    assert told(shard, "records", late) == {("applied", "ok"): 1}
