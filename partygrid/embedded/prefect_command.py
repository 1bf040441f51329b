"""Prefect's command, as its server must be run beside our SQLAlchemy.

From 2.1 on SQLAlchemy asks each hybrid attribute that a bulk insert names how it is to be written.
Prefect's server names `state` where it inserts scheduled runs, and means that it be left out, as
before. Without an answer its scheduler fails at every turn, and no cron line ever fires.
"""

from collections.abc import MutableMapping
from typing import Any

from prefect.cli import app
from sqlalchemy.ext.hybrid import hybrid_property


def left_out(_: type[Any], mapping: MutableMapping[str, Any], value: object) -> None:
    """Write nothing for a hybrid attribute: it has no column of its own."""


def mend_bulk_inserts() -> int:
    """Give every hybrid attribute of Prefect's tables that answer; returns to how many."""
    from prefect.server.database.orm_models import Base  # noqa: PLC0415 - for a server only

    mended = 0
    for mapper in Base.registry.mappers:
        for attribute in mapper.all_orm_descriptors.values():
            if isinstance(attribute, hybrid_property) and attribute.bulk_dml_setter is None:
                attribute.bulk_dml_setter = left_out  # type: ignore[assignment]  # classmethod or not
                mended += 1
    return mended


def main() -> None:
    """Run Prefect's command."""
    mend_bulk_inserts()
    app()


if __name__ == "__main__":
    main()
