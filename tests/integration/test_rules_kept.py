"""Rules and working days that were in force are kept: cases live by them, rebuilds use them."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from events.contract.escalation import DeadlineRecomputed
from events.contract.reports import ReportFiled, ReportRegistered, ReportSource
from models.policy.people import Role
from models.setting import NotKept
from models.values import CaseState, case_id_of
from partygrid.operations.arrived_days import compute_again
from partygrid.operations.rebuilding import rebuild_into
from partygrid.rebuild import Difference
from tests.one_shard import OneShard
from tests.rig import SOURCE
from tests.world import GRID, NOW, TOWNSHIP, acting

DAY = timedelta(days=1)
MEMBER = acting(Role.GRID_MEMBER, GRID)
SUPERVISOR = acting(Role.DUTY_SUPERVISOR, TOWNSHIP)
#: A ditch: five working days from its registration, by a Tuesday until the next one.
CATEGORY = "06-06"
BY_BOTH = datetime(2026, 3, 17, 10, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A day off that no library knows, a Thursday."""
    path = tmp_path / "calendar.yaml"
    path.write_text("days_off: {2026-03-12: 村庙会}", encoding="utf-8")
    return path


@pytest.fixture
def before(shard: OneShard) -> OneShard:
    """An engine that knows no calendar file; the ditch was reported to it."""
    report(shard, "old")
    return shard


@pytest.fixture
def after(before: OneShard, file: Path) -> Iterator[OneShard]:
    """The engine that was started when the file was there; the shard is its own now."""
    with closing(beside(before, "two", file)) as made:
        yield made


def beside(one: OneShard, name: str, file: Path | None) -> OneShard:
    home, url = one.settings.home, one.settings.address("database_url")
    return OneShard(url, home, calendar_file=file, name=name)


def report(shard: OneShard, name: str, *, at: datetime = NOW) -> None:
    data = ReportFiled(
        grid=GRID, category=CATEGORY, source=ReportSource.GRID_MEMBER, title="水渠堵塞"
    )
    shard.say(at, shard.event(data, MEMBER, time=at, event_id=name))


def register(shard: OneShard, name: str, *, at: datetime = NOW) -> None:
    case_id = case_id_of(SOURCE, name)
    shard.say(at, shard.event(ReportRegistered(), SUPERVISOR, subject=case_id, time=at))
    assert shard.case(case_id).registered_at == at


def due(shard: OneShard, name: str) -> datetime:
    limit = shard.case(case_id_of(SOURCE, name)).due
    assert limit is not None
    return limit.due_at


def rebuilt(shard: OneShard, target: str) -> list[Difference]:
    """Rebuild as an operator does whose settings name no calendar file any more."""
    entries, differences = rebuild_into(
        shard.settings.changed(calendar_file=None), target, datetime.now(UTC)
    )
    assert entries == shard.rows("SELECT count(*) FROM journal")[0][0]
    return differences


def test_an_older_case_keeps_its_days_and_a_new_one_has_the_new(after: OneShard) -> None:
    report(after, "new")
    register(after, "old")
    register(after, "new")
    assert (due(after, "old"), due(after, "new")) == (BY_BOTH, BY_BOTH + DAY)
    versions = [after.case(case_id_of(SOURCE, name)).calendar_version for name in ("old", "new")]
    assert versions[1] == after.calendar.version != versions[0]
    named = after.rows("SELECT DISTINCT calendar_version FROM journal")
    assert sorted(named) == sorted((version,) for version in versions)
    assert sorted(after.rows("SELECT version FROM calendars")) == sorted(named)


def test_a_rebuild_decides_by_the_days_of_then(after: OneShard, empty_database_url: str) -> None:
    report(after, "new")
    register(after, "old")
    register(after, "new")
    after.until(NOW + 30 * DAY)
    assert rebuilt(after, empty_database_url) == []


def test_computed_again_a_case_takes_the_days_in_force(
    after: OneShard, empty_database_url: str
) -> None:
    register(after, "old")
    data = DeadlineRecomputed(calendar_version=after.calendar.version)
    subject = case_id_of(SOURCE, "old")
    after.say(NOW, after.event(data, SUPERVISOR, subject=subject))
    assert due(after, "old") == BY_BOTH + DAY
    assert after.case(subject).calendar_version == after.calendar.version
    assert rebuilt(after, empty_database_url) == []


