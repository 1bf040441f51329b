"""Column kinds the tables share, so that each table says what it holds and not how."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import BigInteger, DateTime, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlmodel import Field

#: SQLModel's overloads know no keyword that is given through a dict.
_column: Callable[..., Any] = Field


def uuid_key() -> Any:
    """Return a UUID primary key, spoken as text."""
    return _column(sa_type=UUID(as_uuid=False), primary_key=True)


def uuid_ref(*, nullable: bool = False, index: bool = False) -> Any:
    """Return a UUID that names something else, spoken as text."""
    default = {"default": None} if nullable else {}
    return _column(sa_type=UUID(as_uuid=False), nullable=nullable, index=index, **default)


def json(empty: str = "") -> Any:
    """Return a JSONB column for a nested part of a snapshot.

    With `empty` (`[]` or `{}`) there is always a value, and that is it where nobody gave one: also
    in rows that were there before the column. Without, there may be none.
    """
    return _column(
        sa_type=JSONB(none_as_null=True),
        nullable=not empty,
        sa_column_kwargs={"server_default": empty} if empty else {},
        default=None,
    )


def moment(*, nullable: bool = False, index: bool = False, primary_key: bool = False) -> Any:
    """Return an instant with its zone."""
    default = {"default": None} if nullable else {}
    return _column(
        sa_type=DateTime(timezone=True),
        nullable=nullable,
        index=index,
        primary_key=primary_key,
        **default,
    )


def big(*, primary_key: bool = False, default: int | None = None) -> Any:
    """Return a 64-bit whole number."""
    given = {} if default is None else {"default": default}
    return _column(sa_type=BigInteger, primary_key=primary_key, nullable=False, **given)


def counted() -> Any:
    """Return a 64-bit primary key that the database counts up."""
    return _column(
        sa_type=BigInteger, primary_key=True, default=None, sa_column_kwargs={"autoincrement": True}
    )


def words() -> Any:
    """Return a text of any length."""
    return _column(sa_type=Text, default="", nullable=False)


def binary(*, nullable: bool = False) -> Any:
    """Return bytes."""
    default = {"default": None} if nullable else {}
    return _column(sa_type=LargeBinary, nullable=nullable, **default)
