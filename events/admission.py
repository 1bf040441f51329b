"""Whether a decoded event may be decided at all: signature, scope, time, place. Pure.

What fails here is dead-lettered with its reason and never enters the journal. Whether the person
may do what the event says is decided later, with the case.
"""

import base64
import binascii
import hmac
from datetime import datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from hashlib import sha256

import msgspec
from msgspec import Struct

from events.assertions import NotAsserted, key_id_of, read_assertion
from events.codec import Decoded, Undecodable
from events.contract.envelope import Event, Payload
from events.contract.registry import (
    TYPE_OF_PAYLOAD,
    Origin,
    Topic,
    plain_topic,
)
from events.contract.reports import HistoryRecorded, ReportFiled
from events.contract.tasks import TaskRequested
from events.signing import signing_input
from events.topics import is_restricted, tells_of_marked
from models.directory import App, Directory, within
from models.keys import PublicKey
from models.policy.schema import Policy
from models.values import SYSTEM_PREFIX, DeadLetterReason, is_id

#: Key ids that stand for this installation's own secret: its engine, its doors.
ENGINE_KEY = "engine"
DOOR_KEY = "door"
#: CloudEvents source of what the engine makes.
ENGINE_SOURCE = "partygrid/engine"


class Admitted(Struct, frozen=True, kw_only=True):
    """An event that may be decided."""

    event: Event
    #: `external` or `follow_up`
    kind: str
    #: the app that sent it; None for the engine's own
    app: App | None = None
    signature: str = ""


class Rejected(Struct, frozen=True, kw_only=True):
    """Why an event can never be decided as it is."""

    reason: DeadLetterReason
    detail: str
    source: str = ""
    event_id: str = ""
    event_type: str = ""
    township: str = ""
    #: it bears its app's or a door's genuine signature, so that the app can be told
    proved: bool = False


class Gate(Struct, frozen=True, kw_only=True):
    """What events are checked against."""

    directory: Directory
    policy: Policy
    #: secret with which this installation vouches for its own events
    own_key: bytes
    #: secrets it took the place of: what they vouched for may still lie in the log
    older_own_keys: tuple[bytes, ...] = ()
    #: keys of the sign-ins whose word on persons counts, by key id
    sign_ins: dict[str, PublicKey] = {}


def vouch(own_key: bytes, attributes: dict[str, str], data: bytes) -> str:
    """Return the installation's own mark on an event: nobody else can make engine events."""
    return _mark(own_key, signing_input(attributes, data))


def _mark(own_key: bytes, covered: bytes) -> str:
    return hmac.digest(own_key, covered, "sha256").hex()


def admit(
    gate: Gate, read: Decoded | Undecodable, topic: str, size: int, now: datetime
) -> Admitted | Rejected:
    """Check everything that needs no case. Never raises for bad input."""
    if isinstance(read, Undecodable):
        proved = _proved_sender(gate, read, now) is not None
        return _rejected(read, read.reason, read.detail, proved=proved)
    if size > gate.policy.limits.event_bytes:
        told = f"{size} bytes, at most {gate.policy.limits.event_bytes}"
        return _rejected(read, DeadLetterReason.TOO_LARGE, told)
    event, covered = read.event, signing_input(read.attributes, read.data)
    if event.key_id in (ENGINE_KEY, DOOR_KEY):
        return _own(gate, read, covered, topic, now)
    app, fault = _sender(gate, event.key_id, covered, read.signature, event.source, now)
    if app is None:
        return _rejected(read, fault or DeadLetterReason.UNSIGNED, event.key_id)
    for reason, detail in (
        _in_scope(gate, event, app, topic),
        _about_something(event),
        _on_topic(event, topic),
        _plausible(gate, event, now),
        _placed(gate, event, now),
        _in_territory(event, app),
    ):
        if reason is not None:
            return _rejected(read, reason, detail, proved=True)
    return Admitted(
        event=_hashed(event, covered, _asserted_by(gate, read)),
        kind="external",
        app=app,
        signature=read.signature,
    )


