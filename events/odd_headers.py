"""Lets kafka-python read records whose header names are no UTF-8.

Anybody who may write a topic can write such a record. kafka-python raises in the middle of a poll,
again and again at the same place, so that one record would stop every engine. Read with the odd
bytes replaced, it is an ordinary malformed record and ends as a dead letter.
"""

from typing import Any

from kafka.record.default_records import DefaultRecordBatch


class _Lenient(bytearray):
    """A record batch's bytes, whose slices decode whatever stands in them."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Lenient(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, errors)


_read_strictly = DefaultRecordBatch._read_msg


def _read_leniently(batch: Any) -> Any:
    """Read one record; where a header's name cannot be decoded, once more without strictness."""
    start = batch._pos
    try:
        return _read_strictly(batch)
    except UnicodeDecodeError:
        batch._pos, batch._buffer = start, _Lenient(batch._buffer)
        return _read_strictly(batch)


def tolerate_odd_headers() -> None:
    """Teach kafka-python; harmless where it knows already."""
    DefaultRecordBatch._read_msg = _read_leniently
