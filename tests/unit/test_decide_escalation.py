from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from events.contract.assignment import AssignmentHandled
from events.contract.escalation import (
    AccountabilityKind,
    AccountabilityRecorded,
    CaseSupervised,
    CaseUrged,
    CaseWarned,
    DeadlineRecomputed,
    EmergencyCallRecorded,
    EmergencyDeclared,
    EmergencyNumber,
    ReportedUpward,
    UpwardForm,
    UrgeKind,
)
from events.contract.reports import OutcomeEvidence
from flows.decide.decision import Facts
from flows.decide.draft import Draft
from flows.decide.limits import run_case_limit
from models.calendar import WorkCalendar
from models.calendar_days import CalendarOverride
from models.case import Case
from models.clocks import Clock, ClockKind
from models.deadlines import due, warning_at
from models.office import Office
from models.policy.people import Role
from models.policy.span import parse_span
from models.values import CaseState, Fate, Step
from notifications.notice import NoticeKind
from tests import world
from tests.unit.late_cases import HOUSING, WATER, Desk, late_case, office, people
from tests.unit.packs import default_pack

SUPERVISOR = (Role.DUTY_SUPERVISOR, world.TOWNSHIP)
HANDLER = (Role.TOWNSHIP_HANDLER, world.TOWNSHIP)


def limited(case: Case, span: str, *, now: datetime = world.NOW) -> Case:
    """The case with its limit set the way every step sets it."""
    facts = Facts(directory=people(), office=office())
    sheet = Draft(
        step=Step.INTAKE,
        input=None,  # type: ignore[arg-type]
        facts=facts,
        policy=default_pack(),
        now=now,
        case=replace(case, clocks=()),
    )
    run_case_limit(sheet, due(now, parse_span(span), office=office()))
    return sheet.case


@pytest.mark.parametrize("span", ["2h", "72h", "4wh", "5wd", "15wd"])
def test_the_warning_comes_at_the_policys_share_and_the_breach_at_the_limit(span: str) -> None:
    case = limited(late_case(), span)
    assert case.due is not None
    at = warning_at(case.due, default_pack().deadlines.warning, office=office())
    assert world.NOW < at < case.due.due_at
    desk = Desk(case)
    desk.wait(at - timedelta(seconds=1))
    assert desk.audits == []
    desk.wait(at)
    assert desk.announced == [CaseWarned(clock=ClockKind.CASE_DUE)]
    assert desk.told(NoticeKind.DUE_SOON) == ["township_handler@330281101"]
    desk.wait(case.due.due_at - timedelta(seconds=1))
    assert desk.case.breached_at is None
    desk.wait(case.due.due_at)
    assert desk.case.breached_at == case.due.due_at
    actions = [audit.action for audit in desk.audits[:2]]
    assert actions == ["timer:case_warning", "timer:case_due"]


def test_a_breach_is_told_to_who_holds_it_and_to_the_supervisor() -> None:
    desk = Desk(late_case())
    desk.wait_for(ClockKind.CASE_DUE)
    assert desk.told(NoticeKind.BREACHED) == [
        "township_handler@330281101",
        "duty_supervisor@330281101",
    ]


def test_a_breached_case_that_moves_on_keeps_its_ladder() -> None:
    desk = Desk(late_case())
    desk.wait_for(ClockKind.CASE_DUE)
    desk.wait(desk.now)
    desk.act(_handled(), *HANDLER, after=timedelta(hours=1))
    assert desk.case.state is CaseState.CHECKING
    assert not desk.case.late_received
    desk.wait_for("rung:1")
    assert [rung.index for rung in desk.case.rungs] == [0, 1]


def _handled() -> AssignmentHandled:
    return AssignmentHandled(opinion="t", shown_by=OutcomeEvidence.STATEMENT)


@pytest.mark.parametrize(
    ("occurred", "arrives", "sequence", "counts"),
    [
        pytest.param(-1, 2, 7, True, id="done-in-time-heard-late"),
        pytest.param(0, 2, 7, True, id="done-at-the-very-limit"),
        pytest.param(1, 2, 7, False, id="done-after-the-limit"),
        pytest.param(-1, 2, -1, False, id="without-running-number"),
        pytest.param(-1, 24, 7, False, id="outside-the-offline-window"),
    ],
)
def test_an_act_done_in_time_and_heard_late_counts_as_on_time(
    occurred: int, arrives: int, sequence: int, counts: bool
) -> None:
    case = late_case(limit="72h")
    assert case.due is not None
    desk = Desk(case)
    desk.wait_for(ClockKind.CASE_DUE)
    desk.wait(desk.now)
    decision = desk.act(
        _handled(),
        *HANDLER,
        after=timedelta(hours=arrives),
        occurred=case.due.due_at + timedelta(hours=occurred),
        sequence=sequence,
    )
    assert decision.fate is Fate.APPLIED
    assert desk.case.late_received is counts
    assert desk.case.breached_at == case.due.due_at, "the breach stays on record"
    assert desk.case.rungs, "so do the rungs"