_Check = tuple[DeadLetterReason | None, str]
_PASSED: _Check = (None, "")


def _own(
    gate: Gate, read: Decoded, covered: bytes, topic: str, now: datetime
) -> Admitted | Rejected:
    """Check an event that claims to come from the engine or from one of its doors."""
    if not _is_ours(gate, covered, read.signature):
        return _rejected(read, DeadLetterReason.BAD_SIGNATURE, read.event.key_id)
    checks = [
        _about_something(read.event),
        _on_topic(read.event, topic),
        _placed(gate, read.event, now),
    ]
    if read.event.key_id == DOOR_KEY:
        checks.append(_plausible(gate, read.event, now))
    for reason, detail in checks:
        if reason is not None:
            return _rejected(read, reason, detail, proved=True)
    own = read.event.key_id == ENGINE_KEY
    return Admitted(
        event=_hashed(read.event, covered, "system" if own else _asserted_by(gate, read)),
        kind="follow_up" if own and read.event.cause else "external",
        signature=read.signature,
    )


def _is_ours(gate: Gate, covered: bytes, signature: str) -> bool:
    """Does it bear the mark of this installation's key, or of one it had before?"""
    marks = (_mark(key, covered) for key in (gate.own_key, *gate.older_own_keys))
    return any(hmac.compare_digest(signature.encode(), mark.encode()) for mark in marks)


def _asserted_by(gate: Gate, read: Decoded) -> str:
    """Return `person` where the actor's own, genuine assertion came with the event.

    One that is missing, stale or somebody else's makes it `app`: what then only a person may do
    is told by the audit, not refused here. It counts at the time the event says it happened, so
    that an act from a phone without signal keeps its person.
    """
    key = gate.sign_ins.get(key_id_of(read.assertion)) if read.assertion else None
    if key is None:
        return "app"
    event = read.event
    try:
        asserted = read_assertion(
            read.assertion,
            key,
            source=event.source,
            event_id=event.id,
            now=event.time,
            skew=gate.policy.deadlines.clock_skew,
        )
    except NotAsserted:
        return "app"
    return "person" if asserted.person == event.acting.actor else "app"


def _hashed(event: Event, covered: bytes, asserted_by: str) -> Event:
    acting = event.acting
    by = "system" if acting.actor.startswith(SYSTEM_PREFIX) else asserted_by
    if by == "system" and not acting.actor.startswith(SYSTEM_PREFIX):
        by = "app"
    own = asserted_by == "system"
    return msgspec.structs.replace(
        event,
        acting=msgspec.structs.replace(acting, asserted_by=by),
        content_hash=sha256(covered).hexdigest(),
        # Only this installation says what caused an event, and in whose place it stands.
        cause=event.cause if own else "",
        wave=event.wave if own else 0,
        replay_of=event.replay_of if own else "",
    )


def _proved_sender(gate: Gate, read: Undecodable, now: datetime) -> App | None:
    """Return the app of an unreadable event, if its signature fits all the same."""
    if not read.attributes:
        return None
    covered = signing_input(read.attributes, read.data)
    key_id = read.attributes.get("keyid", "")
    app, _ = _sender(gate, key_id, covered, read.signature, read.source, now)
    return app


def _sender(
    gate: Gate, key_id: str, covered: bytes, signature: str, source: str, now: datetime
) -> tuple[App | None, DeadLetterReason | None]:
    if not signature or not key_id:
        return None, DeadLetterReason.UNSIGNED
    app = gate.directory.app(key_id, now)
    if app is None or app.source != source:
        return None, DeadLetterReason.UNKNOWN_KEY
    try:
        genuine = _public_key(app.public_key).is_genuine(
            base64.b64decode(signature, validate=True), covered
        )
    except (binascii.Error, ValueError):
        genuine = False
    return (app, None) if genuine else (None, DeadLetterReason.BAD_SIGNATURE)


@lru_cache(maxsize=4096)
def _public_key(encoded: str) -> PublicKey:
    return PublicKey(base64.b64decode(encoded))


