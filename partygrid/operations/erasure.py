"""Erasing at somebody's word: a case's words, or who stands behind a pseudonym.

The chain holds commitments and pseudonyms only, so nothing that is erased here breaks it. What is
left is a row in `erasures`: what kind, whose word, how many rows.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
from msgspec import Struct

from events.contract.registry import INBOUND_TOPICS
from models.erasures import ErasureKind, Erasures
from models.rows import RowMap, to_json
from models.values import SETTLED_STATES, is_id
from partygrid.errors import Invalid
from partygrid.operations.sequences import number_of

log = logging.getLogger(__name__)

Cursor = psycopg.Cursor[Any]

ERASURES = RowMap(Erasures)

#: The row's event was decided or put aside, so that no broker needs it a second time. A letter of
#: an unproved sender may bear somebody else's id; only for a forwarded record it is an answer.
DECIDED: LiteralString = """
(o.topic <> ALL(%(inbound)s)
 OR EXISTS (SELECT FROM journal j WHERE j.source = o.source AND j.event_id = o.event_id)
 OR EXISTS (SELECT FROM dead_letters d WHERE d.source = o.source AND d.event_id = o.event_id
  AND (d.proved OR o.partition >= 0)))
"""
INBOUND = list(INBOUND_TOPICS)

#: A letter holds more than the number its producer gave it.
FULL: LiteralString = """
(d.value <> '' OR d.key IS NOT NULL OR d.headers @? 'strict $[*] ? (
 !(@[0] == "ce_id" || @[0] == "ce_sequence" && @[1] like_regex "^[0-9]{1,9}$"))')
"""
_EVENTS: LiteralString = """
SELECT source, event_id FROM free_texts WHERE subject = %(subject)s
UNION SELECT source, event_id FROM journal WHERE subject = %(subject)s
"""
_OUT = f"""
DELETE FROM outbox o WHERE o.published_at IS NOT NULL AND {DECIDED}
 AND (position(%(name)s IN o.value) > 0 OR position(%(subject)s IN o.headers::text) > 0
  OR (o.source, o.event_id) IN ({_EVENTS}))
"""  # noqa: S608 - our own clauses
_UNDECIDED = f"""
SELECT count(*) FROM outbox o WHERE NOT (o.published_at IS NOT NULL AND {DECIDED})
 AND (position(%(name)s IN o.value) > 0 OR position(%(subject)s IN o.headers::text) > 0)
"""  # noqa: S608 - our own clauses
_LETTERS = f"""
SELECT d.id::text, d.event_id, d.headers, d.value FROM dead_letters d WHERE {FULL}
 AND (position(%(name)s IN d.value) > 0 OR position(%(subject)s IN d.headers::text) > 0
  OR (d.source, d.event_id) IN ({_EVENTS})) FOR UPDATE
"""  # noqa: S608 - our own clauses
_EMPTY = "UPDATE dead_letters SET value = '', key = NULL, headers = %s::jsonb WHERE id = %s::uuid"
_FIND = """
SELECT id::text FROM cases WHERE version > 0 AND (id::text = %(name)s OR number = %(name)s)
UNION SELECT id::text FROM village_tasks WHERE id::text = %(name)s
"""
_OPEN = "SELECT count(*) FROM cases WHERE reporter_ref = %s AND state <> ALL(%s)"


class NothingToErase(Invalid):
    """There is nothing of this name to erase: wrong, or erased before."""


class Erased(Struct, frozen=True, kw_only=True):
    """What an erasure took."""

    kind: ErasureKind
    subject: str
    #: table → rows
    counts: Mapping[str, int]
    #: rows with words that are not decided yet and so must stay: erase again when they are
    undecided: int = 0


def subject_of(cursor: Cursor, name: str) -> str:
    """Return the id of the case or task of this number or id. Raises `NothingToErase`."""
    row = cursor.execute(_FIND, {"name": name.lower() if is_id(name.lower()) else name}).fetchone()
    if row is None:
        raise NothingToErase(f"There is no case and no village task called {name}.")
    return str(row[0])


def erase_words(cursor: Cursor, *, subject: str, by: str, now: datetime) -> Erased:
    """Erase every word of a case or village task, in one transaction of the caller's.

    Words that other cases tell of it, files of evidence and the broker's log are not reached.
    Raises `NothingToErase`.
    """
    values = {"subject": subject, "name": subject.encode(), "inbound": INBOUND}
    letters = cursor.execute(_LETTERS.encode(), values).fetchall()
    counts = {
        "outbox": cursor.execute(_OUT.encode(), values).rowcount,
        "dead_letters": empty_letters(cursor, letters),
        "free_texts": cursor.execute(
            "DELETE FROM free_texts WHERE subject = %s", (subject,)
        ).rowcount,
    }
    waiting = cursor.execute(_UNDECIDED.encode(), values).fetchone()
    undecided = waiting[0] if waiting else 0
    if not any(counts.values()) and not undecided:
        raise NothingToErase(subject=subject)
    erased = Erased(kind=ErasureKind.WORDS, subject=subject, counts=counts, undecided=undecided)
    record(cursor, erased, by=by, now=now)
    return erased


def erase_identity(cursor: Cursor, *, reporter_ref: str, by: str, now: datetime) -> Erased:
    """Erase who stands behind a pseudonym; it stays in cases and audit. Raises `NothingToErase`."""
    gone = cursor.execute(
        "DELETE FROM identities WHERE reporter_ref = %s", (reporter_ref,)
    ).rowcount
    if not gone:
        raise NothingToErase(subject=reporter_ref)
    erased = Erased(kind=ErasureKind.IDENTITY, subject=reporter_ref, counts={"identities": gone})
    record(cursor, erased, by=by, now=now)
    return erased


def open_cases_of(cursor: Cursor, reporter_ref: str) -> int:
    """Return how many open cases this person reported: about those nobody could be told."""
    row = cursor.execute(_OPEN, (reporter_ref, sorted(map(str, SETTLED_STATES)))).fetchone()
    return row[0] if row else 0


def record(
    cursor: Cursor, erased: Erased, *, by: str, now: datetime, policy_version: str = ""
) -> None:
    """Write down what was erased, as counts."""
    row = {
        "id": str(uuid4()),
        "kind": str(erased.kind),
        "subject": erased.subject,
        "erased_by": by,
        "policy_version": policy_version,
        "at": now,
        "counts": dict(erased.counts),
    }
    ERASURES.insert_new(cursor, [row])
    log.info("erased %s: %s", erased.kind, told(erased.counts))


def told(counts: Mapping[str, int]) -> str:
    """Return counts as a line."""
    return ", ".join(f"{count} of {table}" for table, count in counts.items() if count) or "nothing"


def empty_letters(cursor: Cursor, rows: Sequence[tuple[Any, ...]]) -> int:
    """Empty dead letters (id, event id, headers, value) but for their producers' numbers.

    Where a record ended must be known for good, and which of a producer's numbers arrived.
    """
    for letter, event_id, headers, value in rows:
        number = number_of(headers or [], bytes(value))
        kept = [["ce_id", event_id], ["ce_sequence", str(number)]] if number >= 0 else []
        cursor.execute(_EMPTY, (to_json(kept), letter))
    return len(rows)
