"""What an engine asks for again and again, or at its start: found without reading whole tables."""

from datetime import timedelta

import psycopg
import pytest

from models.ledger_store import due_timers, next_due
from models.shard_store import make_shards
from partygrid.operations.arrived_days import GUESSED_CASES
from tests.one_shard import OneShard
from tests.world import NOW

MANY = 20_000
FILL = """
INSERT INTO timers (subject, key, shard, subject_kind, township, generation, due_at, deadline,
                    set_at, wave, attempts)
SELECT 'x' || n, 'case_due', n %% 2, 'case', '', 1, %s + n * interval '1 second', NULL, NULL, 0, 0
FROM generate_series(1, %s) n
"""


@pytest.fixture
def cursor(shard: OneShard) -> psycopg.Cursor[tuple[object, ...]]:
    """A database with many timers of two shards, the odd ones in shard 1."""
    cursor = shard.db.cursor()
    make_shards(cursor, 2)
    cursor.execute(FILL, (NOW, MANY))
    shard.db.commit()
    cursor.execute("ANALYZE timers")
    return cursor


@pytest.mark.parametrize(
    ("shards", "seconds"),
    [(None, 1), ([0], 2), ([1], 1), ([0, 1], 1), ([7], None)],
    ids=["all", "even", "odd", "both", "empty"],
)
def test_the_first_of_the_shards_is_found_by_the_index(
    cursor: psycopg.Cursor[tuple[object, ...]], shards: list[int] | None, seconds: int | None
) -> None:
    found = next_due(cursor, shards)
    assert found == (None if seconds is None else NOW + timedelta(seconds=seconds))
    assert read_whole(cursor) == 0


def test_those_that_are_due_are_found_by_the_index(
    cursor: psycopg.Cursor[tuple[object, ...]],
) -> None:
    found = due_timers(cursor, [0], NOW + timedelta(seconds=6), 2)
    assert [timer.subject for timer in found] == ["x2", "x4"]
    assert read_whole(cursor) == 0


def test_limits_that_were_computed_with_guessed_days_have_an_index(shard: OneShard) -> None:
    shard.db.execute("SET enable_seqscan = off")
    plan = shard.rows(f"EXPLAIN {GUESSED_CASES}", [], "2026")
    assert "ix_cases_guessed" in str(plan)


def read_whole(cursor: psycopg.Cursor[tuple[object, ...]]) -> object:
    """Return how often this transaction read the whole table, but for the analysis."""
    cursor.execute("SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'timers'")
    row = cursor.fetchone()
    assert row is not None
    return row[0]
