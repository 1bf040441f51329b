"""Events one at a time: the benchmark's other ways do the work that its load did."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest

from bench.load import Load, record
from bench.one_by_one import Given, Hand, decide
from bench.ways import cases_of, must_have_ended_alike
from flows.batch import RawRecord
from partygrid.embedded.postgres import Postgres
from tests.one_shard import County, copied

FEW = 8
#: A Tuesday morning in Shanghai.
MOMENT = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def load(postgres: Postgres, county: County) -> Load:
    with copied(postgres, county) as url:
        return record(url, county.home, seed=1, at_least=1, now=MOMENT, at_a_time=FEW)


@pytest.fixture
def url(postgres: Postgres, county: County) -> Iterator[str]:
    with copied(postgres, county) as copy:
        yield copy


def given(url: str, county: County, cases: list[list[RawRecord]], seconds: float = 60) -> Given:
    return Given(url=url, home=str(county.home), cases=cases, seconds=seconds)


def test_a_case_has_all_that_people_said_of_it_in_their_order(load: Load) -> None:
    cases = cases_of(load, FEW)
    assert len(cases) == FEW
    said = [(one.at.topic, one.at.offset) for one in load.said()]
    places = [[said.index((one.at.topic, one.at.offset)) for one in case] for case in cases]
    assert sorted(place for case in places for place in case) == list(range(len(said)))
    assert all(case == sorted(case) for case in places)
    assert all(dict(case[0].headers)["ce_type"] == b"grid.report.filed.v1" for case in cases)


def test_one_by_one_everything_ends_as_in_the_load(url: str, county: County, load: Load) -> None:
    done = decide(given(url, county, cases_of(load, FEW)))
    assert done.events == len(load.said())
    must_have_ended_alike(url, load, done.events)
    with closing(Hand(given(url, county, []))) as hand:
        rows = hand.rows("SELECT state, count(*) FROM cases GROUP BY 1")
        assert dict(rows) == load.states


def test_an_event_that_is_not_there_is_noticed(url: str, county: County, load: Load) -> None:
    done = decide(given(url, county, cases_of(load, 1)))
    with pytest.raises(AssertionError, match="are in the database"):
        must_have_ended_alike(url, load, done.events + 1)


def test_an_event_that_ended_otherwise_is_noticed(url: str, county: County, load: Load) -> None:
    (case,) = cases_of(load, 1)
    done = decide(given(url, county, [case[1:]]))
    with pytest.raises(AssertionError, match="ended otherwise"):
        must_have_ended_alike(url, load, done.events)


def test_nothing_is_begun_when_the_time_is_over(url: str, county: County, load: Load) -> None:
    assert decide(given(url, county, cases_of(load, FEW), seconds=0)).events == 0
    must_have_ended_alike(url, load, 0)


def test_what_follows_is_committed_with_its_event(url: str, county: County, load: Load) -> None:
    """Until that transaction ends, nobody else sees any of it."""
    with (
        closing(Hand(given(url, county, []))) as hand,
        closing(Hand(given(url, county, []))) as see,
    ):
        hand.take()
        with hand.db.transaction():
            hand.decide(cases_of(load, 1)[0][0])
            assert see.rows("SELECT count(*) FROM cases") == [(0,)]
        assert see.rows("SELECT count(*) FROM cases") == [(1,)]
