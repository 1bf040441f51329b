"""Commands that fill a running installation, and everything it then says of itself."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from partygrid import bootstrap
from tests.acceptance.commands import COMMAND, Up, environment, until

#: On a busy machine whole logs take their time.
_PATIENCE = 150
#: Everything that an event leaves behind when it is decided.
LEDGER = (
    "audit",
    "case_numbers",
    "cases",
    "channel_addresses",
    "dead_letters",
    "directory_clock",
    "duties",
    "identities",
    "journal",
    "orgs",
    "outbox",
    "outcomes",
    "persons",
    "records",
    "roles_held",
    "timers",
)

Connection = psycopg.Connection[Any]


class Answer(NamedTuple):
    """How a command ended, and what it said as JSON."""

    code: int
    said: dict[str, Any]
    errors: str


def starting(home: Path, *arguments: str) -> subprocess.Popen[str]:
    """Begin a command."""
    return subprocess.Popen(
        (*COMMAND, *arguments),
        env=environment(home),
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ask(home: Path, *arguments: str) -> Answer:
    """Run a command to its end and read what it tells programs."""
    process = starting(home, *arguments, "--json")
    try:
        said, errors = process.communicate(timeout=_PATIENCE)
    finally:
        process.kill()
    assert said, errors
    return Answer(process.returncode, json.loads(said), errors)


@contextmanager
def looking(one: Up) -> Iterator[Connection]:
    """Give a connection to its database."""
    connection = bootstrap.connect(one.installation.database_url, autocommit=True)
    try:
        yield connection
    finally:
        connection.close()


def contents(connection: Connection) -> dict[str, Any]:
    """Return a digest of every table that deciding writes, once nothing waits to be published."""
    waiting = "SELECT EXISTS (SELECT FROM outbox WHERE published_at IS NULL)"
    until(
        lambda: connection.execute(waiting).fetchone() == (False,),
        seconds=60,
        what="the outbox never got empty",
    )
    found: dict[str, Any] = {}
    for table in LEDGER:
        # Seals are made by the minute, whatever is decided.
        rows = (
            "SELECT * FROM outbox WHERE topic <> 'audit.seals'"
            if table == "outbox"
            else f"TABLE {table}"
        )
        query = f"SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) FROM ({rows}) t"  # noqa: S608
        found[table] = connection.execute(query.encode()).fetchone()
    return found


def everywhere(connection: Connection, words: str) -> list[str]:
    """Return the tables in which some row holds these words, as text or as bytes."""
    tables = connection.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    ).fetchall()
    return [
        table
        for (table,) in tables
        if connection.execute(
            f"SELECT 1 FROM {table} t WHERE t::text LIKE %s OR t::text LIKE %s LIMIT 1".encode(),  # noqa: S608
            (f"%{words}%", f"%{words.encode().hex()}%"),
        ).fetchone()
    ]
