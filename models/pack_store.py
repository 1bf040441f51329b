"""Packs and calendars that were in force, kept whole in the database under their versions."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import psycopg

from models.calendar import WorkCalendar
from models.calendar_days import decoded, encoded
from models.policy.schema import Policy

Cursor = psycopg.Cursor[Any]

#: Tables that hold what was in force.
KEPT = ("policy_packs", "calendars")


def keep_pack(cursor: Cursor, policy: Policy, now: datetime) -> None:
    """Keep a pack; harmless where it is kept already."""
    cursor.execute(
        "INSERT INTO policy_packs (version, activated_at, pack) VALUES (%s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (policy.version, now, policy.model_dump_json()),
    )


def keep_calendar(cursor: Cursor, calendar: WorkCalendar, now: datetime) -> None:
    """Keep a calendar; harmless where it is kept already."""
    cursor.execute(
        "INSERT INTO calendars (version, kept_at, days) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (calendar.version, now, encoded(calendar.days).decode()),
    )


def load_packs(cursor: Cursor, versions: Iterable[str] | None = None) -> dict[str, Policy]:
    """Return the packs of these versions that are kept; without versions all of them."""
    wanted = None if versions is None else sorted(versions)
    rows = cursor.execute(
        "SELECT version, pack FROM policy_packs WHERE %(wanted)s::text[] IS NULL"
        " OR version = ANY(%(wanted)s)",
        {"wanted": wanted},
    ).fetchall()
    return {version: Policy.model_validate_json(pack) for version, pack in rows}


def load_calendars(
    cursor: Cursor, versions: Iterable[str] | None = None
) -> dict[str, WorkCalendar]:
    """Return the calendars of these versions that are kept; without versions all of them."""
    wanted = None if versions is None else sorted(versions)
    rows = cursor.execute(
        "SELECT version, days FROM calendars WHERE %(wanted)s::text[] IS NULL"
        " OR version = ANY(%(wanted)s)",
        {"wanted": wanted},
    ).fetchall()
    return {version: WorkCalendar(kept=decoded(days), version=version) for version, days in rows}
