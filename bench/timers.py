"""How late timers fire that come due one by one while very many are open.

The database says it all: the due instant is a firing's decision time in the journal, the instant
of its commit is kept by the server. The engine is otherwise idle, the topics are empty.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import psycopg
from msgspec.structs import replace

from bench.crowded import Crowd
from bench.ground import EngineProcess
from models.clocks import Clock, ClockKind
from models.rows import to_json
from tests.world import TOWNSHIPS

_A_SECOND = 20
#: After the timers are set, the first one comes due; after the last one, all must have fired.
_AHEAD, _GIVE_UP, _LOOK = timedelta(seconds=2), 60, 0.1
_MILLISECOND = timedelta(milliseconds=1)

Connection = psycopg.Connection[Any]
_clocks = msgspec.json.Decoder(tuple[Clock, ...])


class Lateness(NamedTuple):
    """Milliseconds from the due instant to the commit of what the firing brought."""

    #: timers in the database when the first came due
    open: int
    #: that came due in the window
    due: int
    #: of them, those whose firing left an audit record
    audited: int
    p50: float
    p95: float
    p99: float
    most: float


def measure(crowd: Crowd, *, seconds: int) -> Lateness:
    """Let twenty warnings a second come due for so long."""
    with (
        crowd.ground.stage(crowd.url) as stage,
        stage.engine("timers") as engine,
        stage.connected() as connection,
    ):
        named = _warnings(connection, 1 + seconds * _A_SECOND)
        _fire(engine, connection, named[:1])  # so that everything is loaded
        ((running,),) = connection.execute("SELECT count(*) FROM timers").fetchall()
        late, audited = _fire(engine, connection, named[1:])
    ordered = sorted(one / _MILLISECOND for one in late)
    p50, p95, p99 = (ordered[int(share * (len(ordered) - 1))] for share in (0.50, 0.95, 0.99))
    return Lateness(running, len(ordered), audited, p50, p95, p99, ordered[-1])


def _warnings(connection: Connection, count: int) -> list[str]:
    """Return cases of the county's people that a warning is set for."""
    rows = connection.execute(
        "SELECT t.subject FROM cases c JOIN timers t ON t.subject = c.id::text"
        " WHERE t.key = 'case_warning' AND c.township = ANY(%s) ORDER BY t.subject LIMIT %s",
        (list(TOWNSHIPS), count),
    ).fetchall()
    assert len(rows) == count, f"only {len(rows)} cases have a warning ahead, not {count}"
    return [subject for (subject,) in rows]


def _fire(
    engine: EngineProcess, connection: Connection, cases: Sequence[str]
) -> tuple[list[timedelta], int]:
    """Let their warnings come due one after the other; returns by how much each was late."""
    behind = connection.execute("SELECT seq, audit_seq FROM shards WHERE shard = 0").fetchone()
    assert behind is not None
    begun = datetime.now(UTC) + _AHEAD
    due = [begun + timedelta(seconds=place / _A_SECOND) for place in range(len(cases))]
    _set(connection, cases, due)
    time.sleep((due[-1] - datetime.now(UTC)).total_seconds())
    deadline = time.monotonic() + _GIVE_UP
    while len(late := _fired(connection, cases, behind[0])) < len(cases):
        engine.must_run()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(cases) - len(late)} of {len(cases)} timers did not fire")
        time.sleep(_LOOK)
    ((audited,),) = connection.execute(_AUDITED, (behind[1], list(cases))).fetchall()
    return late, audited


def _set(connection: Connection, cases: Sequence[str], due: Sequence[datetime]) -> None:
    """Let the warnings of these cases come due then, as if they had been set so."""
    known = dict(
        connection.execute(
            "SELECT id::text, clocks::text FROM cases WHERE id = ANY(%s::uuid[])", (list(cases),)
        ).fetchall()
    )
    clocks = [
        to_json([_due_at(clock, at) for clock in _clocks.decode(known[case])])
        for case, at in zip(cases, due, strict=True)
    ]
    with connection.transaction():
        for statement, values in ((_SET_TIMERS, list(due)), (_SET_CLOCKS, clocks)):
            connection.execute(statement, (list(cases), values))


def _due_at(clock: Clock, at: datetime) -> Clock:
    return replace(clock, due_at=at) if clock.key == ClockKind.CASE_WARNING else clock


def _fired(connection: Connection, cases: Sequence[str], behind: int) -> list[timedelta]:
    return [late for (late,) in connection.execute(_FIRED, (behind, list(cases)))]


_SET_TIMERS = (
    "UPDATE timers t SET due_at = w.at FROM unnest(%s::text[], %s::timestamptz[]) AS w (id, at)"
    " WHERE t.subject = w.id AND t.key = 'case_warning'"
)
_SET_CLOCKS = (
    "UPDATE cases c SET clocks = w.clocks"
    " FROM unnest(%s::uuid[], %s::jsonb[]) AS w (id, clocks) WHERE c.id = w.id"
)
_FIRED = (
    "SELECT pg_xact_commit_timestamp(xmin) - decided_at FROM journal"
    " WHERE shard = 0 AND seq > %s AND subject = ANY(%s) AND event_type = 'timer:case_warning'"
)
_AUDITED = (
    "SELECT count(DISTINCT case_id) FROM audit WHERE shard = 0 AND seq > %s AND case_id = ANY(%s)"
)
