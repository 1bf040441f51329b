"""Ownership of a shard: taking it, fencing every transaction, attempts and positions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import psycopg
from msgspec import Struct

from models.asking import ask
from models.audit_chain import ChainHead, genesis
from partygrid.errors import Unavailable

Cursor = psycopg.Cursor[Any]


class Position(NamedTuple):
    """How far a topic's partition is read."""

    topic_id: str
    #: offset of the next record
    next: int
    #: offset of the first record that was there to be read
    first: int


#: Subject and key: what a timer is known by.
TimerName = tuple[str, str]
#: topic → position
Positions = dict[str, Position]


class ShardLost(Unavailable):
    """Another engine owns this shard now; what was begun is rolled back."""


class ShardState(Struct, kw_only=True):
    """What the owner of a shard knows of it between two transactions."""

    shard: int
    epoch: int
    #: last journal entry
    seq: int
    head: ChainHead
    positions: Positions
    #: revision of the directory at the last transaction
    directory_revision: int


_positions = msgspec.json.Decoder(Positions)
_encode = msgspec.json.encode

_COLUMNS = "epoch, seq, audit_seq, audit_hash, positions::text"
_TAKE = (
    "UPDATE shards SET epoch = epoch + 1, owner = %s, taken_at = %s WHERE shard = %s"  # noqa: S608 - our own column names
    f" RETURNING {_COLUMNS}"
)
_FENCE = (
    "UPDATE shards SET positions = %s::jsonb"  # noqa: S608 - our own column names
    " WHERE shard = %s AND epoch = %s AND positions = %s::jsonb"
    f" RETURNING {_COLUMNS}"
)


_REVISION = "SELECT revision FROM directory_clock WHERE id = 1"


def make_shards(cursor: Cursor, count: int) -> None:
    """Make the rows of `count` shards, where they are missing."""
    for shard in range(count):
        cursor.execute(
            "INSERT INTO shards (shard, epoch, seq, audit_seq, audit_hash, owner)"
            " VALUES (%s, 0, 0, 0, %s, '') ON CONFLICT DO NOTHING",
            (shard, genesis(shard).hash),
        )


def take_shard(cursor: Cursor, shard: int, owner: str, now: datetime) -> ShardState:
    """Become the owner: adds one to the epoch, so that every older owner's writes find no row."""
    cursor.execute(_TAKE, (owner, now, shard))
    row = cursor.fetchone()
    if row is None:
        raise ShardLost(f"there is no shard {shard}: was the installation made with fewer?")
    return _state(shard, row, directory_revision(cursor))


def epochs(cursor: Cursor) -> dict[int, int]:
    """Return each shard's epoch, committed by whoever took it last."""
    return dict(cursor.execute("SELECT shard, epoch FROM shards").fetchall())


def end_last_owners_transaction(cursor: Cursor, shard: int) -> bool:
    """End the session whose open transaction holds a shard's row; returns whether there is one.

    Only for whom the shard belongs to now: the other one is paused, or was too slow for the group.
    """
    cursor.execute(
        "SELECT pg_terminate_backend(l.pid) FROM shards s JOIN pg_locks l"
        " ON l.locktype = 'transactionid' AND l.granted AND l.transactionid = s.xmax"
        " WHERE s.shard = %s",
        (shard,),
    )
    return cursor.fetchone() is not None


def fence(cursor: Cursor, state: ShardState, positions: Positions) -> ShardState:
    """Begin a transaction as the owner; the row stays locked until it ends.

    Raises `ShardLost` where the epoch or the positions are not those this owner left behind.
    """
    left, new = _encode(state.positions).decode(), _encode(positions).decode()
    with cursor.connection.pipeline():
        rows = ask(cursor, _FENCE, (new, state.shard, state.epoch, left), list)
        revision = ask(cursor, _REVISION, (), list)
    held = rows()
    if not held:
        raise ShardLost(shard=state.shard)
    return _state(state.shard, held[0], _first(revision()))


def advance(cursor: Cursor, state: ShardState) -> None:
    """Write the sequence numbers and heads at the end of a transaction."""
    cursor.execute(
        "UPDATE shards SET seq = %s, audit_seq = %s, audit_hash = %s WHERE shard = %s",
        (state.seq, state.head.seq, state.head.hash, state.shard),
    )


def directory_revision(cursor: Cursor) -> int:
    """Return the directory's present revision."""
    return _first(cursor.execute(_REVISION).fetchall())


