"""The figures of a daily digest, from the rows of cases, visits and whistles.

Formulas and their reasons: docs/digests.md. A marked case appears in no figure. What has nothing
to be divided by has no value, never zero.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from models.clocks import ClockKind
from models.handling import WhistleState
from models.policy.categories import Urgency
from models.policy.work import Satisfaction
from models.values import SETTLED_STATES, CaseState, Mark, Step
from notifications.daily import Figure

#: The step whose people a case in this state waits for.
STEP_OF_STATE: Mapping[CaseState, Step] = {
    CaseState.REPORTED: Step.INTAKE,
    CaseState.VERIFYING: Step.INTAKE,
    CaseState.REGISTERED: Step.INTAKE,
    CaseState.CONSULTING: Step.CONSULTATION,
    CaseState.DISPATCHED: Step.ASSIGNMENT,
    CaseState.ACCEPTED: Step.ASSIGNMENT,
    CaseState.RETURN_REQUESTED: Step.ASSIGNMENT,
    CaseState.HANDLING: Step.ASSIGNMENT,
    CaseState.SUSPENDED: Step.ASSIGNMENT,
    CaseState.FEEDBACK: Step.ASSIGNMENT,
    CaseState.CHECKING: Step.ASSIGNMENT,
    CaseState.WHISTLED: Step.ESCALATION,
    CaseState.VISITING: Step.FEEDBACK,
    CaseState.REOPENED: Step.FEEDBACK,
}
#: Steps in the order in which cases pass them.
STEPS = tuple(dict.fromkeys(STEP_OF_STATE.values()))

#: Ended with the matter done; evaluated and archived cases were closed before.
ENDED = (CaseState.CLOSED, CaseState.EVALUATED, CaseState.ARCHIVED)
#: Never was a case here, or is none of ours any more: it can be neither in time nor late.
NOT_OURS = (CaseState.STUB, CaseState.HISTORY)
DROPPED = (CaseState.REJECTED, CaseState.MERGED, CaseState.CANCELLED)

Cursor = psycopg.Cursor[Any]

_CASES = """
SELECT
 count(*) FILTER (WHERE reported_at >= %(from)s AND reported_at < %(until)s),
 count(*) FILTER (WHERE closed_at >= %(from)s AND closed_at < %(until)s
  AND state = ANY(%(closed)s)),
 count(*) FILTER (WHERE is_open),
 count(*) FILTER (WHERE is_open AND breached_at IS NULL
  AND clocks @> %(due_runs)s AND NOT clocks @> %(warning_runs)s),
 count(*) FILTER (WHERE is_open AND breached_at IS NOT NULL AND NOT late_received),
 count(*) FILTER (WHERE is_open AND (urgency = %(emergency)s OR emergency_level > 0)),
 count(*) FILTER (WHERE in_rate),
 count(*) FILTER (WHERE in_rate AND (late_received OR NOT is_open AND breached_at IS NULL)),
 count(*) FILTER (WHERE in_rate AND late_received),
 count(*) FILTER (WHERE closed_at >= %(from)s AND closed_at < %(until)s AND state = ANY(%(ended)s))
FROM (
 SELECT *, state <> ALL(%(settled)s) AS is_open,
  coalesce((due->>'due_at')::timestamptz >= %(from)s AND (due->>'due_at')::timestamptz < %(until)s
   AND state <> ALL(%(no_rate)s), false) AS in_rate
 FROM cases WHERE township = ANY(%(townships)s) AND mark = %(unmarked)s AND version > 0
  AND state <> ALL(%(not_ours)s)
) c
"""

_OPEN_BY_STATE = """
SELECT state, count(*) FROM cases WHERE township = ANY(%(townships)s) AND mark = %(unmarked)s
 AND version > 0 AND state <> ALL(%(settled)s) AND state <> ALL(%(not_ours)s) GROUP BY state
"""

_WHISTLES = """
SELECT count(*), count(*) FILTER (WHERE EXISTS (
 SELECT FROM jsonb_array_elements(w.parties) p
 WHERE p->>'signed_at' IS NULL AND NOT coalesce((p->>'released')::boolean, false)))
