"""The benchmark's crowd of old cases: the engine finds there what it would have written itself."""

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg
import pytest

from bench import patterns
from bench.crowd import Made, fill
from bench.load import matters
from models.case_store import Stored, load_cases
from models.values import CaseState
from partygrid import bootstrap
from partygrid.embedded.postgres import Postgres
from partygrid.sample.draw import Draw
from tests.one_shard import County, OneShard, copied
from tests.world import COUNTY

CASES = 2000
NOW = datetime.now(UTC)
#: The load's reports lie north of this.
SOUTH_OF = 28.5

A_TOWNSHIP = re.compile(rf"(?<!\d){COUNTY}\d{{3}}")
INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"


class Crowd(NamedTuple):
    """A filled database."""

    url: str
    home: Any
    made: Made
    indexes_before: list[Any]


@pytest.fixture(scope="module")
def crowd(postgres: Postgres, county: County) -> Iterator[Crowd]:
    with copied(postgres, county) as url, copied(postgres, county) as decided:
        before = asked(url, INDEXES)
        patterns.decide(decided, county.home, now=NOW, at_a_time=6)
        yield Crowd(url, county.home, fill(url, decided, cases=CASES), before)


def asked(url: str, query: str) -> list[Any]:
    with closing(bootstrap.connect(url)) as connection:
        return connection.execute(query.encode()).fetchall()


@pytest.fixture(scope="module")
def stored(crowd: Crowd) -> dict[str, Stored]:
    ids = [row[0] for row in asked(crowd.url, "SELECT id::text FROM cases")]
    with closing(bootstrap.connect(crowd.url)) as connection:
        return load_cases(connection.cursor(), 0, ids)


def test_there_are_as_many_as_were_asked_for(crowd: Crowd, stored: dict[str, Stored]) -> None:
    states = {one.case.state for one in stored.values()}
    assert len(stored) == crowd.made.cases == CASES
    assert {CaseState.ARCHIVED, CaseState.CLOSED, CaseState.HANDLING, CaseState.VERIFYING} <= states
    assert crowd.made.under_way == sum(one.case.is_open for one in stored.values())
    assert crowd.made.timers == pytest.approx(CASES, rel=0.05)


def test_each_timer_is_a_clock_of_its_case(crowd: Crowd, stored: dict[str, Stored]) -> None:
    running = defaultdict(set)
    for subject, *timer in asked(crowd.url, "SELECT subject, key, generation, due_at FROM timers"):
        running[subject].add(tuple(timer))
    assert dict(running) == {
        case_id: {(clock.key, clock.generation, clock.due_at) for clock in one.case.clocks}
        for case_id, one in stored.items()
        if one.case.clocks
    }
    assert min(due for timers in running.values() for _, _, due in timers) > NOW


def test_each_case_ends_with_its_last_audit_record(crowd: Crowd, stored: dict[str, Stored]) -> None:
    rows = asked(crowd.url, "SELECT case_id, case_seq, hash FROM audit WHERE case_id <> ''")
    heads = {case_id: (seq, hashed) for case_id, seq, hashed in rows}
    known = {case_id: one.head for case_id, one in stored.items()}
    assert heads == {case_id: (head.seq, head.hash) for case_id, head in known.items() if head}
    assert len(heads) == CASES


def test_each_names_its_own_township_only(stored: dict[str, Stored]) -> None:
    cases = [one.case for one in stored.values()]
    assert all(case.grid.startswith(case.township) for case in cases)
    assert all(case.number.startswith(case.grid) for case in cases)
    for case in cases:
        assert {found[0] for found in A_TOWNSHIP.finditer(repr(case))} == {case.township}
    assert len({case.number for case in cases}) == CASES
    assert len({case.township for case in cases}) == 20


def test_none_lies_where_the_load_reports(stored: dict[str, Stored]) -> None:
    assert all(one.case.lat is not None and one.case.lat < SOUTH_OF for one in stored.values())


def test_each_report_is_known_by_its_source_and_id(crowd: Crowd) -> None:
    ((found,),) = asked(
        crowd.url,
        "SELECT count(*) FROM outcomes o JOIN cases c ON c.id = o.case_id"
        " JOIN journal j ON j.source = o.source AND j.event_id = o.event_id"
        " JOIN records r ON r.source = o.source AND r.event_id = o.event_id",
    )
    assert found == CASES


def test_indexes_and_protection_are_as_before(crowd: Crowd) -> None:
    assert asked(crowd.url, INDEXES) == crowd.indexes_before
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        asked(crowd.url, "UPDATE audit SET act = ''")


def test_the_shard_goes_on_behind_them(crowd: Crowd) -> None:
    with closing(OneShard(crowd.url, crowd.home)) as shard:
        before = shard.state.seq
        (case_id, *_) = matters(shard, Draw(9), range(3), NOW)
        assert shard.case(case_id).state in (CaseState.CLOSED, CaseState.SELF_CLOSED)
        ((written, last),) = shard.rows(
            "SELECT count(*), max(seq) FROM journal WHERE seq > %s", before
        )
    assert written == last - before > 3
