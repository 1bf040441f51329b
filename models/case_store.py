"""Cases and what hangs on them, read and written in bulk: the queries of the hot path."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import psycopg
from msgspec import Struct
from msgspec.structs import replace

from models.asking import Answer, Row, ask, not_asked
from models.audit_chain import NOTHING, ChainHead
from models.case import Case
from models.cases import (
    Assignments,
    Cases,
    Consultations,
    Townships,
    VillageTasks,
    Visits,
    Whistles,
)
from models.consulting import Consultation
from models.handling import Assignment, AssignmentState, Visit, Whistle
from models.rows import RowMap
from models.values import SETTLED_STATES, Mark, is_id
from models.village import Township, VillageTask
from partygrid.logs import RESTRICTED

Cursor = psycopg.Cursor[Any]

CASES = RowMap(Cases, Case)
TASKS = RowMap(VillageTasks, VillageTask)
TOWNSHIPS = RowMap(Townships, Township)
#: field of the case → table of what hangs there
CHILDREN: dict[str, RowMap] = {
    "consultation": RowMap(Consultations, Consultation),
    "assignment": RowMap(Assignments, Assignment),
    "whistle": RowMap(Whistles, Whistle),
    "visit": RowMap(Visits, Visit),
}


_CASES_BY_ID = CASES.select(
    "WHERE shard = %s AND id = ANY(%s::uuid[])",
    before="consultation_id::text, assignment_id::text, whistle_id::text, visit_id::text,"
    " audit_seq, audit_hash",
)
#: everything that hangs, or hung, on cases: so their rows need not be waited for
_PARTS = {
    name: table.select("WHERE shard = %s AND case_id = ANY(%s::uuid[])")
    for name, table in CHILDREN.items()
}
_TASKS_BY_ID = TASKS.select(
    "WHERE shard = %s AND id = ANY(%s::uuid[])", before="audit_seq, audit_hash"
)
_TOWNSHIPS_BY_ID = TOWNSHIPS.select("WHERE id = ANY(%s)")


class Stored(Struct, frozen=True):
    """A case as it stands in the database, with the head of its audit chain."""

    case: Case
    head: ChainHead | None = None


def load_cases(cursor: Cursor, shard: int, ids: Iterable[str]) -> dict[str, Stored]:
    """Return the shard's cases among `ids`, whole."""
    return ask_cases(cursor, shard, ids)()


def ask_cases(cursor: Cursor, shard: int, ids: Iterable[str]) -> Answer[dict[str, Stored]]:
    """Ask for the shard's cases among `ids`, whole."""
    wanted = sorted(set(ids))
    if not wanted:
        return not_asked({})
    # Cases first: whoever reads without owning the shard finds the parts that they name.
    rows = ask(cursor, _CASES_BY_ID, (shard, wanted), list)
    parts = {
        name: ask(cursor, _PARTS[name], (shard, wanted), partial(_by_id, table))
        for name, table in CHILDREN.items()
    }
    return lambda: _whole(rows(), {name: answer() for name, answer in parts.items()})


def _by_id(table: RowMap, rows: list[Row]) -> dict[str, Any]:
    return {one.id: one for one in (table.snapshot(text) for (text,) in rows)}


def _whole(rows: list[Row], parts: dict[str, dict[str, Any]]) -> dict[str, Stored]:
    found = {}
    for row in rows:
        hung = {name: parts[name][row[at]] for at, name in enumerate(CHILDREN) if row[at]}
        case = CASES.snapshot(row[6])
        if hung:
            case = replace(case, **hung)
        head = ChainHead(row[4], bytes.fromhex(row[5])) if row[4] else None
        found[case.id] = Stored(case, head)
    return found


class ReplacedPart(Struct, frozen=True):
    """What hung on a case until another took its place."""

    #: field of the case
    name: str
    case_id: str
    part: Any


def replaced_parts(before: Case, after: Case) -> list[ReplacedPart]:
    """Return the parts of a case that are no longer its present ones."""
    found = []
    for name in CHILDREN:
        old, new = getattr(before, name), getattr(after, name)
        if old is not None and (new is None or new.id != old.id):
            found.append(ReplacedPart(name, after.id, _superseded(old)))
    return found


def save_cases(
    cursor: Cursor,
    changes: Sequence[tuple[Case | None, Case]],
    *,
    shard: int,
    heads: dict[str, ChainHead],
    replaced: Iterable[ReplacedPart] = (),
) -> None:
    """Write cases as (before, after), and those of their parts that changed or were replaced."""
    CASES.upsert(cursor, [_case_row(after, shard, heads) for _, after in changes])
    for name, table in CHILDREN.items():
        present = {part.id for _, after in changes if (part := getattr(after, name)) is not None}
        gone = {one.part.id: one for one in replaced if one.name == name}
        rows = [
            table.values(one.part, case_id=one.case_id, shard=shard)
            for part_id, one in gone.items()
            if part_id not in present
        ]
        for before, after in changes:
            old, new = getattr(before, name, None), getattr(after, name)
            if new is not None and new is not old:
                rows.append(table.values(new, case_id=after.id, shard=shard))
        table.upsert(cursor, rows)


def _superseded(old: Any) -> Any:
    """Return a part that another took the place of: an assignment does not stay open behind it."""
    if isinstance(old, Assignment) and old.state not in (
        AssignmentState.PASSED,
        AssignmentState.ENDED,
    ):
        return replace(old, state=AssignmentState.ENDED, ended="superseded")
    return old


