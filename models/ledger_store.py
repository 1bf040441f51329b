"""What proves the order of things: journal, records, outcomes, what waits, outbox, timers."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
from msgspec import Struct
from msgspec.structs import asdict

from models.asking import Answer, ask, not_asked
from models.audit_chain import AuditRecord
from models.audit_rows import AuditRows
from models.cases import FreeTexts
from models.clocks import Clock
from models.notices import Notices
from models.rows import Row, RowMap
from models.shards import DeadLetters, Journal, Outbox, Outcomes, Parked, Records, Timers

Cursor = psycopg.Cursor[Any]
JOURNAL = RowMap(Journal)
RECORDS = RowMap(Records)
OUTCOMES = RowMap(Outcomes)
PARKED = RowMap(Parked)
DEAD_LETTERS = RowMap(DeadLetters)
OUTBOX = RowMap(Outbox)
TIMERS = RowMap(Timers)
AUDIT = RowMap(AuditRows)
TEXTS = RowMap(FreeTexts)
NOTICES = RowMap(Notices)


class DueTimer(Struct, frozen=True, kw_only=True):
    """A timer whose time has come."""

    subject: str
    subject_kind: str
    township: str
    clock: Clock
    set_at: datetime | None = None
    wave: int = 0
    shard: int = -1
    #: how often its firing was begun and not finished
    attempts: int = 0


def known_hashes(
    cursor: Cursor, identities: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """Return the content hash of those of (source, event id) that were decided before."""
    return ask_hashes(cursor, identities)()


def ask_hashes(
    cursor: Cursor, identities: Sequence[tuple[str, str]]
) -> Answer[dict[tuple[str, str], str]]:
    """Ask for the content hash of those of (source, event id) that were decided before."""
    if not identities:
        return not_asked({})
    return ask(
        cursor,
        "SELECT j.source, j.event_id, j.content_hash"
        " FROM unnest(%s::text[], %s::text[]) AS w (source, event_id)"
        " JOIN journal j ON j.source = w.source AND j.event_id = w.event_id",
        ([source for source, _ in identities], [event_id for _, event_id in identities]),
        lambda rows: {(source, event_id): content for source, event_id, content in rows},
    )


def ask_numbered(
    cursor: Cursor, shard: int, since: Mapping[str, datetime]
) -> Answer[list[tuple[str, int, str, datetime, datetime]]]:
    """Ask what a shard heard of apps that number their events, each since its moment.

    Rows: source, number, who wrote it down, when it happened as told, when it was decided.
    """
    if not since:
        return not_asked([])
    return ask(
        cursor,
        "SELECT j.source, j.sequence, coalesce(nullif(j.body::jsonb->'acting'->>'recorded_by', ''),"
        " j.body::jsonb->'acting'->>'actor'), (j.body::jsonb->>'time')::timestamptz, j.decided_at"
        " FROM unnest(%s::text[], %s::timestamptz[]) AS w (source, since)"
        " JOIN journal j ON j.source = w.source AND j.decided_at >= w.since AND j.sequence >= 0"
        " WHERE j.shard = %s ORDER BY j.seq",
        (list(since), list(since.values()), shard),
        lambda rows: [(row[0], row[1], row[2], row[3], row[4]) for row in rows],
    )


def append_journal(cursor: Cursor, rows: Sequence[Row]) -> None:
    """Append journal entries. A second owner's entry under the same identity raises."""
    JOURNAL.append(cursor, rows)


def ask_numbers(
    cursor: Cursor, keys: Iterable[tuple[str, str]]
) -> Answer[dict[tuple[str, str], int]]:
    """Ask for the last case number given by (grid, day)."""
    wanted = sorted(set(keys))
    if not wanted:
        return not_asked({})
    return ask(
        cursor,
        "SELECT n.grid, n.day, n.last FROM unnest(%s::text[], %s::text[]) AS w (grid, day)"
        " JOIN case_numbers n ON n.grid = w.grid AND n.day = w.day",
        ([grid for grid, _ in wanted], [day for _, day in wanted]),
        lambda rows: {(grid, day): last for grid, day, last in rows},
    )


def save_numbers(cursor: Cursor, shard: int, numbers: dict[tuple[str, str], int]) -> None:
    """Write the last case numbers."""
    if numbers:
        cursor.execute(
            "INSERT INTO case_numbers (grid, day, shard, last)"
            " SELECT grid, day, %s, last FROM unnest(%s::text[], %s::text[], %s::int[])"
            " AS n (grid, day, last) ON CONFLICT (grid, day) DO UPDATE SET last = excluded.last",
            (
                shard,
                [grid for grid, _ in numbers],
                [day for _, day in numbers],
                list(numbers.values()),
            ),
        )


class ParkedEvent(Struct, kw_only=True):
    """An event that waits."""

    id: str
    seq: int
    case_id: str
    source: str
    event_id: str
    body: str
    signature: str
    topic_id: str
    partition: int
    offset: int


