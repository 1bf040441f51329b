"""What an app has sent and not been answered for: on its own disk, so that nothing is lost offline.

One SQLite file an app. Every change is on the disk before the call returns, so it is there after
a `kill -9` or a power cut. The file holds events in clear: it is made for its owner alone to read.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from events.contract.outgoing import EventOutcome
from models.values import Fate
from partygrid.errors import Invalid, Unavailable

FILE = "events.sqlite3"

_SHAPE = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice, not even after a deletion
    event_id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    subject TEXT NOT NULL,
    topic TEXT NOT NULL,
    key TEXT NOT NULL,
    headers TEXT NOT NULL,
    value BLOB NOT NULL,
    spooled_at REAL NOT NULL,
    due_at REAL, -- when it is sent next; NULL: the engine has it
    sent INTEGER NOT NULL DEFAULT 0,
    fate TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    message TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS events_due ON events (due_at, sequence) WHERE due_at IS NOT NULL;
"""

#: Fates that an app has to look at: the event stays until it is dismissed.
_TROUBLES = (str(Fate.REFUSED), str(Fate.DEAD_LETTERED))


class SpoolBroken(Unavailable):
    """The spool cannot be written. Look at the disk: full, read-only or damaged."""


class SpoolOfAnother(Invalid):
    """The folder holds another app's spool. Give every source a folder of its own."""


class Sealed(Struct, frozen=True, kw_only=True):
    """A signed event, as it will be published whenever it is."""

    event_id: str
    type: str
    subject: str
    topic: str
    key: str
    headers: list[tuple[str, bytes]]
    value: bytes


class Spooled(Struct, frozen=True, kw_only=True):
    """An event in the spool."""

    sequence: int
    sent: int
    sealed: Sealed


class Trouble(Struct, frozen=True, kw_only=True):
    """An event that was not applied, and why. Its words are not in here."""

    sequence: int
    event_id: str
    type: str
    subject: str
    fate: str
    reason: str
    message: str


