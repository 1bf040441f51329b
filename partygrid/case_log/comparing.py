"""Does what was imported agree with the file? Both counted anew: rows of it, rows of the audit."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import psycopg
from msgspec import Struct

from events.contract.reports import HistoryRecorded
from events.outgoing_event import Outgoing
from models.policy.actions import Action

Connection = psycopg.Connection[Any]

_HANDLED = """
SELECT c.history_ref, c.history_rows, count(a.seq), array_agg(DISTINCT a.act::jsonb->>'actor'),
 min((a.act::jsonb->>'occurred_at')::timestamptz), max((a.act::jsonb->>'occurred_at')::timestamptz)
FROM cases c LEFT JOIN audit a ON a.case_id = c.id::text
 AND a.act::jsonb->>'action' = %s AND a.act::jsonb->>'reason' = 'imported'
WHERE c.history_ref <> '' AND c.origin = %s GROUP BY 1, 2
"""


class Handling(Struct, frozen=True, kw_only=True):
    """What a case comes to: how many rows, by whom, from when to when."""

    rows: int
    handlers: frozenset[str]
    first: datetime
    last: datetime


class Difference(Struct, frozen=True, kw_only=True):
    """A case that is not the same on both sides; None: not there at all."""

    case_ref: str
    in_file: Handling | None
    imported: Handling | None


class Compared(Struct, frozen=True, kw_only=True):
    """The result for a whole log."""

    cases: int
    rows: int
    handlers: int
    differences: tuple[Difference, ...]

    @property
    def agrees(self) -> bool:
        """Is every case the same on both sides?"""
        return not self.differences


def compare_log(connection: Connection, source: str, events: Iterable[Outgoing]) -> Compared:
    """Compare the rows of a log, as the file has them, with what the audit says was done."""
    expected, found = handled_in(events), dict(_handled(connection, source))
    handlers: frozenset[str] = frozenset().union(*(one.handlers for one in found.values()))
    return Compared(
        cases=len(found),
        rows=sum(one.rows for one in found.values()),
        handlers=len(handlers),
        differences=tuple(_differences(expected, found)),
    )


def handled_in(events: Iterable[Outgoing]) -> dict[str, Handling]:
    """Return what each case of a log comes to."""
    found: dict[str, Handling] = {}
    for event in events:
        if not isinstance(event.data, HistoryRecorded):
            raise TypeError(f"{type(event.data).__name__} is no row of a log")
        before = found.get(event.data.case_ref)
        found[event.data.case_ref] = Handling(
            rows=before.rows + 1 if before else 1,
            handlers=(before.handlers if before else frozenset()) | {event.acting.actor},
            first=min(before.first, event.time) if before else event.time,
            last=max(before.last, event.time) if before else event.time,
        )
    return found


def _handled(connection: Connection, source: str) -> Iterator[tuple[str, Handling]]:
    rows = connection.execute(_HANDLED, (Action.REPORT_RECORD_HISTORY, source))
    for case_ref, counted, recorded, handlers, first, last in rows:
        # A case that counts otherwise than its audit agrees with no file.
        number = recorded if counted == recorded else -1
        yield (
            case_ref,
            Handling(rows=number, handlers=frozenset(handlers) - {None}, first=first, last=last),
        )


def _differences(
    expected: Mapping[str, Handling], found: Mapping[str, Handling]
) -> Iterator[Difference]:
    for case_ref in sorted({*expected, *found}):
        in_file, imported = expected.get(case_ref), found.get(case_ref)
        if in_file != imported:
            yield Difference(case_ref=case_ref, in_file=in_file, imported=imported)
