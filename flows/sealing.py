"""Seals: at most every minute one signed statement of what is new in the audit, and its copies.

In one transaction the seal is written beside the audit and into the outbox for `audit.seals`; the
file outside the database gets it after the commit, so no copy ever holds a seal that is not there.
"""

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import psycopg

from events.admission import ENGINE_KEY, ENGINE_SOURCE, vouch
from events.codec import attributes_of, data_of, encode, type_name
from events.contract.envelope import Acting, Event
from events.contract.outgoing import SealPublished
from events.contract.registry import Topic
from models.keys import SigningKey
from models.ledger_store import OUTBOX
from models.rows import to_json
from models.seal_file import SealFile
from models.seals import Seal, SealedRange, make_seal, read_seal, sealed_range
from models.values import SYSTEM_PREFIX, derived_id
from partygrid.errors import Refused

log = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

#: Any constant will do: of all sealers of an installation one is at work.
_LOCK = 0x7365616C
#: Under this name the installation's facts tell how far each shard is sealed. For looking only.
SEALED_TO = "sealed_to"
_COPY_AT_ONCE = 1000
#: A seal is about the whole installation; events name a place, and no place has this code.
_NOWHERE = "000000"
#: Shard through whose outbox seals go; every installation has it.
_SHARD = 0

#: Seals by which a restore was declared, and the last seal before each that still counts.
_BACKS = """
SELECT number, (seal::jsonb->>'set_back_to')::bigint FROM seals
WHERE number > %s AND seal::jsonb->>'set_back_to' IS NOT NULL
"""
_RANGES = """
SELECT (range->>'shard')::int, max((range->>'to_seq')::bigint)
FROM seals s, jsonb_array_elements(s.seal::jsonb->'ranges') AS range
WHERE s.number > %s AND NOT EXISTS
 (SELECT FROM unnest(%s::bigint[], %s::bigint[]) AS b (number, back)
  WHERE s.number > b.back AND s.number < b.number) GROUP BY 1
"""
_NOTE = """
INSERT INTO installation (name, value) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""


class SetBack(Refused):
    """The seal file holds seals that the database does not have: the database was set back."""


class OtherAudit(Refused):
    """An outside copy holds another seal under a number of this database: see `audit verify`."""


class AuditHasGaps(Refused):
    """Records are missing in the audit: it cannot be sealed. See `partygrid audit verify`."""


class Sealer:
    """Makes the seals of an installation. Remembers up to where each shard is sealed."""

    def __init__(self, key: SigningKey, file: SealFile, *, own_key: bytes) -> None:
        """Take the signing key, the file of copies, and the key that vouches for our events."""
        self._key, self._file, self._own_key = key, file, own_key
        self._last: Seal | None = None
        self._sealed_to: dict[int, int] = {}
        #: number of the last seal in the file; None: look
        self._copied: int | None = None

    def seal(self, connection: Connection, now: datetime) -> Seal | None:
        """Seal what is new, and bring the file up to date.

        Returns None where nothing is new or another sealer is at work. Raises `SetBack`, and then
        nothing was sealed: an operator must decide.
        """
        with connection.transaction():
            seal = self._next(connection, now) if _is_ours(connection) else None
        self._copy(connection)
        return seal

    def declare_restored(
        self, connection: Connection, outside: Iterable[Seal], now: datetime
    ) -> Seal:
        """Seal what a restored database holds, and declare that what came after it is lost.

        `outside` are genuine seals that copies kept; those the database lacks are put back, so that
        every copy of them still agrees. Raises `OtherAudit` where a copy contradicts the database.
        """
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            self._last, self._sealed_to = None, {}
            kept = self._catch_up(connection)
            for seal in _lost(connection, outside, after=kept):
                _insert(connection, seal)
                self._last = seal
            seal = make_seal(
                list(self._new_ranges(connection)),
                previous=self._last,
                key=self._key,
                now=now,
                set_back_to=kept,
            )
            self._write(connection, seal, now)
        self._copy(connection)
        return seal

    def _next(self, connection: Connection, now: datetime) -> Seal | None:
        self._refuse_if_set_back(self._catch_up(connection))
        ranges = list(self._new_ranges(connection))
        if not ranges:
            return None
        seal = make_seal(ranges, previous=self._last, key=self._key, now=now)
        self._write(connection, seal, now)
        return seal

    def _write(self, connection: Connection, seal: Seal, now: datetime) -> None:
        """Write the seal beside the audit and into the outbox."""
        _insert(connection, seal)
        sealed_to = self._sealed_to | {new.shard: new.to_seq for new in seal.ranges}
        noted = to_json({str(shard): to_seq for shard, to_seq in sealed_to.items()})
        connection.execute(_NOTE, (SEALED_TO, noted))
        with connection.cursor() as cursor:
            OUTBOX.append(cursor, [self._published(seal, now)])
            cursor.execute("SELECT pg_notify('partygrid_outbox', '')")

    def _catch_up(self, connection: Connection) -> int:
        """Learn what was sealed since the last seal we know of; other sealers may have done it.

        Returns the last seal's number; 0 where there is none.
        """
        known = self._last.number if self._last else 0
        if connection.execute(_BACKS, (known,)).fetchall():
            known, self._sealed_to = 0, {}
        backs = connection.execute(_BACKS, (known,)).fetchall()
        ends = [[row[column] for row in backs] for column in (0, 1)]
        rows = connection.execute(_RANGES, (known, *ends)).fetchall()
        self._sealed_to.update({int(shard): int(to_seq) for shard, to_seq in rows})
        self._last = last_seal(connection)
        return self._last.number if self._last else 0

    def _refuse_if_set_back(self, number: int) -> None:
        if self._copied is None or self._copied > number:
            copied = self._file.last()
            self._copied = copied.number if copied else 0
        if self._copied > number:
            raise SetBack(
                f"The seal file goes to seal {self._copied}, the database to {number}: it was set"
                " back. After a restore say `partygrid restored --at <when the backup was made>`;"
                " otherwise look first: `partygrid audit verify`."
            )

    def _new_ranges(self, connection: Connection) -> Iterator[SealedRange]:
        """Take each shard's records since its last seal; gapless when committed."""
        rows = connection.execute("SELECT shard, audit_seq FROM shards ORDER BY shard").fetchall()
        for shard, last in rows:
            first = self._sealed_to.get(shard, 0) + 1
            hashes = connection.execute(
                "SELECT hash FROM audit WHERE shard = %s AND seq BETWEEN %s AND %s ORDER BY seq",
                (shard, first, last),
            ).fetchall()
            if len(hashes) != max(last - first + 1, 0):
                raise AuditHasGaps(
                    f"Of shard {shard}'s records {first} to {last} only {len(hashes)} are there."
                    " Run `partygrid audit verify`."
                )
            if hashes:
                yield sealed_range(
                    shard=shard, from_seq=first, hashes=[bytes(row[0]) for row in hashes]
                )

    def _published(self, seal: Seal, now: datetime) -> dict[str, Any]:
        """Return the outbox row that carries the seal to `audit.seals`."""
        data = SealPublished(number=seal.number, seal=seal.to_json().decode())
        event = Event(
            id=derived_id("seal", seal.number, seal.digest()),
            source=ENGINE_SOURCE,
            type=type_name(data),
            time=now,
            township=_NOWHERE,
            acting=Acting(
                actor=f"{SYSTEM_PREFIX}sealer", role="system", org="", asserted_by="system"
            ),
            data=data,
            key_id=ENGINE_KEY,
        )
        signature = vouch(self._own_key, attributes_of(event), data_of(data))
        encoded = encode(event, signature=signature)
        return {
            "shard": _SHARD,
            "topic": str(Topic.AUDIT_SEALS),
            "key": "",
            "source": event.source,
            "event_id": event.id,
            "headers": [[name, text.decode()] for name, text in encoded.headers],
            "value": encoded.value,
            "created_at": now,
            "published_at": None,
            "partition": -1,
            "instant": None,
        }

    def _copy(self, connection: Connection) -> None:
        """Append to the file what it lacks, also after a crash and from other sealers."""
        if self._copied is None:
            copied = self._file.last()
            self._copied = copied.number if copied else 0
        while True:
            with connection.transaction():
                missing = seals_after(connection, self._copied, limit=_COPY_AT_ONCE)
            for seal in missing:
                self._file.append(seal)
                self._copied = seal.number
            if len(missing) < _COPY_AT_ONCE:
                return


