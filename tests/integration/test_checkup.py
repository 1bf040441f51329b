"""What the doctor finds on real servers: nothing where all is well, and each fault by its name."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from events.clients import Admin
from models.policy.load import default_pack_folder
from partygrid import bootstrap
from partygrid.check import Check, Verdict
from partygrid.checkup import examine
from partygrid.initialise import OtherPartitions, make_ready
from partygrid.processes.engine import build_engine
from partygrid.settings import Settings
from tests.integration.audit_writing import append_acts

Breaking = Callable[[Settings], Settings]


@pytest.fixture
def settings(database_url: str, fresh_broker: str, tmp_path: Path) -> Settings:
    """A prepared installation; nobody works in it."""
    made = Settings.model_validate(
        {
            "home": tmp_path / "home",
            "database_url": database_url,
            "kafka_bootstrap": fresh_broker,
            "partitions": 2,
        }
    )
    make_ready(made)
    return made


def checks(settings: Settings, now: datetime | None = None) -> dict[str, Check]:
    return {check.what: check for check in examine(settings, now or datetime.now(UTC))}


def ill(settings: Settings, now: datetime | None = None) -> dict[str, Check]:
    found = checks(settings, now)
    return {name: one for name, one in found.items() if one.verdict is Verdict.ILL}


def execute(settings: Settings, *statements: str) -> None:
    with psycopg.connect(settings.address("database_url"), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_a_prepared_installation_is_well(settings: Settings) -> None:
    found = checks(settings)
    assert {name for name, one in found.items() if one.verdict is Verdict.ILL} == set()
    looks = {name for name, one in found.items() if one.verdict is Verdict.LOOK}
    assert looks - {"calendar"} == {"directory", "log time", "kept", "prefect", "engines"}
    assert all(found[name].todo for name in looks)


def open_keys(settings: Settings) -> Settings:
    (settings.home / "secrets" / "own.key").chmod(0o644)
    return settings


def lost_keys(settings: Settings) -> Settings:
    (settings.home / "secrets" / "vault.key").unlink()
    return settings


def faulty_policy(settings: Settings) -> Settings:
    pack = settings.home / "pack"
    shutil.copytree(default_pack_folder(), pack)
    (pack / "deadlines.yaml").unlink()
    return settings.changed(policy_dir=pack)


def old_tables(settings: Settings) -> Settings:
    execute(settings, "UPDATE alembic_version SET version_num = '0000'")
    return settings


def no_database(settings: Settings) -> Settings:
    return settings.changed(database_url="postgresql://127.0.0.1:1/x")


def no_broker(settings: Settings) -> Settings:
    return settings.changed(kafka_bootstrap="127.0.0.1:1")


def no_topics(settings: Settings) -> Settings:
    admin = Admin(bootstrap_servers=settings.kafka_bootstrap)
    admin.delete_topics(["grid.tasks"])
    admin.close()
    return settings


def other_partitions(settings: Settings) -> Settings:
    return settings.changed(partitions=3)


@pytest.mark.parametrize(
    ("broken", "what", "todo"),
    [
        (open_keys, {"keys"}, "chmod 600"),
        (lost_keys, {"keys"}, "Put your copy back"),
        (faulty_policy, {"policy"}, "partygrid policy check"),
        (old_tables, {"migrations"}, "partygrid migrate"),
        (no_database, {"database"}, "Start PostgreSQL"),
        (no_broker, {"broker"}, "Start Kafka"),
        (no_topics, {"topics"}, "partygrid migrate"),
        (other_partitions, {"shards", "topics"}, "Set it to 2"),
    ],
    ids=lambda one: one.__name__ if callable(one) else "",
)
def test_each_fault_is_found_with_what_to_do(
    settings: Settings, broken: Breaking, what: set[str], todo: str
) -> None:
    found = ill(broken(settings))
    assert set(found) == what
    assert any(todo in one.todo for one in found.values())


WAITING = {
    "timers": "INSERT INTO timers (subject, key, shard, subject_kind, township, generation, due_at,"
    " wave, attempts) VALUES ('s', 'visit', 0, 'case', '', 1, now(), 0, 0)",
    "outbox": "INSERT INTO outbox (shard, topic, key, source, event_id, value, created_at,"
    " partition) VALUES (0, 'grid.tasks', 'k', '', '', '', now(), -1)",
    "digests": "INSERT INTO digests (kind, scope, period, from_at, due_at, addressees,"
    " policy_version, seal) VALUES ('daily', '3', 'p', now(), now(), 0, '', 0)",
}


@pytest.mark.parametrize("what", WAITING)
def test_what_waits_too_long_is_found(settings: Settings, what: str) -> None:
    execute(settings, WAITING[what])
    assert ill(settings) == {}
    later = ill(settings, datetime.now(UTC) + timedelta(minutes=10))
    assert set(later) == {what}
    assert later[what].told.startswith("1 wait, the first for 0:")


def test_records_that_nobody_seals_are_found(settings: Settings) -> None:
    with bootstrap.connected(settings.address("database_url")) as connection:
        append_acts(connection, 3)
    # The samples were recorded months ago.
    assert ill(settings)["seals"].told == "3 records after seal 0"


def test_an_installation_keeps_its_number_of_shards(settings: Settings) -> None:
    make_ready(settings)
    with pytest.raises(OtherPartitions, match="Set it to 2"):
        make_ready(settings.changed(partitions=3))


IN_2026 = datetime(2026, 3, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("file", "verdict", "told"),
    [
        pytest.param("", Verdict.LOOK, "2027 are guessed", id="no file"),
        pytest.param("days_off: {2027-01-01: 元旦}", Verdict.LOOK, "2027 are", id="some days only"),
        pytest.param("complete_years: [2027]", Verdict.WELL, "2026 and 2027", id="complete"),
        pytest.param("\ndays_off: [1]", Verdict.ILL, "calendar.yaml, line 2", id="bad file"),
    ],
)
def test_guessed_working_days_are_told(
    tmp_path: Path, file: str, verdict: Verdict, told: str
) -> None:
    """It needs no server; what the settings name is what the engine would decide with."""
    path = tmp_path / "calendar.yaml"
    path.write_text(file, encoding="utf-8")
    given = Settings(home=tmp_path, calendar_file=path if file else None)
    found = checks(given, IN_2026)["calendar"]
    assert found.verdict is verdict
    assert told in found.told


def test_the_calendar_file_is_what_deadlines_are_computed_with(
    settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "calendar.yaml"
    path.write_text("workdays: {2027-01-03: 元旦}", encoding="utf-8")
    given = settings.changed(calendar_file=path)
    policy = bootstrap.policy_of(given)
    with bootstrap.connected(given.address("database_url")) as connection:
        shelf = bootstrap.shelf_of(connection, policy, bootstrap.calendar_of(given))
        plain = bootstrap.shelf_of(connection, policy, bootstrap.calendar_of(settings))
    sunday = date(2027, 1, 3)
    assert shelf.office(policy.version).calendar.is_workday(sunday).workday
    assert not plain.office(policy.version).calendar.is_workday(sunday).workday


def test_an_engine_starts_with_the_calendar_file_and_warns(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "calendar.yaml"
    path.write_text("workdays: {2027-01-03: 元旦}", encoding="utf-8")
    engine = build_engine(settings.changed(calendar_file=path), name="one")
    engine.close()
    assert "override-" in engine.setting.shelf.calendar.version
    assert any("are guessed" in line for line in caplog.messages)
