"""`partygrid produce`: one event sent the way the doors send theirs, for trying things out."""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import psycopg
from msgspec import Struct
from msgspec.structs import replace

from events.admission import DOOR_KEY
from events.codec import Undecodable, decode, headers_of
from events.contract.envelope import Event
from events.contract.registry import EVENT_TYPES, TYPE_OF_PAYLOAD, Origin
from events.positions import in_cgcs2000
from models.values import SYSTEM_PREFIX
from partygrid.errors import Invalid, Refused
from partygrid.operations.put_out import put_out

Connection = psycopg.Connection[Any]

#: Under which source the command's events are answered.
SOURCE = "partygrid/command"
#: Seconds between two looks for the outcome.
_POLL = 0.05


class NoSuchType(Invalid):
    """The contract has no such event type. docs/events.md lists them."""


class NotAnEvent(Invalid):
    """The data does not fit the event type."""


class EnginesOwn(Refused):
    """Only the engine makes this event, and nobody acts as the system."""


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of it; `pending` as long as nobody decided."""

    id: str
    source: str
    type: str
    fate: str = "pending"
    reason: str = ""
    case_id: str = ""
    case_number: str = ""
    version: int = -1


def event_of(
    name: str, data: bytes, attributes: Mapping[str, str], *, event_id: str, now: datetime
) -> Event:
    """Return the event that `name` (its version may be left out) and the attributes describe.

    Raises `NoSuchType`, `NotAnEvent` and `EnginesOwn`.
    """
    told = {
        "specversion": "1.0",
        "id": event_id,
        "source": SOURCE,
        "type": _full_name(name),
        "time": now.isoformat(),
        "keyid": DOOR_KEY,
        **{key: text for key, text in attributes.items() if text},
    }
    read = decode(data, headers_of(told))
    if isinstance(read, Undecodable):
        raise NotAnEvent(f"{NotAnEvent.__doc__} {read.detail}.")
    event = read.event
    kind = TYPE_OF_PAYLOAD[type(event.data)]
    if kind.origin is Origin.ENGINE or event.acting.actor.startswith(SYSTEM_PREFIX):
        raise EnginesOwn
    return replace(event, data=in_cgcs2000(event.data))


def _full_name(name: str) -> str:
    if name in EVENT_TYPES:
        return name
    versions = [kind for kind in EVENT_TYPES.values() if kind.name == name]
    if not versions:
        raise NoSuchType(f"{NoSuchType.__doc__} ({name})")
    return max(versions, key=lambda kind: kind.version).full_name


def send(
    connection: Connection, event: Event, *, own_key: bytes, partitions: int, now: datetime
) -> None:
    """Put the event into the outbox, vouched for by the installation."""
    with connection.transaction(), connection.cursor() as cursor:
        put_out(cursor, event, own_key=own_key, partitions=partitions, now=now)


def await_outcome(connection: Connection, event: Event, patience: timedelta) -> Outcome:
    """Return the event's outcome as soon as there is one; `pending` when the patience is over."""
    deadline = time.monotonic() + patience.total_seconds()
    told = Outcome(id=event.id, source=event.source, type=event.type)
    while True:
        with connection.transaction():
            row = connection.execute(
                "SELECT fate, reason, coalesce(case_id::text, ''), case_number, version"
                " FROM outcomes WHERE source = %s AND event_id = %s",
                (event.source, event.id),
            ).fetchone()
        if row is not None:
            fate, reason, case_id, number, version = row
            return replace(
                told,
                fate=fate,
                reason=reason,
                case_id=case_id,
                case_number=number,
                version=version,
            )
        if time.monotonic() >= deadline:
            return told
        time.sleep(_POLL)