FROM whistles w JOIN cases c ON c.whistle_id = w.id
WHERE c.township = ANY(%(townships)s) AND c.mark = %(unmarked)s AND c.version > 0
 AND c.state <> ALL(%(not_ours)s) AND w.state = %(blown)s
"""

_ANSWERS = """
SELECT count(*), coalesce(sum((%(values)s::jsonb->>v.satisfaction)::float8), 0)
FROM visits v JOIN cases c ON c.id = v.case_id
WHERE c.township = ANY(%(townships)s) AND c.mark = %(unmarked)s AND c.version > 0
 AND c.state <> ALL(%(not_ours)s) AND v.contacted
 AND v.satisfaction <> '' AND v.answered_at >= %(from)s AND v.answered_at < %(until)s
"""


def daily_figures(
    cursor: Cursor,
    *,
    townships: Iterable[str],
    since: datetime,
    until: datetime,
    values: Mapping[Satisfaction, float],
) -> dict[str, Figure]:
    """Return the figures of a place for the time from `since` to before `until`.

    What is open, warned of or overdue is told as it stands now, in the cursor's transaction.
    `values` is what each answer counts (`feedback.values` of the policy).
    """
    asked = _parameters(townships, since, until)
    cases = _row(cursor, _CASES, asked)
    new, closed, still_open, yellow, overdue, emergencies, due, on_time, late_heard, ended = cases
    blown, unanswered = _row(cursor, _WHISTLES, asked)
    weights = {str(answer): float(value) for answer, value in values.items()}
    answers, satisfied = _row(cursor, _ANSWERS, {**asked, "values": Jsonb(weights)})
    return {
        "new": counted(new),
        "closed": counted(closed),
        "open": counted(still_open),
        "overdue": counted(overdue, of=still_open),
        "yellow": counted(yellow, of=still_open),
        "emergencies": counted(emergencies, of=still_open),
        "whistles_unanswered": counted(unanswered, of=blown),
        **_by_step(cursor, asked, still_open),
        "on_time": share(on_time, due),
        "late_received": counted(late_heard, of=due),
        "satisfaction": share(satisfied, answers),
        "coverage": share(answers, ended),
    }


def counted(count: int, *, of: int | None = None) -> Figure:
    """Return a count, and what it is a part of."""
    if of is None:
        return Figure(value=count, numerator=count)
    return Figure(value=count, numerator=count, denominator=of)


def share(part: float, whole: float) -> Figure:
    """Return a rate; without a value where there is nothing to divide by."""
    return Figure(
        value=part / whole if whole else None, numerator=part, denominator=whole, unit="share"
    )


def _by_step(cursor: Cursor, asked: Mapping[str, Any], still_open: int) -> dict[str, Figure]:
    counts = dict.fromkeys(STEPS, 0)
    for state, count in cursor.execute(_OPEN_BY_STATE, asked).fetchall():
        counts[STEP_OF_STATE[CaseState(state)]] += count
    return {f"open_{step}": counted(count, of=still_open) for step, count in counts.items()}


def _row(cursor: Cursor, query: str, asked: Mapping[str, Any]) -> tuple[Any, ...]:
    (row,) = cursor.execute(query, asked).fetchall()
    return tuple(row)


def _parameters(townships: Iterable[str], since: datetime, until: datetime) -> dict[str, Any]:
    def texts(states: Iterable[CaseState]) -> list[str]:
        return sorted(str(state) for state in states)

    def running(kind: ClockKind) -> Jsonb:
        return Jsonb([{"key": str(kind)}])

    return {
        "townships": sorted(townships),
        "from": since,
        "until": until,
        "unmarked": str(Mark.NONE),
        "settled": texts(SETTLED_STATES),
        "not_ours": texts(NOT_OURS),
        "closed": texts((*ENDED, CaseState.SELF_CLOSED)),
        "ended": texts(ENDED),
        "no_rate": texts((*DROPPED, CaseState.SUSPENDED)),
        "emergency": str(Urgency.EMERGENCY),
        "due_runs": running(ClockKind.CASE_DUE),
        "warning_runs": running(ClockKind.CASE_WARNING),
        "blown": str(WhistleState.BLOWN),
    }
