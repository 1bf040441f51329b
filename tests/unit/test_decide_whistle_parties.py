from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from events.contract.assignment import ExtensionAnswered, ExtensionAsked, Grant
from events.contract.envelope import Payload
from events.contract.escalation import (
    AccountabilityKind,
    AccountabilityRecorded,
    DepartmentArrived,
    EmergencyDeclared,
    HelperDone,
    PlanSubmitted,
    WhistleFinished,
    WhistleSigned,
)
from models.clocks import ClockKind
from models.deadlines import due
from models.handling import WhistleState
from models.policy.people import Role
from models.policy.span import parse_span
from models.policy.whistle import WhistleKind
from models.values import CaseState, Fate
from notifications.notice import NoticeKind
from tests import world
from tests.unit.late_cases import ECOLOGY, HOUSING, WATER, Desk, late_case, office
from tests.unit.whistles import COUNTY_DUTY, SUPERVISOR, blown, handler, head

HOUR = timedelta(hours=1)
SIGN, ARRIVE, PLAN, FINISH = (f"whistle_{name}" for name in ("sign", "arrive", "plan", "finish"))


def test_each_act_answers_its_own_clock_of_its_own_unit_and_no_other() -> None:
    desk = blown(helpers=(ECOLOGY, HOUSING))
    for data, answered in (
        (WhistleSigned(), SIGN),
        (DepartmentArrived(), ARRIVE),
        (PlanSubmitted(plan="t"), PLAN),
    ):
        before = {c.key: c for c in desk.case.clocks}
        desk.act(data, *handler(WATER), after=HOUR)
        gone = before.keys() - {c.key for c in desk.case.clocks}
        assert gone == {f"{answered}:{WATER}"}
        assert all(before[c.key] == c for c in desk.case.clocks), "no other clock was touched"
    party = desk.party(WATER)
    assert party.signed_at is not None
    assert party.arrived_at == party.signed_at + HOUR
    assert party.planned_at == party.signed_at + 2 * HOUR
    assert desk.party(ECOLOGY).signed_at is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(WhistleSigned(), "already_done", id="sign"),
        pytest.param(DepartmentArrived(), "already_done", id="arrive"),
        pytest.param(PlanSubmitted(plan="t"), "already_done", id="plan"),
    ],
)
def test_an_act_is_done_once(data: Payload, reason: str) -> None:
    desk = blown()
    desk.act(data, *handler(WATER))
    before = desk.case
    assert desk.act(data, *handler(WATER)).reason == reason
    assert desk.case == before


@pytest.mark.parametrize(
    ("data", "unit", "reason"),
    [
        pytest.param(PlanSubmitted(plan="t"), ECOLOGY, "not_the_lead", id="helpers-plan-nothing"),
        pytest.param(WhistleFinished(opinion="t"), ECOLOGY, "not_the_lead", id="helpers-finish"),
        pytest.param(HelperDone(), WATER, "not_a_helper", id="the-lead-is-no-helper"),
        pytest.param(WhistleSigned(), HOUSING, "outside_scope", id="not-called"),
    ],
)
def test_who_may_not_is_refused_and_nothing_changes(data: Payload, unit: str, reason: str) -> None:
    desk = blown()
    before = desk.case
    decision = desk.act(data, *handler(unit))
    assert (decision.fate, decision.reason) == (Fate.REFUSED, reason)
    assert desk.case == before


# --- unanswered ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clock", "kind"),
    [
        (SIGN, NoticeKind.SIGN_OVERDUE),
        (ARRIVE, NoticeKind.ARRIVAL_OVERDUE),
        (PLAN, NoticeKind.PLAN_OVERDUE),
    ],
)
def test_what_a_unit_does_not_answer_is_put_on_its_record_and_told(
    clock: str, kind: NoticeKind
) -> None:
    desk = blown(helpers=())
    key = f"{clock}:{WATER}"
    at = desk.due_at(key)
    desk.wait(at)
    assert clock in desk.party(WATER).late
    assert set(desk.told(kind)) == {
        f"{Role.DEPARTMENT_HANDLER}@{WATER}",
        f"{Role.DEPARTMENT_LEAD}@{WATER}",
        SUPERVISOR,
    }
    entry = next(rung for rung in desk.case.rungs if rung.limit == key and rung.index < 0)
    assert (entry.at, entry.told) == (at, SUPERVISOR)
    assert desk.state is CaseState.WHISTLED


