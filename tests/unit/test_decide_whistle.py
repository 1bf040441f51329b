from datetime import date, timedelta

import pytest
from msgspec.structs import replace

from events.contract.escalation import (
    DeadlineRecomputed,
    WhistleApproved,
    WhistleConfirmedAfterwards,
    WhistleRefused,
    WhistleRequested,
)
from flows.decide.decision import Facts
from models.calendar import WorkCalendar
from models.calendar_days import CalendarOverride
from models.case import Owner
from models.clocks import ClockKind
from models.deadlines import due, warning_at
from models.handling import WhistleState
from models.office import Office
from models.policy.people import Role
from models.policy.span import parse_span
from models.policy.whistle import WhistleKind
from models.values import CaseState, Fate, Mark
from notifications.notice import NoticeKind, Urgency
from tests import world
from tests.unit.late_cases import ECOLOGY, HOUSING, JUSTICE, WATER, Desk, late_case, office, people
from tests.unit.packs import changed
from tests.unit.whistles import (
    COUNTY_CENTRE,
    COUNTY_DUTY,
    DISPATCHER,
    LEADER,
    PRINCIPAL,
    asked,
    blown,
)


def test_a_request_waits_for_the_principal_and_leaves_the_case_where_it_is() -> None:
    desk = asked(lead=WATER)
    whistle = desk.case.whistle
    assert whistle is not None
    assert whistle.state is WhistleState.REQUESTED
    assert desk.state is CaseState.HANDLING
    assert desk.case.owner == Owner(org=world.TOWNSHIP, role=Role.TOWNSHIP_HANDLER)
    assert desk.told(NoticeKind.WHISTLE_REQUESTED) == [f"{PRINCIPAL[0]}@{world.TOWNSHIP}"]
    clock = desk.case.clock(ClockKind.WHISTLE_APPROVAL)
    assert clock is not None
    assert clock.due_at == due(desk.now, parse_span("4wh"), office=office()).due_at
    assert not any(c.key.startswith("whistle_sign") for c in desk.case.clocks)


@pytest.mark.parametrize(
    ("category", "lead", "helpers"),
    [
        pytest.param("05-04", WATER, (), id="who-holds-the-power"),
        pytest.param("05-05", ECOLOGY, (), id="the-owner-itself"),
        pytest.param("07-02", "", (), id="no-such-department"),
        pytest.param("01-01", JUSTICE, (), id="the-stations-department"),
        pytest.param("", "", (), id="no-category"),
    ],
)
def test_an_empty_lead_is_named_by_the_lists(
    category: str, lead: str, helpers: tuple[str, ...]
) -> None:
    desk = Desk(replace(late_case(limit="15wd"), category=category))
    desk.act(WhistleRequested(kind=WhistleKind.ROUTINE, reason="t"), *DISPATCHER)
    whistle = desk.case.whistle
    assert whistle is not None
    assert (whistle.lead, whistle.helpers) == (lead, helpers)


def test_without_a_lead_the_principal_names_one() -> None:
    desk = Desk(replace(late_case(limit="15wd"), category=""))
    desk.act(WhistleRequested(kind=WhistleKind.ROUTINE, reason="t"), *DISPATCHER)
    assert desk.act(WhistleApproved(), *PRINCIPAL).reason == "lead_unknown"
    desk.act(WhistleApproved(lead=HOUSING, helpers=(WATER,)), *PRINCIPAL)
    assert desk.case.leads == (world.TOWNSHIP, HOUSING)


def test_the_approval_may_name_other_units_than_the_request() -> None:
    desk = asked(lead=WATER, helpers=(ECOLOGY,))
    desk.act(WhistleApproved(lead=ECOLOGY), *PRINCIPAL)
    whistle = desk.case.whistle
    assert whistle is not None
    assert [(p.org, p.lead) for p in whistle.parties] == [(ECOLOGY, True)]


def test_blowing_calls_each_unit_on_clocks_of_its_own() -> None:
    desk = blown(lead=WATER, helpers=(ECOLOGY, HOUSING))
    rule = desk.policy.whistles.kinds[WhistleKind.ROUTINE]
    assert rule.plan is not None
    spans = {"sign": rule.sign, "arrive": rule.arrive, "finish": rule.finish}
    expected = {
        f"whistle_{name}:{org}": due(desk.now, span, office=office()).due_at
        for org in (WATER, ECOLOGY, HOUSING)
        for name, span in spans.items()
    }
    expected[f"whistle_plan:{WATER}"] = due(desk.now, rule.plan, office=office()).due_at
    running = {c.key: c.due_at for c in desk.case.clocks if c.key.startswith("whistle_")}
    assert running == expected
    assert desk.state is CaseState.WHISTLED
    assert desk.case.owner == Owner(org=WATER, role=Role.DEPARTMENT_HANDLER)
    assert desk.case.leads == (world.TOWNSHIP, WATER)
    told = [(n.params["part"], n.recipient) for n in desk.notices if n.params.get("part")]
    assert {part for part, _ in told} == {"lead", "helper"}
    assert set(desk.told(NoticeKind.WHISTLE_APPROVED)) == {
        f"{role}@{org}"
        for org in (WATER, ECOLOGY, HOUSING)
        for role in (Role.DEPARTMENT_HANDLER, Role.DEPARTMENT_LEAD)
    }