def _first(rows: list[tuple[Any, ...]]) -> int:
    return rows[0][0] if rows else 0


def note_attempt(
    cursor: Cursor,
    *,
    shard: int,
    topic_id: str,
    partition: int,
    first: int,
    last: int,
    now: datetime,
) -> int:
    """Count that a batch is begun; commit this before the batch. Returns how often it was."""
    cursor.execute(
        "INSERT INTO attempts (topic_id, partition, first_offset, last_offset, shard, attempts,"
        " begun_at) VALUES (%s, %s, %s, %s, %s, 1, %s)"
        " ON CONFLICT (topic_id, partition, first_offset) DO UPDATE"
        " SET attempts = attempts.attempts + 1, last_offset = excluded.last_offset,"
        " begun_at = excluded.begun_at RETURNING attempts",
        (topic_id, partition, first, last, shard, now),
    )
    row = cursor.fetchone()
    return int(row[0]) if row is not None else 0


def note_firings(
    cursor: Cursor, *, shard: int, epoch: int, timers: Sequence[TimerName]
) -> dict[TimerName, int]:
    """Count that these timers' firing is begun; commit this before the firing.

    Returns how often it was. Nothing is counted for who does not own the shard any more.
    """
    rows = cursor.execute(
        "UPDATE timers t SET attempts = t.attempts + 1"
        " FROM unnest(%s::text[], %s::text[]) AS f (subject, key)"
        " WHERE t.subject = f.subject AND t.key = f.key"
        " AND EXISTS (SELECT FROM shards s WHERE s.shard = %s AND s.epoch = %s)"
        " RETURNING t.subject, t.key, t.attempts",
        ([subject for subject, _ in timers], [key for _, key in timers], shard, epoch),
    ).fetchall()
    return {(subject, key): attempts for subject, key, attempts in rows}


def forget_firings(cursor: Cursor, timers: Sequence[TimerName]) -> None:
    """Forget that these timers' firing was begun: nothing was done, and nobody died of it."""
    if timers:
        cursor.execute(
            "UPDATE timers t SET attempts = 0"
            " FROM unnest(%s::text[], %s::text[]) AS f (subject, key)"
            " WHERE t.subject = f.subject AND t.key = f.key",
            ([subject for subject, _ in timers], [key for _, key in timers]),
        )


def attempts_left(cursor: Cursor, shard: int) -> list[tuple[str, int, int, int, int]]:
    """Return what was begun and not finished: topic id, partition, first, last, attempts."""
    cursor.execute(
        "SELECT topic_id, partition, first_offset, last_offset, attempts FROM attempts"
        " WHERE shard = %s ORDER BY topic_id, first_offset",
        (shard,),
    )
    return cursor.fetchall()


def read_before(cursor: Cursor, topic_id: str, partition: int) -> tuple[int, int] | None:
    """Return the first and last offset of a topic's partition that have a record, if any."""
    cursor.execute(
        'SELECT min("offset"), max("offset") FROM records WHERE topic_id = %s AND partition = %s',
        (topic_id, partition),
    )
    row = cursor.fetchone()
    return None if row is None or row[0] is None else (row[0], row[1])


def offsets_read(
    cursor: Cursor, topic_id: str, partition: int, *, between: tuple[int, int]
) -> frozenset[int]:
    """Return the offsets of a stretch, both ends within it, that have a record."""
    rows = cursor.execute(
        'SELECT "offset" FROM records WHERE topic_id = %s AND partition = %s'
        ' AND "offset" BETWEEN %s AND %s',
        (topic_id, partition, *between),
    ).fetchall()
    return frozenset(row[0] for row in rows)


def forget_attempts(cursor: Cursor, *, topic_id: str, partition: int, upto: int) -> None:
    """Forget attempts that are finished; part of the batch's own transaction."""
    cursor.execute(
        "DELETE FROM attempts WHERE topic_id = %s AND partition = %s AND first_offset <= %s",
        (topic_id, partition, upto),
    )


def _state(shard: int, row: tuple[Any, ...], revision: int) -> ShardState:
    epoch, seq, audit_seq, audit_hash, positions = row
    return ShardState(
        shard=shard,
        epoch=epoch,
        seq=seq,
        head=ChainHead(audit_seq, bytes(audit_hash)),
        positions=_positions.decode(positions or "{}"),
        directory_revision=revision,
    )