def test_a_late_helper_is_not_a_late_lead() -> None:
    desk = blown(helpers=(ECOLOGY,))
    desk.act(WhistleSigned(), *handler(WATER))
    desk.wait_for(f"{SIGN}:{ECOLOGY}")
    assert desk.party(ECOLOGY).late == (SIGN,)
    assert desk.party(WATER).late == ()


def test_a_late_act_is_taken_and_stays_late() -> None:
    desk = blown(helpers=())
    desk.wait_for(f"{SIGN}:{WATER}")
    assert desk.act(WhistleSigned(), *handler(WATER), after=HOUR).fate is Fate.APPLIED
    assert desk.party(WATER).counted_late == (SIGN,)


@pytest.mark.parametrize(
    ("sequence", "occurred", "on_time"),
    [(5, -1, True), (5, 1, False), (-1, -1, False)],
    ids=["in-time", "late", "no-running-number"],
)
def test_an_act_done_offline_in_time_counts_as_on_time(
    sequence: int, occurred: int, on_time: bool
) -> None:
    desk = blown(helpers=())
    limit = desk.due_at(f"{SIGN}:{WATER}")
    desk.wait(limit)
    desk.act(
        WhistleSigned(),
        *handler(WATER),
        after=2 * HOUR,
        occurred=limit + occurred * HOUR,
        sequence=sequence,
    )
    party = desk.party(WATER)
    assert party.late == (SIGN,), "what rang stays on record"
    assert party.counted_late == (() if on_time else (SIGN,))
    assert desk.reasons()[-1] == ("late_received" if on_time else "ok")


def test_a_unit_that_does_not_come_climbs_the_ladder_until_it_comes() -> None:
    desk = blown(WhistleKind.EMERGENCY, case=replace(late_case(limit="72h"), urgency="E"))
    desk.act(WhistleSigned(), *handler(WATER))
    desk.wait(world.NOW + timedelta(hours=3))
    climbed = [r for r in desk.case.rungs if r.limit == f"{ARRIVE}:{WATER}" and r.index >= 0]
    assert [r.index for r in climbed] == [0, 1, 2, 3, 4]
    assert f"{Role.DEPARTMENT_HANDLER}@{WATER}" in climbed[0].told
    assert climbed[-1].told == COUNTY_DUTY
    helper = [r for r in desk.case.rungs if r.limit == f"{ARRIVE}:{ECOLOGY}" and r.index == 0]
    assert f"{Role.DEPARTMENT_HANDLER}@{ECOLOGY}" in helper[0].told, "each unit its own ladder"
    desk.act(DepartmentArrived(), *handler(WATER))
    parts = {c.part for c in desk.case.clocks if c.kind is ClockKind.RUNG}
    assert not any(WATER in part for part in parts)
    assert any(ECOLOGY in part for part in parts)


def test_late_helpers_are_told_to_the_lead() -> None:
    desk = blown(helpers=(ECOLOGY, HOUSING))
    desk.wait_for(f"{FINISH}:{ECOLOGY}")
    assert f"{Role.DEPARTMENT_HANDLER}@{WATER}" in desk.told(NoticeKind.HELPERS_LATE)
    counts = [n.params["count"] for n in desk.notices if n.kind is NoticeKind.HELPERS_LATE]
    assert set(counts) == {1, 2}
    assert FINISH in desk.party(HOUSING).late


# --- finishing -------------------------------------------------------------------------------