def test_an_on_time_case_is_told_no_further_while_it_is_handed_in() -> None:
    case = late_case(limit="72h")
    assert case.due is not None
    desk = Desk(case)
    desk.wait_for(ClockKind.CASE_DUE)
    desk.act(_handled(), *HANDLER, after=timedelta(hours=2), occurred=world.NOW, sequence=1)
    desk.case = replace(desk.case, late_received=True)
    told = len(desk.told(NoticeKind.RUNG_CLIMBED))
    desk.wait_for(next(c.key for c in desk.case.clocks if c.kind is ClockKind.RUNG))
    assert desk.case.rungs[-1].skipped == "late_received"
    assert len(desk.told(NoticeKind.RUNG_CLIMBED)) == told
    desk.case = replace(desk.case, state=CaseState.HANDLING)
    desk.wait_for(next(c.key for c in desk.case.clocks if c.kind is ClockKind.RUNG))
    assert desk.case.rungs[-1].skipped == "", "sent back to work, it climbs again"


def test_urging_counts_and_moves_no_clock() -> None:
    desk = Desk(late_case())
    before = desk.case.clocks
    for _ in range(2):
        desk.act(CaseUrged(reason="t"), *SUPERVISOR)
    assert desk.case.urged == 2
    assert desk.case.clocks == before
    assert desk.told(NoticeKind.CASE_URGED) == ["township_handler@330281101"] * 2
    assert len({notice.dedup_key for notice in desk.notices}) == 2


def test_supervising_puts_the_kind_on_the_case_and_moves_no_clock() -> None:
    desk = Desk(late_case())
    before = desk.case.clocks
    desk.act(CaseSupervised(kind=UrgeKind.LEADER, reason="t"), Role.COUNTY_SUPERVISOR, world.COUNTY)
    assert desk.case.supervised == "leader"
    assert desk.case.clocks == before
    assert desk.told(NoticeKind.CASE_SUPERVISED) == ["township_handler@330281101"]


@pytest.mark.parametrize(
    ("data", "role", "org", "reason"),
    [
        pytest.param(
            CaseUrged(reason="t"), Role.GRID_MEMBER, world.GRID, "role_may_not", id="urge"
        ),
        pytest.param(
            CaseSupervised(kind=UrgeKind.LEADER, reason="t"),
            Role.DISPATCHER,
            world.TOWNSHIP,
            "role_may_not",
            id="supervise",
        ),
        pytest.param(
            CaseUrged(reason="t"),
            Role.DUTY_SUPERVISOR,
            world.TOWNSHIPS[1],
            "outside_scope",
            id="another-township",
        ),
    ],
)
def test_without_the_right_nothing_changes(
    data: CaseUrged, role: Role, org: str, reason: str
) -> None:
    desk = Desk(late_case())
    before = desk.case
    decision = desk.act(data, role, org)
    assert (decision.fate, decision.reason) == (Fate.REFUSED, reason)
    assert desk.case == before


# --- deadlines computed again ----------------------------------------------------------------


def _with_holiday(*days: str) -> Office:
    off = {datetime.fromisoformat(day).date(): "临时假" for day in days}
    calendar = WorkCalendar(CalendarOverride(days_off=off))
    return Office(calendar=calendar, hours=default_pack().calendar)


def _recompute(desk: Desk) -> None:
    desk.act(DeadlineRecomputed(calendar_version="new"), Role.DUTY_SUPERVISOR, world.TOWNSHIP)


