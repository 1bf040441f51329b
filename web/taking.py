"""Taking events in: proved, checked as the engine will check them, and put into the outbox once.

What is accepted here is in the database when the app hears so, and reaches the engine whatever
happens to this process.
"""

import threading
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from events.admission import (
    DOOR_KEY,
    ENGINE_KEY,
    ENGINE_SOURCE,
    Gate,
    Rejected,
    admit,
    places_of,
    vouch,
)
from events.codec import Decoded, Undecodable, data_of, decode, headers_of
from events.contract.envelope import Event
from events.contract.registry import TYPE_OF_PAYLOAD, Origin
from events.contract.reports import Datum, Place
from events.outbox import Kept, Ready, keep
from events.positions import in_cgcs2000
from events.topics import inbound_topic, says_marked, tells_of_marked
from models.directory import Directory, within
from models.directory_store import load_directory
from models.policy.schema import Policy
from models.shard_store import directory_revision
from models.tokens import Door, Token
from models.values import SYSTEM_PREFIX, DeadLetterReason
from web.database import Cursor
from web.envelopes import Posted
from web.limiter import Limit, Limiter
from web.problems import Problem
from web.subjects import Subject, subjects_of

_UNKNOWN = Subject(())


class Taken(Struct, frozen=True):
    """An event that is kept, now or before."""

    source: str
    event_id: str


class Intake:
    """Takes events in for one installation. Threads share it."""

    def __init__(
        self, *, policy: Policy, own_key: bytes, partitions: int, limiter: Limiter
    ) -> None:
        """`own_key` is the secret with which this installation vouches for its own events."""
        self._policy, self._own_key, self._partitions = policy, own_key, partitions
        self._limiter = limiter
        self._known = Directory(revision=-1)
        self._loading = threading.Lock()

    def take(
        self,
        cursor: Cursor,
        posted: Sequence[Posted | Problem],
        caller: Token | None,
        now: datetime,
    ) -> list[Taken | Problem]:
        """Check the events and keep those that pass; one answer for each, in their order."""
        gate = Gate(directory=self._directory(cursor), policy=self._policy, own_key=self._own_key)
        known = subjects_of(
            cursor, (one.attributes.get("subject", "") for one in posted if isinstance(one, Posted))
        )
        checked: list[Ready | Problem] = []
        for one in posted:
            try:
                if isinstance(one, Problem):
                    raise one
                about = known.get(one.attributes.get("subject", ""))
                checked.append(self._checked(gate, one, about, caller, now))
            except Problem as problem:
                problem.event_id = problem.event_id or _id_of(one)
                checked.append(problem)
        return self._kept(cursor, checked, now)

    def _directory(self, cursor: Cursor) -> Directory:
        revision = directory_revision(cursor)
        with self._loading:
            if self._known.revision != revision:
                self._known = load_directory(cursor, revision)
            return self._known

    # --- checking ------------------------------------------------------------------------------

    def _checked(
        self,
        gate: Gate,
        posted: Posted,
        about: Subject | None,
        caller: Token | None,
        now: datetime,
    ) -> Ready:
        """Return the event as it will be published. Raises `Problem`."""
        if posted.attributes.get("signature"):
            return self._signed(gate, posted, about, caller, now)
        if caller is None:
            raise Problem(DeadLetterReason.UNSIGNED)
        self._limiter.take(Limit.EVENTS, caller.source)
        return self._vouched(gate, posted, about, caller, now)

    def _signed(
        self,
        gate: Gate,
        posted: Posted,
        about: Subject | None,
        caller: Token | None,
        now: datetime,
    ) -> Ready:
        """An event that its app signed goes on exactly as it is."""
        if posted.attributes.get("keyid") in (ENGINE_KEY, DOOR_KEY):
            raise Problem(DeadLetterReason.UNKNOWN_KEY)
        if caller is not None and posted.attributes.get("source") != caller.source:
            raise Problem("other_source")
        ready = self._admitted(gate, posted.attributes, posted.data, about, now)
        place = getattr(ready.event.data, "place", None)
        if isinstance(place, Place) and place.datum is not Datum.CGCS2000:
            raise Problem("datum")
        self._limiter.take(Limit.EVENTS, ready.event.source)
        return ready

    def _vouched(
        self, gate: Gate, posted: Posted, about: Subject | None, caller: Token, now: datetime
    ) -> Ready:
        """An event of an app with a token is signed by this installation, in the app's name."""
        if Door.EVENTS not in caller.doors:
            raise Problem("door_closed")
        if (posted.attributes.get("source") or caller.source) != caller.source:
            raise Problem("other_source")
        attributes = {**posted.attributes, "source": caller.source, "keyid": DOOR_KEY}
        read = _read(attributes, posted.data)
        _within(caller, read.event)
        data = data_of(in_cgcs2000(read.event.data))
        word = {"assertion": read.assertion} if read.assertion else {}
        seal = vouch(self._own_key, read.attributes, data)
        complete = {**read.attributes, **word, "signature": seal}
        ready = self._admitted(gate, complete, data, about, now)
        _reaches(caller, read.event, about)
        return ready

    def _admitted(
        self,
        gate: Gate,
        attributes: dict[str, str],
        data: bytes,
        about: Subject | None,
        now: datetime,
    ) -> Ready:
        """Ask what the engine will ask, of the topic on which it will ask."""
        read = _read(attributes, data)
        marked = tells_of_marked(read.event.data, self._policy) or (about or _UNKNOWN).marked
        topic = inbound_topic(read.event.data, marked=marked)
        verdict = admit(gate, read, topic, len(data), now)
        if isinstance(verdict, Rejected):
            raise Problem.of(verdict)
        if len(getattr(read.event.data, "evidence", ())) > self._policy.limits.evidence_items:
            told = f"at most {self._policy.limits.evidence_items} items - at `$.evidence`"
            raise Problem(DeadLetterReason.INVALID_DATA, told)
        headers = headers_of(attributes)
        return Ready(event=verdict.event, headers=headers, value=data, marked=marked)

    # --- keeping -------------------------------------------------------------------------------

    def _kept(
        self, cursor: Cursor, checked: Sequence[Ready | Problem], now: datetime
    ) -> list[Taken | Problem]:
        ready = [one for one in checked if isinstance(one, Ready)]
        kept = iter(keep(cursor, ready, partitions=self._partitions, now=now))
        return [one if isinstance(one, Problem) else _answer(one, next(kept)) for one in checked]


