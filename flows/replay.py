"""Deciding the journal again, entry by entry, in an empty database.

The journal holds what was decided, when, and with which directory and policy; so the same cases,
timers, notices and audit content come out again. Coordinates, flow runs and times of recording
differ, and the words are gone: nothing that is decided depends on them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from msgspec import Struct
from msgspec.structs import replace

from events.admission import ENGINE_SOURCE, Admitted
from events.codec import from_journal
from events.contract.envelope import Event
from flows.apply import Directories, store
from flows.batch import Batch, Coordinate, DueFiring, RawRecord
from flows.decide.decision import Firing
from flows.facts import Needs, needs_of
from flows.fold import PATIENCE, Fold
from flows.loading import load_workspace, rounds_in
from models import ledger_store
from models.ledger_store import DueTimer
from models.setting import Setting
from models.shard_store import ShardState, fence
from models.values import Step

Cursor = psycopg.Cursor[Any]


class Entry(Struct, frozen=True, kw_only=True):
    """A journal entry."""

    shard: int
    seq: int
    kind: str
    event_type: str
    subject: str
    township: str
    decided_at: datetime
    directory_revision: int
    policy_version: str
    calendar_version: str
    body: str
    signature: str

    @property
    def rules(self) -> tuple[str, str]:
        """Versions of the pack and the calendar it was decided with."""
        return self.policy_version, self.calendar_version

    @property
    def changes_directory(self) -> bool:
        """Is it of the directory's own step?"""
        return self.event_type.startswith("grid.directory.")

    @property
    def stands_alone(self) -> bool:
        """Does it need facts that only a batch of its own can load?"""
        return self.changes_directory or self.event_type == "timer:round"


def read_entries(cursor: Cursor, shard: int, after: int, limit: int) -> list[Entry]:
    """Return the next entries of a shard's journal."""
    rows = cursor.execute(
        "SELECT shard, seq, kind, event_type, subject, township, decided_at, directory_revision,"
        " policy_version, calendar_version, body, signature FROM journal"
        " WHERE shard = %s AND seq > %s ORDER BY seq LIMIT %s",
        (shard, after, limit),
    ).fetchall()
    return [Entry(**dict(zip(Entry.__struct_fields__, row, strict=True))) for row in rows]


def replay(
    cursor: Cursor,
    state: ShardState,
    entries: Sequence[Entry],
    setting: Setting,
    directories: Directories,
    now: datetime,
    *,
    with_topics: bool = False,
) -> ShardState:
    """Decide entries of one shard, under one set of rules and one directory, again; store them.

    `with_topics` also writes what concerns records and what would be published. Raises `NotKept`
    where the database no longer holds those rules.
    """
    held = fence(cursor, state, state.positions)
    setting = _as_of(setting, entries[0])
    directory = directories.at(cursor, entries[0].directory_revision)
    batch = Batch(shard=state.shard, step=Step.INTAKE, recorded_at=now)
    timers = [_timer(entry) for entry in entries if entry.kind == "firing"]
    firings = tuple(DueFiring(timer=timer) for timer in timers)
    work = load_workspace(
        cursor,
        state.shard,
        [need for entry in entries for need in _needs(entry, setting)],
        rounds_in(firings),
        setting,
        directory,
    )
    fold = Fold(setting, work, batch, seq=held.seq, revision=entries[0].directory_revision)
    for entry in entries:
        _fold_one(cursor, fold, entry)
    return store(cursor, fold, held, batch, with_topics=with_topics)


def _as_of(setting: Setting, entry: Entry) -> Setting:
    shelf = setting.shelf.as_of(entry.policy_version, entry.calendar_version)
    return replace(setting, shelf=shelf)


def _needs(entry: Entry, setting: Setting) -> list[Needs]:
    given: Event | Firing
    if entry.kind != "firing":
        given = from_journal(entry.body)
        return [needs_of(given, "case", setting, entry.decided_at)]
    timer = _timer(entry)
    if timer.clock.key == PATIENCE:
        return []
    given = Firing(subject=timer.subject, township=timer.township, clock=timer.clock)
    return [needs_of(given, timer.subject_kind, setting, entry.decided_at)]


_firing = msgspec.json.Decoder(Firing)


def _timer(entry: Entry) -> DueTimer:
    firing = _firing.decode(entry.body)
    return DueTimer(
        subject=firing.subject,
        subject_kind=_subject_kind(firing),
        township=firing.township,
        clock=firing.clock,
    )


def _subject_kind(firing: Firing) -> str:
    key = firing.clock.key.partition(":")[0]
    if key == PATIENCE:
        return "parked"
    if key.startswith("task_"):
        return "task"
    return "township" if key == "round" else "case"


def _fold_one(cursor: Cursor, fold: Fold, entry: Entry) -> None:
    if entry.kind == "firing":
        due = DueFiring(timer=_timer(entry), stalled=_firing.decode(entry.body).stalled)
        if due.timer.clock.key != PATIENCE:
            fold.firing(due)
            return
        _bring_waiting(cursor, fold, due.timer.subject)
        fold.patience(due)
        return
    event = from_journal(entry.body)
    raw = RawRecord(
        at=Coordinate(topic=event.type, topic_id="", partition=-1, offset=-entry.seq),
        key=None,
        headers=[],
        value=b"",
        now=entry.decided_at,
    )
    kind = "follow_up" if event.source == ENGINE_SOURCE and event.cause else "external"
    fold.event(raw, Admitted(event=event, kind=kind, signature=entry.signature), [])


def _bring_waiting(cursor: Cursor, fold: Fold, parked_id: str) -> None:
    """Load an event that waits, unless this group knows what became of it."""
    if fold.waiting(parked_id) is not None or parked_id in fold.scribe.written.unparked:
        return
    for parked in ledger_store.load_parked_by_id(cursor, [parked_id]).values():
        fold.work.parked.setdefault(parked.case_id, []).append(parked)
