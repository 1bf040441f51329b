"""How an installation stands, read from its rows and its broker: what `partygrid status` tells.

Marked cases are counted nowhere here: operators are not in their circles.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import psycopg
from kafka import TopicPartition
from kafka.errors import KafkaError
from msgspec import Struct

from events.clients import Consumer
from events.contract.registry import INBOUND_TOPICS
from flows.sealing import SEALED_TO
from models.restores import catching_up
from models.values import SETTLED_STATES
from partygrid import bootstrap
from partygrid.adapters import client_of
from partygrid.embedded.installation import Installation
from partygrid.settings import Settings

Connection = psycopg.Connection[Any]


class ProcessLine(Struct, frozen=True, kw_only=True):
    """One process, as its supervisor sees it."""

    name: str
    state: str
    pid: int | None
    starts: int
    #: address of its metrics; empty where it tells none
    metrics: str = ""


class ShardLine(Struct, frozen=True, kw_only=True):
    """One shard: who works on it and what waits for it. `lag` is None where the broker is away."""

    shard: int
    owner: str
    taken_at: datetime | None
    journal: int
    #: records not read yet, by topic; topics without any are left out
    lag: Mapping[str, int] | None


class Waiting(Struct, frozen=True, kw_only=True):
    """Something that waits: how many, and since when the first."""

    count: int
    since: datetime | None


class Standing(Struct, frozen=True, kw_only=True):
    """How an installation stands at a moment."""

    at: datetime
    processes: tuple[ProcessLine, ...]
    shards: tuple[ShardLine, ...]
    #: unmarked cases by state
    cases: Mapping[str, int]
    open_cases: int
    overdue_cases: int
    timers: int
    #: timers whose time has come and that did not fire yet
    timers_due: Waiting
    outbox: Waiting
    parked: Waiting
    dead_letters: Waiting
    notices: Waiting
    #: kept back after a restore until a person lets them go
    notices_held: Waiting
    #: since when what happened after a backup is decided again; None: it is not
    catching_up_since: datetime | None
    #: sends that a person must settle
    notices_unknown: int
    digests_due: Waiting
    #: number and time of the last seal, and the audit records that none covers yet
    seal: int
    sealed_at: datetime | None
    unsealed: Waiting
    #: when `audit verify` last held the audit against its copies, and whether it was sound
    verified_at: datetime | None = None
    verified_sound: bool | None = None


#: Under this name the installation's facts tell of the last verification: [when, sound].
VERIFIED = "audit_verified"

_WAITING: Mapping[str, str] = {
    "timers_due": "SELECT count(*), min(due_at) FROM timers WHERE due_at <= %(now)s",
    "outbox": "SELECT count(*), min(created_at) FROM outbox WHERE published_at IS NULL",
    "parked": "SELECT count(*), min(parked_at) FROM parked",
    "dead_letters": "SELECT count(*), min(at) FROM dead_letters WHERE replayed_at IS NULL",
    "notices": "SELECT count(*), min(created_at) FROM notices"
    " WHERE settled_at IS NULL AND held_at IS NULL",
    "notices_held": "SELECT count(*), min(created_at) FROM notices WHERE held_at IS NOT NULL",
    "digests_due": "SELECT count(*), min(due_at) FROM digests"
    " WHERE sent_at IS NULL AND due_at <= %(now)s",
}
_CASES = "SELECT state, count(*) FROM cases WHERE mark = 'none' AND version > 0 GROUP BY state"
_OVERDUE = """
SELECT count(*) FROM cases WHERE mark = 'none' AND state <> ALL(%s)
 AND breached_at IS NOT NULL AND NOT late_received
"""
_SEAL = "SELECT number, made_at FROM seals ORDER BY number DESC LIMIT 1"
_VERIFIED = """
SELECT (value::jsonb->>0)::timestamptz, (value::jsonb->>1)::boolean
FROM installation WHERE name = %s
"""
_UNSEALED = """
SELECT coalesce(sum(s.audit_seq - s.sealed), 0)::bigint,
 min((a.circumstance::jsonb->>'recorded_at')::timestamptz)
