"""`partygrid parked`: what came too early and waits, and until when."""

from datetime import datetime
from typing import Any

import psycopg
from msgspec import Struct

from events.contract.registry import RESTRICTED_PREFIX

Cursor = psycopg.Cursor[Any]

_PARKED = """
SELECT p.id::text, p.event_type, p.source, p.event_id, p.reason, p.parked_at, p.patience_until,
 p.case_id::text, coalesce(c.number, ''),
 coalesce(c.mark, 'none') <> 'none' OR EXISTS (SELECT FROM records r WHERE r.topic_id = p.topic_id
  AND r.partition = p.partition AND r."offset" = p."offset" AND r.topic LIKE %s) AS restricted
FROM parked p LEFT JOIN cases c ON c.id = p.case_id AND c.shard = p.shard
ORDER BY p.patience_until, p.id
"""


class ParkedLine(Struct, frozen=True, kw_only=True):
    """One event that waits."""

    id: str
    type: str
    source: str
    event_id: str
    #: what it waits for
    reason: str
    parked_at: datetime
    #: then it is dead-lettered
    patience_until: datetime
    case_id: str
    #: empty while the case is not known
    number: str
    restricted: bool


def list_parked(cursor: Cursor) -> list[ParkedLine]:
    """Return what waits, that first whose patience ends first; marked cases' events too."""
    rows = cursor.execute(_PARKED, (f"{RESTRICTED_PREFIX}%",)).fetchall()
    return [ParkedLine(**dict(zip(ParkedLine.__struct_fields__, row, strict=True))) for row in rows]
