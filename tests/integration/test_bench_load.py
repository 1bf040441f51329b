"""The benchmark's load: the same for a seed, whole, and written as the engine writes it."""

from datetime import UTC, datetime

import pytest

from bench.load import Load, record
from partygrid.embedded.postgres import Postgres
from tests.one_shard import County, copied

FEW = 12
IDENTITY = ("ce_source", "ce_id")
#: A Tuesday morning in Shanghai.
MOMENT = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)


def recorded(postgres: Postgres, county: County, seed: int) -> Load:
    with copied(postgres, county) as url:
        return record(url, county.home, seed=seed, at_least=1, now=MOMENT, at_a_time=FEW)


@pytest.fixture(scope="module")
def load(postgres: Postgres, county: County) -> Load:
    return recorded(postgres, county, 1)


def said(load: Load) -> list[tuple[str, list[tuple[str, bytes]], bytes]]:
    return [(one.at.topic, one.headers, one.value) for one in load.records]


def test_a_seed_gives_the_same_load_again(postgres: Postgres, county: County, load: Load) -> None:
    assert said(recorded(postgres, county, 1)) == said(load)


def test_another_seed_gives_another(postgres: Postgres, county: County, load: Load) -> None:
    assert said(recorded(postgres, county, 2)) != said(load)


def test_each_record_ended_in_one_way(load: Load) -> None:
    ids = [tuple(dict(one.headers)[name].decode() for name in IDENTITY) for one in load.records]
    assert len(set(ids)) == len(ids)
    assert load.outcomes == dict.fromkeys(ids, "applied")
    assert load.rows["records"] == len(ids) == sum(one.records for one in load.writes)


def test_every_matter_is_settled(load: Load) -> None:
    assert set(load.states) == {"CLOSED", "SELF_CLOSED"}
    assert load.states.total() == FEW


def test_people_said_most_of_it(load: Load) -> None:
    assert len(load.records) // 2 < len(load.said()) < len(load.records)


def test_the_log_lacks_only_what_closes_matters(load: Load) -> None:
    kinds = {dict(one.headers)["ce_type"] for one in load.records if one not in load.log()}
    assert kinds == {b"grid.feedback.visit_requested.v1"}


def test_each_batch_is_fenced_and_advances_the_shard(load: Load) -> None:
    for batch in load.writes:
        first, last = batch.statements[0], batch.statements[-1]
        assert b"UPDATE shards SET positions" in as_bytes(first.query)
        assert b"UPDATE shards SET seq" in as_bytes(last.query)


def as_bytes(query: str | bytes) -> bytes:
    return query if isinstance(query, bytes) else query.encode()
