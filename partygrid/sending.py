"""Sending many events as a door does, and waiting for what becomes of each: loads and imports.

The outbox stays short: no more is put in than the engines keep up with. Whatever ends this process,
what it sent is kept, and sending the same events again goes on where it stopped.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from typing import Any

import psycopg
from msgspec import Struct, field

from events.admission import DOOR_KEY
from events.contract.registry import INBOUND_TOPICS
from events.outbox import Identity, Kept, keep, vouched
from events.outgoing_event import Outgoing
from models.directory import Directory
from models.directory_store import load_directory
from models.shard_store import directory_revision
from models.values import DeadLetterReason, Fate
from partygrid import bootstrap
from partygrid.clock import Clock, WallClock
from partygrid.errors import Unavailable
from partygrid.initialise import fixed_partitions
from partygrid.settings import Settings

Connection = psycopg.Connection[Any]

#: Events that one transaction puts into the outbox, and that may be undecided at one time.
_AT_ONCE, _UNDECIDED = 500, 2000
#: Seconds between two looks at what was decided.
_SHORTEST, _LONGEST = 0.02, 0.25

# Both are written so that they stay quick where the database does not know yet how much there is:
# right after thousands of rows came in, a plan that looks rows up one by one takes minutes.
_ANSWERS = """
SELECT o.source, o.event_id, o.fate, o.reason
FROM unnest(%s::text[], %s::text[]) AS w (source, event_id)
JOIN outcomes o ON o.source = w.source AND o.event_id = w.event_id AND o.fate <> 'parked'
UNION ALL
SELECT source, event_id, 'dead-lettered', reason
FROM dead_letters WHERE source = ANY(%s) AND event_id = ANY(%s)
"""
_UNANSWERED = """
SELECT event_id FROM outbox WHERE source = %s AND topic = ANY(%s)
EXCEPT (
 SELECT event_id FROM outcomes WHERE source = %s AND fate <> 'parked'
 UNION ALL SELECT event_id FROM dead_letters WHERE source = %s
)
"""


class NothingDecided(Unavailable):
    """Nothing is being decided. Look at `partygrid status`: is an engine running?"""


class KeysMissing(Unavailable):
    """The installation's own key is not on this machine."""


class Denied(Struct, frozen=True):
    """An event that was not applied, and why."""

    event: Outgoing
    fate: str
    reason: str


class Sent(Struct, kw_only=True):
    """What became of all events. `new` and `known` count by fate."""

    #: those that were sent now
    new: Counter[str] = field(default_factory=Counter)
    #: those that had been sent before
    known: Counter[str] = field(default_factory=Counter)
    denied: list[Denied] = field(default_factory=list)

    @property
    def applied(self) -> int:
        """How many were applied now."""
        return self.new[Fate.APPLIED]

    @property
    def events(self) -> int:
        """How many there were."""
        return self.new.total() + self.known.total()

    def note(self, event: Outgoing, kept: Kept, fate: str, reason: str) -> None:
        """Count one."""
        (self.new if kept is Kept.NEW else self.known)[fate] += 1
        if fate not in (Fate.APPLIED, Fate.DUPLICATE):
            self.denied.append(Denied(event, fate, reason))


