"""A mixed week decided again: the same everywhere, however it is cut, and what differs is found."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import count, cycle
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from flows.apply import Directories
from flows.replay import Entry, read_entries, replay
from models.every_table import Table
from models.shard_store import take_shard
from partygrid import bootstrap
from partygrid.embedded.postgres import Postgres
from partygrid.rebuild import COMPARED, compare, go_together, rebuild
from tests.integration.mixed_week import MixedWeek

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

Connection = psycopg.Connection[Any]

#: When everything is recorded that is decided again.
RECORDED = datetime(2027, 1, 1, tzinfo=UTC)
_numbers = count(1)


def columns(table: str) -> list[str]:
    return [column.name for column in Table.metadata.tables[table].columns]


# --- rebuilt -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both(
    mixed: MixedWeek, postgres: Postgres, migrated: str
) -> Iterator[tuple[Connection, Connection]]:
    """The week's database, and one made from its journal alone."""
    postgres.create_database("week_again", template=migrated)
    url = postgres.url("week_again")
    bootstrap.prepare(url, mixed.settings, mixed.policy, RECORDED)
    with bootstrap.connected(mixed.url) as one, bootstrap.connected(url) as other:
        rebuild(one, other, mixed.setting, RECORDED)
        yield one, other
    postgres.drop_database("week_again")


def test_the_week_is_mixed(mixed: MixedWeek) -> None:
    fates = {row[0] for row in mixed.rows("SELECT DISTINCT fate FROM records")}
    assert fates == {"applied", "refused", "duplicate", "parked", "dead-lettered"}
    kinds = {row[0] for row in mixed.rows("SELECT DISTINCT kind FROM journal")}
    assert kinds == {"external", "follow_up", "firing"}
    assert mixed.rows("SELECT 1 FROM dead_letters WHERE reason = 'parked_too_long'")


def test_it_is_the_same_again(both: tuple[Connection, Connection]) -> None:
    assert compare(*both) == []


COMPARED_COLUMNS = [
    (table, column)
    for table, left_out in COMPARED.items()
    for column in columns(table)
    if column not in left_out
]


@pytest.mark.parametrize("table", COMPARED)
def test_what_is_compared_is_there(both: tuple[Connection, Connection], table: str) -> None:
    """Planted differences prove nothing in an empty table."""
    one, _ = both
    assert one.execute(sql.SQL("SELECT 1 FROM {}").format(sql.Identifier(table))).fetchone()


#: Rows that only the week itself has: what never came into the journal, what was not decided.
_ONLY_LIVE = {"outcomes": "fate <> 'applied'", "notices": "starts_with(kind, 'digest')"}


def shadow(connection: Connection, table: str) -> None:
    """Let some rows of a table stand in its place, without rules, until the transaction ends."""
    left_out = list(COMPARED[table])
    query = sql.SQL(
        "CREATE TEMP TABLE {0} ON COMMIT DROP AS SELECT * FROM public.{0} AS t"
        " WHERE NOT ({2}) ORDER BY (to_jsonb(t) - {1}::text[])::text DESC LIMIT 30"
    )
    only_live = sql.SQL(_ONLY_LIVE.get(table, "false"))
    connection.execute(query.format(sql.Identifier(table), sql.Literal(left_out), only_live))


#: By PostgreSQL's type: another value than the one that is there.
OTHER = {
    "text": "coalesce({0}, '') || '~'",
    "character varying": "coalesce({0}, '') || '~'",
    "integer": "coalesce({0}, 0) + 1",
    "bigint": "coalesce({0}, 0) + 1",
    "double precision": "coalesce({0}, 0) + 1",
    "boolean": "NOT coalesce({0}, false)",
    "timestamp with time zone": "coalesce({0}, now()) + interval '1 second'",
    "uuid": "gen_random_uuid()",
    "jsonb": "'\"planted\"'::jsonb",
}


@pytest.mark.parametrize(("table", "column"), COMPARED_COLUMNS)
def test_a_difference_in_any_column_is_found(
    both: tuple[Connection, Connection], table: str, column: str
) -> None:
    one, other = both
    try:
        for connection in both:
            shadow(connection, table)
        assert compare(one, other, tables=[table]) == []
        (kind,) = other.execute(
            "SELECT data_type FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name = %s AND column_name = %s",
            (table, column),
        ).fetchone() or ("",)
        changed = sql.SQL(OTHER[kind]).format(sql.Identifier(column))
        other.execute(
            sql.SQL("UPDATE {} SET {} = {}").format(
                sql.Identifier("pg_temp", table), sql.Identifier(column), changed
            )
        )
        found = {(one.table, one.kind) for one in compare(one, other, tables=[table])}
        assert found == {(table, "missing"), (table, "extra")}
    finally:
        for connection in both:
            connection.rollback()


