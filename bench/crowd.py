"""Fills a founded county with old cases: copies of really decided ones, made by the database.

Each copy is a case row with all its parts and timers as they were decided, under ids, a number, a
place and a township of its own. Of what a case leaves behind it has the entries that the hot path
looks up or lengthens the indexes of: its report's in journal, records and outcomes, and its last
audit record; without their bodies, which nothing on that path reads. The shard goes on behind the
last of them.

`INSERT ... SELECT` from `generate_series`, because COPY would have to be fed rows made in Python;
into emptied tables without indexes, which are built afterwards.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import accumulate
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from bench.shares import Copies, Pattern, planned
from models.case_store import CASES, CHILDREN
from models.ledger_store import AUDIT, JOURNAL, OUTCOMES, RECORDS, TIMERS
from models.rows import RowMap
from models.values import SETTLED_STATES
from partygrid import bootstrap

Connection = psycopg.Connection[Any]

#: Tables written side by side.
_AT_ONCE = 2


class Made(NamedTuple):
    """What stands in the filled database."""

    cases: int
    under_way: int
    timers: int


def fill(url: str, patterns_url: str, *, cases: int) -> Made:
    """Put `cases` copies of the cases in one database into another, of a founded county.

    About as many timers run then. Nobody else may be at work there meanwhile.
    """
    with (
        closing(bootstrap.connect(patterns_url)) as source,
        closing(bootstrap.connect(url, autocommit=True)) as target,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        target.execute("CREATE SCHEMA crowd")
        _bring(source, target, planned(_patterns(source), cases))
        list(pool.map(partial(_multiply, url), _COPIED))
        target.execute("DROP SCHEMA crowd CASCADE")
        target.execute("UPDATE shards SET seq = seq + %s, audit_seq = audit_seq + %s", [cases] * 2)
        return counted(target)


def counted(connection: Connection) -> Made:
    """Return what the database holds."""
    (row,) = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE state <> ALL(%s)), (SELECT count(*) FROM timers)"
        " FROM cases",
        (sorted(SETTLED_STATES),),
    ).fetchall()
    return Made(*row)


def _patterns(source: Connection) -> list[Pattern]:
    """Return the cases to copy. One in a waiting list is known by its id there."""
    rows = source.execute(
        "SELECT c.id::text, c.township, c.state <> ALL(%s), jsonb_array_length(c.clocks)"
        " FROM cases c WHERE NOT EXISTS (SELECT FROM townships t WHERE t.waiting::text"
        " LIKE '%%' || c.id::text || '%%') ORDER BY c.id",
        (sorted(SETTLED_STATES),),
    ).fetchall()
    return [Pattern(*row) for row in rows]


_BY_ID = "SELECT t.id AS pattern, t.* FROM {} t WHERE t.id = ANY({})"
_BY_CASE = "SELECT t.case_id AS pattern, t.* FROM {} t WHERE t.case_id = ANY({})"
_BY_SUBJECT = "SELECT t.subject::uuid AS pattern, t.* FROM {} t WHERE t.subject = ANY({}::text[])"
_OF_REPORT = (
    "SELECT o.case_id AS pattern, t.* FROM {} t JOIN outcomes o"
    " ON o.source = t.source AND o.event_id = t.event_id"
    " WHERE o.case_id = ANY({}) AND o.event_type LIKE 'grid.report.filed.%'"
)
_LAST_AUDIT = (
    "SELECT c.id AS pattern, t.* FROM {} t JOIN cases c"
    " ON t.case_id = c.id::text AND t.case_seq = c.audit_seq WHERE c.id = ANY({})"
)


class _Copied(NamedTuple):
    """Which rows of a table a case has, and what differs in a copy of one.

    In an expression `n` counts all cases, and `seq` and `audit_seq` are where the shard stands.
    """

    table: RowMap
    #: SELECT of them, with the case's id before
    rows: str
    #: column → expression
    values: Mapping[str, str]


def _own(name: str) -> str:
    """Return the copy's own id for a pattern's: spread as ids are, no two alike."""
    return f"(head || substr(t.{name}::text, 9))::uuid"


_EVENT = {"event_id": f"{_own('pattern')}::text"}
_COPIED = (
    _Copied(
        CASES,
        _BY_ID,
        {
            "id": _own("id"),
            # Longer than the numbers that are given, so none is given again.
            "number": "t.number || lpad(n::text, 8, '0')",
            # Farther south than every report of the load.
            "lat": "t.lat - 2 + 0.001 * (n % 1000)",
            **{f"{name}_id": _own(f"{name}_id") for name in CHILDREN},
        },
    ),
    _Copied(
        JOURNAL,
        _OF_REPORT,
        {**_EVENT, "seq": "s.seq + n", "subject": f"{_own('pattern')}::text", "body": "''"},
    ),
    _Copied(TIMERS, _BY_SUBJECT, {"subject": f"{_own('pattern')}::text"}),
    _Copied(RECORDS, _OF_REPORT, {**_EVENT, "topic_id": "'crowd'", "offset": "n"}),
    _Copied(OUTCOMES, _OF_REPORT, {**_EVENT, "case_id": _own("pattern")}),
    _Copied(
        AUDIT,
        _LAST_AUDIT,
        {
            "seq": "s.audit_seq + n",
            "case_id": f"{_own('pattern')}::text",
            "act": "''",
            "circumstance": "''",
        },
    ),
    *(
        _Copied(part, _BY_CASE, {"id": _own("id"), "case_id": _own("pattern")})
        for part in CHILDREN.values()
    ),
)


def _bring(source: Connection, target: Connection, copies: Sequence[Copies]) -> None:
    """Take over the patterns' rows, once for each township they are copied into."""
    target.execute(
        "CREATE TABLE crowd.copies"
        " (pattern uuid, township text, goes_to text, copies int, first bigint)"
    )
    firsts = accumulate((one.times for one in copies), initial=1)
    with target.cursor() as cursor:
        rows = [(*one, first) for one, first in zip(copies, firsts, strict=False)]
        cursor.executemany("INSERT INTO crowd.copies VALUES (%s, %s, %s, %s, %s)", rows)
    ids = sorted({one.case_id for one in copies})
    wanted = sql.SQL("{}::uuid[]").format(sql.Literal(ids))
    for one in _COPIED:
        name = sql.Identifier(one.table.name)
        rows_of = sql.SQL(one.rows).format(name, wanted)
        target.execute(_BROUGHT.format(name))
        with (
            source.cursor().copy(sql.SQL("COPY ({}) TO STDOUT").format(rows_of)) as read,
            target.cursor().copy(sql.SQL("COPY crowd.brought FROM STDIN")) as written,
        ):
            for data in read:
                written.write(data)
        target.execute(_IN_PLACE.format(name))