class Sender:
    """Sends events of an installation that runs."""

    def __init__(
        self,
        connection: Connection,
        *,
        own_key: bytes,
        partitions: int,
        clock: Clock,
        patience: timedelta = timedelta(seconds=90),
    ) -> None:
        """`patience` is how long nothing at all may be decided. `connection` commits by itself."""
        self._connection, self._own_key = connection, own_key
        self._partitions, self._clock, self._patience = partitions, clock, patience

    def send(
        self, events: Iterable[Outgoing], *, on_answer: Callable[[int], None] = lambda _: None
    ) -> Sent:
        """Send events in their order and return when each has an outcome.

        `on_answer` hears how many more have one. Raises `NothingDecided`, `Unavailable`.
        """
        sent, waiting = Sent(), _Waiting(self._patience)
        events = iter(events)
        while batch := list(islice(events, _AT_ONCE)):
            for event, kept in zip(batch, self._keep(batch), strict=True):
                if kept is Kept.CONFLICT:
                    sent.note(event, kept, Fate.DEAD_LETTERED, DeadLetterReason.ID_CONFLICT)
                    on_answer(1)
                else:
                    waiting.events[event.source, event.id] = (event, kept)
            self._await(waiting, sent, on_answer, at_most=_UNDECIDED - _AT_ONCE)
        self._await(waiting, sent, on_answer, at_most=0)
        return sent

    def settle(self, source: str) -> int:
        """Wait until all that was ever sent from a source has an outcome; return how many had none.

        Whoever was interrupted sees what came of it before sending more. Raises `NothingDecided`.
        """
        wanted = (source, list(INBOUND_TOPICS), source, source)
        with reachable():
            rows = self._connection.execute(_UNANSWERED, wanted).fetchall()
        waiting = _Waiting(self._patience)
        left = {(source, event_id) for (event_id,) in rows}
        while left:
            left -= {(source, event_id) for _, event_id, _, _ in self._answers(left)}
            waiting.pause(progress=len(rows) - len(left), left=len(left))
        return len(rows)

    def directory(self) -> Directory:
        """Return the installation's directory as it is."""
        connection = self._connection
        with reachable(), connection.transaction(), connection.cursor() as cursor:
            return load_directory(cursor, directory_revision(cursor))

    def _keep(self, batch: Sequence[Outgoing]) -> list[Kept]:
        ready = [vouched(event.event(DOOR_KEY), self._own_key) for event in batch]
        connection = self._connection
        with reachable(), connection.transaction(), connection.cursor() as cursor:
            return keep(cursor, ready, partitions=self._partitions, now=self._clock.now())

    def _await(
        self, waiting: "_Waiting", sent: Sent, on_answer: Callable[[int], None], *, at_most: int
    ) -> None:
        """Note answers until at most so many events wait for theirs."""
        while len(waiting.events) > at_most:
            before = len(waiting.events)
            for source, event_id, fate, reason in self._answers(waiting.events):
                event, kept = waiting.events.pop((source, event_id), (None, None))
                if event is not None and kept is not None:
                    sent.note(event, kept, fate, reason)
            answered = before - len(waiting.events)
            if answered:
                on_answer(answered)
            if len(waiting.events) > at_most:
                waiting.pause(progress=sent.events, left=len(waiting.events))

    def _answers(self, identities: Iterable[Identity]) -> list[tuple[str, str, str, str]]:
        sources, ids = zip(*identities, strict=True)
        wanted = (list(sources), list(ids), sorted(set(sources)), list(ids))
        with reachable():
            return self._connection.execute(_ANSWERS, wanted).fetchall()


class _Waiting:
    """Events without an outcome, and how long nothing has moved."""

    def __init__(self, patience: timedelta) -> None:
        self.events: dict[Identity, tuple[Outgoing, Kept]] = {}
        self._patience = patience.total_seconds()
        self._progress, self._moved, self._pause = -1, time.monotonic(), _SHORTEST

    def pause(self, *, progress: int, left: int) -> None:
        """Wait a moment, longer each time nothing has moved. Raises `NothingDecided`."""
        now = time.monotonic()
        moved = progress != self._progress
        self._pause = _SHORTEST if moved else min(self._pause * 1.5, _LONGEST)
        if moved:
            self._progress, self._moved = progress, now
        elif now - self._moved > self._patience:
            raise NothingDecided(
                f"Nothing was decided for {self._patience:.0f} s; {left} events wait. Look at "
                "`partygrid status`: is an engine running? What was sent is kept: the same command "
                "goes on where it stopped."
            )
        time.sleep(self._pause)


@contextmanager
def reachable() -> Iterator[None]:
    """Tell a database that goes away as `Unavailable`."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError) as fault:
        raise Unavailable(
            "The database went away. What was sent is kept: the same command goes on where it "
            f"stopped. ({type(fault).__name__})"
        ) from fault


@contextmanager
def sender_of(settings: Settings) -> Iterator[tuple[Sender, Connection]]:
    """Give a sender for the installation at these addresses, and the connection it uses.

    Raises `Unavailable`, `KeysMissing`.
    """
    folder = bootstrap.secrets_folder(settings)
    if not (folder / "own.key").exists():
        raise KeysMissing(
            f"There is no own.key in {folder}. Run this where the installation's keys are, or say "
            "where with PARTYGRID_SECRETS_DIR."
        )
    connection = bootstrap.connect(settings.address("database_url"), autocommit=True)
    try:
        sender = Sender(
            connection,
            own_key=bootstrap.installation_key(folder, "own.key"),
            partitions=fixed_partitions(connection) or settings.partitions,
            clock=WallClock(),
        )
        yield sender, connection
    finally:
        connection.close()
