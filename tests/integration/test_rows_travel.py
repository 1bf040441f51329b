"""Rows on their way to the database and back: whatever a column may hold comes back as it was."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from models.case import Case
from models.case_store import load_cases, save_cases
from models.ledger_store import DEAD_LETTERS, OUTBOX
from models.values import CaseId

MOMENT = datetime(2026, 2, 28, 23, 59, 59, 999999, UTC)
TEXTS = ("", "NULL", "null", " ", "{}", "a,b", '"', "\\", "a\nb\tc", "'", "中文", "\\x00", "$1")
BYTES = (b"", b"\x00\xff\\\"'", "中文".encode(), b"\\x00")
NESTED: tuple[list[list[str]], ...] = (
    [],
    [["a", 'b\\c "d" {e,f}']],
    [["n", "NULL"], ["\u0001", "\U0001f600"]],
)
LETTER: dict[str, Any] = {
    "shard": 0,
    "reason": "malformed",
    "detail": "",
    "topic": "grid.reports",
    "topic_id": "",
    "partition": -1,
    "offset": -1,
    "source": "",
    "event_id": "",
    "event_type": "",
    "township": "",
    "proved": False,
    "key": None,
    "headers": [],
    "value": b"",
    "at": MOMENT,
    "replayed_as": "",
    "replayed_by": "",
    "replayed_at": None,
}
CHANGES: dict[str, list[dict[str, Any]]] = {
    "text": [{"detail": text} for text in TEXTS],
    "bytes": [{"value": raw, "key": raw} for raw in BYTES],
    "nested": [{"headers": nested} for nested in NESTED],
    "numbers": [{"partition": 2**31 - 1, "offset": number} for number in (0, -1, 2**62)],
    "truth": [{"proved": True}],
    "moments": [{"at": MOMENT - timedelta(microseconds=1), "replayed_at": MOMENT}],
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_every_column_comes_back(database_url: str, changes: list[dict[str, Any]]) -> None:
    rows = [{"id": str(uuid4()), **LETTER, **change} for change in changes]
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SET timezone = 'UTC'")
        DEAD_LETTERS.insert_new(cursor, rows)
        for row in rows:
            found = cursor.execute("SELECT * FROM dead_letters WHERE id = %s", (row["id"],))
            names = [column.name for column in found.description or ()]
            (values,) = found.fetchall()
            assert dict(zip(names, values, strict=True)) | {"id": row["id"]} == row


def test_a_moment_of_another_zone_is_the_same_moment(database_url: str) -> None:
    moment = datetime(2026, 3, 1, 7, 30, tzinfo=timezone(timedelta(hours=8)))
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        DEAD_LETTERS.append(cursor, [{"id": str(uuid4()), **LETTER, "at": moment}])
        assert cursor.execute("SELECT at FROM dead_letters").fetchall() == [(moment,)]


def test_appended_rows_are_counted_up_in_their_own_order(database_url: str) -> None:
    sent = [str(number) for number in (5, 3, 9, 1)]
    row = {"shard": 0, "topic": "t", "key": "", "source": "s", "headers": [], "value": b""}
    rest = {"created_at": MOMENT, "published_at": None, "partition": -1, "instant": None}
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        OUTBOX.append(cursor, [{**row, **rest, "event_id": one} for one in sent])
        found = cursor.execute("SELECT event_id FROM outbox ORDER BY id").fetchall()
    assert [one for (one,) in found] == sent


def test_a_known_key_is_replaced_by_one_way_and_kept_by_the_other(database_url: str) -> None:
    row = {"id": str(uuid4()), **LETTER}
    told = []
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        for write, detail in (
            (DEAD_LETTERS.insert_new, "first"),
            (DEAD_LETTERS.insert_new, "second"),
            (DEAD_LETTERS.upsert, "third"),
        ):
            write(cursor, [{**row, "detail": detail}])
            told += cursor.execute("SELECT detail FROM dead_letters").fetchall()
    assert [detail for (detail,) in told] == ["first", "first", "third"]


def test_a_snapshot_comes_back(database_url: str) -> None:
    case = Case(
        id=CaseId(str(uuid4())),
        lon=122.123456789012,
        lat=-1e-9,
        reported_at=MOMENT,
        circle=TEXTS,
        deeds={text: (text,) for text in TEXTS},
    )
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SET timezone = 'Asia/Shanghai'")
        save_cases(cursor, [(None, case)], shard=0, heads={})
        assert load_cases(cursor, 0, [case.id])[case.id].case == case