def seals_after(connection: Connection, number: int, *, limit: int) -> list[Seal]:
    """Return the seals of later numbers, in order, at most `limit`."""
    rows = connection.execute(
        "SELECT seal FROM seals WHERE number > %s ORDER BY number LIMIT %s", (number, limit)
    ).fetchall()
    return [read_seal(row[0]) for row in rows]


def last_seal(connection: Connection) -> Seal | None:
    """Return the newest seal, or None before the first."""
    row = connection.execute("SELECT seal FROM seals ORDER BY number DESC LIMIT 1").fetchone()
    return read_seal(row[0]) if row else None


def _insert(connection: Connection, seal: Seal) -> None:
    connection.execute(
        "INSERT INTO seals (number, made_at, seal) VALUES (%s, %s, %s)",
        (seal.number, seal.made_at, seal.to_json().decode()),
    )


def _lost(connection: Connection, outside: Iterable[Seal], *, after: int) -> list[Seal]:
    """Return the seals of copies that the database lacks, in order. Raises `OtherAudit`."""
    found: dict[int, Seal] = {}
    for seal in outside:
        known = found.setdefault(seal.number, seal)
        if known.digest() != seal.digest():
            raise OtherAudit(f"Two copies hold different seals under the number {seal.number}.")
    own = {seal.number: seal for seal in seals_after(connection, 0, limit=after)}
    for number, seal in sorted(found.items()):
        if number in own and own[number].digest() != seal.digest():
            raise OtherAudit(
                f"A copy holds another seal {number} than this database: is it a backup of this"
                " installation? Run `partygrid audit verify` before anything starts."
            )
    return [seal for number, seal in sorted(found.items()) if number > after]


def _is_ours(connection: Connection) -> bool:
    row = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (_LOCK,)).fetchone()
    return bool(row and row[0])