def test_a_helpers_clock_is_policys_share_of_the_leads() -> None:
    desk = Desk(late_case(limit="15wd"), policy=changed({"whistles": {"helper_share": 0.5}}))
    desk.act(
        WhistleRequested(kind=WhistleKind.HARD, lead=WATER, helpers=(ECOLOGY,), reason="t"),
        *DISPATCHER,
    )
    desk.act(WhistleApproved(), *PRINCIPAL)
    lead = desk.case.clock(f"whistle_finish:{WATER}")
    helper = desk.case.clock(f"whistle_finish:{ECOLOGY}")
    assert lead is not None
    assert helper is not None
    assert world.NOW < helper.due_at < lead.due_at


@pytest.mark.parametrize(
    ("limit", "moved"),
    [pytest.param("3wd", True, id="shorter"), pytest.param("15wd", False, id="longer")],
)
def test_the_cases_limit_follows_the_lead_only_to_a_later_day(limit: str, moved: bool) -> None:
    desk = blown(case=late_case(limit=limit))
    old = due(world.NOW, parse_span(limit), office=office())
    finish = due(world.NOW, parse_span("7wd"), office=office())
    assert desk.case.due is not None
    assert desk.case.due.due_at == (finish if moved else old).due_at
    clock = desk.case.clock(ClockKind.CASE_DUE)
    assert clock is not None
    assert clock.due_at == desk.case.due.due_at
    detail = desk.audits[-1].detail
    assert detail["old_due_at"] == old.due_at.isoformat()
    assert detail["due_at"] == desk.case.due.due_at.isoformat()
    assert desk.audits[-1].rule == "whistles/ROUTINE"


def test_a_whistle_takes_no_breach_back_and_stops_no_ladder() -> None:
    case = late_case(limit="3wd")
    desk = Desk(case)
    desk.wait_for(ClockKind.CASE_DUE)
    moment = desk.case.breached_at
    desk.act(WhistleRequested(kind=WhistleKind.HARD, lead=WATER, reason="t"), *DISPATCHER)
    desk.act(WhistleApproved(), *PRINCIPAL)
    assert desk.case.breached_at == moment
    assert desk.case.clock(ClockKind.CASE_DUE) is None
    rungs = [c for c in desk.case.clocks if c.kind is ClockKind.RUNG]
    assert [c.part for c in rungs] == ["1"]


# --- emergencies -----------------------------------------------------------------------------


def test_the_duty_leaders_emergency_blows_at_once_and_is_confirmed_within_a_day() -> None:
    desk = blown(WhistleKind.EMERGENCY)
    whistle = desk.case.whistle
    assert whistle is not None
    assert (whistle.state, whistle.confirmed) == (WhistleState.BLOWN, None)
    assert desk.case.clock(f"whistle_plan:{WATER}") is None, "planned on the spot"
    confirm = desk.case.clock(ClockKind.WHISTLE_CONFIRM)
    assert confirm is not None
    assert confirm.due_at == world.NOW + timedelta(hours=24)
    assert desk.told(NoticeKind.WHISTLE_TO_CONFIRM) == [f"{PRINCIPAL[0]}@{world.TOWNSHIP}"]
    calls = [n for n in desk.notices if n.kind is NoticeKind.WHISTLE_APPROVED]
    assert {n.urgency for n in calls} == {Urgency.URGENT}


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_word_afterwards_answers_its_clock_and_stops_no_work(confirmed: bool) -> None:
    desk = blown(WhistleKind.EMERGENCY)
    clocks = [c for c in desk.case.clocks if c.kind is not ClockKind.WHISTLE_CONFIRM]
    desk.act(WhistleConfirmedAfterwards(confirmed=confirmed, reason="t"), *PRINCIPAL)
    whistle = desk.case.whistle
    assert whistle is not None
    assert whistle.confirmed is confirmed
    assert whistle.state is WhistleState.BLOWN
    assert desk.state is CaseState.WHISTLED
    assert list(desk.case.clocks) == clocks
    requester = world.person(*LEADER)
    assert desk.told(NoticeKind.WHISTLE_REFUSED) == ([] if confirmed else [requester])
    again = desk.act(WhistleConfirmedAfterwards(confirmed=True), *PRINCIPAL)
    assert again.reason == "already_done"


