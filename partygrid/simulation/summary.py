"""What a played week brought about: counted from the rows, never from counters kept meanwhile."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, LiteralString

import psycopg
from msgspec import Struct

from models.policy.schema import Policy
from models.seals import Seal
from models.values import SETTLED_STATES
from partygrid.operations.reconciled import Reconciled
from partygrid.simulation.expected import Counted, Expectations
from partygrid.simulation.mix import Level, kind_of, level_of
from partygrid.simulation.stories import Story

Connection = psycopg.Connection[Any]

_QUERIES: Mapping[Counted, LiteralString] = {
    Counted.EVENT_TYPES: "SELECT event_type, count(*) FROM journal WHERE kind <> 'firing'"
    " GROUP BY 1",
    Counted.STATES: "SELECT act::jsonb->>'after', count(DISTINCT case_id) FROM audit"
    " WHERE case_id IN (SELECT id::text FROM cases) GROUP BY 1",
    Counted.RUNGS: "SELECT rung->>'name', count(*) FROM cases,"
    " jsonb_array_elements(rungs) AS rung WHERE coalesce(rung->>'skipped', '') = '' GROUP BY 1",
    Counted.NOTICES: "SELECT kind, count(*) FROM notices GROUP BY 1",
    Counted.FATES: "SELECT fate, count(*) FROM records GROUP BY 1",
    Counted.DEAD_LETTERS: "SELECT reason, count(*) FROM dead_letters GROUP BY 1",
    Counted.WHISTLES: "SELECT kind, count(*) FROM whistles GROUP BY 1",
    Counted.TASKS: "SELECT act::jsonb->>'after', count(DISTINCT case_id) FROM audit"
    " WHERE case_id IN (SELECT id::text FROM village_tasks) GROUP BY 1",
}
_FOUR_TWO = """
SELECT stage || ': ' || coalesce(nullif(outcome, ''), 'goes on'), count(*) FROM consultations
WHERE kind = 'four_two' GROUP BY 1
"""
_MATTERS = """
SELECT c.category, exists (SELECT FROM whistles w WHERE w.case_id = c.id AND w.state = 'finished'),
 count(*), count(*) FILTER (WHERE c.state = ANY(%(settled)s)),
 count(*) FILTER (WHERE (c.due->>'due_at')::timestamptz <= %(end)s AND c.state <> 'SUSPENDED'),
 count(*) FILTER (WHERE (c.due->>'due_at')::timestamptz <= %(end)s AND c.state <> 'SUSPENDED'
  AND (c.state = ANY(%(settled)s)))
FROM cases c WHERE c.version > 0 GROUP BY 1, 2
"""
_REOPENED = "SELECT count(*) FROM cases WHERE reopened > 0"
_TIMERS = "SELECT count(*) FROM journal WHERE kind = 'firing'"
#: Each start of the one engine takes every shard over.
_STARTS = "SELECT max(epoch) FROM shards"
_REFUSED = "SELECT reason, count(*) FROM records WHERE fate = 'refused' GROUP BY 1"


class Matters(Struct, frozen=True, kw_only=True):
    """Of the cases: shares in per cent, beside those of domain.md §2."""

    cases: int
    settled: int
    #: by where they are settled, or will be
    levels: Mapping[str, float]
    hazards: float
    disputes: float
    #: of those whose limit lies in the stretch: settled, in per cent; None where there is none
    close_rate: float | None
    reopened: int


class Summary(Struct, frozen=True, kw_only=True):
    """Everything that is told at the end."""

    seed: int
    start: datetime
    end: datetime
    #: of the wall clock, without starting the servers
    took: timedelta
    reports: int
    acts: int
    timers: int
    counts: Mapping[str, Mapping[str, int]]
    #: why acts were refused
    refused: Mapping[str, int]
    #: how the four deliberations ended
    four_two: Mapping[str, int]
    matters: Matters
    #: names that were to be counted and were not
    missing: Mapping[str, list[str]]
    #: did the stretch have to show everything
    full: bool
    #: what is not asked for → why
    exceptions: Mapping[str, str]
    gaps: list[str]
    #: number and hash of the last seal
    seal: tuple[int, str] | None
    engine_starts: int
    engine_kills: int

    @property
    def passed(self) -> bool:
        """Does everything add up, and was everything shown that had to be?"""
        return not self.gaps and not (self.full and self.missing)


class Played(Struct, frozen=True, kw_only=True):
    """What only who conducted it can tell."""

    seed: int
    start: datetime
    end: datetime
    took: timedelta
    reports: int
    acts: int
    full: bool
    engine_kills: int


def summarise(
    connection: Connection,
    policy: Policy,
    played: Played,
    *,
    reconciled: Reconciled,
    seal: Seal | None,
) -> Summary:
    """Count everything."""
    counts = {what: _pairs(connection, query) for what, query in _QUERIES.items()}
    expectations = Expectations(policy)
    return Summary(
        seed=played.seed,
        start=played.start,
        end=played.end,
        took=played.took,
        reports=played.reports,
        acts=played.acts,
        full=played.full,
        engine_starts=_one(connection, _STARTS),
        engine_kills=played.engine_kills,
        timers=_one(connection, _TIMERS),
        counts={str(what): found for what, found in counts.items()},
        refused=_pairs(connection, _REFUSED),
        four_two=_pairs(connection, _FOUR_TWO),
        matters=_matters(connection, policy, played.end),
        missing={str(what): names for what, names in expectations.missing(counts).items()},
        exceptions=expectations.exceptions(),
        gaps=[str(gap) for gap in reconciled.gaps],
        seal=(seal.number, seal.digest()) if seal else None,
    )


def _pairs(connection: Connection, query: LiteralString) -> dict[str, int]:
    with connection.transaction():
        rows = connection.execute(query).fetchall()
    return dict(sorted((name, count) for name, count in rows if name))


def _one(connection: Connection, query: LiteralString) -> int:
    with connection.transaction():
        row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _matters(connection: Connection, policy: Policy, end: datetime) -> Matters:
    settled = sorted(str(state) for state in SETTLED_STATES)
    with connection.transaction():
        rows = connection.execute(_MATTERS, {"settled": settled, "end": end}).fetchall()
    levels: dict[Level, int] = dict.fromkeys(Level, 0)
    kinds: dict[str, int] = {}
    cases, closed, due, in_time = 0, 0, 0, 0
    for code, whistled, count, settled_count, due_count, due_settled in rows:
        cases, closed = cases + count, closed + settled_count
        due, in_time = due + due_count, in_time + due_settled
        category = policy.category(code)
        if category is not None:
            level = Level.COUNTY if whistled else level_of(category, Story.SMOOTH)
            levels[level] += count
            kinds[kind_of(category)] = kinds.get(kind_of(category), 0) + count
    known = sum(levels.values()) or 1
    return Matters(
        cases=cases,
        settled=closed,
        levels={str(level): round(100 * count / known, 2) for level, count in levels.items()},
        hazards=round(100 * kinds.get("hazard", 0) / known, 2),
        disputes=round(100 * kinds.get("dispute", 0) / known, 2),
        close_rate=round(100 * in_time / due, 2) if due else None,
        reopened=_one(connection, _REOPENED),
    )
