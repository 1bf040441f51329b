"""Arrays as PostgreSQL reads them: whatever a column may hold comes back as it was."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from models.rows import array_text

ODD = [
    "",
    "NULL",
    "null",
    " ",
    "{}",
    "a,b",
    '"',
    "\\",
    '\\"',
    "a\nb\tc",
    "'",
    "中文",
    "\\x00",
    "$1",
]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("text", [*ODD, None]),
        ("jsonb", ['{"a": "b\\\\c \\"d\\" {e,f}", "n": [1, null]}', "[]", None]),
        ("bytea", [b"", b'\x00\xff\\"', None]),
        ("timestamptz", [datetime(2026, 2, 28, 23, 59, 59, 999999, UTC), None]),
        ("boolean", [True, False, None]),
        ("bigint", [0, -1, 2**62, None]),
        ("double precision", [0.1, -1e-9, 122.123456789012, None]),
        ("uuid", ["6f0d9a52-3c1e-5b7a-9d55-0c7d6f4e8a21", None]),
        ("text", []),
    ],
    ids=["text", "json", "bytes", "moments", "booleans", "numbers", "floats", "ids", "empty"],
)
def test_every_element_comes_back(
    database_url: str, kind: LiteralString, values: list[Any]
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("SET timezone = 'UTC'")
        query = sql.SQL(
            "SELECT one{shown} FROM unnest(%s::{kind}[]) WITH ORDINALITY AS a (one, at) ORDER BY at"
        ).format(shown=sql.SQL("::text" if kind in ("jsonb", "uuid") else ""), kind=sql.SQL(kind))
        rows = connection.execute(query, (array_text(values),)).fetchall()
    assert [row[0] for row in rows] == values


def test_a_moment_of_another_zone_is_the_same_moment(database_url: str) -> None:
    moment = datetime(2026, 3, 1, 7, 30, tzinfo=timezone(timedelta(hours=8)))
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT %s::timestamptz[]", (array_text([moment]),)).fetchone()
    assert row is not None
    assert row[0] == [moment]


def test_what_no_column_holds_is_refused() -> None:
    with pytest.raises(TypeError, match="dict"):
        array_text([{}])
