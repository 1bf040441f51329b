"""What a batch is called in Prefect: by its case's number where it holds one case.

Prefect's pages have no roles, so nothing stands there that an app wrote, and nothing that shows
which marked cases exist.
"""

from collections.abc import Callable
from typing import Any

import psycopg

import events.contract.all  # noqa: F401  (the contract is complete only once every module is read)
from events.contract.registry import EVENT_TYPES, RESTRICTED_PREFIX
from flows.batch import Batch, RawRecord
from models.values import is_id
from partygrid.errors import Unavailable

RESTRICTED = "restricted"


class BatchNames:
    """Names batches; knows case numbers from the database, by a connection of its own."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        """Connect with the first batch that holds one case."""
        self._connect = connect
        self._connection: psycopg.Connection[Any] | None = None

    def __call__(self, batch: Batch) -> str:
        """Return the name of one batch."""
        if any(record.at.topic.startswith(RESTRICTED_PREFIX) for record in batch.records):
            return RESTRICTED
        count = len(batch.records) + len(batch.firings)
        subjects = {_subject(record) for record in batch.records}
        subjects |= {due.timer.subject for due in batch.firings}
        number = self._number(subjects.pop()) if len(subjects) == 1 else ""
        if number == RESTRICTED:
            return RESTRICTED
        what = _what(batch) if count == 1 else f"{count} inputs"
        return f"{number} {what}".strip()

    def close(self) -> None:
        """Close the connection; the next batch that needs one opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _number(self, subject: str) -> str:
        """Return the case's number; empty where there is none, or nobody to ask."""
        if not is_id(subject):
            return ""
        try:
            row = self._asked(subject)
        except (psycopg.Error, Unavailable):
            self._connection = None
            return ""
        if row is None:
            return ""
        return RESTRICTED if row[1] != "none" else str(row[0])

    def _asked(self, subject: str) -> tuple[Any, ...] | None:
        if self._connection is None:
            self._connection = self._connect()
            self._connection.autocommit = True
        return self._connection.execute(
            "SELECT number, mark FROM cases WHERE id = %s", (subject,)
        ).fetchone()


def _what(batch: Batch) -> str:
    """Return the type of the only input; only the contract's own words."""
    if batch.firings:
        return f"timer {batch.firings[0].timer.clock.kind}"
    known = EVENT_TYPES.get(_header(batch.records[0], "ce_type"))
    return known.name if known is not None else "1 input"


def _subject(record: RawRecord) -> str:
    return _header(record, "ce_subject")


def _header(record: RawRecord, wanted: str) -> str:
    return next(
        (text.decode(errors="replace") for name, text in record.headers if name == wanted), ""
    )
