"""Audit records as lines of an export: JSON that people and other programs can read and check."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

import msgspec
from msgspec import Struct

from models.audit_chain import AuditRecord


class Damaged(Struct, frozen=True):
    """Stands where a record should be but none can be read."""

    shard: int
    seq: int
    why: str


class _Line(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record with hashes in hex. Both halves stand byte for byte as they were hashed."""

    shard: int
    seq: int
    case_id: str
    case_seq: int
    algorithm: str
    act: msgspec.Raw
    circumstance: msgspec.Raw
    prev_hash: str
    case_prev_hash: str
    hash: str


class _Place(Struct, frozen=True):
    shard: int
    seq: int


_write_line = msgspec.json.Encoder().encode
_read_line = msgspec.json.Decoder(_Line).decode
_read_place = msgspec.json.Decoder(_Place).decode


def line_of(record: AuditRecord) -> bytes:
    """Return the record as one line, without its line end."""
    return _write_line(
        _Line(
            shard=record.shard,
            seq=record.seq,
            case_id=record.case_id,
            case_seq=record.case_seq,
            algorithm=record.algorithm,
            act=msgspec.Raw(record.act),
            circumstance=msgspec.Raw(record.circumstance),
            prev_hash=record.prev_hash.hex(),
            case_prev_hash=record.case_prev_hash.hex(),
            hash=record.hash.hex(),
        )
    )


def read_lines(lines: Iterable[bytes]) -> Iterator[AuditRecord | Damaged]:
    """Yield what the lines hold; a line that is no record becomes `Damaged`."""
    shard, seq = 0, 0
    for line in lines:
        found: AuditRecord | Damaged
        try:
            found = _record(_read_line(line))
        except (ValueError, RecursionError) as error:
            found = _damaged(line, shard, seq + 1, str(error))
        shard, seq = found.shard, found.seq
        yield found


def _record(line: _Line) -> AuditRecord:
    return AuditRecord(
        shard=line.shard,
        seq=line.seq,
        case_id=line.case_id,
        case_seq=line.case_seq,
        algorithm=line.algorithm,
        act=bytes(line.act).decode(),
        circumstance=bytes(line.circumstance).decode(),
        prev_hash=bytes.fromhex(line.prev_hash),
        case_prev_hash=bytes.fromhex(line.case_prev_hash),
        hash=bytes.fromhex(line.hash),
    )


def _damaged(line: bytes, shard: int, seq: int, why: str) -> Damaged:
    # Its own numbers say best where it belongs; failing that it follows the line before.
    with suppress(ValueError, RecursionError):
        place = _read_place(line)
        return Damaged(place.shard, place.seq, why)
    return Damaged(shard, seq, why)