def test_a_new_holiday_moves_the_deadline_with_old_and_new_on_record() -> None:
    case = limited(late_case(), "3wd")
    assert case.due is not None
    old = case.due.due_at
    desk = Desk(case)
    desk.facts = Facts(directory=people(), office=_with_holiday("2026-03-12"))
    _recompute(desk)
    assert desk.case.due is not None
    new = desk.case.due.due_at
    assert new - old == timedelta(days=3), "over the weekend"
    due_clock, warning = desk.case.clock("case_due"), desk.case.clock("case_warning")
    assert due_clock is not None
    assert warning is not None
    assert due_clock.due_at == new
    share = desk.policy.deadlines.warning
    assert warning.due_at == warning_at(desk.case.due, share, office=desk.facts.office)
    detail = desk.audits[-1].detail
    assert (detail["old_due_at"], detail["due_at"]) == (old.isoformat(), new.isoformat())
    assert detail["old_calendar"] != detail["calendar"]
    assert desk.told(NoticeKind.DEADLINE_RECOMPUTED) == ["township_handler@330281101"]


def test_the_same_calendar_changes_nothing_but_says_that_it_was_asked() -> None:
    desk = Desk(limited(late_case(), "3wd"))
    clocks = desk.case.clocks
    _recompute(desk)
    assert [(c.key, c.due_at) for c in sorted(desk.case.clocks, key=lambda c: c.key)] == [
        (c.key, c.due_at) for c in sorted(clocks, key=lambda c: c.key)
    ]
    assert desk.reasons() == ["same_deadline"]
    assert desk.notices == []


def test_a_limit_that_would_lie_in_the_past_rings_at_once() -> None:
    case = limited(late_case(), "3wd")
    wide = Desk(case)
    wide.facts = Facts(directory=people(), office=_with_holiday("2026-03-12", "2026-03-13"))
    _recompute(wide)
    assert case.due is not None
    desk = Desk(wide.case, at=case.due.due_at + timedelta(hours=1))
    _recompute(desk)
    assert desk.case.due == case.due
    clock = desk.case.clock("case_due")
    assert clock is not None
    assert clock.due_at == desk.now, "never before the moment it was computed"
    desk.wait(desk.now)
    assert desk.case.breached_at == desk.now


def test_a_breach_stays_though_a_new_holiday_would_have_spared_it() -> None:
    desk = Desk(limited(late_case(), "1wd"))
    desk.wait_for("case_due")
    moment = desk.case.breached_at
    desk.facts = Facts(directory=people(), office=_with_holiday("2026-03-11", "2026-03-12"))
    _recompute(desk)
    assert desk.case.breached_at == moment
    assert desk.case.clock("case_due") is None
    assert desk.case.clock("rung:1") is not None


def test_the_clocks_of_a_step_move_with_the_calendar_and_plain_ones_stay() -> None:
    base = limited(late_case(), "3wd")
    check = due(world.NOW, parse_span("2wd"), office=office())
    plain = Clock(key="visit", generation=1, due_at=world.NOW + timedelta(hours=5))
    clocks = (
        *base.clocks,
        Clock(key="check", generation=1, due_at=check.due_at, deadline=check),
        plain,
    )
    desk = Desk(replace(base, clocks=clocks))
    desk.facts = Facts(directory=people(), office=_with_holiday("2026-03-11"))
    _recompute(desk)
    moved = desk.case.clock("check")
    assert moved is not None
    assert moved.due_at > check.due_at
    assert moved.generation > 1
    assert desk.case.clock("visit") == plain
    assert desk.audits[-1].detail["other_clocks_moved"] == 1


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        pytest.param(replace(late_case(), due=None, clocks=()), "no_deadline", id="no-limit-yet"),
        pytest.param(replace(late_case(), state=CaseState.CLOSED), "wrong_state", id="settled"),
    ],
)
def test_what_cannot_be_computed_again_is_refused(case: Case, reason: str) -> None:
    desk = Desk(case)
    decision = desk.by_engine(DeadlineRecomputed(calendar_version="new"))
    assert (decision.fate, decision.reason) == (Fate.REFUSED, reason)


# --- accountability --------------------------------------------------------------------------


def test_a_person_records_a_consequence_for_a_unit_and_whether_it_had_the_power() -> None:
    desk = Desk(late_case())
    data = AccountabilityRecorded(
        unit=WATER, kind=AccountabilityKind.REMINDER, had_power=False, reason="t"
    )
    desk.act(data, Role.COUNTY_SUPERVISOR, world.COUNTY)
    detail = desk.audits[-1].detail
    assert detail["had_power"] is False
    assert detail["listed_power"] is True, "the list says otherwise, and both are on record"
    data = replace(data, unit=HOUSING, had_power=True)
    desk.act(data, Role.COUNTY_SUPERVISOR, world.COUNTY)
    assert desk.audits[-1].detail["listed_power"] is False


