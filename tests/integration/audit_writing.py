"""Audit records in a real database, as the engine appends them."""

from collections.abc import Iterable
from typing import Any

import psycopg

from models.audit_chain import AuditRecord, ChainHead, chain
from models.ledger_store import append_audit
from models.shard_store import make_shards
from tests.unit.audit_samples import entries

Connection = psycopg.Connection[Any]

_HEADS = "SELECT shard, audit_seq, audit_hash FROM shards WHERE audit_seq > 0"


def append_acts(connection: Connection, count: int, *, shard: int = 0) -> None:
    """Append records to a shard's chain in one transaction, head and all."""
    with connection.transaction(), connection.cursor() as cursor:
        make_shards(cursor, shard + 1)
        row = cursor.execute(
            "SELECT audit_seq, audit_hash FROM shards WHERE shard = %s FOR UPDATE", (shard,)
        ).fetchone()
        assert row
        chained = chain(
            # Records of no case: their chains would have to be loaded.
            (
                (act, told)
                for act, told in entries(6 * count, cases=1, first=row[0])
                if not act.case_id
            ),
            shard=shard,
            head=ChainHead(row[0], bytes(row[1])),
            case_heads={},
        )
        append_audit(cursor, chained.records)
        cursor.execute(
            "UPDATE shards SET audit_seq = %s, audit_hash = %s WHERE shard = %s",
            (chained.head.seq, chained.head.hash, shard),
        )


def records(connection: Connection) -> Iterable[AuditRecord]:
    """Return the records in the order in which a verifier takes them."""
    with connection.transaction():
        rows = connection.execute("SELECT * FROM audit ORDER BY shard, seq").fetchall()
    return [AuditRecord(*row[:7], *(bytes(one) for one in row[7:])) for row in rows]


def heads(connection: Connection) -> dict[int, ChainHead]:
    """Return the heads of the shards."""
    with connection.transaction():
        rows = connection.execute(_HEADS).fetchall()
    return {shard: ChainHead(seq, bytes(own)) for shard, seq, own in rows}
