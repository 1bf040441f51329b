"""One event into the outbox, with the installation's own mark on it."""

from datetime import datetime
from typing import Any

import psycopg
from msgspec.structs import replace

from events.contract.envelope import Event
from events.outbox import keep, vouched

_AT_THE_PRESENT_INSTANT = """
UPDATE outbox o SET instant = c.instant FROM conductor c
WHERE c.id = 1 AND NOT c.handed_over AND o.source = %s AND o.event_id = %s
"""


def put_out(
    cursor: psycopg.Cursor[Any],
    event: Event,
    *,
    own_key: bytes,
    partitions: int,
    now: datetime,
    marked: bool = False,
) -> None:
    """Put an event into the outbox; in a time-lapse it bears the conductor's time.

    `marked`: few may know of it, whatever it says itself.
    """
    ready = replace(vouched(event, own_key), marked=marked)
    keep(cursor, [ready], partitions=partitions, now=now)
    cursor.execute(_AT_THE_PRESENT_INSTANT, (event.source, event.id))
