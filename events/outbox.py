"""Events on their way in, put into the outbox once: what the doors and the commands take.

What is kept here is in the database when its sender hears so, and reaches the engine whatever
happens to the process that took it.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
import psycopg
from msgspec import Struct
from msgspec.structs import replace

from events.admission import vouch
from events.codec import attributes_of, data_of, decode, headers_of
from events.contract.envelope import Event
from events.partitions import partition_of
from events.relay import CHANNEL
from events.signing import content_hash
from events.topics import inbound_topic, says_marked
from models.ledger_store import OUTBOX, known_hashes
from models.values import is_id

Cursor = psycopg.Cursor[Any]
#: Source and id: under what an event is known, for good.
Identity = tuple[str, str]


class Ready(Struct, frozen=True, kw_only=True):
    """An event that may go into the outbox, its content hash among its fields."""

    event: Event
    headers: list[tuple[str, bytes]]
    value: bytes
    #: few may know of it, as its taker found; what it says itself and the stored case count anyhow
    marked: bool = False

    @property
    def identity(self) -> Identity:
        """Under what it is known, for good."""
        return self.event.source, self.event.id


class Kept(StrEnum):
    """What became of an event that was to be kept."""

    #: in the outbox now
    NEW = "new"
    #: waits there already, or was decided before
    KNOWN = "known"
    #: its id was given to another content
    CONFLICT = "conflict"


def vouched(event: Event, own_key: bytes) -> Ready:
    """Return an event with the installation's own mark, as its doors make it for others."""
    attributes, data = attributes_of(event), data_of(event.data)
    hashed = replace(event, content_hash=content_hash(attributes, data))
    signed = {**attributes, "signature": vouch(own_key, attributes, data)}
    return Ready(event=hashed, headers=headers_of(signed), value=data)


def keep(cursor: Cursor, ready: Sequence[Ready], *, partitions: int, now: datetime) -> list[Kept]:
    """Put those that are not known into the outbox; one answer for each, in their order.

    Whoever else keeps events of the same sources waits until this transaction ends.
    """
    _one_at_a_time(cursor, ready)
    known = _known(cursor, ready)
    marked = marked_cases(cursor, (one.event.subject for one in ready))
    answers, rows = [], []
    for one in ready:
        before = known.get(one.identity)
        if before is None:
            known[one.identity] = one.event.content_hash
            is_marked = one.marked or one.event.subject in marked
            rows.append(_row(one, is_marked, partitions, now))
        same = before == one.event.content_hash
        answers.append(Kept.NEW if before is None else Kept.KNOWN if same else Kept.CONFLICT)
    if rows:
        OUTBOX.append(cursor, rows)
        cursor.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
    return answers


def _row(ready: Ready, marked: bool, partitions: int, now: datetime) -> dict[str, Any]:
    event = ready.event
    return {
        "shard": partition_of(event.township, partitions),
        "topic": inbound_topic(event.data, marked=marked or says_marked(event.data)),
        "key": event.township,
        "source": event.source,
        "event_id": event.id,
        "headers": [[name, text.decode()] for name, text in ready.headers],
        "value": ready.value,
        "created_at": now,
        "published_at": None,
        "partition": -1,
        "instant": None,
    }


def _one_at_a_time(cursor: Cursor, ready: Sequence[Ready]) -> None:
    for source in sorted({one.event.source for one in ready}):
        key = int.from_bytes(hashlib.sha256(b"door" + source.encode()).digest()[:8], signed=True)
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (key,))


def _known(cursor: Cursor, ready: Sequence[Ready]) -> dict[Identity, str]:
    """Return the content hash of those that wait in the outbox or were decided before."""
    identities = [one.identity for one in ready]
    known = known_hashes(cursor, identities)
    unread = [identity for identity in identities if identity not in known]
    if not unread:
        return known
    rows = cursor.execute(
        "SELECT o.source, o.event_id, o.headers::text, o.value, o.partition"
        " FROM unnest(%s::text[], %s::text[]) AS w (source, event_id)"
        " JOIN outbox o ON o.event_id = w.event_id AND o.source = w.source",
        ([source for source, _ in unread], [event_id for _, event_id in unread]),
    ).fetchall()
    waiting = {
        (source, event_id): _hash_of(headers, bytes(value), partition)
        for source, event_id, headers, value, partition in rows
    }
    return {**waiting, **known}


def _hash_of(headers: str, value: bytes, partition: int) -> str:
    """Return the content hash of an outbox row; forwarded records keep their headers as bytes."""
    told = msgspec.json.decode(headers, type=list[tuple[str, str]])
    spelling = "latin-1" if partition >= 0 else "utf-8"
    read = decode(value, [(name, text.encode(spelling)) for name, text in told])
    return content_hash(read.attributes, read.data)


def marked_cases(cursor: Cursor, named: Iterable[str]) -> frozenset[str]:
    """Return the cases among the subjects of which only few may know."""
    subjects = sorted({subject for subject in named if is_id(subject)})
    if not subjects:
        return frozenset()
    rows = cursor.execute(
        "SELECT id::text FROM cases WHERE id = ANY(%s::uuid[]) AND mark <> 'none'", (subjects,)
    ).fetchall()
    return frozenset(row[0] for row in rows)