def test_finishing_waits_for_every_helper_or_for_a_reason() -> None:
    desk = blown(helpers=(ECOLOGY, HOUSING))
    assert desk.act(WhistleFinished(opinion="t"), *handler(WATER)).reason == "helpers_not_done"
    desk.act(HelperDone(), *handler(ECOLOGY))
    assert desk.told(NoticeKind.HELPER_DONE) == [
        f"{Role.DEPARTMENT_HANDLER}@{WATER}",
        f"{Role.DEPARTMENT_LEAD}@{WATER}",
    ]
    assert desk.act(WhistleFinished(opinion="t"), *handler(WATER)).reason == "helpers_not_done"
    without = WhistleFinished(opinion="t", without_helpers="t")
    assert desk.act(without, *handler(WATER)).fate is Fate.APPLIED
    override = next(a for a in desk.audits if a.reason == "without_helpers")
    assert (override.words, override.detail["missing"]) == ("t", HOUSING)


def test_finishing_says_or_shows_what_came_of_it() -> None:
    desk = blown(helpers=())
    assert desk.act(WhistleFinished(opinion=""), *handler(WATER)).reason == "nothing_shown"
    shown = WhistleFinished(opinion="", evidence=("ab" * 32,))
    assert desk.act(shown, *handler(WATER)).fate is Fate.APPLIED
    assert ("ab" * 32,) in [audit.evidence for audit in desk.audits]


def test_a_finished_whistle_is_checked_like_any_handled_work_by_somebody_else() -> None:
    desk = blown(helpers=(ECOLOGY,))
    desk.act(HelperDone(), *handler(ECOLOGY))
    desk.act(WhistleFinished(opinion="t"), *handler(WATER))
    assert desk.state is CaseState.CHECKING
    assert desk.whistle.state is WhistleState.FINISHED
    assert desk.case.assignment is not None
    assert desk.case.assignment.org == WATER, "a failed check goes back to the lead"
    assert desk.case.owner is not None
    assert desk.case.owner.role == Role.CHECKER
    assert world.person(*handler(WATER)) in desk.case.deeds["assignment.handle"]
    left = {c.kind for c in desk.case.clocks}
    assert left == {ClockKind.CASE_DUE, ClockKind.CHECK, ClockKind.RATING}
    asked = desk.told(NoticeKind.RATING_ASKED)
    assert asked == [
        f"{Role.TOWNSHIP_PRINCIPAL}@{world.TOWNSHIP}",
        f"{Role.DEPARTMENT_LEAD}@{WATER}",
        f"{Role.DEPARTMENT_LEAD}@{ECOLOGY}",
    ]


def test_a_unit_that_is_done_owes_no_signature_any_more() -> None:
    desk = blown(helpers=(ECOLOGY,))
    desk.wait_for(f"{ARRIVE}:{ECOLOGY}")
    desk.act(HelperDone(), *handler(ECOLOGY))
    assert not any(ECOLOGY in c.key for c in desk.case.clocks)
    assert desk.act(HelperDone(), *handler(ECOLOGY)).reason == "already_done"


def test_a_whistle_finished_in_time_and_heard_late_counts_as_on_time() -> None:
    desk = blown(helpers=(), case=late_case(limit="3wd"))
    desk.wait_for(ClockKind.CASE_DUE)
    desk.act(
        WhistleFinished(opinion="t"),
        *handler(WATER),
        after=HOUR,
        occurred=desk.now - HOUR,
        sequence=9,
    )
    assert desk.case.late_received
    assert desk.party(WATER).counted_late == (SIGN, ARRIVE, PLAN)


# --- the lead's limit is the case's ----------------------------------------------------------


def test_an_extension_of_the_case_moves_the_lead_of_a_hard_whistle_only() -> None:
    for kind, moved in ((WhistleKind.HARD, True), (WhistleKind.ROUTINE, False)):
        desk = blown(kind, helpers=(), case=late_case(limit="3wd"))
        finish = desk.due_at(f"{FINISH}:{WATER}")
        desk.act(ExtensionAsked(working_days=5, reason="t"), *handler(WATER))
        answered = desk.act(
            ExtensionAnswered(answer=Grant.GRANTED, working_days=5),
            Role.DUTY_SUPERVISOR,
            world.TOWNSHIP,
        )
        assert answered.fate is Fate.APPLIED, answered.reason
        assert desk.case.due is not None
        assert desk.case.due.due_at > finish
        desk.wait(finish)
        assert (FINISH in desk.party(WATER).late) is not moved
        if moved:
            assert desk.due_at(f"{FINISH}:{WATER}") == desk.case.due.due_at
            desk.wait_for(f"{FINISH}:{WATER}")
            assert FINISH in desk.party(WATER).late


