"""How an installation stands, read from rows that somebody else wrote."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kafka import KafkaProducer
from rich.console import Console

from models.case import Case
from models.case_store import save_cases
from models.shard_store import take_shard
from models.values import CaseId, CaseState, Mark, derived_id
from partygrid import bootstrap
from partygrid.initialise import make_ready
from partygrid.settings import Settings
from partygrid.status import Standing, read_standing
from partygrid.status_view import ago, view

NOW = datetime(2026, 3, 10, 1, 0, tzinfo=UTC)


@pytest.fixture
def settings(database_url: str, fresh_broker: str, tmp_path: Path) -> Settings:
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


def case(name: str, state: CaseState, *, mark: Mark = Mark.NONE, late: bool = False) -> Case:
    return Case(
        id=CaseId(derived_id(name)),
        version=1,
        state=state,
        mark=mark,
        breached_at=NOW if late else None,
    )


CASES = [
    case("a", CaseState.HANDLING),
    case("b", CaseState.HANDLING, late=True),
    case("c", CaseState.CLOSED, late=True),
    case("d", CaseState.HANDLING, mark=Mark.CONFIDENTIAL, late=True),
]


@pytest.fixture
def standing(settings: Settings) -> Standing:
    """Two cases open, one overdue, one record unread in shard 1, which an engine has taken."""
    with bootstrap.connected(settings.address("database_url")) as connection:
        with connection.cursor() as cursor:
            save_cases(cursor, [(None, one) for one in CASES], shard=0, heads={})
            take_shard(cursor, 1, "engine-7", NOW - timedelta(minutes=5))
        connection.commit()
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap)
    producer.send("grid.reports", value=b"x", partition=1)
    producer.flush()
    producer.close()
    return read_standing(settings, NOW)


def test_cases_are_counted_without_the_marked_ones(standing: Standing) -> None:
    assert standing.cases == {"HANDLING": 2, "CLOSED": 1}
    assert (standing.open_cases, standing.overdue_cases) == (2, 1)


def test_each_shard_tells_its_engine_and_what_it_has_not_read(standing: Standing) -> None:
    assert [(one.owner, one.lag) for one in standing.shards] == [
        ("", {}),
        ("engine-7", {"grid.reports": 1}),
    ]


def test_without_a_broker_the_rest_is_told(settings: Settings) -> None:
    away = settings.changed(kafka_bootstrap="127.0.0.1:1")
    assert [one.lag for one in read_standing(away, NOW).shards] == [None, None]


def test_people_see_it_as_tables(standing: Standing) -> None:
    console = Console(record=True, width=120)
    with console.capture() as shown:
        console.print(view(standing))
    text = shown.get()
    assert "2 open, 1 overdue" in text
    assert "grid.reports 1" in text
    assert "engine-7" in text


@pytest.mark.parametrize(
    ("passed", "told"),
    [(0, "0 s"), (59, "59 s"), (60, "1 m"), (7200, "2 h"), (86400 * 3, "3 d"), (-5, "0 s")],
)
def test_how_long_ago_is_told_in_its_largest_unit(passed: int, told: str) -> None:
    assert ago(NOW - timedelta(seconds=passed), NOW) == told
