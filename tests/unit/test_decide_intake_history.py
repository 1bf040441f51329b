"""Old logs: what happened elsewhere is kept, and nothing is decided again."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from msgspec.structs import replace

from events.contract.envelope import Acting
from events.contract.reports import HistoryRecorded, ReportSupplemented
from models.case import Case
from models.values import CaseState, Fate, history_case_id
from tests.unit import taking_in as t

BEGAN = datetime(2011, 3, 1, 8, tzinfo=UTC)
CASE = history_case_id(t.SOURCE, "ref-7")
ROWS = tuple(
    HistoryRecorded(
        case_ref="ref-7",
        grid=t.GRID,
        activity=activity,
        instance=f"task-{n}",
        responsible="resource-21",
        group="group-2",
        channel="desk",
        started_at=BEGAN + timedelta(days=n),
        ended_at=BEGAN + timedelta(days=n, hours=1),
        planned_end=BEGAN + timedelta(days=9),
        last=n == 2,
    )
    for n, activity in enumerate(("received", "checked", "closed"))
)


def imported(rows: tuple[HistoryRecorded, ...]) -> t.Desk:
    desk = t.Desk()
    for row in rows:
        decision = desk.say(row, t.OPERATOR, ago=timedelta(days=400))
        assert decision.fate is Fate.APPLIED
        assert (decision.notices, decision.follow_ups) == ((), ())
        assert len(decision.audit) == 1
    return desk


def test_rows_of_a_case_meet_whatever_their_order() -> None:
    cases: set[tuple[object, ...]] = set()
    for order in permutations(ROWS):
        case = imported(order).cases[CASE]
        assert (case.state, case.history_rows, case.history_ref) == (
            CaseState.HISTORY,
            3,
            "ref-7",
        )
        assert (case.clocks, case.owner, case.due, case.is_open) == ((), None, None, False)
        cases.add((case.reported_at, case.occurred_at, case.closed_at))
    assert cases == {(BEGAN, BEGAN, BEGAN + timedelta(days=2, hours=1))}


def test_the_audit_says_who_did_what_when_in_which_capacity() -> None:
    desk = imported(ROWS[:1])
    audit = desk.last.audit[0]
    assert audit.acting == t.OPERATOR
    assert (audit.action, audit.before, audit.after) == (
        "report.record_history",
        "STUB",
        "HISTORY",
    )
    assert audit.detail["activity"] == "received"
    assert audit.detail["done_by"] == "resource-21"
    assert audit.detail["group"] == "group-2"
    assert audit.detail["occurred_at"] == (t.NOW - timedelta(days=400)).isoformat()
    assert audit.detail["started_at"] == BEGAN.isoformat()


def test_two_systems_logs_do_not_meet() -> None:
    desk = imported(ROWS[:1])
    desk.say(ROWS[0], t.OPERATOR, source="app/other")
    assert len(desk.cases) == 2


@pytest.mark.parametrize(
    ("row", "acting", "reason"),
    [
        pytest.param(ROWS[0], t.MEMBER, "role_may_not", id="not the operator's"),
        pytest.param(
            HistoryRecorded(case_ref="x", grid="330281101201999", activity="a", instance="i"),
            t.OPERATOR,
            "unknown_grid",
            id="unknown grid",
        ),
    ],
)
def test_importing_refused(row: HistoryRecorded, acting: Acting, reason: str) -> None:
    desk = t.Desk()
    assert desk.say(row, acting).reason == reason
    assert not desk.cases


def test_history_never_writes_over_a_running_case() -> None:
    running = replace(t.case_at(CaseState.HANDLING), id=CASE)
    desk = t.desk_with(running)
    assert desk.say(ROWS[0], t.OPERATOR).reason == "not_a_history_case"
    assert desk.cases[CASE] is running


def test_nothing_is_done_on_a_history_case() -> None:
    desk = imported(ROWS)
    said = ReportSupplemented(description="x")
    assert desk.say(said, t.SUPERVISOR, CASE).reason == "wrong_state"


def test_a_stub_that_waited_becomes_the_history_case() -> None:
    desk = t.desk_with(Case(id=CASE))
    desk.say(ROWS[0], t.OPERATOR)
    assert desk.cases[CASE].version == 1