def _case_row(case: Case, shard: int, heads: dict[str, ChainHead]) -> dict[str, Any]:
    head = heads.get(case.id) or ChainHead(0, NOTHING)
    hung = {
        f"{name}_id": part.id if (part := getattr(case, name)) is not None else None
        for name in CHILDREN
    }
    return CASES.values(case, shard=shard, audit_seq=head.seq, audit_hash=head.hash.hex(), **hung)


#: A village task with the head of its audit chain.
StoredTask = tuple[VillageTask, ChainHead | None]


def ask_tasks(cursor: Cursor, shard: int, ids: Iterable[str]) -> Answer[dict[str, StoredTask]]:
    """Ask for the known village tasks among `ids`."""
    wanted = sorted(set(ids))
    if not wanted:
        return not_asked({})
    return ask(cursor, _TASKS_BY_ID, (shard, wanted), _tasks)


def _tasks(rows: list[Row]) -> dict[str, StoredTask]:
    found: dict[str, StoredTask] = {}
    for row in rows:
        head = ChainHead(row[0], bytes.fromhex(row[1])) if row[0] else None
        task = TASKS.snapshot(row[2])
        found[task.id] = (task, head)
    return found


def save_tasks(
    cursor: Cursor, tasks: Iterable[VillageTask], *, shard: int, heads: dict[str, ChainHead]
) -> None:
    """Write village tasks."""
    rows = []
    for task in tasks:
        head = heads.get(task.id) or ChainHead(0, NOTHING)
        rows.append(TASKS.values(task, shard=shard, audit_seq=head.seq, audit_hash=head.hash.hex()))
    TASKS.upsert(cursor, rows)


def ask_townships(cursor: Cursor, ids: Iterable[str]) -> Answer[dict[str, Township]]:
    """Ask for the known townships among `ids`."""
    wanted = sorted(set(ids))
    if not wanted:
        return not_asked({})
    return ask(cursor, _TOWNSHIPS_BY_ID, (wanted,), partial(_by_id, TOWNSHIPS))


def save_townships(cursor: Cursor, townships: Iterable[Township], *, shard: int) -> None:
    """Write townships."""
    TOWNSHIPS.upsert(cursor, [TOWNSHIPS.values(township, shard=shard) for township in townships])


def ask_neighbours(
    cursor: Cursor, wanted: Iterable[tuple[str, str, datetime]]
) -> Answer[dict[tuple[str, str], list[Row]]]:
    """Ask for open, unmarked cases by (township, category) that were reported since a moment.

    Rows: id, number, grid, category, lon, lat, reported_at.
    """
    since: dict[tuple[str, str], datetime] = {}
    for township, category, moment in wanted:
        key = (township, category)
        since[key] = min(moment, since.get(key, moment))
    if not since:
        return not_asked({})

    def by_key(rows: list[Row]) -> dict[tuple[str, str], list[Row]]:
        found: dict[tuple[str, str], list[Row]] = {key: [] for key in since}
        for row in rows:
            found[row[7], row[3]].append(row[:7])
        return found

    return ask(
        cursor,
        "SELECT c.id::text, c.number, c.grid, c.category, c.lon, c.lat, c.reported_at, c.township"
        " FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS w (township, category, since)"
        " JOIN cases c ON c.township = w.township AND c.category = w.category"
        " AND c.reported_at >= w.since"
        " WHERE c.mark = 'none' AND c.version > 0 AND c.state <> ALL(%s)"
        " ORDER BY c.reported_at, c.id",
        (
            [township for township, _ in since],
            [category for _, category in since],
            list(since.values()),
            _SETTLED,
        ),
        by_key,
    )


_SETTLED = sorted(SETTLED_STATES)


def load_work(
    cursor: Cursor, shard: int, township: str, since: datetime
) -> list[tuple[str, int, int, datetime | None]]:
    """Return what people of a township have on the desk.

    Rows: person, open tasks, tasks offered since `since`, last offered at.
    """
    return cursor.execute(
        "SELECT person, count(*) FILTER (WHERE is_open),"
        " count(*) FILTER (WHERE offered_at >= %(since)s), max(offered_at) FROM ("
        "  SELECT unnest(ARRAY[a.assignee, a.second]) AS person, a.offered_at,"
        "   a.state IN ('offered', 'accepted') AND c.assignment_id = a.id AS is_open"
        "  FROM assignments a JOIN cases c ON c.id = a.case_id"
        "  WHERE a.shard = %(shard)s AND c.township = %(township)s AND a.kind <> 'unit'"
        "   AND (a.offered_at >= %(since)s OR a.state IN ('offered', 'accepted'))"
        " ) AS work WHERE person <> '' GROUP BY person ORDER BY person",
        {"since": since, "shard": shard, "township": township},
    ).fetchall()


def case_to_show(cursor: Cursor, subject: str) -> str:
    """Return a case's id where operators may see it: `restricted` of one that is not unmarked."""
    if not is_id(subject):
        return RESTRICTED
    row = cursor.execute(
        "SELECT mark FROM cases WHERE version > 0 AND id = %s", (subject,)
    ).fetchone()
    return subject if row is not None and row[0] == Mark.NONE else RESTRICTED


def load_urgencies(cursor: Cursor, subjects: Iterable[str]) -> dict[str, str]:
    """Return the urgency of those subjects that are cases."""
    ids = sorted({subject for subject in subjects if is_id(subject)})
    rows = cursor.execute(
        "SELECT id::text, urgency FROM cases WHERE id = ANY(%s::uuid[])", (ids,)
    ).fetchall()
    return dict(rows)