def _in_scope(gate: Gate, event: Event, app: App, topic: str) -> _Check:
    kind = TYPE_OF_PAYLOAD[type(event.data)]
    if kind.origin is Origin.ENGINE or event.acting.actor.startswith(SYSTEM_PREFIX):
        return DeadLetterReason.OUT_OF_SCOPE, "only the engine makes this"
    if not any(fnmatchcase(kind.name, pattern) for pattern in app.event_types):
        return DeadLetterReason.OUT_OF_SCOPE, kind.name
    if not any(event.township.startswith(code[:9]) for code in app.territories):
        return DeadLetterReason.OUT_OF_SCOPE, event.township
    if is_restricted(topic) and not app.restricted and not _reports_marked(gate, event):
        return DeadLetterReason.OUT_OF_SCOPE, topic
    return _PASSED


def _reports_marked(gate: Gate, event: Event) -> bool:
    """To report what few may know is open to every app that may report."""
    return isinstance(event.data, ReportFiled) and tells_of_marked(event.data, gate.policy)


def _about_something(event: Event) -> _Check:
    if TYPE_OF_PAYLOAD[type(event.data)].needs_subject and not is_id(event.subject):
        return DeadLetterReason.INVALID_DATA, "the subject names no case or task"
    return _PASSED


def _in_territory(event: Event, app: App) -> _Check:
    """Refuse a place outside the territories, which may be smaller than a township."""
    for code in places_of(event.data):
        if not within(app.territories, code):
            return DeadLetterReason.OUT_OF_SCOPE, code
    return _PASSED


def places_of(payload: Payload) -> tuple[str, ...]:
    """Return the places that an event itself names: the grid of a matter, villages of a task."""
    grid = getattr(payload, "grid", None)
    if isinstance(grid, str) and grid:
        return (grid,)
    return payload.villages if isinstance(payload, TaskRequested) else ()


def _on_topic(event: Event, topic: str) -> _Check:
    kind = TYPE_OF_PAYLOAD[type(event.data)]
    if plain_topic(topic) != kind.topic:
        return DeadLetterReason.WRONG_TOPIC, kind.topic
    return _PASSED


def _plausible(gate: Gate, event: Event, now: datetime) -> _Check:
    """Refuse times far ahead or far back; imported history is as old as it is."""
    if isinstance(event.data, HistoryRecorded):
        return _PASSED
    limits = gate.policy.deadlines
    if event.time - now > limits.clock_skew:
        return DeadLetterReason.IMPLAUSIBLE_TIME, "ahead of the engine's clock"
    if now - event.time > limits.occurred_at_most_before:
        return DeadLetterReason.IMPLAUSIBLE_TIME, "too long ago"
    return _PASSED


def _placed(gate: Gate, event: Event, now: datetime) -> _Check:
    """Refuse a report whose grid the directory does not know, or that is another township's."""
    if TYPE_OF_PAYLOAD[type(event.data)].topic is Topic.DIRECTORY:
        return _PASSED
    grid = event.data.grid if isinstance(event.data, ReportFiled | HistoryRecorded) else ""
    if grid and not grid.startswith(event.township):
        return DeadLetterReason.UNKNOWN_PLACE, f"{grid} is not in {event.township}"
    code, kind = (grid[:15], "grid") if grid else (event.township, "township")
    if len(event.township) == 6:
        kind, code = "county", event.township
    if gate.directory.by_code(code, kind, now) is None:
        return DeadLetterReason.UNKNOWN_PLACE, code
    return _PASSED


def _rejected(
    read: Decoded | Undecodable, reason: DeadLetterReason, detail: str, *, proved: bool = False
) -> Rejected:
    known = read if isinstance(read, Undecodable) else None
    event = read.event if isinstance(read, Decoded) else None
    return Rejected(
        reason=reason,
        detail=detail[:500],
        source=event.source if event else known.source if known else "",
        event_id=event.id if event else known.event_id if known else "",
        event_type=event.type if event else known.event_type if known else "",
        township=event.township if event else known.township if known else "",
        proved=proved,
    )
