"""The numbers producers put on what they sign: which arrived, and which are missing."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg

from events.codec import Decoded, decode
from partygrid.operations.reconciled import Gap, ProducerCount
from partygrid.operations.spools import SpoolSeen

Connection = psycopg.Connection[Any]

PRODUCERS = "producers"

_NUMBERED = """
SELECT source, sequence, min(decided_at)
FROM journal WHERE kind = 'external' AND sequence >= 0 GROUP BY 1, 2
"""
_LETTERS = """
SELECT source, headers, value, at FROM dead_letters
WHERE "offset" >= 0 AND proved
"""
#: source → number → when it was decided
Numbers = dict[str, dict[int, datetime]]


def arrived_numbers(connection: Connection) -> Numbers:
    """Return the numbers of every producer that numbers its events: decided or put aside."""
    found: Numbers = {}
    for source, number, at in connection.execute(_NUMBERED):
        found.setdefault(source, {})[number] = at
    rows = connection.execute(_LETTERS).fetchall()
    for source, headers, value, at in rows:
        number = number_of(headers or [], bytes(value))
        if number >= 0:
            found.setdefault(source, {}).setdefault(number, at)
    return found


def number_of(headers: list[list[str]], value: bytes) -> int:
    """Return the number a producer put on a record; -1 where it put none, or none can be read."""
    read = decode(value, [(name, text.encode("latin-1", "replace")) for name, text in headers])
    if isinstance(read, Decoded):
        return read.event.sequence
    text = read.attributes.get("sequence", "")
    return int(text) if text.isdecimal() and len(text) < 10 else -1


def count_producers(
    numbers: Numbers, spools: Iterable[SpoolSeen], *, now: datetime, offline: timedelta
) -> tuple[list[ProducerCount], list[Gap]]:
    """Hold what was signed out against what arrived.

    A number that is nowhere is a gap where the app's spool is known not to hold it, and else
    where a later one was decided more than `offline` ago.
    """
    by_source = {spool.source: spool for spool in spools}
    counts, gaps = [], []
    for source in sorted({*numbers, *by_source}):
        known, spool = numbers.get(source, {}), by_source.get(source)
        signed_out = max([*known, spool.signed_out if spool else 0])
        held = spool.held if spool else frozenset[int]()
        missing = [n for n in range(1, signed_out + 1) if n not in known and n not in held]
        counts.append(
            ProducerCount(
                source=source,
                signed_out=signed_out,
                arrived=len(known),
                in_spool=len(held - set(known)) if spool else None,
                missing=tuple(ranges(missing)),
            )
        )
        lost = missing if spool else _overdue(missing, known, now - offline)
        if lost:
            why = "are neither here nor in the app's spool" if spool else "did not arrive in time"
            told = f"numbers {', '.join(ranges(lost))} {why}"
            gaps.append(Gap(equation=PRODUCERS, place=source, explanation=told))
    return counts, gaps


def _overdue(missing: list[int], known: dict[int, datetime], before: datetime) -> list[int]:
    """Return the missing numbers of which a later one was decided before this moment."""
    last = max((number for number, at in known.items() if at < before), default=0)
    return [number for number in missing if number < last]


def ranges(numbers: Iterable[int]) -> Iterator[str]:
    """Yield ascending numbers as `3`, `5–9`."""
    first = last = -1
    for number in numbers:
        if first >= 0 and number == last + 1:
            last = number
            continue
        if first >= 0:
            yield _range(first, last)
        first = last = number
    if first >= 0:
        yield _range(first, last)


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}–{last}"
