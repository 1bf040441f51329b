"""`partygrid rebuild`: make the state again from the journal in an empty database, and compare."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import psycopg
from msgspec import Struct
from psycopg import sql

import flows.decide.all  # noqa: F401  (every step's handlers are registered on import)
from flows.apply import Directories
from flows.replay import Entry, read_entries, replay
from models.directory_store import lock_directory
from models.pack_store import KEPT
from models.setting import Setting
from models.shard_store import ShardState, take_shard
from partygrid.errors import Invalid

Connection = psycopg.Connection[Any]

AT_ONCE = 500

#: Tables that are compared, whole but for these columns: how an entry travelled, when it was
#: recorded, and what became of a notice afterwards are not decided.
COMPARED: dict[str, tuple[str, ...]] = {
    "journal": (),
    "audit": ("circumstance", "algorithm", "prev_hash", "case_prev_hash", "hash"),
    "outcomes": (),
    "notices": ("spread_at", "settled_at", "held_at", "repeat_of"),
    "timers": ("set_at", "wave", "attempts"),
    "parked": ("topic_id", "partition", "offset"),
    "case_numbers": (),
    "cases": ("audit_hash",),
    "consultations": (),
    "assignments": (),
    "whistles": (),
    "visits": (),
    "village_tasks": ("audit_hash",),
    "townships": (),
    "orgs": ("recorded_at",),
    "persons": ("recorded_at",),
    "roles_held": ("recorded_at",),
    "duties": ("recorded_at",),
    "apps": ("recorded_at",),
}


class Difference(Struct, frozen=True):
    """A row that is not the same in both databases."""

    table: str
    #: `missing` in the rebuilt database, or `extra` there
    kind: str
    row: str


class CannotGoOn(Invalid):
    """The journal names a directory revision that no entry before it makes."""


def rebuild(
    source: Connection,
    target: Connection,
    setting: Setting,
    now: datetime,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Decide every journal entry of `source` again in the empty database `target`.

    Returns how many entries there were. Shards take turns at each change of the directory, so
    that every entry is decided with the directory it was decided with. The source is only read,
    and no transaction on it is ended: the caller may hold one snapshot for the whole comparison.
    """
    directories = Directories()
    with target.transaction(), target.cursor() as cursor:
        _copy_rules(source, cursor)
        lock_directory(cursor)
        states = _take_all(source, cursor, now)
    feeds = {shard: _Feed(source, shard) for shard in states}
    done, revision = 0, 0
    while any(feed.head is not None for feed in feeds.values()):
        group = _next_group(feeds, revision)
        shard = group[0].shard
        with target.transaction(), target.cursor() as cursor:
            if group[0].changes_directory:
                lock_directory(cursor)
            states[shard] = replay(cursor, states[shard], group, setting, directories, now)
        revision = max(revision, states[shard].directory_revision)
        done += len(group)
        progress(done)
    return done


def _copy_rules(source: Connection, cursor: psycopg.Cursor[Any]) -> None:
    """Keep in the target whatever the source decided with: the state may go on living there."""
    for table in KEPT:
        query = sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))
        insert = sql.SQL("INSERT INTO {} VALUES (%s, %s, %s) ON CONFLICT DO NOTHING")
        cursor.executemany(insert.format(sql.Identifier(table)), source.execute(query).fetchall())


def _take_all(
    source: Connection, cursor: psycopg.Cursor[Any], now: datetime
) -> dict[int, ShardState]:
    shards = [row[0] for row in source.execute("SELECT shard FROM shards ORDER BY shard")]
    return {shard: take_shard(cursor, shard, "rebuild", now) for shard in shards}


class _Feed:
    """The journal of one shard, a page at a time."""

    def __init__(self, connection: Connection, shard: int) -> None:
        self._entries = self._read(connection, shard)
        self.head: Entry | None = next(self._entries, None)

    @staticmethod
    def _read(connection: Connection, shard: int) -> Iterator[Entry]:
        after = 0
        while True:
            with connection.cursor() as cursor:
                page = read_entries(cursor, shard, after, AT_ONCE)
            if not page:
                return
            yield from page
            after = page[-1].seq

    def take(self) -> Entry:
        """Return the head and move on."""
        entry = self.head
        if entry is None:
            raise CannotGoOn
        self.head = next(self._entries, None)
        return entry


def _next_group(feeds: dict[int, _Feed], revision: int) -> list[Entry]:
    """Return the next entries of one shard that can be decided together."""
    ready = [
        feed
        for feed in feeds.values()
        if feed.head is not None and feed.head.directory_revision <= revision
    ]
    if not ready:
        raise CannotGoOn(revision=revision)
    feed = min(ready, key=_urgency)
    group = [feed.take()]
    while feed.head is not None and len(group) < AT_ONCE and go_together(group[0], feed.head):
        group.append(feed.take())
    return group


def _urgency(feed: _Feed) -> tuple[bool, int]:
    """What leaves the directory as it is goes first."""
    head = feed.head
    if head is None:
        raise CannotGoOn
    return head.changes_directory, head.directory_revision


def go_together(first: Entry, entry: Entry) -> bool:
    """Can both be decided in one transaction? Each change of the directory sees the one before."""
    if first.rules != entry.rules:
        return False
    if first.changes_directory or entry.changes_directory:
        return first.changes_directory and entry.changes_directory
    alone = first.stands_alone or entry.stands_alone
    return not alone and first.directory_revision == entry.directory_revision


def compare(
    one: Connection,
    other: Connection,
    *,
    at_most: int = 20,
    notices_since: datetime | None = None,
    tables: Iterable[str] = COMPARED,
) -> list[Difference]:
    """Return where two installations' business state, audit content and notices differ.

    Notices made before `notices_since` are not compared: one of the two may have forgotten them.
    """
    differences: list[Difference] = []
    for table in tables:
        left, right = (_rows(connection, table, notices_since) for connection in (one, other))
        differences += [Difference(table, "missing", row) for row in sorted(left - right)[:at_most]]
        differences += [Difference(table, "extra", row) for row in sorted(right - left)[:at_most]]
    return differences


def _rows(connection: Connection, table: str, notices_since: datetime | None) -> set[str]:
    left_out = sql.SQL("").join(
        sql.SQL(" - {}").format(sql.Literal(column)) for column in COMPARED[table]
    )
    query = sql.SQL("SELECT (to_jsonb(t){})::text FROM {} AS t").format(
        left_out, sql.Identifier(table)
    )
    if table == "outcomes":
        # What never came into the journal is not decided again.
        query += sql.SQL(" WHERE fate <> 'dead-lettered' OR reason = 'parked_too_long'")
    if table == "notices":
        # Digests are issued from the rows, not decided from the journal.
        query += sql.SQL(" WHERE NOT starts_with(kind, 'digest')")
    if table == "notices" and notices_since is not None:
        query += sql.SQL(" AND created_at >= {}").format(sql.Literal(notices_since))
    return {row[0] for row in connection.execute(query)}
