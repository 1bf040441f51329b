"""`partygrid restored`: after PostgreSQL was restored from a backup, before anything runs on it.

The database has forgotten what happened after the backup; the log, the outside copies of the seals
and the people have not. So all notices are held until an operator lets them go, the set-back is
declared by a seal, and what the log still holds is decided again, the directory first.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

import psycopg
from msgspec import Struct
from msgspec.structs import replace

from events.broker import OWN_TOPICS
from events.contract.registry import INBOUND_TOPICS
from flows.catching_up import look
from flows.digest_issues import send_late
from flows.sealing import Sealer
from models.policy.schema import Policy
from models.restores import OPEN_END, LogEnd, Restore, catching_up, read_restore, write_restore
from models.seal_walk import OutsideCopy, genuine
from models.seals import Seal
from notifications.holding import Which, count_held, end_open, hold_back
from partygrid import bootstrap
from partygrid.adapters import broker_of, consumer_of, pool_of
from partygrid.clock import Clock
from partygrid.errors import Invalid, Refused
from partygrid.keyring import Keyring
from partygrid.operations.audit import outside_copies, seal_file
from partygrid.operations.directory_first import decide_directory_first
from partygrid.operations.erasure_file import erase_again, erasure_file
from partygrid.settings import Settings

log = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

_LAST_WORK = "SELECT max(recorded_at) FROM records"


class AheadOfUs(Invalid):
    """The instant lies ahead of this machine's clock."""


class WorkedSince(Refused):
    """The database holds what was decided after the instant that was given."""


class Declared(Struct, frozen=True, kw_only=True):
    """What was found and done."""

    taken_at: datetime
    restored_at: datetime
    #: it was declared before; nothing was done
    before: bool
    #: notices that are kept back so far
    held: int
    #: records in the log that are decided again, of the directory and of all topics
    directory: int
    unread: int
    #: seal that declares it, and the first and last seal it gives up, 0 where no copy was ahead
    seal: int
    first_lost: int
    last_lost: int
    #: copies of the seals that could not be asked
    not_compared: tuple[str, ...]


def declare_restored(settings: Settings, *, taken_at: datetime, clock: Clock) -> Declared:
    """Hold all notices, declare the set-back by a seal, and decide the directory's backlog.

    Nothing of the installation may run but its servers; keys, tables and topics are made.
    Broken off anywhere, it goes on when it is called again. Raises `AheadOfUs`, `WorkedSince`,
    `OtherAudit` and `Unavailable`.
    """
    now = clock.now()
    if taken_at > now:
        raise AheadOfUs(f"{taken_at.isoformat()} lies ahead of this machine's clock.")
    with bootstrap.connected(settings.address("database_url")) as connection:
        restore = _known(connection, taken_at)
        if restore is not None and restore.seal:
            return _told(settings, restore, before=True)
        if restore is None:
            _check_nothing_ran(connection, taken_at)
            restore = _hold(settings, connection, taken_at, now)
        copies, missing = outside_copies(settings)
        own_key = bootstrap.installation_key(bootstrap.secrets_folder(settings), "own.key")
        sealer = Sealer(Keyring(settings).seal(), seal_file(settings), own_key=own_key)
        seal = sealer.declare_restored(connection, _seals(settings, copies), now)
        directory = decide_directory_first(settings, clock)
        restore = replace(restore, seal=seal.number)
        with connection.transaction(), connection.cursor() as cursor:
            write_restore(cursor, restore)
    told = _told(settings, restore, before=False)
    back = seal.set_back_to or 0
    lost = (back + 1, seal.number - 1) if seal.number - 1 > back else (0, 0)
    return replace(
        told,
        directory=directory,
        first_lost=lost[0],
        last_lost=lost[1],
        not_compared=tuple(missing),
    )


def _known(connection: Connection, taken_at: datetime) -> Restore | None:
    with connection.transaction(), connection.cursor() as cursor:
        restore = read_restore(cursor)
    return restore if restore is not None and restore.taken_at == taken_at else None


