"""What every table shares: one metadata whose constraints have predictable names."""

from collections.abc import Iterable
from typing import ClassVar

from sqlalchemy import CheckConstraint, MetaData
from sqlmodel import SQLModel

# Migrations refer to constraints by name; a database invents other names than SQLAlchemy does.
_NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(SQLModel):
    """Every table's parent: `class Cases(Table, table=True)`. Holds the one metadata."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=_NAMING_CONVENTION)


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """Return the check that the text `column` holds one of `values`, usually a `StrEnum`."""
    listed = ", ".join("'" + str(value).replace("'", "''") + "'" for value in values)
    return CheckConstraint(f"{column} in ({listed})", name=f"{column}_known")
