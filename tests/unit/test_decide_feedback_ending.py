"""Closed, opened again, graded, put away, voided."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from events.contract.envelope import Acting
from events.contract.feedback import (
    CaseArchived,
    CaseCancelled,
    CaseClosed,
    CaseEvaluated,
    CaseReopened,
    Grade,
)
from flows.decide.draft import system
from flows.decide.feedback_ending import faults, grade
from models.case import Case
from models.clocks import Clock, ClockKind
from models.deadlines import due
from models.handling import Assignment, AssignmentState, Visit
from models.policy.people import Role
from models.values import SETTLED_STATES, CaseState, Fate, Mark, Step
from tests.unit import taking_in as t
from tests.unit.packs import changed, default_pack

ENGINE = system(Step.FEEDBACK, t.TOWNSHIP)
WINDOW = default_pack().deadlines.reopen
MOMENT = timedelta(microseconds=1)
VISITED = Visit(
    id="33333333-3333-5333-8333-333333333333",
    requested_at=t.NOW,
    channel="call",
    result="answered",
    solved=True,
    satisfaction="satisfied",
    answered_at=t.NOW,
)
READY = t.case_at(
    CaseState.VISITING,
    t.SEWAGE,
    visit=VISITED,
    clocks=(Clock(key="close", generation=5, due_at=t.NOW + timedelta(days=1)),),
)
CLOSED = t.case_at(CaseState.CLOSED, closed_at=t.NOW, owner=None, visit=VISITED)
SAID = CaseReopened(reason="token")


def with_clocks(case: Case, *clocks: Clock) -> Case:
    return replace(case, clocks=clocks)


def only(desk: t.Desk) -> Case:
    return next(iter(desk.cases.values()))


# --- closing ------------------------------------------------------------------------------------


def test_closing_leaves_only_what_comes_after() -> None:
    outlives = ("publicity", "action_item:1", "rating", "whistle_confirm")
    more = tuple(Clock(key=key, generation=5, due_at=t.NOW) for key in (*outlives, "rung:0"))
    desk = t.desk_with(with_clocks(READY, *READY.clocks, *more))
    desk.say(CaseClosed(reason="token"), t.SUPERVISOR, READY.id)
    case = only(desk)
    assert (case.state, case.closed_at, case.owner) == (CaseState.CLOSED, t.NOW, None)
    assert {clock.key for clock in case.clocks} == {*outlives, "evaluate", "archive"}
    assert t.notices(desk.last) == {"case_closed"}
    assert desk.last.audit[0].words == "token"
    assert case.deeds["feedback.close"] == (t.SUPERVISOR.actor,)


@pytest.mark.parametrize(
    ("case", "acting", "reason"),
    [
        pytest.param(READY, t.SUPERVISOR, "ok", id="the duty supervisor"),
        pytest.param(READY, t.VISITOR, "role_may_not", id="not the visitor"),
        pytest.param(READY, t.HANDLER, "role_may_not", id="not the handler's role"),
        pytest.param(
            t.case_at(
                CaseState.VISITING,
                visit=VISITED,
                deeds={"assignment.handle": (t.SUPERVISOR.actor,)},
            ),
            t.SUPERVISOR,
            "same_person",
            id="never the handler, whatever the role",
        ),
        pytest.param(
            with_clocks(READY, Clock(key="visit", generation=5, due_at=t.NOW)),
            t.SUPERVISOR,
            "visit_not_done",
            id="before the visit",
        ),
        pytest.param(
            with_clocks(READY, Clock(key="rung:visit.1", generation=5, due_at=t.NOW)),
            t.SUPERVISOR,
            "visit_not_done",
            id="before the late visit",
        ),
        pytest.param(
            t.case_at(CaseState.CHECKING), t.SUPERVISOR, "visit_not_done", id="before the check"
        ),
        pytest.param(CLOSED, t.SUPERVISOR, "wrong_state", id="twice"),
    ],
)
def test_who_closes_when(case: Case, acting: Acting, reason: str) -> None:
    assert t.desk_with(case).say(CaseClosed(), acting, case.id).reason == reason


def test_the_handler_never_closes_even_where_policy_forgot_the_separation() -> None:
    policy = changed({"roles": {"separations": []}})
    case = t.case_at(CaseState.VISITING, deeds={"assignment.handle": (t.SUPERVISOR.actor,)})
    desk = t.desk_with(case, policy=policy)
    assert desk.say(CaseClosed(), t.SUPERVISOR, case.id).reason == "same_person"


def test_a_closing_nobody_decides_climbs_until_somebody_does() -> None:
    desk = t.desk_with(with_clocks(READY))
    desk.cases[READY.id] = with_clocks(READY, _clock(desk, ClockKind.CLOSE))
    desk.ring(READY.id, ClockKind.CLOSE)
    assert "breached" in t.notices(desk.last)
    desk.ring(READY.id, ClockKind.RUNG)
    desk.say(CaseClosed(), t.SUPERVISOR, READY.id)
    assert t.kinds(only(desk)) == {"evaluate", "archive"}
    assert desk.last.audit[0].detail["late"] is True


def _clock(desk: t.Desk, kind: ClockKind) -> Clock:
    span = desk.policy.deadlines.close
    deadline = due(t.NOW, span, office=t.office())
    return Clock(key=str(kind), generation=5, due_at=deadline.due_at, deadline=deadline)


# --- opened again -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "ago", "sequence", "reason"),
    [
        pytest.param(timedelta(), timedelta(), -1, "ok", id="at once"),
        pytest.param(WINDOW, timedelta(), -1, "ok", id="the last instant of the window"),
        pytest.param(WINDOW + MOMENT, timedelta(), -1, "reopen_window_over", id="just after it"),
        pytest.param(
            WINDOW + timedelta(hours=3), timedelta(hours=4), 7, "ok", id="said in time, heard late"
        ),
        pytest.param(
            WINDOW + timedelta(hours=3),
            timedelta(hours=4),
            -1,
            "reopen_window_over",
            id="said in time, says an app without running numbers",
        ),
        pytest.param(
            WINDOW + timedelta(hours=25),
            timedelta(hours=26),
            7,
            "reopen_window_over",
            id="heard after the offline window",
        ),
    ],
)
def test_the_window_of_reopening(
    after: timedelta, ago: timedelta, sequence: int, reason: str
) -> None:
    desk = t.desk_with(CLOSED, now=t.NOW + after, follows=False)
    decision = desk.say(SAID, t.VILLAGER, CLOSED.id, ago=ago, sequence=sequence)
    assert decision.reason == reason


def test_the_cap_of_reopenings() -> None:
    cap = default_pack().deadlines.reopenings
    for times, reason in ((cap - 1, "ok"), (cap, "reopened_too_often")):
        case = t.case_at(CaseState.CLOSED, closed_at=t.NOW, reopened=times)
        assert t.desk_with(case).say(SAID, t.VILLAGER, case.id).reason == reason


def test_an_opened_case_begins_anew_with_a_limit_and_an_assignment_of_its_own() -> None:
    clocks = tuple(
        Clock(key=key, generation=5, due_at=t.NOW + timedelta(days=16))
        for key in ("evaluate", "archive")
    )
    case = with_clocks(CLOSED, *clocks)
    desk = t.desk_with(case)
    desk.say(SAID, t.VILLAGER, case.id)
    after = only(desk)
    assert after.state is CaseState.DISPATCHED
    assert (after.reopened, after.closed_at, after.grade) == (1, None, "")
    assert not {"evaluate", "archive"} & t.kinds(after)
    assert "case_due" in t.kinds(after)
    assert after.due is not None
    assert after.due.start == t.NOW
    assert after.assignment is not None
    assert CLOSED.assignment is not None
    assert after.assignment.id != CLOSED.assignment.id
    assert after.assignment.org == t.VILLAGE
    told = {type(notice.recipient).__name__ for notice in desk.decisions[0].notices}
    assert told == {"Person", "RoleAt", "Org", "Reporter"} - {"Person"}


def test_who_led_last_leads_again() -> None:
    case = t.case_at(CaseState.CLOSED, closed_at=t.NOW, leads=(t.VILLAGE, "d-water"))
    desk = t.desk_with(case, follows=False)
    desk.say(SAID, t.VILLAGER, case.id)
    asked = desk.last.follow_ups[0].data
    assert getattr(asked, "lead", "") == "d-water"


def test_a_breach_stays_on_record_and_its_ladder_goes_on() -> None:
    case = t.case_at(CaseState.CLOSED, closed_at=t.NOW, breached_at=t.NOW - timedelta(days=1))
    desk = t.desk_with(case, follows=False)
    desk.say(SAID, t.VILLAGER, case.id)
    assert only(desk).breached_at == case.breached_at
    assert "rung" in t.kinds(only(desk))


def test_what_was_settled_on_the_spot_can_be_opened_and_is_registered_then() -> None:
    case = t.case_at(
        CaseState.SELF_CLOSED, closed_at=t.NOW, registered_at=None, leads=(), assignment=None
    )
    desk = t.desk_with(case)
    desk.say(SAID, t.VILLAGER, case.id)
    assert only(desk).state is CaseState.DISPATCHED
    assert only(desk).registered_at == t.NOW


@pytest.mark.parametrize(
    ("acting", "reason"),
    [
        pytest.param(t.VILLAGER, "ok", id="who reported it"),
        pytest.param(t.SUPERVISOR, "ok", id="the supervisor"),
        pytest.param(
            Acting(actor="v-2", role=Role.VILLAGER, org=t.VILLAGE), "outside_scope", id="another"
        ),
        pytest.param(t.HANDLER, "role_may_not", id="the handler"),
    ],
)
def test_who_may_reopen(acting: Acting, reason: str) -> None:
    assert t.desk_with(CLOSED, follows=False).say(SAID, acting, CLOSED.id).reason == reason


# --- graded and put away ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "given_grade", "found"),
    [
        pytest.param({}, Grade.GOOD, (), id="nothing wrong"),
        pytest.param({"visit": None}, Grade.GOOD, (), id="nobody asked"),
        pytest.param({"breached_at": t.NOW}, Grade.FAIR, ("late",), id="late"),
        pytest.param(
            {"breached_at": t.NOW, "late_received": True}, Grade.GOOD, (), id="in time, heard late"
        ),
        pytest.param({"rework": 1}, Grade.FAIR, ("rework",), id="rework"),
        pytest.param({"reopened": 1}, Grade.FAIR, ("reopened",), id="reopened"),
        pytest.param(
            {"reopened": 1, "breached_at": t.NOW}, Grade.POOR, ("late", "reopened"), id="two faults"
        ),
    ],
)
def test_the_grade_follows_from_counted_facts(
    fields: dict[str, Any], given_grade: Grade, found: tuple[str, ...]
) -> None:
    case = t.case_at(CaseState.CLOSED, **({"visit": VISITED} | fields))
    assert (grade(case, default_pack()), faults(case, default_pack())) == (given_grade, found)


@given(
    st.booleans(),
    st.booleans(),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([True, False]),
)
def test_one_more_fault_never_makes_a_better_grade(
    late: bool, heard_late: bool, rework: int, reopened: int, solved: bool
) -> None:
    order = [Grade.GOOD, Grade.FAIR, Grade.POOR]
    fields: dict[str, Any] = {
        "breached_at": t.NOW if late else None,
        "late_received": heard_late,
        "rework": rework,
        "reopened": reopened,
        "visit": replace(VISITED, solved=solved),
    }
    case = t.case_at(CaseState.CLOSED, **fields)
    worse = t.case_at(CaseState.CLOSED, **(fields | {"rework": rework + 1}))
    policy = default_pack()
    assert order.index(grade(worse, policy)) >= order.index(grade(case, policy))


def test_after_the_window_it_is_graded_and_later_put_away() -> None:
    desk = t.desk_with(READY)
    desk.say(CaseClosed(), t.SUPERVISOR, READY.id)
    desk.ring(READY.id, ClockKind.EVALUATE)
    assert (only(desk).state, only(desk).grade) == (CaseState.EVALUATED, "good")
    assert desk.now > t.NOW + WINDOW
    assert desk.last.audit[0].acting.actor == "system:feedback"
    desk.ring(READY.id, ClockKind.ARCHIVE)
    assert (only(desk).state, only(desk).clocks) == (CaseState.ARCHIVED, ())


def test_what_is_put_away_before_it_was_graded_is_graded_on_the_way() -> None:
    desk = t.desk_with(READY)
    desk.say(CaseClosed(), t.SUPERVISOR, READY.id)
    desk.ring(READY.id, ClockKind.ARCHIVE)
    assert (only(desk).state, only(desk).grade) == (CaseState.ARCHIVED, "good")
    assert [audit.after for audit in desk.last.audit] == ["EVALUATED", "ARCHIVED"]


def test_people_may_grade_and_put_away_but_not_while_it_may_be_reopened() -> None:
    case = t.case_at(CaseState.EVALUATED, closed_at=t.NOW, owner=None)
    desk = t.desk_with(case)
    assert desk.say(CaseArchived(), ENGINE, case.id).reason == "reopen_window_open"
    desk.now += WINDOW + MOMENT
    assert desk.say(CaseArchived(), ENGINE, case.id).fate is Fate.APPLIED
    graded = t.desk_with(CLOSED)
    graded.say(CaseEvaluated(grade=Grade.POOR, note="token"), ENGINE, CLOSED.id)
    assert (only(graded).state, only(graded).grade) == (CaseState.EVALUATED, "poor")


@pytest.mark.parametrize("said", [CaseArchived(), CaseEvaluated(grade=Grade.GOOD)])
def test_the_engines_own_acts_pass_the_same_states(said: CaseArchived | CaseEvaluated) -> None:
    case = t.case_at(CaseState.HANDLING)
    assert t.desk_with(case).say(said, ENGINE, case.id).reason == "wrong_state"


# --- voided -------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", sorted(set(CaseState) - SETTLED_STATES - {CaseState.STUB}))
def test_every_open_case_can_be_voided_with_a_reason(state: CaseState) -> None:
    work = Assignment(
        id="22222222-2222-5222-8222-222222222222",
        state=AssignmentState.WAITING,
        org=t.VILLAGE,
        requested_at=t.NOW,
    )
    clocks = (Clock(key="case_due", generation=1, due_at=t.NOW),)
    case = t.case_at(state, assignment=work, clocks=clocks)
    desk = t.desk_with(case)
    assert desk.say(CaseCancelled(reason=""), t.SUPERVISOR, case.id).reason == "reason_missing"
    desk.say(CaseCancelled(reason="token"), t.SUPERVISOR, case.id)
    after = only(desk)
    assert (after.state, after.clocks, after.owner) == (CaseState.CANCELLED, (), None)
    assert after.assignment is not None
    assert after.assignment.ended == "cancelled"
    told = {type(notice.recipient).__name__ for notice in desk.last.notices}
    assert told == {"Org", "Reporter"}
    assert desk.last.audit[0].words == "token"


@pytest.mark.parametrize("state", sorted(SETTLED_STATES))
def test_nothing_settled_is_voided(state: CaseState) -> None:
    case = t.case_at(state)
    decision = t.desk_with(case).say(CaseCancelled(reason="token"), t.SUPERVISOR, case.id)
    assert decision.fate is not Fate.APPLIED


def test_a_bypass_case_is_closed_within_its_office() -> None:
    case = t.case_at(
        CaseState.VISITING, t.CONDUCT, mark=Mark.BYPASS, circle=("d-discipline",), visit=VISITED
    )
    assert t.desk_with(case).say(CaseClosed(), t.SUPERVISOR, case.id).reason == "outside_circle"
    assert t.desk_with(case).say(CaseClosed(), t.DISCIPLINE, case.id).fate is Fate.APPLIED