@pytest.mark.parametrize("table", COMPARED)
@pytest.mark.parametrize("kind", ["missing", "extra"])
def test_a_row_too_few_or_too_many_is_found(
    both: tuple[Connection, Connection], table: str, kind: str
) -> None:
    one, other = both
    poorer = other if kind == "missing" else one
    left_out = list(COMPARED[table])
    try:
        for connection in both:
            shadow(connection, table)
        poorer.execute(
            sql.SQL(
                "DELETE FROM {0} WHERE (to_jsonb({0}) - {1}::text[])::text"
                " = (SELECT min((to_jsonb(t) - {1}::text[])::text) FROM {0} AS t)"
            ).format(sql.Identifier(table), sql.Literal(left_out))
        )
        found = compare(one, other, tables=[table])
        assert [(one.table, one.kind) for one in found] == [(table, kind)]
    finally:
        for connection in both:
            connection.rollback()


# --- cut otherwise -------------------------------------------------------------------------------

#: Tables of which nothing is decided: who owns what, and what was fixed when it was made.
_NOT_DECIDED = {"shards", "installation", "policy_packs", "calendars", "responsibility_items"}
#: The database's own numbers, and when a row was written.
_ITS_OWN = {"outbox": ["id", "created_at"]}


class Ground:
    """The county as it was founded, to be copied; and the entries that come after."""

    def __init__(self, mixed: MixedWeek, postgres: Postgres, template: str) -> None:
        self.mixed, self._postgres = mixed, postgres
        with bootstrap.connected(mixed.url) as source, source.cursor() as cursor:
            entries = read_entries(cursor, 0, 0, 1_000_000)
        began = next(n for n, entry in enumerate(entries) if not entry.changes_directory)
        founding, self.entries = entries[:began], entries[began:]
        postgres.create_database("week_ground", template=template)
        url = postgres.url("week_ground")
        bootstrap.prepare(url, mixed.settings, mixed.policy, RECORDED)
        decide(mixed, url, founding, cycle([500]))

    def cut(self, sizes: Iterable[int]) -> dict[str, list[str]]:
        """Return everything there is when the week was decided in batches of these sizes."""
        name = f"week_cut_{next(_numbers)}"
        self._postgres.create_database(name, template="week_ground")
        url = self._postgres.url(name)
        decide(self.mixed, url, self.entries, cycle(sizes))
        with bootstrap.connected(url) as connection:
            found = everything(connection)
        self._postgres.drop_database(name)
        return found

    def close(self) -> None:
        self._postgres.drop_database("week_ground")


def decide(mixed: MixedWeek, url: str, entries: list[Entry], sizes: Iterator[int]) -> None:
    """Decide entries in batches; one ends early where the next entry cannot go along."""
    directories = Directories()
    with bootstrap.connected(url) as connection:
        with connection.transaction(), connection.cursor() as cursor:
            state = take_shard(cursor, 0, "again", RECORDED)
        begun = 0
        while begun < len(entries):
            end, size = begun + 1, next(sizes)
            while end < min(begun + size, len(entries)) and go_together(
                entries[begun], entries[end]
            ):
                end += 1
            with connection.transaction(), connection.cursor() as cursor:
                state = replay(
                    cursor,
                    state,
                    entries[begun:end],
                    mixed.setting,
                    directories,
                    RECORDED,
                    with_topics=True,
                )
            begun = end


def everything(connection: Connection) -> dict[str, list[str]]:
    """Return every row of every table that deciding writes; the outbox in its order."""
    found = {}
    for table in sorted(set(Table.metadata.tables) - _NOT_DECIDED):
        order = "id" if table == "outbox" else "1"
        query = sql.SQL("SELECT (to_jsonb(t) - {}::text[])::text FROM {} AS t ORDER BY {}").format(
            sql.Literal(_ITS_OWN.get(table, [])), sql.Identifier(table), sql.SQL(order)
        )
        rows = [row[0] for row in connection.execute(query)]
        if rows:
            found[table] = rows
    return found


@pytest.fixture(scope="module")
def ground(mixed: MixedWeek, postgres: Postgres, migrated: str) -> Iterator[Ground]:
    made = Ground(mixed, postgres, migrated)
    yield made
    made.close()


@pytest.fixture(scope="module")
def one_by_one(ground: Ground) -> dict[str, list[str]]:
    """What comes of it when every input is decided in a transaction of its own."""
    return ground.cut([1])


def differing(one: dict[str, list[str]], other: dict[str, list[str]]) -> list[str]:
    """Return tables that differ, with the first rows that do."""
    return [
        f"{table}: {sorted(set(one.get(table, [])) ^ set(other.get(table, [])))[:2]}"
        for table in sorted(one | other)
        if one.get(table) != other.get(table)
    ]


def test_what_is_compared_between_cuts(one_by_one: dict[str, list[str]]) -> None:
    written = {"cases", "timers", "audit", "notices", "outcomes", "outbox", "records", "parked"}
    assert written | set(COMPARED) <= set(one_by_one)


@pytest.mark.parametrize("size", [7, 500])
def test_batches_of_any_size_decide_alike(
    ground: Ground, one_by_one: dict[str, list[str]], size: int
) -> None:
    assert differing(one_by_one, ground.cut([size])) == []


@settings(max_examples=2, suppress_health_check=list(HealthCheck))
@given(sizes=st.lists(st.integers(1, 60), min_size=3, max_size=12))
def test_cut_anywhere_it_is_decided_alike(
    ground: Ground, one_by_one: dict[str, list[str]], sizes: list[int]
) -> None:
    assert differing(one_by_one, ground.cut(sizes)) == []