_PARKED_COLUMNS = (
    'id::text, seq, case_id::text, source, event_id, body, signature, topic_id, partition, "offset"'
)
_PARKED = f"SELECT {_PARKED_COLUMNS} FROM parked"  # noqa: S608 - our own column names
_PARKED_BY_CASE = f"{_PARKED} WHERE shard = %s AND case_id = ANY(%s::uuid[]) ORDER BY case_id, seq"
_PARKED_BY_ID = f"{_PARKED} WHERE id = ANY(%s::uuid[])"


def ask_parked(
    cursor: Cursor, shard: int, case_ids: Iterable[str]
) -> Answer[dict[str, list[ParkedEvent]]]:
    """Ask what waits for these cases, in the order it came."""
    wanted = sorted(set(case_ids))
    if not wanted:
        return not_asked({})
    return ask(cursor, _PARKED_BY_CASE, (shard, wanted), _by_case)


def _by_case(rows: list[tuple[Any, ...]]) -> dict[str, list[ParkedEvent]]:
    found: dict[str, list[ParkedEvent]] = {}
    for parked in map(_parked, rows):
        found.setdefault(parked.case_id, []).append(parked)
    return found


def load_parked_by_id(cursor: Cursor, ids: Sequence[str]) -> dict[str, ParkedEvent]:
    """Return waiting events by their own ids."""
    rows = cursor.execute(_PARKED_BY_ID, (list(ids),)).fetchall()
    return {parked.id: parked for parked in map(_parked, rows)}


def _parked(row: tuple[Any, ...]) -> ParkedEvent:
    return ParkedEvent(**dict(zip(ParkedEvent.__struct_fields__, row, strict=True)))


def remove_parked(cursor: Cursor, ids: Sequence[str]) -> None:
    """Take events out that wait no longer."""
    if ids:
        cursor.execute("DELETE FROM parked WHERE id = ANY(%s::uuid[])", (list(ids),))


def change_fates(cursor: Cursor, rows: Sequence[tuple[str, int, int, str, str]]) -> None:
    """Bring (topic id, partition, offset) to another fate and reason: it was parked before."""
    if rows:
        cursor.execute(
            "UPDATE records r SET fate = c.fate, reason = c.reason FROM unnest(%s::text[],"
            ' %s::int[], %s::bigint[], %s::text[], %s::text[]) AS c (topic_id, partition, "offset",'
            " fate, reason) WHERE r.topic_id = c.topic_id AND r.partition = c.partition"
            ' AND r."offset" = c."offset"',
            tuple(list(column) for column in zip(*rows, strict=True)),
        )


def due_timers(
    cursor: Cursor, shards: Sequence[int], until: datetime, limit: int
) -> list[DueTimer]:
    """Return timers of these shards that are due by `until`, the longest due first."""
    rows = cursor.execute(
        "SELECT subject, subject_kind, township, key, generation, due_at, set_at, wave, shard,"
        " attempts FROM timers WHERE shard = ANY(%s) AND due_at <= %s"
        " ORDER BY due_at, subject, key LIMIT %s",
        (list(shards), until, limit),
    ).fetchall()
    return [
        DueTimer(
            subject=row[0],
            subject_kind=row[1],
            township=row[2],
            clock=Clock(key=row[3], generation=row[4], due_at=row[5]),
            set_at=row[6],
            wave=row[7],
            shard=row[8],
            attempts=row[9],
        )
        for row in rows
    ]


# Shard by shard, so that the first entry of the index answers: for the least of a list of shards,
# or of all, every timer is read.
_NEXT_DUE = (
    "SELECT min(first.due_at) FROM {} s CROSS JOIN LATERAL"
    " (SELECT t.due_at FROM timers t WHERE t.shard = s.shard ORDER BY t.due_at LIMIT 1) AS first"
)
_NEXT_DUE_OF = _NEXT_DUE.format("(SELECT unnest(%s::int[]) AS shard)").encode()
_NEXT_DUE_OF_ALL = _NEXT_DUE.format("shards").encode()


def next_due(cursor: Cursor, shards: Sequence[int] | None = None) -> datetime | None:
    """Return when the next timer is due, of these shards or of all."""
    if shards is None:
        row = cursor.execute(_NEXT_DUE_OF_ALL).fetchone()
    else:
        row = cursor.execute(_NEXT_DUE_OF, (list(shards),)).fetchone()
    return row[0] if row else None


def save_timers(cursor: Cursor, stopped: Sequence[tuple[str, str]], running: Sequence[Row]) -> None:
    """Remove stopped timers (subject, key) and write running ones."""
    if stopped:
        cursor.execute(
            "DELETE FROM timers t USING unnest(%s::text[], %s::text[]) AS s (subject, key)"
            " WHERE t.subject = s.subject AND t.key = s.key",
            ([subject for subject, _ in stopped], [key for _, key in stopped]),
        )
    TIMERS.upsert(cursor, running)


def append_audit(cursor: Cursor, records: Iterable[AuditRecord]) -> None:
    """Append chained audit records."""
    AUDIT.append(cursor, map(asdict, records))


def append_notices(cursor: Cursor, rows: Iterable[Row]) -> None:
    """Write notices; the sender spreads them over the channels later."""
    NOTICES.insert_new(cursor, list(rows))


def append_texts(cursor: Cursor, rows: Sequence[Row]) -> None:
    """Keep words where they can be erased; the same words of the same event once."""
    TEXTS.insert_new(cursor, rows)
