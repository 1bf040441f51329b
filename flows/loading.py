"""What a batch must know before it is folded, loaded in bulk: one statement a kind, not a case."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import psycopg

from events.codec import from_journal
from flows.batch import DueFiring
from flows.facts import Needs, desk, needs_of, neighbour, recent_since
from flows.heard import Heard
from flows.nearby import Nearby
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
    """Load in bulk whatever decisions may ask for: most often in one round trip."""
    work = Workspace(directory)
    asked = {case_id for need in needs for case_id in need.cases}
    _load(cursor, work, shard, needs, asked, parked_of=asked)
    if more := _needs_of_parked(work, setting):
        needs = needs + more
        wanted = {case_id for need in more for case_id in need.cases} - asked
        _load(cursor, work, shard, needs, wanted)
        asked |= wanted
    wanted = {case_id for township in rounds for case_id in work.township(township).waiting}
    # What acts on a merged case is told under which one it is handled now.
    while wanted := (wanted | _merged_into(work)) - asked:
        _take_cases(work, case_store.load_cases(cursor, shard, wanted))
        asked |= wanted
    _learn_rules(cursor, work, needs, setting)
    for township, due_at in rounds.items():
        since = recent_since(setting.shelf.current, due_at)
        rows = case_store.load_work(cursor, shard, township, since)
        work.desks = dict(map(desk, rows))
    return work


def _load(
    cursor: Cursor,
    work: Workspace,
    shard: int,
    needs: list[Needs],
    cases: set[str],
    *,
    parked_of: Iterable[str] = (),
) -> None:
    """Ask for everything together, then look at the answers."""
    numbers = [need.number for need in needs if need.number]
    near = [need.near for need in needs if need.near]
    with cursor.connection.pipeline():
        parked = ledger_store.ask_parked(cursor, shard, parked_of)
        townships = case_store.ask_townships(
            cursor, (township for need in needs for township in need.townships)
        )
        stored = case_store.ask_cases(cursor, shard, cases)
        tasks = case_store.ask_tasks(cursor, shard, (one for need in needs for one in need.tasks))
        last_numbers = ledger_store.ask_numbers(cursor, numbers)
        neighbours = case_store.ask_neighbours(cursor, near)
        sources = _to_hear(needs)
        numbered = ledger_store.ask_numbered(cursor, shard, sources)
    work.parked |= parked()
    work.townships |= townships()
    _take_cases(work, stored())
    _take_tasks(work, tasks())
    work.numbers |= last_numbers()
    for key, rows in neighbours().items():
        work.neighbours[key] = Nearby(neighbour(row) for row in rows)
    work.heard |= {source: [] for source in sources}
    for source, sequence, by, told, at in numbered():
        work.heard[source].append(Heard(sequence=sequence, by=by, told=told, at=at))


def _needs_of_parked(work: Workspace, setting: Setting) -> list[Needs]:
    """Return what events need that wait for one of the cases: each input may wake them."""
    events = [from_journal(parked.body) for queue in work.parked.values() for parked in queue]
    return [needs_of(event, "case", setting, event.time) for event in events]


def _take_cases(work: Workspace, stored: dict[str, case_store.Stored]) -> None:
    for case_id, one in stored.items():
        work.cases[case_id] = work.before[case_id] = one.case
        if one.head is not None:
            work.heads[case_id] = one.head


def _merged_into(work: Workspace) -> set[str]:
    return {case.merged_into for case in work.cases.values() if case.merged_into}


def _take_tasks(work: Workspace, stored: dict[str, case_store.StoredTask]) -> None:
    for task_id, (task, head) in stored.items():
        work.tasks[task_id] = task
        if head is not None:
            work.heads[task_id] = head


def _to_hear(needs: list[Needs]) -> dict[str, datetime]:
    """Return the apps that tell of something long before it is heard, and since when it counts."""
    since: dict[str, datetime] = {}
    for need in needs:
        if need.heard is not None:
            source, at = need.heard
            since[source] = min(at, since.get(source, at))
    return since


def _learn_rules(cursor: Cursor, work: Workspace, needs: list[Needs], setting: Setting) -> None:
    """Put on the shelf what another engine decides with since this one started."""
    named = [need.calendar for need in needs]
    packs, calendars = setting.shelf.missing(work.cases.values(), named)
    if packs or calendars:
        setting.shelf.put(load_packs(cursor, packs), load_calendars(cursor, calendars))