def test_an_unconfirmed_emergency_goes_up_and_stays_asked() -> None:
    desk = blown(WhistleKind.EMERGENCY)
    desk.wait(world.NOW + timedelta(hours=72))
    asked_again = desk.told(NoticeKind.WHISTLE_TO_CONFIRM)
    assert len(asked_again) == 4
    turns = [rung.told for rung in desk.case.rungs if rung.limit == "whistle_confirm"]
    assert turns == [COUNTY_CENTRE, COUNTY_DUTY, COUNTY_DUTY]
    assert desk.case.clock(ClockKind.WHISTLE_CONFIRM) is not None
    assert desk.state is CaseState.WHISTLED


def test_the_principals_own_emergency_needs_no_word_afterwards() -> None:
    desk = Desk(late_case())
    desk.act(WhistleRequested(kind=WhistleKind.EMERGENCY, lead=WATER, reason="t"), *PRINCIPAL)
    assert desk.case.whistle is not None
    assert desk.case.whistle.confirmed is True
    assert desk.case.clock(ClockKind.WHISTLE_CONFIRM) is None


def test_an_emergency_may_overtake_registration() -> None:
    case = replace(late_case(state=CaseState.REPORTED), registered_at=None, due=None, clocks=())
    desk = Desk(case)
    desk.act(WhistleRequested(kind=WhistleKind.EMERGENCY, lead=WATER, reason="t"), *LEADER)
    assert desk.state is CaseState.WHISTLED
    assert desk.case.registered_at == world.NOW
    assert desk.case.due is not None
    routine = Desk(case)
    decision = routine.act(
        WhistleRequested(kind=WhistleKind.ROUTINE, lead=WATER, reason="t"), *DISPATCHER
    )
    assert (decision.fate, decision.reason) == (Fate.REFUSED, "wrong_state")


def test_an_emergency_asked_by_somebody_else_waits_for_the_duty_leader() -> None:
    desk = Desk(late_case())
    request = WhistleRequested(kind=WhistleKind.EMERGENCY, lead=WATER, reason="t")
    desk.act(request, Role.DUTY_SUPERVISOR, world.TOWNSHIP)
    assert desk.whistle.blown_at is None
    assert desk.told(NoticeKind.WHISTLE_REQUESTED) == [f"{LEADER[0]}@{world.TOWNSHIP}"]
    desk.act(WhistleApproved(), *LEADER)
    assert desk.state is CaseState.WHISTLED
    assert desk.case.clock(ClockKind.WHISTLE_CONFIRM) is not None


# --- approval --------------------------------------------------------------------------------


def test_an_unanswered_request_goes_up_and_stays_asked() -> None:
    desk = asked(lead=WATER)
    for _ in range(3):
        desk.wait_for(ClockKind.WHISTLE_APPROVAL)
    assert desk.told(NoticeKind.WHISTLE_REQUESTED) == [f"{PRINCIPAL[0]}@{world.TOWNSHIP}"] * 4
    turns = [rung.told for rung in desk.case.rungs if rung.limit == "whistle_approval"]
    assert turns == [COUNTY_CENTRE, COUNTY_DUTY, COUNTY_DUTY]
    assert desk.case.whistle is not None
    assert desk.case.whistle.state is WhistleState.REQUESTED
    assert desk.act(WhistleApproved(), *PRINCIPAL).fate is Fate.APPLIED


def test_a_request_ends_when_the_case_was_settled_otherwise() -> None:
    desk = asked(lead=WATER)
    desk.case = replace(desk.case, state=CaseState.CLOSED)
    desk.wait_for(ClockKind.WHISTLE_APPROVAL)
    assert desk.reasons()[-1] == "no_longer_needed"


