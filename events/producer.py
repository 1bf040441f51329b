"""What a branch app sends its events with: signed, spooled on its own disk, sent until answered.

    producer = Producer("app/branch-330281001", key, bootstrap="kafka:9092", folder=Path("spool"))
    with producer:
        producer.send(ReportFiled(...), township="330281001", acting=Acting(...))

`send` returns as soon as the event is on the disk, with or without a network. Inside `with`, a
thread publishes and reads the answers; without it, call `pump` from time to time.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import msgspec
from kafka.errors import TopicAuthorizationFailedError
from msgspec import Struct

from events.app_link import AppLink
from events.codec import Undecodable, attributes_of, data_of, decode, encode, type_name
from events.contract.envelope import Acting, Event, Payload
from events.contract.outgoing import EventOutcome
from events.contract.registry import TYPE_OF_PAYLOAD, Origin
from events.positions import in_cgcs2000
from events.security import OPEN, Security
from events.signing import sign_event
from events.spool import Sealed, Spool, Trouble
from events.topics import inbound_topic, says_marked
from events.writer import FOR_GOOD
from models.canonical import NotCanonical
from models.keys import SigningKey
from models.values import SYSTEM_PREFIX, DeadLetterReason, Fate, is_id
from partygrid.clock import Clock, WallClock
from partygrid.errors import Invalid, Unavailable

log = logging.getLogger(__name__)


class NotAnEvent(Invalid):
    """This can never be applied as it is; it was not sent and used no sequence number up."""


class Patience(Struct, frozen=True, kw_only=True):
    """How long to wait before trying again."""

    #: after an event was published, for its outcome; doubled each time
    answer: timedelta = timedelta(seconds=30)
    answer_at_most: timedelta = timedelta(hours=1)
    #: between two looks at the broker, and at most after it did not answer
    look: timedelta = timedelta(seconds=1)
    look_at_most: timedelta = timedelta(seconds=30)


class Pumped(Struct, frozen=True, kw_only=True):
    """What one turn of the pump did."""

    published: int
    answered: int


class Status(Struct, frozen=True, kw_only=True):
    """Where an app stands with its events."""

    #: sequence numbers given so far
    signed_out: int
    #: without an answer
    waiting: int
    #: the engine keeps them until it knows the case, or until their patience ends
    parked: int
    oldest_waiting: datetime | None
    refused: tuple[Trouble, ...]
    dead_lettered: tuple[Trouble, ...]
    #: why nothing could be sent or read at the last turn; empty where all is well
    fault: str


class Producer:
    """Sends the events of one app. Harmless to kill at any moment; threads may share it."""

    def __init__(
        self,
        source: str,
        key: SigningKey,
        *,
        bootstrap: str,
        folder: Path,
        security: Security = OPEN,
        client: Mapping[str, Any] | None = None,
        clock: Clock | None = None,
        patience: Patience | None = None,
        event_bytes: int | None = None,
        on_outcome: Callable[[EventOutcome], None] | None = None,
    ) -> None:
        """Open the spool in `folder`; nothing is asked of the network.

        `security` says as whom the brokers are spoken to; `client` are further settings of
        kafka-python. `event_bytes` is the size the installation's policy allows. `on_outcome` is
        told every outcome at least once.
        """
        self._source, self._key = source, key
        self._clock: Clock = clock or WallClock()
        self._patience = patience or Patience()
        self._event_bytes, self._on_outcome = event_bytes, on_outcome
        self._spool = Spool(folder, source)
        self._link = AppLink({**security.client(bootstrap), **(client or {})}, source)
        self._pumping = threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._fault = ""
        #: topics that the broker does not let this app's account write
        self._denied: set[str] = set()

    # --- sending -------------------------------------------------------------------------------

    def send(
        self,
        payload: Payload,
        *,
        township: str,
        acting: Acting,
        subject: str = "",
        occurred: datetime | None = None,
        case_version: int = -1,
        marked: bool = False,
        assertion: Callable[[str], str] | None = None,
    ) -> str:
        """Sign an event and keep it; returns its id. On the disk when this returns.

        `occurred` is when it happened, now by default. `marked` says that few may know of the
        case. `assertion` makes the signed-in person's assertion for the event's id. A place in
        GCJ-02 is converted. Raises `NotAnEvent` or `SpoolBroken`.
        """
        now = self._clock.now()
        event = Event(
            id=str(uuid4()),
            source=self._source,
            type=_type_of(payload),
            time=occurred or now,
            township=township,
            subject=subject,
            acting=acting,
            data=in_cgcs2000(payload),
            case_version=case_version,
            key_id=self._key.key_id,
        )
        self._check(event)
        topic = inbound_topic(payload, marked=marked or says_marked(payload))
        word = assertion(event.id) if assertion is not None else ""

        def seal(sequence: int) -> Sealed:
            return _sealed(
                msgspec.structs.replace(event, sequence=sequence), self._key, topic, word
            )

        self._spool.add(seal, now)
        self._wake.set()
        return event.id

    def _check(self, event: Event) -> None:
        """Read the event as the engine will. Raises `NotAnEvent`."""
        try:
            encoded = encode(event)
        except UnicodeEncodeError as fault:
            raise NotAnEvent("a text holds half a character") from fault
        read = decode(encoded.value, encoded.headers)
        if isinstance(read, Undecodable):
            raise NotAnEvent(f"{read.reason}: {read.detail}", reason=read.reason)
        kind = TYPE_OF_PAYLOAD[type(event.data)]
        if kind.origin is Origin.ENGINE or event.acting.actor.startswith(SYSTEM_PREFIX):
            raise NotAnEvent("only the engine makes this")
        if kind.needs_subject and not is_id(event.subject):
            raise NotAnEvent(f"{kind.name} needs a subject: the id of the case or task")
        if self._event_bytes is not None and len(encoded.value) > self._event_bytes:
            raise NotAnEvent(f"{len(encoded.value)} bytes, at most {self._event_bytes}")

    # --- publishing and reading answers --------------------------------------------------------

    def pump(self, *, wait: timedelta = timedelta(0), at_most: int = 500) -> Pumped:
        """Publish what is due and take over the answers that are there, waiting for them `wait`.

        Raises `Unavailable` where the broker or the disk is away; nothing is lost by that.
        """
        with self._pumping:
            try:
                published = self._publish(at_most)
                answered = self._read(wait)
            except Unavailable as fault:
                self._fault = str(fault)
                raise
            self._fault = self._told_of_denied()
            return Pumped(published=published, answered=answered)

    def _publish(self, at_most: int) -> int:
        due = self._spool.due(self._clock.now(), at_most)
        if any(one.sent for one in due):
            # An answer is missing: perhaps the broker lost its log and begins anew.
            self._link.forget()
        results = self._link.publish([one.sealed for one in due])
        told = list(zip(due, results, strict=False))
        for one, fault in told:
            if isinstance(fault, FOR_GOOD):
                log.warning("event %s cannot be published: %s", one.sealed.event_id, fault)
                self._spool.give_up(one.sequence, str(DeadLetterReason.UNPUBLISHABLE))
        # What an operator can mend is tried again like what has no answer, and stops no other.
        self._denied |= {one.sealed.topic for one, fault in told if _is_denied(fault)}
        self._denied -= {one.sealed.topic for one, fault in told if fault is None}
        self._spool.published(
            [one.sequence for one, fault in told if fault is None or _is_denied(fault)],
            self._again_at,
        )
        return sum(fault is None for _, fault in told)

    def _told_of_denied(self) -> str:
        if not self._denied:
            return ""
        return (
            f"the broker does not let this app's account write {', '.join(sorted(self._denied))}:"
            " an operator grants it with `partygrid kafka grant`"
        )

    def _again_at(self, sent: int) -> datetime:
        pause = self._patience.answer * (1 << min(sent - 1, 20))
        return self._clock.now() + min(pause, self._patience.answer_at_most)

    def _read(self, wait: timedelta) -> int:
        if not any(self._spool.count()):
            return 0
        outcomes, position = self._link.outcomes(self._spool.position(), wait)
        if self._on_outcome is not None:
            for outcome in outcomes:
                self._on_outcome(outcome)
        self._spool.answered(outcomes, position)
        return len(outcomes)

    # --- the thread ----------------------------------------------------------------------------

    def start(self) -> None:
        """Publish and read in a thread of its own until `close`."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="partygrid-producer")
            self._thread.daemon = True
            self._thread.start()

    def _run(self) -> None:
        pause = self._patience.look
        while not self._stop.is_set():
            self._wake.clear()
            try:
                self.pump(wait=self._patience.look)
                pause = self._patience.look
            except Unavailable as fault:
                log.info("nothing goes out for %s: %s", pause, fault)
                self._stop.wait(pause / timedelta(seconds=1))
                pause = min(pause * 2, self._patience.look_at_most)
                continue
            self._wake.wait(self._patience.look / timedelta(seconds=1))

    def close(self) -> None:
        """Stop; what has no answer yet stays in the spool for the next start."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._link.close()
        self._spool.close()

    def __enter__(self) -> Self:
        """Start the thread."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.close()

    # --- looking -------------------------------------------------------------------------------

    def status(self) -> Status:
        """Return what waits and what went wrong."""
        waiting, parked = self._spool.count()
        troubles = self._spool.troubles()
        return Status(
            signed_out=self._spool.signed_out(),
            waiting=waiting,
            parked=parked,
            oldest_waiting=self._spool.oldest(),
            refused=tuple(one for one in troubles if one.fate == Fate.REFUSED),
            dead_lettered=tuple(one for one in troubles if one.fate == Fate.DEAD_LETTERED),
            fault=self._fault,
        )

    def signed_out(self) -> int:
        """Return how many sequence numbers were ever given: the first is 1, none is left out."""
        return self._spool.signed_out()

    def payload(self, event_id: str) -> Payload | None:
        """Return what an event that is still in the spool says, to be corrected and sent anew."""
        sealed = self._spool.sealed(event_id)
        read = decode(sealed.value, sealed.headers) if sealed is not None else None
        return None if read is None or isinstance(read, Undecodable) else read.event.data

    def dismiss(self, event_id: str) -> bool:
        """Forget a refused or dead-lettered event that was looked at; False where none is kept."""
        return self._spool.dismiss(event_id)


def _is_denied(fault: Exception | None) -> bool:
    return isinstance(fault, TopicAuthorizationFailedError)


def _type_of(payload: Payload) -> str:
    try:
        return type_name(payload)
    except KeyError:
        raise NotAnEvent(f"{type(payload).__name__} is no event of the contract") from None


def _sealed(event: Event, key: SigningKey, topic: str, assertion: str) -> Sealed:
    try:
        signature = sign_event(key, attributes_of(event), data_of(event.data))
    except NotCanonical as fault:
        raise NotAnEvent(str(fault)) from fault
    encoded = encode(event, signature=signature, assertion=assertion)
    return Sealed(
        event_id=event.id,
        type=event.type,
        subject=event.subject,
        topic=topic,
        key=event.township,
        headers=encoded.headers,
        value=encoded.value,
    )