_BROUGHT = sql.SQL(
    "DROP TABLE IF EXISTS crowd.brought; CREATE TABLE crowd.brought (pattern uuid, LIKE public.{})"
)
#: All that names the township, wherever it stands in the row, names the other one.
_IN_PLACE = sql.SQL(
    "CREATE TABLE crowd.{0} AS SELECT k.pattern, k.copies, k.first, r.*"
    " FROM crowd.brought b JOIN crowd.copies k ON k.pattern = b.pattern,"
    " LATERAL jsonb_populate_record(NULL::public.{0},"
    " replace(to_jsonb(b)::text, k.township, k.goes_to)::jsonb) r"
)


def _multiply(url: str, one: _Copied) -> None:
    """Write the copies of a table's rows.

    What was emptied in the same transaction need not be logged, where the server may leave it out.
    """
    name = one.table.name
    with closing(bootstrap.connect(url)) as connection, connection.transaction():
        connection.execute("SET LOCAL maintenance_work_mem = '256MB'")
        indexes = _indexes(connection, name)
        for statement in _EMPTIED:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
        for drop, _ in indexes:
            connection.execute(drop)
        connection.execute(_copies_of(one))
        for statement in _DONE:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
        for _, make in indexes:
            connection.execute(make)
        connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(name)))


_EMPTIED = (
    "CREATE TEMP TABLE kept ON COMMIT DROP AS TABLE {}",
    "ALTER TABLE {} DISABLE TRIGGER USER",
    "TRUNCATE {}",
)
#: Nothing vacuums it while something is measured only because it was filled at once.
_DONE = (
    "INSERT INTO {} TABLE kept",
    "ALTER TABLE {} ENABLE TRIGGER USER",
    "ALTER TABLE {} SET (autovacuum_vacuum_insert_threshold = -1)",
)
#: Odd, so that no two of 2^32 numbers become the same.
_HEAD = "lpad(to_hex((n * 2654435761) & 4294967295), 8, '0')"


def _copies_of(one: _Copied) -> sql.Composed:
    columns = one.table.columns
    return sql.SQL(
        "INSERT INTO {0} ({1}) SELECT {2} FROM crowd.{0} t"
        " CROSS JOIN (SELECT seq, audit_seq FROM shards WHERE shard = 0) s,"
        " LATERAL (SELECT n, {3} AS head"
        "  FROM generate_series(t.first, t.first + t.copies - 1) n) m"
    ).format(
        sql.Identifier(one.table.name),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(
            sql.SQL(one.values[column])
            if column in one.values
            else sql.SQL("t.{}").format(sql.Identifier(column))
            for column in columns
        ),
        sql.SQL(_HEAD),
    )


def _indexes(connection: Connection, table: str) -> list[tuple[bytes, bytes]]:
    """Return for each index the statements that drop and make it."""
    rows = connection.execute(
        "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid),"
        " c.conname, pg_get_constraintdef(c.oid)"
        " FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid"
        " WHERE i.indrelid = %s::regclass",
        (table,),
    ).fetchall()
    change = f"ALTER TABLE {table}"
    return [
        (f"DROP INDEX {index}".encode(), made.encode())
        if name is None
        else (
            f"{change} DROP CONSTRAINT {name}".encode(),
            f"{change} ADD CONSTRAINT {name} {defined}".encode(),
        )
        for index, made, name, defined in rows
    ]
