"""The directory's rows: loading it as it was known at a revision, and recording what is new."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg

from models.directory import App, Directory, Duty, Org, Person, RoleHeld, Spell
from models.directory_rows import AppRows, DutyRows, OrgRows, PersonRows, RoleRows
from models.rows import RowMap

Cursor = psycopg.Cursor[Any]

TABLES: dict[type[Spell], RowMap] = {
    Org: RowMap(OrgRows, Org),
    Person: RowMap(PersonRows, Person),
    RoleHeld: RowMap(RoleRows, RoleHeld),
    Duty: RowMap(DutyRows, Duty),
    App: RowMap(AppRows, App),
}


def load_directory(cursor: Cursor, revision: int) -> Directory:
    """Return the directory as it was known at `revision`."""
    entries: list[Spell] = []
    for table in TABLES.values():
        query = table.select("WHERE revision <= %s ORDER BY revision")
        entries += [table.snapshot(text) for (text,) in cursor.execute(query, (revision,))]
    return Directory(revision=revision, entries=entries)


def lock_directory(cursor: Cursor) -> int:
    """Serialise changes of the directory until the transaction ends; return its revision."""
    cursor.execute(
        "INSERT INTO directory_clock (id, revision) VALUES (1, 0) ON CONFLICT DO NOTHING"
    )
    row = cursor.execute("SELECT revision FROM directory_clock WHERE id = 1 FOR UPDATE").fetchone()
    return int(row[0]) if row is not None else 0


def save_entries(
    cursor: Cursor, entries: Sequence[tuple[int, Spell]], *, recorded_at: datetime
) -> None:
    """Append (revision, entry) pairs and move the clock to the last revision."""
    for kind, table in TABLES.items():
        table.insert_new(
            cursor,
            [
                table.values(entry, revision=revision, recorded_at=recorded_at)
                for revision, entry in entries
                if type(entry) is kind
            ],
        )
    if entries:
        last = max(revision for revision, _ in entries)
        cursor.execute("UPDATE directory_clock SET revision = %s WHERE id = 1", (last,))
