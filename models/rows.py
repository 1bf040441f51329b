"""Rows to snapshots and back, by name: a column holds the field of the same name.

Scalars go as they are; everything nested is JSON. Bulk writes take one array a column, so that a
batch is one statement whatever its size, and can wait in a pipeline as COPY cannot; for batches
of a thousand rows COPY was not measurably quicker.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, get_args, get_type_hints

import msgspec
import psycopg
from psycopg import sql
from sqlalchemy import Column
from sqlalchemy import Table as SqlTable
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from models.table import Table

_encode = msgspec.json.Encoder(order="deterministic").encode


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
    def types(self) -> dict[str, str]:
        """PostgreSQL type of each column, as casts write it."""
        return {column.name: _cast(column) for column in self.table.columns}

    @cached_property
    def json_columns(self) -> frozenset[str]:
        """Columns that hold JSON."""
        return frozenset(c.name for c in self.table.columns if isinstance(c.type, JSONB))

    @cached_property
    def key(self) -> tuple[str, ...]:
        """Primary key columns."""
        return tuple(column.name for column in self.table.primary_key.columns)

    @property
    def _snapshots(self) -> type[msgspec.Struct]:
        if self.struct is None:
            raise TypeError(f"no snapshots are made of {self.name}")
        return self.struct

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Fields of the struct that have a column."""
        return tuple(f for f in self._snapshots.__struct_fields__ if f in self.table.columns)

    @cached_property
    def _readers(self) -> dict[str, Callable[[Any], Any]]:
        """How a column's value becomes the field's: JSON is decoded, text becomes its enum."""
        readers: dict[str, Callable[[Any], Any]] = {}
        for name, hint in get_type_hints(self._snapshots).items():
            if name in self.json_columns:
                readers[name] = msgspec.json.Decoder(hint).decode
            elif (kind := _enum_in(hint)) is not None:
                readers[name] = kind
        return readers

    @cached_property
    def _nested(self) -> tuple[str, ...]:
        return tuple(name for name in self.fields if name in self.json_columns)

    def values(self, snapshot: Any, **extra: Any) -> dict[str, Any]:
        """Return the snapshot as a row, with `extra` columns."""
        row = {name: getattr(snapshot, name) for name in self.fields}
        for name in self._nested:
            row[name] = to_json(row[name])
        return row | extra

    def select(self, rest: str, *, before: str = "") -> bytes:
        """Return a `SELECT` of `before`, then the struct's fields: JSON and UUIDs as text.

        `rest` stands behind the table's name. Made once: psycopg remembers how it read the bytes.
        """
        return (
            sql.SQL("SELECT {before}{fields} FROM {table} {rest}")
            .format(
                before=sql.SQL(f"{before}, " if before else ""),
                fields=sql.SQL(", ").join(self._selected(name) for name in self.fields),
                table=sql.Identifier(self.name),
                rest=sql.SQL(rest),
            )
            .as_bytes()
        )

    def _selected(self, name: str) -> sql.Composable:
        if name in self.json_columns or self.types[name] == "uuid":
            return sql.SQL("{}::text").format(sql.Identifier(name))
        return sql.Identifier(name)

    def snapshot(self, row: Sequence[Any], **extra: Any) -> Any:
        """Return the snapshot of a row read with `select`."""
        known = {}
        for name, value in zip(self.fields, row, strict=False):
            if value is None:
                continue
            reader = self._readers.get(name)
            known[name] = reader(value) if reader is not None else value
        return self._snapshots(**known, **extra)

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
        return sql.SQL("INSERT INTO {table} ({columns}) SELECT * FROM unnest({arrays})").format(
            table=sql.Identifier(self.name),
            columns=sql.SQL(", ").join(map(sql.Identifier, self.columns)),
            arrays=sql.SQL(", ").join(
                sql.SQL(f"${at}::{self.types[name]}[]") for at, name in enumerate(self.columns, 1)
            ),
        )

    def upsert(self, cursor: psycopg.Cursor[Any], rows: Sequence[dict[str, Any]]) -> None:
        """Write rows; one with a known key replaces what was there."""
        if rows:
            _execute(cursor, self._upsert, self._arrays(rows))

    def insert_new(self, cursor: psycopg.Cursor[Any], rows: Sequence[dict[str, Any]]) -> None:
        """Write rows; one with a known key is left as it was."""
        if rows:
            _execute(cursor, self._insert_new, self._arrays(rows))

    def _arrays(self, rows: Sequence[dict[str, Any]]) -> list[list[Any]]:
        ordered = sorted(rows, key=lambda row: tuple(str(row[name]) for name in self.key))
        return [[row[name] for row in ordered] for name in self.columns]

    def append(self, cursor: psycopg.Cursor[Any], rows: Iterable[dict[str, Any]]) -> None:
        """Append rows, in their own order: what the database counts up follows it."""
        if rows := list(rows):
            arrays = [[row[name] for row in rows] for name in self.columns]
            _execute(cursor, self._append, arrays)


def _execute(cursor: psycopg.Cursor[Any], statement: bytes, arrays: list[list[Any]]) -> None:
    """Execute a statement that speaks PostgreSQL's own placeholders.

    Rewriting placeholders of sixty arrays took a fifth of a small batch's time.
    """
    psycopg.RawCursor(cursor.connection).execute(statement, [array_text(one) for one in arrays])


def array_text(values: Sequence[Any]) -> str:
    """Write an array as PostgreSQL reads it; the statement says of which type its elements are.

    psycopg asks for each element how it is written: that took a fifth of a small batch's time.
    """
    kinds = set(map(type, values))
    if kinds == {str}:
        return f"{{{_texts(values)}}}"
    return f"{{{','.join([_WRITERS.get(type(one), _element)(one) for one in values])}}}"


def _texts(values: Sequence[str]) -> str:
    whole = "".join(values)
    if "\\" in whole or '"' in whole:
        values = [one.replace("\\", "\\\\").replace('"', '\\"') for one in values]
    return '"' + '","'.join(values) + '"'


def _element(value: Any) -> str:
    """Write an element of a kind derived from one that has a writer, as an enumeration's text."""
    for kind, write in _WRITERS.items():
        if isinstance(value, kind):
            return write(value)
    raise TypeError(f"no column holds a {type(value).__name__}")


_WRITERS: dict[type, Callable[[Any], str]] = {
    str: lambda text: _texts((text,)),
    type(None): lambda _: "NULL",
    bool: lambda truth: "t" if truth else "f",
    int: repr,
    float: repr,
    datetime: lambda moment: f'"{moment.isoformat()}"',
    bytes: lambda raw: f'"\\\\x{raw.hex()}"',
}


def _enum_in(hint: Any) -> type[StrEnum] | None:
    """Return the enumeration of a field, also where it may be None."""
    kinds = get_args(hint) or (hint,)
    return next(
        (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, StrEnum)), None
    )


def _cast(column: Column[Any]) -> str:
    return column.type.compile(dialect=postgresql.dialect()).lower()  # type: ignore[no-untyped-call]