@pytest.mark.parametrize(
    ("unit", "by_engine", "reason"),
    [
        pytest.param(world.person(Role.GRID_HEAD, world.GRID), False, "unknown_unit", id="person"),
        pytest.param("d-nowhere", False, "unknown_unit", id="nobody"),
        pytest.param(WATER, True, "a_person_decides", id="the-engine-itself"),
    ],
)
def test_consequences_are_for_units_and_decided_by_persons(
    unit: str, by_engine: bool, reason: str
) -> None:
    desk = Desk(late_case())
    data = AccountabilityRecorded(
        unit=unit, kind=AccountabilityKind.TALK, had_power=True, reason="t"
    )
    decision = (
        desk.by_engine(data) if by_engine else desk.act(data, Role.COUNTY_SUPERVISOR, world.COUNTY)
    )
    assert (decision.fate, decision.reason) == (Fate.REFUSED, reason)


# --- emergencies -----------------------------------------------------------------------------


def test_a_running_case_declared_an_emergency_alarms_and_gets_the_emergencys_limit() -> None:
    desk = Desk(limited(late_case(), "3wd"))
    desk.act(EmergencyDeclared(level=2, reason="t"), Role.DUTY_LEADER, world.TOWNSHIP)
    assert (desk.case.emergency_level, desk.case.urgency) == (2, "E")
    assert desk.told(NoticeKind.EMERGENCY_ALERT)
    for kind in (ClockKind.ON_SITE, ClockKind.UPWARD_PHONE, ClockKind.UPWARD_WRITTEN):
        assert desk.case.clock(kind) is not None
    assert desk.case.due is not None
    assert desk.case.due.due_at == world.NOW + timedelta(hours=24)
    again = desk.act(EmergencyDeclared(level=2, reason="t"), Role.DUTY_LEADER, world.TOWNSHIP)
    assert again.reason == "same_level"
    alarms = len(desk.told(NoticeKind.EMERGENCY_ALERT))
    desk.act(EmergencyDeclared(level=1, reason="t"), Role.DUTY_LEADER, world.TOWNSHIP)
    assert desk.case.emergency_level == 1
    assert len(desk.told(NoticeKind.EMERGENCY_ALERT)) == alarms


@pytest.mark.parametrize(
    ("form", "answered", "other"),
    [
        (UpwardForm.PHONE, ClockKind.UPWARD_PHONE, ClockKind.UPWARD_WRITTEN),
        (UpwardForm.WRITTEN, ClockKind.UPWARD_WRITTEN, ClockKind.UPWARD_PHONE),
    ],
)
def test_a_report_upward_answers_its_own_clock_and_its_own_ladder(
    form: UpwardForm, answered: ClockKind, other: ClockKind
) -> None:
    desk = Desk(limited(late_case(), "3wd"))
    desk.act(EmergencyDeclared(level=2, reason="t"), Role.DUTY_LEADER, world.TOWNSHIP)
    desk.wait(desk.now + timedelta(minutes=61))
    parts = {c.part.partition(".")[0] for c in desk.case.clocks if c.kind is ClockKind.RUNG}
    assert {answered, other} <= parts
    desk.act(ReportedUpward(form=form), Role.DUTY_LEADER, world.TOWNSHIP)
    parts = {c.part.partition(".")[0] for c in desk.case.clocks if c.kind is ClockKind.RUNG}
    assert answered not in parts
    assert other in parts


def test_a_report_upward_of_no_emergency_is_refused() -> None:
    desk = Desk(late_case())
    decision = desk.act(ReportedUpward(form=UpwardForm.PHONE), Role.DUTY_LEADER, world.TOWNSHIP)
    assert decision.reason == "no_emergency"


def test_who_called_which_number_when_is_on_record() -> None:
    desk = Desk(late_case())
    called = datetime(2026, 3, 10, 0, 50, tzinfo=UTC)
    data = EmergencyCallRecorded(number=EmergencyNumber.FIRE, called_at=called, note="t")
    desk.act(data, Role.GRID_HEAD, world.GRID)
    assert desk.audits[-1].detail == {"number": "119", "called_at": called.isoformat()}
    late = replace(data, called_at=world.NOW + timedelta(hours=2))
    assert desk.act(late, Role.GRID_HEAD, world.GRID).reason == "called_in_the_future"
