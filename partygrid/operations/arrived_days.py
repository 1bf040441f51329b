"""When a year's calendar arrives: what was computed with a guess is computed again.

An engine asks at its start. Each case is told by an event like any other, so its new limits, who
hears of them, and the calendar they come from stand in its audit.
"""

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psycopg

from events.admission import ENGINE_KEY, ENGINE_SOURCE
from events.codec import type_name
from events.contract.envelope import Event
from events.contract.escalation import DeadlineRecomputed
from flows.decide.draft import system
from models.case import Case
from models.case_store import load_cases
from models.cases import GUESSED
from models.deadlines import Deadline, recompute
from models.setting import Setting, Shelf
from models.values import SETTLED_STATES, Step, derived_id
from partygrid.operations.put_out import put_out

log = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

GUESSED_CASES = f"""
SELECT shard, id::text FROM cases
WHERE version > 0 AND state <> ALL(%s) AND calendar_version <> %s AND due IS NOT NULL
 AND ({GUESSED})
ORDER BY shard, id
"""  # noqa: S608 - our own condition
#: Cases looked at in one transaction.
_AT_ONCE = 200


def compute_again(connection: Connection, setting: Setting, now: datetime) -> int:
    """Ask for the limits of every open case that guessed days the calendar now knows.

    Returns how many cases there are. Asked again, nothing is asked twice.
    """
    shelf, asked = setting.shelf, 0
    for cases in _guessed(connection, shelf):
        with connection.transaction(), connection.cursor() as cursor:
            for case in cases:
                if _is_known_now(case, shelf):
                    event = _event(case, shelf, now)
                    put_out(
                        cursor,
                        event,
                        own_key=setting.own_key,
                        partitions=setting.partitions,
                        now=now,
                    )
                    asked += 1
    if asked:
        log.info(
            "calendar %s: limits of %s cases are computed again", shelf.calendar.version, asked
        )
    return asked


def _guessed(connection: Connection, shelf: Shelf) -> Iterator[list[Case]]:
    settled = [str(state) for state in SETTLED_STATES]
    with connection.transaction():
        rows = connection.execute(GUESSED_CASES, (settled, shelf.calendar.version)).fetchall()
    by_shard: dict[int, list[str]] = {}
    for shard, case_id in rows:
        by_shard.setdefault(shard, []).append(case_id)
    for shard, ids in by_shard.items():
        for first in range(0, len(ids), _AT_ONCE):
            with connection.transaction(), connection.cursor() as cursor:
                found = load_cases(cursor, shard, ids[first : first + _AT_ONCE])
            yield [stored.case for stored in found.values()]


def _is_known_now(case: Case, shelf: Shelf) -> bool:
    """Tell whether a day that was guessed for this case is none any more."""
    if any(shelf.missing([case])):
        return False
    office = shelf.office(shelf.pack_of(case).version)
    limits: list[Deadline | None] = [case.due, *(clock.deadline for clock in case.clocks)]
    return any(
        limit is not None and limit.provisional and not recompute(limit, office=office).provisional
        for limit in limits
    )


def _event(case: Case, shelf: Shelf, now: datetime) -> Event:
    data = DeadlineRecomputed(calendar_version=shelf.calendar.version)
    return Event(
        id=derived_id("days", shelf.calendar.version, case.id),
        source=ENGINE_SOURCE,
        type=type_name(data),
        time=now,
        township=case.township,
        subject=case.id,
        acting=system(Step.ESCALATION, case.township),
        data=data,
        key_id=ENGINE_KEY,
        cause=f"calendar|{shelf.calendar.version}",
    )
