"""Putting away what is older than the policy keeps it: a little at a time, so nobody waits for it.

Audit and journal are never touched. A dead letter is emptied and stays, because it says where a
record ended.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import psycopg
import sqlalchemy
from sqlalchemy.exc import DBAPIError

from events.evidence import EvidenceStore
from models.erasures import ErasureKind
from models.policy.reach import Retention
from models.policy.schema import Policy
from models.values import SETTLED_STATES
from notifications.retention import forget
from partygrid.errors import Unavailable
from partygrid.operations.erasure import DECIDED, FULL, INBOUND, Erased, empty_letters, record

Connection = psycopg.Connection[Any]

#: Rows that one transaction erases.
AT_ONCE = 500
#: Whose word it is.
KEEPER = "system:retention"

_WINDOW = """
SELECT max(id) FROM (SELECT id FROM outbox WHERE id > %(after)s AND published_at < %(before)s
 ORDER BY id LIMIT %(limit)s) AS next
"""
_OUTBOX = f"""
DELETE FROM outbox o WHERE o.id > %(after)s AND o.id <= %(last)s AND o.published_at < %(before)s
 AND {DECIDED}
"""  # noqa: S608 - our own clauses
#: Words stay as long as their case is open, however old they are.
_TEXTS = """
DELETE FROM free_texts WHERE ctid = ANY(ARRAY(
 SELECT t.ctid FROM free_texts t WHERE t.kept_since < %(before)s AND NOT EXISTS
  (SELECT FROM cases c WHERE c.id::text = t.subject AND c.state <> ALL(%(settled)s))
 LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""
#: Reporters are kept from the end of their last case on, people as long as they work here.
_IDENTITIES = """
DELETE FROM identities WHERE reporter_ref IN (
 SELECT i.reporter_ref FROM identities i WHERE i.created_at < %(before)s
 AND NOT EXISTS (SELECT FROM cases c LEFT JOIN cases m ON m.id::text = c.merged_into
  WHERE c.reporter_ref = i.reporter_ref
  AND (c.state <> ALL(%(settled)s) OR coalesce(c.closed_at, c.reported_at) >= %(before)s
   OR m.state <> ALL(%(settled)s) OR coalesce(m.closed_at, m.reported_at) >= %(before)s))
 AND NOT EXISTS (SELECT FROM (SELECT DISTINCT ON (id) identity_ref, valid_to FROM persons
   ORDER BY id, revision DESC) AS p
  WHERE p.identity_ref = i.reporter_ref AND (p.valid_to IS NULL OR p.valid_to >= %(before)s))
 LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
"""
_LETTERS = f"""
SELECT d.id::text, d.event_id, d.headers, d.value FROM dead_letters d
WHERE d.at < %(before)s AND {FULL} LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - our own clauses
_EVIDENCE = """
DELETE FROM evidence_files WHERE ctid = ANY(ARRAY(
 SELECT ctid FROM evidence_files WHERE kept_at < %(before)s
 ORDER BY kept_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)) RETURNING digest
"""
_STILL_THERE = "SELECT digest FROM evidence_files WHERE digest = ANY(%s)"


def keep_house(
    connection: Connection,
    pool: sqlalchemy.Engine,
    store: EvidenceStore,
    *,
    policy: Policy,
    now: datetime,
    stop: Callable[[], bool] = lambda: False,
) -> Erased:
    """Erase what is past its time, each batch in a transaction of its own; returns what went.

    Ends early, with what it did written down, when `stop()` says so. `pool` is for the notices.
    Raises `Unavailable` and psycopg's errors; what was erased until then is written down.
    """
    counts: Counter[str] = Counter()
    try:
        for table, rows in _batches(connection, pool, store, policy.retention, now):
            counts[table] += rows
            if stop():
                break
    finally:
        erased = Erased(kind=ErasureKind.RETENTION, subject="", counts=dict(counts))
        if counts.total():
            with connection.transaction(), connection.cursor() as cursor:
                record(cursor, erased, by=KEEPER, now=now, policy_version=policy.version)
    return erased


def _batches(
    connection: Connection,
    pool: sqlalchemy.Engine,
    store: EvidenceStore,
    kept: Retention,
    now: datetime,
) -> Iterator[tuple[str, int]]:
    """Erase batch by batch; yield what each took, committed."""
    if kept.outbox is not None:
        for rows in _clear_outbox(connection, now - kept.outbox):
            yield "outbox", rows
    yield from _until_few("free_texts", lambda: _erase(connection, _TEXTS, now - kept.free_text))
    yield from _until_few(
        "identities", lambda: _erase(connection, _IDENTITIES, now - kept.reporter_identity)
    )
    yield from _until_few(
        "dead_letters", lambda: _empty_old_letters(connection, now - kept.dead_letter)
    )
    yield from _until_few(
        "evidence_files", lambda: _remove_files(connection, store, now - kept.evidence)
    )
    yield from _until_few("notices", lambda: _forget_notices(pool, now - kept.notice_text))


def _until_few(table: str, batch: Callable[[], int]) -> Iterator[tuple[str, int]]:
    rows = AT_ONCE
    while rows >= AT_ONCE:
        rows = batch()
        yield table, rows


def _clear_outbox(connection: Connection, before: datetime) -> Iterator[int]:
    """Walk the outbox once: what is not decided yet stays and is not looked at again and again."""
    values: dict[str, Any] = {"after": 0, "before": before, "limit": AT_ONCE, "inbound": INBOUND}
    while True:
        with connection.transaction():
            row = connection.execute(_WINDOW, values).fetchone()
            if row is None or row[0] is None:
                return
            values["last"] = row[0]
            gone = connection.execute(_OUTBOX.encode(), values).rowcount
        values["after"] = values["last"]
        yield gone


def _erase(connection: Connection, statement: str, before: datetime) -> int:
    values = {
        "before": before,
        "limit": AT_ONCE,
        "settled": sorted(map(str, SETTLED_STATES)),
    }
    with connection.transaction():
        return connection.execute(statement.encode(), values).rowcount


def _empty_old_letters(connection: Connection, before: datetime) -> int:
    values = {"before": before, "limit": AT_ONCE}
    with connection.transaction(), connection.cursor() as cursor:
        return empty_letters(cursor, cursor.execute(_LETTERS.encode(), values).fetchall())


def _remove_files(connection: Connection, store: EvidenceStore, before: datetime) -> int:
    """Remove files; a crash leaves a row without a file, never a file without a row."""
    with connection.transaction():
        values = {"before": before, "limit": AT_ONCE}
        gone = [row[0] for row in connection.execute(_EVIDENCE, values).fetchall()]
        others = {row[0] for row in connection.execute(_STILL_THERE, (gone,)).fetchall()}
        try:
            for digest in sorted(set(gone) - others):
                store.remove(digest)
        except OSError as fault:
            raise Unavailable(f"evidence cannot be removed: {fault.strerror}") from fault
    return len(gone)


def _forget_notices(pool: sqlalchemy.Engine, before: datetime) -> int:
    try:
        with pool.begin() as connection:
            return forget(connection, before=before, limit=AT_ONCE)
    except DBAPIError as fault:
        raise Unavailable(f"PostgreSQL did not forget notices: {type(fault).__name__}") from fault
