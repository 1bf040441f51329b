"""What must hold of every row: nothing is lost between two tables, and no open case rests."""

from typing import Any, NamedTuple

import psycopg

from models.values import SETTLED_STATES
from partygrid.operations.reconciled import Gap, RowCheck

Connection = psycopg.Connection[Any]

_AT_MOST = 20


class _Rule(NamedTuple):
    name: str
    #: how many rows the rule speaks of; `{running}` stands for every running clock
    speaks_of: str
    #: places of the rows that break it
    broken: str
    explanation: str


_CLOCKS = """
SELECT h.id::text AS subject, clock->>'key' AS key FROM {table} h,
 jsonb_array_elements(CASE jsonb_typeof(h.clocks) WHEN 'array' THEN h.clocks ELSE '[]' END) AS clock
"""
_RUNNING = " UNION ALL ".join(
    _CLOCKS.format(table=table) for table in ("cases", "village_tasks", "townships")
)

RULES = (
    _Rule(
        "outbox rows are published or wait",
        "SELECT count(*) FROM outbox",
        "SELECT 'outbox ' || o.id FROM outbox o WHERE o.published_at IS NULL"
        " AND o.id < (SELECT min(p.id) FROM outbox p WHERE p.shard = o.shard"
        "  AND p.published_at > o.created_at + interval '1 hour')",
        "it waits while later rows of its shard are published: is the relay stuck?",
    ),
    _Rule(
        "parked events have a patience timer",
        "SELECT count(*) FROM parked",
        "SELECT 'parked ' || p.id FROM parked p WHERE NOT EXISTS"
        " (SELECT FROM timers t WHERE t.subject = p.id::text AND t.key = 'patience')",
        "it would wait for ever",
    ),
    _Rule(
        "patience timers have a parked event",
        "SELECT count(*) FROM timers WHERE subject_kind = 'parked'",
        "SELECT 'timer ' || t.subject FROM timers t WHERE t.subject_kind = 'parked'"
        " AND NOT EXISTS (SELECT FROM parked p WHERE p.id::text = t.subject)",
        "what it waits for is gone",
    ),
    _Rule(
        "records with fate parked are parked",
        "SELECT count(*) FROM records WHERE fate = 'parked'",
        "SELECT 'record ' || r.topic || '/' || r.partition || '/' || r.\"offset\" FROM records r"
        " WHERE r.fate = 'parked' AND NOT EXISTS"
        " (SELECT FROM parked p WHERE p.source = r.source AND p.event_id = r.event_id)",
        "its event is parked nowhere",
    ),
    _Rule(
        "dead-lettered records have their letter",
        "SELECT count(*) FROM records WHERE fate = 'dead-lettered'",
        "SELECT 'record ' || r.topic || '/' || r.partition || '/' || r.\"offset\" FROM records r"
        " WHERE r.fate = 'dead-lettered' AND NOT EXISTS (SELECT FROM dead_letters d"
        "  WHERE d.topic_id = r.topic_id AND d.partition = r.partition"
        '   AND d."offset" = r."offset") AND NOT EXISTS (SELECT FROM dead_letters d'
        '  WHERE d."offset" < 0 AND d.source = r.source AND d.event_id = r.event_id)',
        "nobody could replay it",
    ),
    _Rule(
        "decided events of apps are answered",
        "SELECT count(*) FROM journal WHERE kind = 'external' AND source <> 'partygrid/engine'",
        "SELECT 'journal ' || j.shard || '/' || j.seq FROM journal j WHERE j.kind = 'external'"
        " AND j.source <> 'partygrid/engine' AND NOT EXISTS (SELECT FROM outcomes o"
        "  WHERE o.source = j.source AND o.event_id = j.event_id)",
        "its app was never told",
    ),
    _Rule(
        "open cases have an owner or a timer",
        "SELECT count(*) FROM cases WHERE version > 0 AND state <> ALL(%(settled)s)",
        "SELECT 'case ' || c.id FROM cases c WHERE c.version > 0 AND c.state <> ALL(%(settled)s)"
        " AND (c.owner IS NULL OR c.owner = 'null'::jsonb)"
        " AND NOT EXISTS (SELECT FROM timers t WHERE t.subject = c.id::text)",
        "nobody must act and nothing will ring",
    ),
    _Rule(
        "running clocks have their timer",
        "SELECT count(*) FROM ({running}) AS running",
        "SELECT running.subject || ' ' || running.key FROM ({running}) AS running"
        " WHERE NOT EXISTS (SELECT FROM timers t WHERE t.subject = running.subject"
        "  AND t.key = running.key)",
        "it will not ring; look for a dead letter of its firing",
    ),
    _Rule(
        "timers have a running clock",
        "SELECT count(*) FROM timers WHERE subject_kind <> 'parked'",
        "SELECT t.subject || ' ' || t.key FROM timers t WHERE t.subject_kind <> 'parked'"
        " AND NOT EXISTS (SELECT FROM ({running}) AS running"
        "  WHERE running.subject = t.subject AND running.key = t.key)",
        "nothing on its subject says why it rings",
    ),
)


def _query(text: str) -> bytes:
    return text.replace("{running}", _RUNNING).encode()


def check_rows(connection: Connection) -> tuple[list[RowCheck], list[Gap]]:
    """Look at every rule; of the rows that break one the first are named."""
    values = {"settled": sorted(str(state) for state in SETTLED_STATES)}
    checks, gaps = [], []
    for rule in RULES:
        rows = connection.execute(_query(rule.speaks_of), values).fetchone()
        broken = connection.execute(_query(rule.broken), values).fetchall()
        checks.append(RowCheck(name=rule.name, rows=rows[0] if rows else 0, broken=len(broken)))
        gaps += [
            Gap(equation=rule.name, place=row[0], explanation=rule.explanation)
            for row in broken[:_AT_MOST]
        ]
    return checks, gaps
