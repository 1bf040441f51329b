"""Answered in time, heard late: an act done offline before its limit counts as on time. Pure.

The breach and every rung climbed stay on record; what changes is whom it is counted against
(architecture §3). Which limit an act answers is not listed: it is the one whose clock, or whose
ladder, runs no more because of it. The case's own limit is answered by handing the work in, and
by whatever settles the case.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from events.contract.envelope import Event
from events.contract.registry import TYPE_OF_PAYLOAD
from flows.decide.admission_sheet import record as record_task
from flows.decide.draft import Detail, Draft
from flows.decide.ladder import Place, is_handed_in
from models.case import Case
from models.clocks import Clock, ClockKind
from models.village import VillageTask
from notifications.notice import instant


class Limit(NamedTuple):
    """A limit that ran out, and when."""

    name: str
    due_at: datetime


def acted_at(sheet: Draft) -> datetime:
    """Return when the act counts as done.

    That is the time the app told, where it carries the app's own running number, arrived within
    the offline window and fits what the app told before; otherwise the time of deciding.
    """
    told = _told_at(sheet)
    return told if told is not None and not _out_of_order(sheet) else sheet.now


def in_time(sheet: Draft, due_at: datetime) -> bool:
    """Was this act done by `due_at`, though it is heard only now, after it?"""
    return acted_at(sheet) <= due_at < sheet.now


def count_as_on_time(sheet: Draft, before: Case, task: VillageTask | None) -> None:
    """Write down which limits that ran out this act had answered in time.

    To be called when a handler has applied an event to what was `before`, or to a village task.
    """
    told = _told_at(sheet)
    if told is None:
        return
    for limit in _answered(sheet, before, task):
        if not told <= limit.due_at < sheet.now:
            continue
        if _out_of_order(sheet):
            _record(sheet, limit, reason="told_out_of_order")
            continue
        if limit.name == ClockKind.CASE_DUE:
            sheet.change(late_received=True)
        _record(sheet, limit, reason="late_received")


def _told_at(sheet: Draft) -> datetime | None:
    """Return when a numbered act says it was done, within the offline window; else None."""
    event = sheet.input
    if not isinstance(event, Event) or event.sequence < 0:
        return None
    fits = event.time <= sheet.now <= event.time + sheet.policy.deadlines.offline
    return event.time if fits else None


def _out_of_order(sheet: Draft) -> bool:
    return isinstance(sheet.input, Event) and sheet.input.out_of_order


def _answered(sheet: Draft, before: Case, task: VillageTask | None) -> Iterator[Limit]:
    case = sheet.case
    if case is not before:
        yield from dict.fromkeys(_ran_out(_gone(before.clocks, case.clocks)))
    if sheet.task is not None and task is not None and sheet.task is not task:
        yield from dict.fromkeys(_ran_out(_gone(task.clocks, sheet.task.clocks)))
    done = not case.is_open or (is_handed_in(case) and not is_handed_in(before))
    if case.breached_at is not None and not case.late_received and before.is_open and done:
        yield Limit(ClockKind.CASE_DUE, case.breached_at)


def _gone(before: Iterable[Clock], after: Iterable[Clock]) -> list[Clock]:
    """Return the clocks that stand for nothing any more; one computed again still does."""
    running = {(clock.key, clock.missed_at) for clock in after}
    return [clock for clock in before if (clock.key, clock.missed_at) not in running]


def _ran_out(clocks: Iterable[Clock]) -> Iterator[Limit]:
    """Yield what those of the clocks stand for that rang before; a whistle's party has its own."""
    for clock in clocks:
        if clock.kind is not ClockKind.RUNG:
            if clock.missed_at is not None:
                yield Limit(clock.kind, clock.missed_at)
            continue
        place = Place.of(clock.part)
        elsewhere = place.party or place.limit == ClockKind.CASE_DUE
        if clock.deadline is not None and not elsewhere:
            yield Limit(place.limit, clock.deadline.due_at)


def _record(sheet: Draft, limit: Limit, *, reason: str) -> None:
    event = sheet.input
    if not isinstance(event, Event):
        return
    kind = TYPE_OF_PAYLOAD[type(event.data)]
    detail: Detail = {
        "limit": limit.name,
        "occurred_at": instant(event.time),
        "due_at": instant(limit.due_at),
        "sequence": event.sequence,
    }
    action, rule = kind.action or kind.name, "deadlines/offline"
    if sheet.task is not None:
        record_task(sheet, sheet.task, action, reason=reason, rule=rule, detail=detail)
    else:
        sheet.record(action, reason=reason, rule=rule, detail=detail)
