"""What posted events are about, as far as the database knows it: where it lies, who may know."""

from collections.abc import Iterable
from typing import NamedTuple

from models.values import Mark, is_id
from web.database import Cursor

_CASES = """
SELECT id::text, coalesce(nullif(grid, ''), nullif(village, ''), nullif(township, ''), county), mark
FROM cases
WHERE version > 0 AND id = ANY(%s::uuid[])
"""
_TASKS = "SELECT id::text, villages FROM village_tasks WHERE version > 0 AND id = ANY(%s::uuid[])"


class Subject(NamedTuple):
    """A case or a village task."""

    #: the place of a case; those of a task
    places: tuple[str, ...]
    marked: bool = False


def subjects_of(cursor: Cursor, named: Iterable[str]) -> dict[str, Subject]:
    """Return those that are known, by id."""
    ids = sorted({name for name in named if is_id(name)})
    if not ids:
        return {}
    tasks = cursor.execute(_TASKS, (ids,)).fetchall()
    cases = cursor.execute(_CASES, (ids,)).fetchall()
    return {task: Subject(tuple(villages)) for task, villages in tasks} | {
        case: Subject((place,), mark != Mark.NONE) for case, place, mark in cases
    }