def test_a_refused_whistle_leaves_everything_as_it_was() -> None:
    desk = asked(lead=WATER)
    before = desk.case
    desk.act(WhistleRefused(reason="t"), *PRINCIPAL)
    assert desk.case.whistle is not None
    assert desk.case.whistle.state is WhistleState.REFUSED
    assert desk.state is before.state
    assert desk.case.owner == before.owner
    assert [c.key for c in desk.case.clocks] == [ClockKind.CASE_DUE]
    assert desk.told(NoticeKind.WHISTLE_REFUSED) == [world.person(*DISPATCHER)]
    assert desk.act(WhistleApproved(), *PRINCIPAL).reason == "no_whistle_asked"
    again = desk.act(WhistleRequested(kind=WhistleKind.HARD, lead=WATER, reason="t"), *DISPATCHER)
    assert again.fate is Fate.APPLIED


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        pytest.param({"lead": "d-nowhere"}, "unknown_unit", id="unknown"),
        pytest.param({"lead": world.VILLAGE}, "not_a_department", id="village"),
        pytest.param({"lead": world.TOWNSHIP}, "not_a_department", id="itself"),
        pytest.param({"lead": WATER, "helpers": (WATER,)}, "unit_named_twice", id="twice"),
        pytest.param(
            {"lead": WATER, "helpers": (ECOLOGY, ECOLOGY)}, "unit_named_twice", id="helper-twice"
        ),
        pytest.param({"lead": WATER, "helpers": (world.GRID,)}, "not_a_department", id="grid"),
    ],
)
def test_who_cannot_be_called_is_not_called(named: dict[str, object], reason: str) -> None:
    desk = Desk(late_case())
    before = desk.case
    request = WhistleRequested(kind=WhistleKind.ROUTINE, reason="t", **named)  # type: ignore[arg-type]
    assert desk.act(request, *DISPATCHER).reason == reason
    assert desk.case == before


def test_one_whistle_at_a_time() -> None:
    request = WhistleRequested(kind=WhistleKind.ROUTINE, lead=WATER, reason="t")
    desk = asked(lead=WATER)
    assert desk.act(request, *DISPATCHER).reason == "whistle_running"


def test_only_the_approver_of_the_kind_approves_it() -> None:
    desk = asked(lead=WATER)
    assert desk.act(WhistleApproved(), *LEADER).reason == "not_the_approver"
    assert desk.act(WhistleApproved(), *DISPATCHER).reason == "role_may_not"
    assert desk.act(WhistleConfirmedAfterwards(confirmed=True), *PRINCIPAL).fate is not Fate.APPLIED


# --- marked cases, and the end ---------------------------------------------------------------


def test_calling_a_unit_lets_it_into_the_circle_of_a_confidential_case() -> None:
    case = late_case(mark=Mark.CONFIDENTIAL, circle=(world.TOWNSHIP,), limit="15wd")
    desk = blown(case=case)
    assert desk.case.circle == (world.TOWNSHIP, WATER, ECOLOGY)
    assert all(notice.discreet for notice in desk.notices)


def test_a_confidential_case_without_an_approver_in_its_circle_asks_nobody_outside() -> None:
    desk = Desk(late_case(mark=Mark.CONFIDENTIAL, circle=(world.VILLAGE,)))
    request = WhistleRequested(kind=WhistleKind.ROUTINE, lead=WATER, reason="t")
    decision = desk.act(request, Role.DUTY_SUPERVISOR, world.TOWNSHIP)
    assert decision.reason == "nobody_may_approve"


def test_a_principal_outside_the_circle_is_neither_told_nor_waited_for() -> None:
    leader = f"{Role.DUTY_LEADER}"
    seeing = changed({"roles": {"roles": {leader: {"sees_confidential": True}}}})
    case = late_case(mark=Mark.CONFIDENTIAL, circle=(world.VILLAGE,), limit="15wd")
    desk = blown(WhistleKind.EMERGENCY, case=case, policy=seeing)
    assert desk.told(NoticeKind.WHISTLE_TO_CONFIRM) == []
    assert desk.case.clock(ClockKind.WHISTLE_CONFIRM) is None
    assert desk.reasons()[-1] == "nobody_may_confirm"


def test_a_new_holiday_moves_every_clock_of_a_whistle_with_its_share() -> None:
    desk = blown(WhistleKind.HARD, policy=changed({"whistles": {"helper_share": 0.5}}))
    calendar = WorkCalendar(CalendarOverride(days_off={date(2026, 3, 12): "t"}))
    later = Office(calendar=calendar, hours=desk.policy.calendar)
    before = {c.key: c.due_at for c in desk.case.clocks}
    desk.facts = Facts(directory=people(), office=later)
    desk.act(DeadlineRecomputed(calendar_version="t"), Role.DUTY_SUPERVISOR, world.TOWNSHIP)
    assert desk.whistle.due is not None
    assert desk.due_at(f"whistle_finish:{WATER}") == desk.whistle.due.due_at
    assert desk.whistle.due.due_at > before[f"whistle_finish:{WATER}"]
    half = warning_at(desk.whistle.due, 0.5, office=later)
    assert desk.due_at(f"whistle_finish:{ECOLOGY}") == half
    moved = {c.key for c in desk.case.clocks if c.due_at != before.get(c.key)}
    assert f"whistle_arrive:{WATER}" in moved
    assert f"whistle_sign:{WATER}" not in moved, "signed for before the holiday"
