"""What a journal does not hold, carried from one database into the one that was rebuilt from it.

Words and identities, what travelled and how far, what became of notices: nothing of it is decided.
Seals are not carried: they were made over the records of the other database.
"""

from typing import Any

import psycopg
from psycopg import sql

from flows.sealing import SEALED_TO
from models.every_table import Table
from models.restores import RESTORED

Connection = psycopg.Connection[Any]

#: Tables that are carried whole; what rebuilding wrote into them goes.
CARRIED = (
    *("app_tokens", "channel_addresses", "conductor", "dead_letters", "digests", "erasures"),
    *("evidence_files", "free_texts", "identities", "installation", "outbox", "records"),
    *("responsibility_items", "notice_holds", "notice_reads", "notice_sends"),
)
#: Tables that the journal makes, of which some rows are issued otherwise and so are missing.
COMPLETED = ("notices", "outcomes")
#: Tables of which the rebuilt database has rows of its own.
ITS_OWN = ("attempts", "calendars", "directory_clock", "policy_packs", "seals", "shards")

#: What rows that the journal makes say of how they travelled and what became of them.
_MENDED = (
    "UPDATE notices n SET spread_at = o.spread_at, settled_at = o.settled_at, held_at = o.held_at,"
    " repeat_of = o.repeat_of FROM carried o WHERE n.id = o.id",
    'UPDATE parked p SET topic_id = o.topic_id, partition = o.partition, "offset" = o."offset"'
    " FROM carried o WHERE p.id = o.id",
    "UPDATE shards s SET positions = o.positions FROM carried o WHERE s.shard = o.shard",
)
_COUNTED_ON = (
    "SELECT setval(pg_get_serial_sequence('outbox', 'id'), greatest(max(id), 1)) FROM outbox"
)


def carry_over(source: Connection, target: Connection) -> dict[str, int]:
    """Copy what the journal does not hold; returns the rows of each table. All of it, or nothing.

    Nothing may work on either database. The caller may hold one snapshot of the source.
    """
    counts = {}
    with target.transaction():
        for table in (*COMPLETED, *CARRIED):
            _stage(source, target, table)
            if table in CARRIED:
                _clear(target, table)
            counts[table] = _take(target, table)
        for table, statement in zip(("notices", "parked", "shards"), _MENDED, strict=True):
            _stage(source, target, table)
            target.execute(statement.encode())
        target.execute("DELETE FROM installation WHERE name = ANY(%s)", ([SEALED_TO, RESTORED],))
        target.execute(_COUNTED_ON)
        target.execute("DROP TABLE carried")
    return counts


def _stage(source: Connection, target: Connection, table: str) -> None:
    """Bring a table's rows into a table of this transaction, called `carried`."""
    target.execute("DROP TABLE IF EXISTS carried")
    target.execute(
        sql.SQL("CREATE TEMP TABLE carried AS TABLE {} WITH NO DATA").format(sql.Identifier(table))
    )
    names = sql.SQL(", ").join(map(sql.Identifier, _columns(table)))
    out = sql.SQL("COPY {} ({}) TO STDOUT (FORMAT BINARY)").format(sql.Identifier(table), names)
    into = sql.SQL("COPY carried ({}) FROM STDIN (FORMAT BINARY)").format(names)
    with source.cursor().copy(out) as reading, target.cursor().copy(into) as writing:
        for block in reading:
            writing.write(block)


def _clear(target: Connection, table: str) -> None:
    """Erasures are append-only, and rebuilding writes none."""
    if table != "erasures":
        target.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))


def _take(target: Connection, table: str) -> int:
    """Insert what was brought, but for rows that are there already; returns how many."""
    names = sql.SQL(", ").join(map(sql.Identifier, _columns(table)))
    return target.execute(
        sql.SQL(
            "INSERT INTO {0} ({1}) OVERRIDING SYSTEM VALUE SELECT {1} FROM carried"
            " ON CONFLICT DO NOTHING"
        ).format(sql.Identifier(table), names)
    ).rowcount


def _columns(table: str) -> list[str]:
    return [column.name for column in Table.metadata.tables[table].columns]
