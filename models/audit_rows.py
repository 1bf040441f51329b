"""Audit records as rows: the columns of a stored record, and the lines of an export."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from models.audit_chain import Act, AuditRecord, Circumstance
from partygrid.errors import Invalid


class UnreadableRecord(Invalid):
    """What stands here cannot be read as an audit record."""


def _names(kind: type[Struct]) -> tuple[str, ...]:
    return kind.__struct_fields__


_ACT_END = 3 + len(_names(Act))
_CIRCUMSTANCE_END = _ACT_END + len(_names(Circumstance))

#: Names of the columns a stored record has, in the order of `row_of`.
COLUMNS: tuple[str, ...] = (
    *("shard", "seq", "case_seq"),
    *_names(Act),
    *_names(Circumstance),
    *("algorithm", "prev_hash", "case_prev_hash", "hash"),
)


def row_of(record: AuditRecord) -> tuple[Any, ...]:
    """Return the record's values in the order of `COLUMNS`, for a bulk copy."""
    return (
        record.shard,
        record.seq,
        record.case_seq,
        *msgspec.structs.astuple(record.act),
        *msgspec.structs.astuple(record.circumstance),
        record.algorithm,
        record.prev_hash,
        record.case_prev_hash,
        record.hash,
    )


def record_of(row: Sequence[Any]) -> AuditRecord:
    """Return the record of values in the order of `COLUMNS`. Raises `UnreadableRecord`."""
    act = dict(zip(_names(Act), row[3:_ACT_END], strict=True))
    told = dict(zip(_names(Circumstance), row[_ACT_END:_CIRCUMSTANCE_END], strict=True))
    algorithm, *hashes = row[_CIRCUMSTANCE_END:]
    try:
        prev_hash, case_prev_hash, own = map(bytes, hashes)
        return AuditRecord(
            shard=row[0],
            seq=row[1],
            case_seq=row[2],
            act=msgspec.convert(act, Act),
            circumstance=msgspec.convert(told, Circumstance),
            algorithm=algorithm,
            prev_hash=prev_hash,
            case_prev_hash=case_prev_hash,
            hash=own,
        )
    except (msgspec.ValidationError, TypeError) as error:
        raise UnreadableRecord(str(error), shard=row[0], seq=row[1]) from None


class _Line(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record in an export: hashes are hex, so that people and other programs can compare them."""

    shard: int
    seq: int
    case_seq: int
    act: dict[str, Any]
    circumstance: dict[str, Any]
    algorithm: str
    prev_hash: str
    case_prev_hash: str
    hash: str