def test_an_engine_still_on_the_old_days_decides_a_newer_case_by_its_own(
    before: OneShard, after: OneShard, empty_database_url: str
) -> None:
    """While engines are restarted one by one, both kinds run."""
    report(after, "new")
    before.take()
    register(before, "new")
    report(before, "later")
    register(before, "later")
    assert (due(before, "new"), due(before, "later")) == (BY_BOTH + DAY, BY_BOTH)
    assert rebuilt(before, empty_database_url) == []


def test_a_rebuilt_database_can_go_on_alone(after: OneShard, empty_database_url: str) -> None:
    report(after, "new")
    assert rebuilt(after, empty_database_url) == []
    with closing(OneShard(empty_database_url, after.settings.home, name="three")) as alone:
        register(alone, "new")
        assert due(alone, "new") == BY_BOTH + DAY


@pytest.mark.parametrize("table", ["calendars", "policy_packs"])
def test_rules_that_are_gone_are_an_error_and_no_other_rules_are_used(
    after: OneShard, table: str, empty_database_url: str
) -> None:
    report(after, "new")
    if table == "policy_packs":
        after.db.execute("UPDATE cases SET policy_version = 'gone' WHERE version > 0")
        after.db.execute("UPDATE journal SET policy_version = 'gone'")
    else:
        after.db.execute("DELETE FROM calendars WHERE version = %s", (after.calendar.version,))
    after.db.commit()
    with pytest.raises(NotKept, match="is not kept"):
        rebuilt(after, empty_database_url)
    subject = case_id_of(SOURCE, "new")
    with closing(beside(after, "three", None)) as fresh:
        fresh.say(NOW, fresh.event(ReportRegistered(), SUPERVISOR, subject=subject))
        assert fresh.rows("SELECT reason, detail FROM dead_letters") == [("poison", "NotKept")]
        assert fresh.case(subject).state is CaseState.REPORTED
        report(fresh, "other")
        register(fresh, "other")


# --- a year's calendar arrives -------------------------------------------------------------------

#: A Monday, 09:00 in Shanghai: five working days on, it is 2027.
LATE_IN_2026 = datetime(2026, 12, 28, 1, tzinfo=UTC)
NOTICE = """
days_off: {2027-01-01: 元旦, 2027-01-04: 元旦}
workdays: {2027-01-02: 元旦}
complete_years: [2027]
"""


@pytest.fixture
def across(before: OneShard, file: Path) -> Iterator[OneShard]:
    """The ditch ran into a year nobody had published; then the notice is out, an engine started."""
    register(before, "old")
    report(before, "across", at=LATE_IN_2026)
    register(before, "across", at=LATE_IN_2026)
    file.write_text(NOTICE, encoding="utf-8")
    with closing(beside(before, "two", file)) as made:
        yield made


def ask(shard: OneShard, *, later: timedelta = timedelta()) -> int:
    """Ask as an engine does at its start."""
    return compute_again(shard.db, shard.setting, LATE_IN_2026 + later)


def provisional(shard: OneShard, name: str) -> bool:
    limit = shard.case(case_id_of(SOURCE, name)).due
    assert limit is not None
    return limit.provisional


def test_what_was_guessed_is_computed_again_by_itself(
    across: OneShard, empty_database_url: str
) -> None:
    assert (provisional(across, "across"), provisional(across, "old")) == (True, False)
    guessed = due(across, "across")
    assert ask(across) == 1
    across.settle(LATE_IN_2026)
    assert (due(across, "across"), provisional(across, "across")) == (guessed, False)
    assert across.case(case_id_of(SOURCE, "old")).calendar_version != across.calendar.version
    told = across.rows(
        "SELECT act::json->>'actor', act::json->'detail'->>'calendar' FROM audit"
        " WHERE act::json->>'action' = 'escalation.recompute_deadline'"
    )
    assert told == [("system:escalation", across.calendar.version)]
    assert ask(across, later=DAY) == 0
    assert rebuilt(across, empty_database_url) == []


def test_also_where_an_engine_on_the_old_days_still_has_the_shard(
    before: OneShard, across: OneShard
) -> None:
    assert ask(across) == ask(across, later=DAY) == 1
    before.take()
    before.settle(LATE_IN_2026)
    assert before.rows("SELECT DISTINCT fate FROM records") == [("applied",)]
    assert not provisional(before, "across")
    assert before.case(case_id_of(SOURCE, "across")).calendar_version == across.calendar.version


def test_an_engine_that_knows_less_asks_for_nothing(before: OneShard, across: OneShard) -> None:
    ask(across)
    across.settle(LATE_IN_2026)
    assert ask(before, later=DAY) == 0