def _check_nothing_ran(connection: Connection, taken_at: datetime) -> None:
    with connection.transaction():
        row = connection.execute(_LAST_WORK).fetchone()
    last = row[0] if row else None
    if last is not None and last > taken_at:
        raise WorkedSince(
            f"The database holds what was decided at {last.isoformat()}, after that instant. Give"
            " the moment at which the backup was complete. If processes ran on it since, give the"
            " moment they stopped: what they sent cannot be held any more."
        )


def _hold(settings: Settings, connection: Connection, taken_at: datetime, now: datetime) -> Restore:
    """Hold the notices and note where the log ends: the first thing that is done."""
    restore = Restore(taken_at=taken_at, restored_at=now, log_ends=_log_ends(settings))
    with pool_of(settings) as pool, pool.begin() as holding:
        hold_back(holding, until=OPEN_END, now=now)
    with connection.transaction(), connection.cursor() as cursor:
        row = cursor.execute("SELECT coalesce(max(id), 0) FROM outbox").fetchone()
        restore = replace(restore, mark=row[0] if row else 0)
        write_restore(cursor, restore)
    return restore


def _log_ends(settings: Settings) -> tuple[LogEnd, ...]:
    """Return where the topics end that hold anything. Raises `Unavailable`."""
    with closing(broker_of(settings)) as broker:
        broker.ensure(OWN_TOPICS)
        topic_ids = broker.topic_ids(INBOUND_TOPICS)
    with closing(consumer_of(settings, alone=True)) as consumer:
        ends = consumer.ends(range(settings.partitions))
        begins = {shard: consumer.begins(shard) for shard in ends}
    return tuple(
        LogEnd(shard, topic, topic_ids[topic], end)
        for shard, topics in ends.items()
        for topic, end in topics.items()
        if end > begins[shard][topic]
    )


def _seals(settings: Settings, copies: Iterable[OutsideCopy]) -> Iterator[Seal]:
    keys = Keyring(settings).seal_publics()
    for copy in copies:
        yield from (seal for line in copy.lines if (seal := genuine(line, keys)) is not None)


def _told(settings: Settings, restore: Restore, *, before: bool) -> Declared:
    with pool_of(settings) as pool, pool.connect() as connection:
        held = count_held(connection, Which())
    return Declared(
        taken_at=restore.taken_at,
        restored_at=restore.restored_at,
        before=before,
        held=held,
        directory=0,
        unread=_unread(settings, restore),
        seal=restore.seal,
        first_lost=0,
        last_lost=0,
        not_compared=(),
    )


def _unread(settings: Settings, restore: Restore) -> int:
    """Return how many records of the log the database has not read."""
    with bootstrap.connected(settings.address("database_url")) as connection:
        rows = connection.execute("SELECT shard, coalesce(positions, '{}') FROM shards").fetchall()
    positions = dict(rows)
    unread = 0
    for end in restore.log_ends:
        topic_id, following, _ = positions[end.shard].get(end.topic, ("", 0, 0))
        unread += max(end.end - (following if topic_id == end.topic_id else 0), 0)
    return unread


def catch_up(settings: Settings, policy: Policy, clock: Clock) -> bool:
    """Look whether a restored installation has decided everything again; then let it go on.

    What was erased after the backup is erased again, digests that were due are made and held, and
    notices made from now on go out at once. Returns whether nothing is left to be decided again.
    """
    with bootstrap.connected(settings.address("database_url")) as connection:
        with connection.transaction(), connection.cursor() as cursor:
            restore = catching_up(cursor)
            if restore is None:
                return True
            seen = look(cursor, restore, clock.now())
            if seen.caught_up_at is None:
                if seen != restore:
                    write_restore(cursor, seen)
                return False
        # What was decided a moment ago was made before this: the hold must reach behind it.
        now = clock.now()
        again = erase_again(connection, erasure_file(settings), since=seen.taken_at, now=now)
        late = send_late(connection, policy, partitions=settings.partitions, until=seen.restored_at)
        with pool_of(settings) as pool, pool.begin() as holding:
            end_open(holding, open_end=OPEN_END, now=now)
        with connection.transaction(), connection.cursor() as cursor:
            write_restore(cursor, seen)
    log.warning(
        "everything is decided again: %s erasures repeated, %s digests made and held; an operator"
        " must say what becomes of the held notices: partygrid notices held",
        again,
        len(late),
    )
    return True
