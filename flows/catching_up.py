"""After a restore: whether everything that had happened before it is decided again.

Three things must be done: the log is read to where it ended, timers that were due have fired, and
what waited in the outbox is answered. An answer may put more into the outbox, or set a timer for
at once; so for what came meanwhile it is asked again, a few times: such chains are short.
"""

from datetime import datetime
from typing import Any

import psycopg
from msgspec.structs import replace

from events.contract.registry import INBOUND_TOPICS
from models.restores import Restore

Cursor = psycopg.Cursor[Any]

#: More than any chain of follow-ups is long. Who works all the time is not waited for any longer.
_ROUNDS = 20

_UNREAD = """
SELECT count(*) FROM unnest(%s::int[], %s::text[], %s::text[], %s::bigint[])
 AS e (shard, topic, topic_id, "end") JOIN shards s ON s.shard = e.shard
WHERE NOT coalesce(s.positions->e.topic->>0 = e.topic_id
 AND (s.positions->e.topic->>1)::bigint >= e."end", false)
"""
_DUE = "SELECT count(*) FROM timers WHERE due_at <= %s"
_UNANSWERED = """
SELECT count(*) FROM outbox o WHERE o.topic = ANY(%s) AND o.id <= %s
 AND NOT EXISTS (SELECT FROM journal j WHERE j.source = o.source AND j.event_id = o.event_id)
 AND NOT EXISTS (SELECT FROM dead_letters d WHERE d.source = o.source AND d.event_id = o.event_id)
"""
_LAST = "SELECT coalesce(max(id), 0) FROM outbox"


def look(cursor: Cursor, restore: Restore, now: datetime) -> Restore:
    """Return how far it has come by `now`; `caught_up_at` is set where everything is decided."""
    if _is_behind(cursor, restore) or _unanswered(cursor, restore.mark):
        return restore
    last = _count(cursor, _LAST)
    quiet = not _unanswered(cursor, last) and not _count(cursor, _DUE, (now,))
    if quiet or restore.rounds >= _ROUNDS:
        return replace(restore, caught_up_at=now)
    return replace(restore, mark=last, rounds=restore.rounds + 1)


def _is_behind(cursor: Cursor, restore: Restore) -> bool:
    ends = restore.log_ends
    columns = (
        [end.shard for end in ends],
        [end.topic for end in ends],
        [end.topic_id for end in ends],
        [end.end for end in ends],
    )
    return bool(_count(cursor, _UNREAD, columns) or _count(cursor, _DUE, (restore.restored_at,)))


def _unanswered(cursor: Cursor, mark: int) -> int:
    return _count(cursor, _UNANSWERED, (list(INBOUND_TOPICS), mark))


def _count(cursor: Cursor, query: str, values: Any = None) -> int:
    row = cursor.execute(query.encode(), values).fetchone()
    return int(row[0]) if row else 0
