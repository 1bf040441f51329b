"""Rows to snapshots and back, by name: a column holds the field of the same name.

Rows travel as JSON both ways, many in one text: the database takes it apart and puts it together,
in this process a compiled encoder does. Against an array for each column that took half of this
process's time (docs/decisions/rows-travel-as-json.md).
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import msgspec
import psycopg
from psycopg import sql
from sqlalchemy import LargeBinary
from sqlalchemy import Table as SqlTable

from models.table import Table

_encode = msgspec.json.Encoder(order="deterministic").encode
_encode_rows = msgspec.json.Encoder().encode

Row = dict[str, Any]


def to_json(value: Any) -> str | None:
    """Return the JSON text of a nested value; None stays None."""
    return None if value is None else _encode(value).decode()


class RowMap:
    """Moves snapshots of one struct type in and out of one table."""

    def __init__(self, table: type[Table], struct: type[msgspec.Struct] | None = None) -> None:
        """Match the table's columns with the struct's fields by name."""
        self.table: SqlTable = table.metadata.tables[str(table.__tablename__)]
        self.name: str = self.table.name
        #: numbers that the database gives
        generated = {
            c.name for c in self.table.columns if c.primary_key and c.autoincrement is True
        }
        self.columns: tuple[str, ...] = tuple(
            column.name for column in self.table.columns if column.name not in generated
        )
        self.struct = struct

    @cached_property
    def key(self) -> tuple[str, ...]:
        """Primary key columns."""
        return tuple(column.name for column in self.table.primary_key.columns)

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Fields of the struct that have a column."""
        return tuple(f for f in self._snapshots.__struct_fields__ if f in self.table.columns)

    @property
    def _snapshots(self) -> type[msgspec.Struct]:
        if self.struct is None:
            raise TypeError(f"no snapshots are made of {self.name}")
        return self.struct

    @cached_property
    def _binary(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.table.columns if isinstance(c.type, LargeBinary))

    # --- reading -------------------------------------------------------------------------------

    def select(self, rest: str, *, before: str = "") -> bytes:
        """Return a `SELECT` of `before`, then of the whole row, which `snapshot` reads.

        `rest` stands behind the table's name. Made once: psycopg remembers how it read the bytes.
        """
        return (
            sql.SQL("SELECT {before}row_to_json({table})::text FROM {table} {rest}")
            .format(
                before=sql.SQL(f"{before}, " if before else ""),
                table=sql.Identifier(self.name),
                rest=sql.SQL(rest),
            )
            .as_bytes()
        )

    @cached_property
    def snapshot(self) -> Callable[[str], Any]:
        """Return the snapshot of a row read with `select`; columns without a field are left out."""
        return msgspec.json.Decoder(self._snapshots).decode

    # --- writing -------------------------------------------------------------------------------

    def values(self, snapshot: Any, **extra: Any) -> Row:
        """Return the snapshot as a row, with `extra` columns."""
        return {name: getattr(snapshot, name) for name in self.fields} | extra

    def upsert(self, cursor: psycopg.Cursor[Any], rows: Sequence[Row]) -> None:
        """Write rows; one with a known key replaces what was there."""
        self._write(cursor, self._upsert, self._ordered(rows))

    def insert_new(self, cursor: psycopg.Cursor[Any], rows: Sequence[Row]) -> None:
        """Write rows; one with a known key is left as it was."""
        self._write(cursor, self._insert_new, self._ordered(rows))

    def append(self, cursor: psycopg.Cursor[Any], rows: Iterable[Row]) -> None:
        """Append rows, in their own order: what the database counts up follows it."""
        self._write(cursor, self._append, list(rows))

    def _ordered(self, rows: Sequence[Row]) -> list[Row]:
        """Return rows in an order that every writer keeps to, so that none waits in a circle."""
        return sorted(rows, key=lambda row: tuple(str(row[name]) for name in self.key))

    def _write(self, cursor: psycopg.Cursor[Any], statement: bytes, rows: list[Row]) -> None:
        if rows:
            written = [self._spelled(row) for row in rows] if self._binary else rows
            cursor.execute(statement, (_encode_rows(written).decode(),))

    def _spelled(self, row: Row) -> Row:
        """Return the row with its bytes as PostgreSQL reads them."""
        raw = {name: row.get(name) for name in self._binary}
        return row | {name: f"\\x{one.hex()}" for name, one in raw.items() if one is not None}

    @cached_property
    def _upsert(self) -> bytes:
        assignments = sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name))
            for name in self.columns
            if name not in self.key
        )
        return self._insert(sql.SQL("DO UPDATE SET {}").format(assignments))

    @cached_property
    def _insert_new(self) -> bytes:
        return self._insert(sql.SQL("DO NOTHING"))

    @cached_property
    def _append(self) -> bytes:
        return self._inserted().as_bytes()

    def _insert(self, on_conflict: sql.Composable) -> bytes:
        conflict = sql.SQL(" ON CONFLICT ({key}) {action}").format(
            key=sql.SQL(", ").join(map(sql.Identifier, self.key)), action=on_conflict
        )
        return (self._inserted() + conflict).as_bytes()

    def _inserted(self) -> sql.Composed:
        return sql.SQL(
            "INSERT INTO {table} ({columns}) SELECT {columns}"
            " FROM json_populate_recordset(NULL::{table}, %s::json)"
        ).format(
            table=sql.Identifier(self.name),
            columns=sql.SQL(", ").join(map(sql.Identifier, self.columns)),
        )
