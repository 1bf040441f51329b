"""A mixed week decided again is the same everywhere, and what differs is found."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql

from models.every_table import Table
from partygrid import bootstrap
from partygrid.embedded.postgres import Postgres
from partygrid.rebuild import COMPARED, compare, rebuild
from tests.integration.mixed_week import MixedWeek

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

Connection = psycopg.Connection[Any]

#: When everything is recorded that is decided again.
RECORDED = datetime(2027, 1, 1, tzinfo=UTC)


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