def _answer(ready: Ready, kept: Kept) -> Taken | Problem:
    if kept is Kept.CONFLICT:
        return Problem(DeadLetterReason.ID_CONFLICT, event_id=ready.event.id)
    return Taken(*ready.identity)


def _id_of(posted: Posted | Problem) -> str:
    return posted.attributes.get("id", "") if isinstance(posted, Posted) else ""


def _read(attributes: dict[str, str], data: bytes) -> Decoded:
    try:
        read = decode(data, headers_of(attributes))
    except UnicodeEncodeError:
        raise Problem(DeadLetterReason.MALFORMED, "half a character") from None
    if isinstance(read, Undecodable):
        raise Problem(read.reason, read.detail)
    return read


def _within(caller: Token, event: Event) -> None:
    """Raise `Problem` for what the token's app may not say."""
    kind = TYPE_OF_PAYLOAD[type(event.data)]
    if kind.origin is Origin.ENGINE or event.acting.actor.startswith(SYSTEM_PREFIX):
        raise Problem("engine_only", kind.name)
    if caller.source == ENGINE_SOURCE:
        raise Problem("engine_only", ENGINE_SOURCE)
    outside = caller.excludes(type_name=kind.name, township=event.township, role=event.acting.role)
    if outside:
        raise Problem(DeadLetterReason.OUT_OF_SCOPE, outside)


def _reaches(caller: Token, event: Event, about: Subject | None) -> None:
    """Raise `Problem` for a place outside its territories, or a marked case it may not act on.

    The engine knows no tokens, so that where a case lies is asked here; a case that is not known
    yet is no matter for an app of less than a township.
    """
    if caller.is_narrow and event.subject and about is None:
        raise Problem("case_not_known")
    if not all(within(caller.territories, place) for place in places_of(event.data)):
        raise Problem(DeadLetterReason.OUT_OF_SCOPE, "place")
    lies_at = about.places if about is not None else ()
    if lies_at and not any(within(caller.territories, place) for place in lies_at):
        raise Problem(DeadLetterReason.OUT_OF_SCOPE, "place")
    marked = event.subject and (says_marked(event.data) or (about or _UNKNOWN).marked)
    if marked and not caller.restricted:
        raise Problem(DeadLetterReason.OUT_OF_SCOPE, "restricted")