# --- consequences are proposed ---------------------------------------------------------------


def _proposals(desk: Desk) -> list[tuple[datetime, str]]:
    whistle = desk.whistle
    party = next(p for p in whistle.parties if p.org == WATER)
    measures = [
        str(n.params["measure"])
        for n in desk.notices
        if n.kind is NoticeKind.ACCOUNTABILITY_PROPOSED
        and getattr(n.recipient, "role", "") == Role.COUNTY_SUPERVISOR
    ]
    return list(zip(party.proposed, measures, strict=True))


def _late_lead() -> tuple[Desk, datetime]:
    desk = blown(helpers=())
    limit = desk.due_at(f"{FINISH}:{WATER}")
    desk.wait(limit)
    return desk, limit


def test_a_reminder_is_proposed_first_and_again_while_nobody_gave_it() -> None:
    desk, limit = _late_lead()
    assert _proposals(desk) == []
    desk.wait(limit + timedelta(days=40))
    first = due(limit, parse_span("1wd"), office=office()).due_at
    after = [due(first, parse_span(span), office=office()).due_at for span in ("5wd", "10wd")]
    assert _proposals(desk) == [(at, "提醒") for at in (first, *after)]
    assert desk.case.clock(f"{FINISH}:{WATER}") is None, "the last step is never proposed by time"


def test_written_criticism_is_proposed_only_after_a_reminder_was_given() -> None:
    desk, limit = _late_lead()
    first = due(limit, parse_span("1wd"), office=office()).due_at
    desk.wait(first)
    reminder = AccountabilityRecorded(
        unit=WATER, kind=AccountabilityKind.REMINDER, had_power=True, reason="t"
    )
    desk.act(reminder, Role.COUNTY_SUPERVISOR, world.COUNTY)
    assert desk.party(WATER).measures == ("reminder",)
    desk.wait(limit + timedelta(days=40))
    assert [measure for _, measure in _proposals(desk)] == ["提醒", "书面批评", "书面批评"]
    assert desk.state is CaseState.WHISTLED, "nothing is done but proposed"


def test_a_unit_that_finished_is_proposed_for_nothing_more() -> None:
    desk, limit = _late_lead()
    desk.act(WhistleFinished(opinion="t"), *handler(WATER))
    desk.wait(limit + timedelta(days=40))
    assert desk.told(NoticeKind.ACCOUNTABILITY_PROPOSED) == []


# --- outside whistles ------------------------------------------------------------------------


def test_the_first_on_site_answers_an_emergencys_first_response() -> None:
    desk = Desk(late_case())
    desk.act(EmergencyDeclared(level=3, reason="t"), Role.DUTY_LEADER, world.TOWNSHIP)
    assert desk.case.clock(ClockKind.ON_SITE) is not None
    desk.act(DepartmentArrived(), Role.GRID_HEAD, world.GRID)
    assert desk.case.clock(ClockKind.ON_SITE) is None
    assert desk.audits[-1].detail["first"] is True
    again = desk.act(DepartmentArrived(), Role.GRID_HEAD, world.GRID)
    assert again.reason == "no_whistle_blown"


def test_an_assignments_helper_signs_its_part_off() -> None:
    case = late_case()
    assert case.assignment is not None
    case = replace(case, assignment=replace(case.assignment, helpers=(ECOLOGY,)))
    desk = Desk(case)
    assert desk.act(HelperDone(), *head(ECOLOGY)).fate is Fate.APPLIED
    assert desk.case.assignment is not None
    assert desk.case.assignment.helpers_done == (ECOLOGY,)
    assert desk.act(HelperDone(), *head(ECOLOGY)).reason == "already_done"
