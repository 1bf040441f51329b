"""The ceiling: the rows that deciding a load leaves, written by COPY and nothing else.

Each table's rows go into an empty table of the same columns and indexes with one statement. No
engine can be as quick: it must answer before it knows the next record.
"""

import time
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import sql

from bench.load import TABLES


def measure(connection: psycopg.Connection[Any]) -> timedelta:
    """Copy what is in these tables into empty ones like them."""
    return sum((_copied(connection, name) for name in TABLES), timedelta())


def _copied(connection: psycopg.Connection[Any], name: str) -> timedelta:
    full, fresh = sql.Identifier(name), sql.Identifier(f"{name}_again")
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(fresh, full))
    with connection.cursor() as cursor:
        with cursor.copy(sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(full)) as out:
            rows = b"".join(bytes(block) for block in out)
        begun = time.perf_counter()
        with cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(fresh)) as into:
            into.write(rows)
        connection.commit()
        return timedelta(seconds=time.perf_counter() - begun)


def room(connection: psycopg.Connection[Any]) -> int:
    """Return how many bytes these tables take with their indexes, as the server counts them."""
    sizes = (
        connection.execute("SELECT pg_total_relation_size(%s::regclass)", (name,)).fetchone()
        for name in TABLES
    )
    return sum(size[0] for size in sizes if size is not None)