FROM (
 SELECT s.shard, s.audit_seq, coalesce((i.value::jsonb->>s.shard::text)::bigint, 0) AS sealed
 FROM shards s LEFT JOIN installation i ON i.name = %s
) s LEFT JOIN audit a ON a.shard = s.shard AND a.seq = s.sealed + 1
"""


def read_standing(settings: Settings, now: datetime) -> Standing:
    """Read how the installation at the settled addresses stands. Raises `Unavailable`."""
    with bootstrap.connected(settings.address("database_url")) as connection:
        return _read(connection, settings, now)


def _read(connection: Connection, settings: Settings, now: datetime) -> Standing:
    cases = dict(connection.execute(_CASES).fetchall())
    settled = sorted(str(state) for state in SETTLED_STATES)
    seal = connection.execute(_SEAL).fetchone() or (0, None)
    verified = connection.execute(_VERIFIED, (VERIFIED,)).fetchone() or (None, None)
    waiting = {
        name: _waiting(_one(connection, query, {"now": now})) for name, query in _WAITING.items()
    }
    return Standing(
        at=now,
        processes=_processes(settings),
        shards=_shards(connection, settings),
        cases=cases,
        open_cases=sum(count for state, count in cases.items() if state not in settled),
        overdue_cases=_one(connection, _OVERDUE, (settled,))[0],
        timers=_one(connection, "SELECT count(*) FROM timers")[0],
        catching_up_since=_catching_up_since(connection),
        notices_unknown=_one(
            connection, "SELECT count(*) FROM notice_sends WHERE state = 'unknown'"
        )[0],
        seal=seal[0],
        sealed_at=seal[1],
        unsealed=_waiting(_one(connection, _UNSEALED, (SEALED_TO,))),
        verified_at=verified[0],
        verified_sound=verified[1],
        **waiting,
    )


def _one(connection: Connection, query: str, values: Any = None) -> tuple[Any, ...]:
    (row,) = connection.execute(query.encode(), values).fetchall()
    return tuple(row)


def _catching_up_since(connection: Connection) -> datetime | None:
    with connection.cursor() as cursor:
        restore = catching_up(cursor)
    return restore.restored_at if restore is not None else None


def _waiting(row: tuple[Any, ...]) -> Waiting:
    return Waiting(count=row[0], since=row[1])


def _processes(settings: Settings) -> tuple[ProcessLine, ...]:
    """Return what a supervisor on this machine runs; nothing where somebody else runs it."""
    running = Installation.read(settings.home)
    return tuple(
        ProcessLine(
            name=one.name,
            state=str(one.state),
            pid=one.pid,
            starts=one.starts,
            metrics=one.metrics,
        )
        for one in (running.children if running else ())
    )


def _shards(connection: Connection, settings: Settings) -> tuple[ShardLine, ...]:
    rows = connection.execute(
        "SELECT shard, owner, taken_at, seq, positions FROM shards ORDER BY shard"
    ).fetchall()
    ends = end_offsets(settings, [row[0] for row in rows])
    return tuple(
        ShardLine(
            shard=shard,
            owner=owner,
            taken_at=taken_at,
            journal=seq,
            lag=None if ends is None else _lag(positions or {}, ends[shard]),
        )
        for shard, owner, taken_at, seq, positions in rows
    )


def _lag(positions: Mapping[str, Any], ends: Mapping[str, int]) -> dict[str, int]:
    behind = {topic: end - (positions.get(topic) or (None, 0))[1] for topic, end in ends.items()}
    return {topic: count for topic, count in behind.items() if count > 0}


def end_offsets(settings: Settings, shards: list[int]) -> dict[int, dict[str, int]] | None:
    """Return shard → topic → offset behind the last record; None where the broker is away."""
    partitions = [TopicPartition(topic, shard) for topic in INBOUND_TOPICS for shard in shards]
    consumer = None
    try:
        consumer = Consumer(**client_of(settings), allow_auto_create_topics=False)
        found = consumer.end_offsets(partitions)
    except (KafkaError, KeyError):  # a topic or a partition of it is missing
        return None
    finally:
        if consumer is not None:
            with suppress(KafkaError):
                consumer.close()
    ends: dict[int, dict[str, int]] = {shard: {} for shard in shards}
    for partition, offset in found.items():
        ends[partition.partition][partition.topic] = offset
    return ends
