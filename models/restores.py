"""That the database was restored from a backup: a fact of the installation, until it caught up.

While it catches up, what happened after the backup is decided again from the log, and nothing that
this makes may leave: people may have been told before.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
from msgspec import Struct

Cursor = psycopg.Cursor[Any]

#: Under this name among the installation's facts.
RESTORED = "restored"
#: A hold on notices that ends with the catching up ends here until then.
OPEN_END = datetime(9999, 12, 31, tzinfo=UTC)


class LogEnd(Struct, frozen=True):
    """Behind which record one topic's partition ended when the database was restored."""

    shard: int
    topic: str
    topic_id: str
    end: int


class Restore(Struct, frozen=True, kw_only=True):
    """One restore, the last one there was."""

    #: when the backup was made
    taken_at: datetime
    #: when an operator said that it was restored
    restored_at: datetime
    #: what must be read until everything is decided again
    log_ends: tuple[LogEnd, ...] = ()
    #: outbox rows up to this one must be answered, and how often it was moved on
    mark: int = 0
    rounds: int = 0
    #: seal that declares it; 0: not declared yet
    seal: int = 0
    caught_up_at: datetime | None = None


def read_restore(cursor: Cursor) -> Restore | None:
    """Return the last restore; None where there never was one."""
    row = cursor.execute("SELECT value FROM installation WHERE name = %s", (RESTORED,)).fetchone()
    return msgspec.json.decode(row[0], type=Restore) if row else None


def write_restore(cursor: Cursor, restore: Restore) -> None:
    """Write down how far it has come."""
    cursor.execute(
        "INSERT INTO installation (name, value) VALUES (%s, %s)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (RESTORED, msgspec.json.encode(restore).decode()),
    )


def catching_up(cursor: Cursor) -> Restore | None:
    """Return the restore whose backlog is still being decided; None where none is."""
    restore = read_restore(cursor)
    return restore if restore is not None and restore.caught_up_at is None else None
