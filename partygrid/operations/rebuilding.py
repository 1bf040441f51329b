"""`partygrid rebuild`: a second database made from the journal alone, compared and dropped."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from msgspec import Struct
from psycopg import IsolationLevel, sql
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import make_url

from partygrid import bootstrap
from partygrid.errors import Refused, Unavailable
from partygrid.initialise import fixed_partitions
from partygrid.operations.carrying import carry_over
from partygrid.rebuild import Difference, compare, rebuild
from partygrid.settings import Settings

Connection = psycopg.Connection[Any]


class NotEmpty(Refused):
    """The database to rebuild into holds tables already. Give an empty one."""


class Rebuilt(Struct, frozen=True, kw_only=True):
    """What came of a rebuild."""

    #: name of the database; empty where it was dropped again
    database: str
    entries: int
    differences: tuple[Difference, ...]


def rebuild_into(
    settings: Settings,
    target: str,
    now: datetime,
    *,
    carry: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> tuple[int, list[Difference]]:
    """Decide the journal again into the empty database at `target` and compare.

    Returns how many entries there were and what differs. The installation may go on meanwhile:
    one snapshot of it is read. With `carry` what the journal does not hold is copied, too, and the
    new database may take the place of the old. Raises `NotEmpty` and `Unavailable`.
    """
    policy = bootstrap.policy_of(settings)
    with (
        bootstrap.connected(settings.address("database_url")) as source,
        bootstrap.connected(target) as other,
    ):
        _check_empty(other)
        partitions = fixed_partitions(source) or settings.partitions
        bootstrap.prepare(target, settings.changed(partitions=partitions), policy, now)
        source.isolation_level = IsolationLevel.REPEATABLE_READ
        source.read_only = True
        shelf = bootstrap.shelf_of(source, policy, bootstrap.calendar_of(settings))
        setting = bootstrap.setting_of(settings, shelf, engine="rebuild")
        total = _one(source, "SELECT coalesce(sum(seq), 0) FROM shards")
        entries = rebuild(source, other, setting, now, lambda done: progress(done, total))
        kept_since = now - policy.retention.notice_text
        differences = compare(source, other, notices_since=kept_since)
        if carry:
            other.commit()
            carry_over(source, other)
        return entries, differences


def _check_empty(connection: Connection) -> None:
    count = _one(connection, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    connection.commit()
    if count:
        raise NotEmpty


def _one(connection: Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def new_database(settings: Settings) -> Iterator["NewDatabase"]:
    """Give a fresh database on the installation's own server, dropped after unless it is kept."""
    url = settings.address("database_url")
    database = NewDatabase(url)
    with _administering(url) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(database.name))
        )
    try:
        yield database
    finally:
        if not database.kept:
            with _administering(url) as connection:
                connection.execute(
                    sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database.name))
                )


class NewDatabase:
    """A database beside the installation's own."""

    def __init__(self, beside: str) -> None:
        """Choose a name that nobody has."""
        given = make_url(beside)
        self.name = f"{given.database}_rebuild_{secrets.token_hex(4)}"
        self.url = given.set(database=self.name).render_as_string(hide_password=False)
        self.kept = False


@contextmanager
def _administering(url: str) -> Iterator[Connection]:
    connection = bootstrap.connect(url, autocommit=True)
    try:
        yield connection
    except psycopg.errors.InsufficientPrivilege as fault:
        raise Refused(
            "The database user may not make databases. Make an empty one and give its address "
            "with --into."
        ) from fault
    except psycopg.OperationalError as fault:
        raise Unavailable(f"PostgreSQL cannot be reached: {type(fault).__name__}") from fault
    finally:
        connection.close()


def name_of(url: str) -> str:
    """Return the name of the database an address leads to; never its password."""
    return str(conninfo_to_dict(url.replace("postgresql+psycopg://", "postgresql://", 1))["dbname"])