class Spool:
    """The events of one source. Several threads and processes may use one folder."""

    def __init__(self, folder: Path, source: str) -> None:
        """Open the spool, or make it. Raises `SpoolBroken` or `SpoolOfAnother`."""
        self._lock = threading.RLock()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _touch(folder / FILE)
            self._database = sqlite3.connect(
                folder / FILE, timeout=30, isolation_level=None, check_same_thread=False
            )
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.executescript(_SHAPE)
        except (OSError, sqlite3.Error) as fault:
            raise SpoolBroken(f"{SpoolBroken.__doc__} ({fault})") from fault
        self._own(source)

    def _own(self, source: str) -> None:
        with self._transaction() as database:
            database.execute("INSERT OR IGNORE INTO facts VALUES ('source', ?)", (source,))
            (owner,) = database.execute("SELECT value FROM facts WHERE name = 'source'").fetchone()
        if owner != source:
            self.close()
            raise SpoolOfAnother(source=source, owner=owner)

    def add(self, seal: Callable[[int], Sealed], now: datetime) -> Sealed:
        """Keep what `seal` makes with the next sequence number; a failing `seal` uses none up."""
        with self._transaction() as database:
            sealed = seal(self._last(database) + 1)
            database.execute(
                "INSERT INTO events (event_id, type, subject, topic, key, headers, value,"
                " spooled_at, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    sealed.event_id,
                    sealed.type,
                    sealed.subject,
                    sealed.topic,
                    sealed.key,
                    msgspec.json.encode([(name, text.decode()) for name, text in sealed.headers]),
                    sealed.value,
                    now.timestamp(),
                    now.timestamp(),
                ),
            )
        return sealed

    def due(self, now: datetime, at_most: int) -> list[Spooled]:
        """Return what is to be published now, in the order in which it was added."""
        with self._transaction() as database:
            rows = database.execute(
                "SELECT sequence, sent, event_id, type, subject, topic, key, headers, value"
                " FROM events WHERE due_at <= ? ORDER BY sequence LIMIT ?",
                (now.timestamp(), at_most),
            ).fetchall()
        return [_spooled(row) for row in rows]

    def published(self, sequences: Sequence[int], again_at: Callable[[int], datetime]) -> None:
        """Note what the broker took; `again_at(times sent)` says when to send it once more.

        What was answered meanwhile is left alone.
        """
        with self._transaction() as database:
            for sequence in sequences:
                row = database.execute(
                    "UPDATE events SET sent = sent + 1 WHERE sequence = ? AND due_at IS NOT NULL"
                    " RETURNING sent",
                    (sequence,),
                ).fetchone()
                if row is not None:
                    database.execute(
                        "UPDATE events SET due_at = ? WHERE sequence = ?",
                        (again_at(row[0]).timestamp(), sequence),
                    )

    def give_up(self, sequence: int, reason: str) -> None:
        """Note that the broker refuses an event for good."""
        with self._transaction() as database:
            database.execute(
                "UPDATE events SET due_at = NULL, fate = ?, reason = ? WHERE sequence = ?",
                (str(Fate.DEAD_LETTERED), reason, sequence),
            )

    def answered(self, outcomes: Sequence[EventOutcome], position: tuple[str, int]) -> None:
        """Take over outcomes, and how far the outcome topic is read (topic id, next offset)."""
        with self._transaction() as database:
            for outcome in outcomes:
                _settle(database, outcome)
            database.execute(
                "INSERT OR REPLACE INTO facts VALUES ('position', ?)",
                (f"{position[0]} {position[1]}",),
            )

    def position(self) -> tuple[str, int]:
        """Return the outcome topic's id and next offset as last noted; ("", 0) at first."""
        with self._transaction() as database:
            row = database.execute("SELECT value FROM facts WHERE name = 'position'").fetchone()
        topic_id, _, offset = (row[0] if row else " 0").partition(" ")
        return topic_id, int(offset)

    def signed_out(self) -> int:
        """Return how many sequence numbers were ever given."""
        with self._transaction() as database:
            return self._last(database)

    def count(self) -> tuple[int, int]:
        """Return how many events wait for an answer, and how many are parked by the engine."""
        with self._transaction() as database:
            waiting, parked = database.execute(
                "SELECT count(*) FILTER (WHERE due_at IS NOT NULL),"
                " count(*) FILTER (WHERE fate = ?) FROM events",
                (str(Fate.PARKED),),
            ).fetchone()
        return waiting, parked

    def oldest(self) -> datetime | None:
        """Return when the longest waiting event was added."""
        with self._transaction() as database:
            (stamp,) = database.execute(
                "SELECT min(spooled_at) FROM events WHERE due_at IS NOT NULL"
            ).fetchone()
        return None if stamp is None else datetime.fromtimestamp(stamp, UTC)

    def troubles(self) -> list[Trouble]:
        """Return what was refused or dead-lettered and not dismissed yet."""
        with self._transaction() as database:
            rows = database.execute(
                "SELECT sequence, event_id, type, subject, fate, reason, message FROM events"
                " WHERE fate IN (?, ?) ORDER BY sequence",
                _TROUBLES,
            ).fetchall()
        return [Trouble(**dict(zip(Trouble.__struct_fields__, row, strict=True))) for row in rows]

    def sealed(self, event_id: str) -> Sealed | None:
        """Return an event that is still in the spool."""
        with self._transaction() as database:
            row = database.execute(
                "SELECT sequence, sent, event_id, type, subject, topic, key, headers, value"
                " FROM events WHERE event_id = ?",
                (event_id,),
            ).fetchone()
        return None if row is None else _spooled(row).sealed

    def dismiss(self, event_id: str) -> bool:
        """Forget a refused or dead-lettered event; returns whether there was one."""
        with self._transaction() as database:
            gone = database.execute(
                "DELETE FROM events WHERE event_id = ? AND fate IN (?, ?)", (event_id, *_TROUBLES)
            )
        return gone.rowcount > 0

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def _last(self, database: sqlite3.Connection) -> int:
        row = database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
        return int(row[0]) if row else 0

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock:
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    yield self._database
                    self._database.execute("COMMIT")
                finally:
                    if self._database.in_transaction:
                        self._database.execute("ROLLBACK")
        except sqlite3.Error as fault:
            raise SpoolBroken(f"{SpoolBroken.__doc__} ({fault})") from fault


def _touch(path: Path) -> None:
    """Make the file, its owner's alone, and have its name on the disk."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _settle(database: sqlite3.Connection, outcome: EventOutcome) -> None:
    """Take over one outcome: forget what is settled well, keep what an app must look at."""
    if outcome.fate in (*_TROUBLES, Fate.PARKED):
        database.execute(
            "UPDATE events SET due_at = NULL, fate = ?, reason = ?, message = ? WHERE event_id = ?",
            (outcome.fate, outcome.reason, outcome.message, outcome.event_id),
        )
    elif outcome.fate == Fate.DUPLICATE:
        # It says only that the engine knew it: what is parked is still to be answered.
        database.execute("DELETE FROM events WHERE event_id = ? AND fate = ''", (outcome.event_id,))
    elif outcome.fate == Fate.APPLIED:
        database.execute("DELETE FROM events WHERE event_id = ?", (outcome.event_id,))


def _spooled(row: Sequence[Any]) -> Spooled:
    sequence, sent, event_id, kind, subject, topic, key, headers, value = row
    told = msgspec.json.decode(headers, type=list[tuple[str, str]])
    return Spooled(
        sequence=sequence,
        sent=sent,
        sealed=Sealed(
            event_id=event_id,
            type=kind,
            subject=subject,
            topic=topic,
            key=key,
            headers=[(name, text.encode()) for name, text in told],
            value=value,
        ),
    )
