"""What a batch must know before it is folded, loaded in bulk: one statement a kind, not a case."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import psycopg

from events.codec import from_journal
from flows.batch import DueFiring
from flows.facts import Needs, desk, needs_of, neighbour, recent_since
from flows.heard import Heard
from flows.workspace import Workspace
from models import case_store, ledger_store
from models.clocks import ClockKind
from models.directory import Directory
from models.pack_store import load_calendars, load_packs
from models.setting import Setting

Cursor = psycopg.Cursor[Any]


def rounds_in(firings: Iterable[DueFiring]) -> dict[str, datetime]:
    """Return the townships whose matching round is among the firings: one at most."""
    return {
        due.timer.subject: due.timer.clock.due_at
        for due in firings
        if due.timer.subject_kind == "township" and due.timer.clock.kind is ClockKind.ROUND
    }


def load_workspace(
    cursor: Cursor,
    shard: int,
    needs: list[Needs],
    rounds: dict[str, datetime],
    setting: Setting,
    directory: Directory,
) -> Workspace:
    """Load in bulk whatever decisions may ask for."""
    work = Workspace(directory)
    ids = {case_id for need in needs for case_id in need.cases}
    if ids:
        work.parked = ledger_store.load_parked(cursor, shard, ids)
        needs = needs + _needs_of_parked(work, setting)
    _load_townships(cursor, work, needs)
    waiting = [case_id for township in rounds for case_id in work.township(township).waiting]
    _load_cases(cursor, work, shard, needs, waiting)
    _learn_rules(cursor, work, needs, setting)
    _load_tasks(cursor, work, shard, needs)
    _load_report_facts(cursor, work, needs)
    _load_heard(cursor, work, shard, needs)
    for township, due_at in rounds.items():
        since = recent_since(setting.shelf.current, due_at)
        rows = case_store.load_work(cursor, shard, township, since)
        work.desks = dict(map(desk, rows))
    return work


def _needs_of_parked(work: Workspace, setting: Setting) -> list[Needs]:
    """Return what events need that wait for one of the cases: each input may wake them."""
    events = [from_journal(parked.body) for queue in work.parked.values() for parked in queue]
    return [needs_of(event, "case", setting, event.time) for event in events]


def _load_townships(cursor: Cursor, work: Workspace, needs: list[Needs]) -> None:
    work.townships = case_store.load_townships(
        cursor, (township for need in needs for township in need.townships)
    )


def _load_cases(
    cursor: Cursor, work: Workspace, shard: int, needs: list[Needs], waiting: list[str]
) -> None:
    ids = {case_id for need in needs for case_id in need.cases} | set(waiting)
    while ids:
        for case_id, stored in case_store.load_cases(cursor, shard, ids).items():
            work.cases[case_id] = work.before[case_id] = stored.case
            if stored.head is not None:
                work.heads[case_id] = stored.head
        # What acts on a merged case is told under which one it is handled now.
        ids = {case.merged_into for case in work.cases.values() if case.merged_into}
        ids -= work.cases.keys()


def _learn_rules(cursor: Cursor, work: Workspace, needs: list[Needs], setting: Setting) -> None:
    """Put on the shelf what another engine decides with since this one started."""
    named = [need.calendar for need in needs]
    packs, calendars = setting.shelf.missing(work.cases.values(), named)
    if packs or calendars:
        setting.shelf.put(load_packs(cursor, packs), load_calendars(cursor, calendars))


def _load_tasks(cursor: Cursor, work: Workspace, shard: int, needs: list[Needs]) -> None:
    ids = {task_id for need in needs for task_id in need.tasks}
    for task_id, (task, head) in case_store.load_tasks(cursor, shard, ids).items():
        work.tasks[task_id] = task
        if head is not None:
            work.heads[task_id] = head


def _load_heard(cursor: Cursor, work: Workspace, shard: int, needs: list[Needs]) -> None:
    """Load what was heard of apps that tell of something long before it is heard."""
    since: dict[str, datetime] = {}
    for need in needs:
        if need.heard is not None:
            source, at = need.heard
            since[source] = min(at, since.get(source, at))
    work.heard = {source: [] for source in since}
    for source, sequence, by, told, at in ledger_store.load_numbered(cursor, shard, since):
        work.heard[source].append(Heard(sequence=sequence, by=by, told=told, at=at))


def _load_report_facts(cursor: Cursor, work: Workspace, needs: list[Needs]) -> None:
    numbers = [need.number for need in needs if need.number]
    if not numbers:
        return
    work.numbers = ledger_store.load_numbers(cursor, numbers)
    near = [need.near for need in needs if need.near]
    for key, rows in case_store.load_neighbours(cursor, near).items():
        work.neighbours[key] = {row[0]: neighbour(row) for row in rows}
