"""Cases, whistles and visits drawn at random, and the digest's figures counted over them by hand.

The counting is written after docs/digests.md and shares nothing with the query.
"""

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from models.case import Case
from models.clocks import Clock
from models.deadlines import Deadline
from models.handling import Party, Visit, Whistle, WhistleState
from models.policy.span import Span, SpanKind
from models.values import CaseId, CaseState, Mark, derived_id

SINCE = datetime(2026, 3, 9, 10, tzinfo=UTC)
UNTIL = datetime(2026, 3, 10, 4, tzinfo=UTC)
HERE, ELSEWHERE = "330281101", "330281102"
#: Instants around the window, its ends among them.
MOMENTS = (
    SINCE - timedelta(days=3),
    SINCE - timedelta(microseconds=1),
    SINCE,
    SINCE + timedelta(hours=5),
    UNTIL - timedelta(microseconds=1),
    UNTIL,
    UNTIL + timedelta(days=2),
)
SETTLED = {"SELF_CLOSED", "REJECTED", "MERGED", "CLOSED", "CANCELLED", "EVALUATED", "ARCHIVED"}


def drawn(seed: int, count: int) -> list[Case]:
    """Return cases in every state, marked and unmarked, in two townships."""
    draw = random.Random(seed)  # noqa: S311 - the same rows every time
    return [_case(draw, f"{seed}-{number}") for number in range(count)]


def _case(draw: random.Random, name: str) -> Case:
    state = draw.choice(list(CaseState))
    due_at = draw.choice(MOMENTS)
    return Case(
        id=CaseId(derived_id("drawn", name)),
        version=0 if state is CaseState.STUB else draw.randint(1, 9),
        state=state,
        township=draw.choice((HERE, HERE, ELSEWHERE)),
        mark=draw.choice((Mark.NONE, Mark.NONE, Mark.NONE, Mark.CONFIDENTIAL, Mark.BYPASS)),
        urgency=draw.choice(("E", "U", "N", "N")),
        emergency_level=draw.choice((0, 0, 0, 2)),
        reported_at=draw.choice(MOMENTS),
        closed_at=draw.choice(MOMENTS) if state.value in SETTLED else None,
        due=draw.choice((None, _deadline(due_at))),
        breached_at=draw.choice((None, None, due_at)),
        late_received=draw.random() < 0.2,
        clocks=tuple(
            Clock(key=key, generation=1, due_at=due_at)
            for key in ("case_due", "case_warning", "rung:1")
            if draw.random() < 0.5
        ),
        whistle=_whistle(draw, name) if draw.random() < 0.4 else None,
        visit=_visit(draw, name) if draw.random() < 0.6 else None,
    )


def _deadline(due_at: datetime) -> Deadline:
    day = timedelta(days=1)
    return Deadline(
        due_at=due_at, start=due_at - day, span=Span(SpanKind.CALENDAR, day), calendar_version="t"
    )


def _whistle(draw: random.Random, name: str) -> Whistle:
    return Whistle(
        id=derived_id("whistle", name),
        kind="ROUTINE",
        state=draw.choice(list(WhistleState)),
        org=HERE,
        requested_by="p",
        requested_at=SINCE,
        parties=tuple(
            Party(
                org=f"d-{number}",
                lead=number == 0,
                called_at=SINCE,
                signed_at=draw.choice((None, SINCE)),
                released=draw.random() < 0.3,
            )
            for number in range(draw.randint(0, 3))
        ),
    )


def _visit(draw: random.Random, name: str) -> Visit:
    return Visit(
        id=derived_id("visit", name),
        requested_at=SINCE,
        channel="call",
        contacted=draw.random() < 0.8,
        satisfaction=draw.choice(("", "satisfied", "basically_satisfied", "dissatisfied")),
        answered_at=draw.choice((None, *MOMENTS)),
    )


def counted(
    cases: Sequence[Case], values: Mapping[str, float]
) -> dict[str, tuple[float | None, float | None, float | None]]:
    """Return each figure as (value, numerator, denominator)."""
    mine = [
        case
        for case in cases
        if case.township == HERE
        and case.mark == "none"
        and case.version > 0
        and case.state.value not in ("STUB", "HISTORY")
    ]
    open_ones = [case for case in mine if case.state.value not in SETTLED]
    ended = [c for c in mine if c.state.value in ("CLOSED", "EVALUATED", "ARCHIVED")]
    closed = [case for case in mine if case.state.value == "SELF_CLOSED"] + ended
    whistles = [c.whistle for c in mine if c.whistle and c.whistle.state.value == "blown"]
    unanswered = [
        w for w in whistles if any(p.signed_at is None and not p.released for p in w.parties)
    ]
    answers = [
        case.visit.satisfaction
        for case in mine
        if case.visit and case.visit.contacted and case.visit.satisfaction
        if within(case.visit.answered_at)
    ]
    satisfied = sum(values[answer] for answer in answers)
    due = [
        case
        for case in mine
        if case.due is not None and within(case.due.due_at)
        if case.state.value not in ("REJECTED", "MERGED", "CANCELLED", "SUSPENDED")
    ]
    late = [case for case in due if case.late_received]
    on_time = late + [
        case
        for case in due
        if not case.late_received and case.state.value in SETTLED and case.breached_at is None
    ]
    warned = [
        case
        for case in open_ones
        if case.breached_at is None
        and case.clock("case_due") is not None
        and case.clock("case_warning") is None
    ]
    overdue = [c for c in open_ones if c.breached_at is not None and not c.late_received]
    urgent = [case for case in open_ones if case.urgency == "E" or case.emergency_level]
    return {
        "new": plain([case for case in mine if within(case.reported_at)]),
        "closed": plain([case for case in closed if within(case.closed_at)]),
        "open": plain(open_ones),
        **by_step(open_ones),
        "overdue": part(overdue, open_ones),
        "yellow": part(warned, open_ones),
        "emergencies": part(urgent, open_ones),
        "whistles_unanswered": part(unanswered, whistles),
        "on_time": rate(len(on_time), len(due)),
        "late_received": part(late, due),
        "satisfaction": rate(satisfied, len(answers)),
        "coverage": rate(len(answers), len([c for c in ended if within(c.closed_at)])),
    }


def by_step(open_ones: Sequence[Case]) -> dict[str, tuple[float | None, float, float]]:
    """Return the open cases by who has them, after the table of docs/digests.md."""
    states = {
        "open_intake": "REPORTED VERIFYING REGISTERED",
        "open_consultation": "CONSULTING",
        "open_assignment": "DISPATCHED ACCEPTED RETURN_REQUESTED HANDLING SUSPENDED"
        " FEEDBACK CHECKING",
        "open_escalation": "WHISTLED",
        "open_feedback": "VISITING REOPENED",
    }
    return {
        name: part([c for c in open_ones if c.state.value in listed.split()], open_ones)
        for name, listed in states.items()
    }


def within(moment: datetime | None) -> bool:
    """Did it happen in the time the digest tells of?"""
    return moment is not None and SINCE <= moment < UNTIL


def plain(found: Sequence[object]) -> tuple[float, float, None]:
    """A count."""
    return len(found), len(found), None


def part(found: Sequence[object], of: Sequence[object]) -> tuple[float, float, float]:
    """A count out of another."""
    return len(found), len(found), len(of)


def rate(above: float, below: float) -> tuple[float | None, float, float]:
    """A share; nothing where there is nothing to divide by."""
    return (above / below if below else None), above, below
