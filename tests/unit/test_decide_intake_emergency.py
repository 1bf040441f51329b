"""Danger to life or property: alarm first, nobody waits, nothing is forgotten afterwards."""

from datetime import timedelta

import pytest

from events.contract.envelope import Acting
from events.contract.escalation import EmergencyDeclared, ReportedUpward, UpwardForm
from events.contract.reports import (
    ReportFiled,
    ReportReclassified,
    ReportRegistered,
    ReportSupplemented,
)
from models.clocks import ClockKind
from models.policy.people import Role
from models.values import CaseState, Mark
from notifications.notice import Org, RoleAt
from tests.unit import taking_in as t

EMERGENCY = {"on_site", "upward_phone", "upward_written", "retroactive_filing", "case_due"}
ALERT = "emergency_alert"


@pytest.mark.parametrize(
    ("data", "on_site"),
    [
        pytest.param(t.report(t.FLOOD), timedelta(minutes=30), id="flood: 30 minutes"),
        pytest.param(t.report(t.FIRE), timedelta(minutes=15), id="wildfire: 15 minutes"),
        pytest.param(t.report(t.LAMP, emergency=True), timedelta(minutes=30), id="only flagged"),
        pytest.param(t.report("", emergency=True), timedelta(minutes=30), id="not classified"),
        pytest.param(
            t.told(t.FLOOD), timedelta(minutes=30), id="told by the public, not looked at first"
        ),
        pytest.param(
            t.report(t.SEWAGE, emergency=True, joint=True, public_interest=True),
            timedelta(minutes=30),
            id="no consultation first",
        ),
    ],
)
def test_an_emergency_is_registered_alarmed_and_dispatched_at_once(
    data: ReportFiled, on_site: timedelta
) -> None:
    desk = t.Desk(follows=False)
    case = desk.file(data, t.HOTLINE)
    limits = desk.policy.deadlines
    assert case.state is CaseState.REGISTERED
    assert (case.urgency, case.emergency_level) == ("E", 4)
    assert t.kinds(case) >= EMERGENCY
    due = {kind: case.clock(kind) for kind in ClockKind}
    wanted = {
        ClockKind.ON_SITE: on_site,
        ClockKind.UPWARD_PHONE: limits.emergency_phone,
        ClockKind.UPWARD_WRITTEN: limits.emergency_written,
        ClockKind.RETROACTIVE_FILING: limits.retroactive_filing,
        ClockKind.CASE_DUE: limits.emergency_finish.value,
    }
    for kind, after in wanted.items():
        clock = due[kind]
        assert clock is not None
        assert clock.due_at == t.NOW + after, kind
    assert t.follow_ups(desk.last) == ["AssignmentRequested"]


def test_duty_roster_and_township_hear_the_alarm_at_once_and_urgently() -> None:
    desk = t.Desk(follows=False)
    desk.file(t.report(t.FLOOD))
    alerts = [n for n in desk.last.notices if n.kind == ALERT]
    heard = {n.recipient for n in alerts}
    assert RoleAt(role=Role.DUTY_LEADER, org=t.TOWNSHIP) in heard  # type: ignore[arg-type]
    assert Org(id=t.TOWNSHIP) in heard  # type: ignore[arg-type]
    assert all(n.urgency == "urgent" for n in alerts)
    assert {n.params["hotline"] for n in alerts} == {"110/119/120"}
    forms = {n.params["form"] for n in desk.last.notices if n.kind == "upward_report_due"}
    assert forms == {"phone", "written"}


def test_who_called_which_number_is_kept_as_a_token() -> None:
    desk = t.Desk(follows=False)
    desk.file(t.report(t.FLOOD, emergency=True, emergency_call="token-call"))
    call = next(a for a in desk.last.audit if a.action == "escalation.record_call")
    assert call.words == "token-call"
    declared = next(a for a in desk.last.audit if a.action == "escalation.declare_emergency")
    assert declared.detail["called"] is True
    assert declared.acting == t.MEMBER


def test_what_only_the_list_calls_an_emergency_is_declared_by_the_engine() -> None:
    desk = t.Desk(follows=False)
    desk.file(t.report(t.FLOOD))
    declared = next(a for a in desk.last.audit if a.action == "escalation.declare_emergency")
    assert declared.acting.actor == "system:intake"
    assert declared.rule == f"categories/{t.FLOOD}"


def test_told_afterwards_nobody_has_to_hurry_there_but_the_county_hears_of_it() -> None:
    desk = t.Desk(follows=False)
    case = desk.file(t.report(t.FLOOD, filed_afterwards=True))
    assert not {"on_site", "retroactive_filing"} & t.kinds(case)
    assert {"upward_phone", "upward_written"} <= t.kinds(case)


def test_a_second_alarm_of_one_fire_goes_out_too_and_names_the_first() -> None:
    desk = t.Desk(follows=False)
    first = desk.file(t.report(t.FIRE))
    second = desk.file(t.report(t.FIRE))
    assert second.state is CaseState.REGISTERED
    assert second.merge_candidate == first.id
    assert {ALERT, "merge_proposed"} <= t.notices(desk.last)


def test_the_whole_way_a_department_has_it_within_the_same_instant() -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.FIRE))
    assert case.state is CaseState.DISPATCHED
    assert case.assignment is not None
    assert case.assignment.org == "d-emergency"
    assert case.owner is not None
    assert case.owner.org == "d-emergency"


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        pytest.param(CaseState.DISPATCHED, "ok", id="still on the way"),
        pytest.param(CaseState.ACCEPTED, "ok", id="signed, not there"),
        pytest.param(CaseState.HANDLING, "no_longer_needed", id="somebody works on it"),
        pytest.param(CaseState.CHECKING, "no_longer_needed", id="done already"),
    ],
)
def test_nobody_on_site(state: CaseState, reason: str) -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.FLOOD))
    desk.cases[case.id] = t.with_state(case, state)
    desk.ring(case.id, ClockKind.ON_SITE)
    assert desk.last.audit[0].reason == reason
    assert ("breached" in t.notices(desk.last)) is (reason == "ok")
    assert "on_site" not in t.kinds(desk.cases[case.id])


@pytest.mark.parametrize(
    ("form", "kind"),
    [(UpwardForm.PHONE, "upward_phone"), (UpwardForm.WRITTEN, "upward_written")],
)
def test_reporting_upward_answers_that_form_only(form: UpwardForm, kind: str) -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.FLOOD))
    desk.say(ReportedUpward(form=form), t.SUPERVISOR, case.id)
    left = t.kinds(desk.cases[case.id]) & {"upward_phone", "upward_written"}
    assert left == {"upward_phone", "upward_written"} - {kind}


def test_a_forgotten_report_upward_is_asked_for_again_and_climbs() -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.FLOOD))
    desk.ring(case.id, ClockKind.UPWARD_PHONE)
    assert {"upward_report_due", "breached"} <= t.notices(desk.last)
    assert any(c.key == "rung:upward_phone.0" for c in desk.cases[case.id].clocks)
    desk.say(ReportedUpward(form=UpwardForm.PHONE), t.SUPERVISOR, case.id)
    assert not any(c.part.startswith("upward_phone") for c in desk.cases[case.id].clocks)


@pytest.mark.parametrize(
    ("acting", "filed"),
    [
        pytest.param(t.DISPATCHER, True, id="who keeps the file"),
        pytest.param(t.MEMBER, False, id="somebody on the spot"),
    ],
)
def test_the_file_is_completed_afterwards_by_who_keeps_it(acting: Acting, filed: bool) -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.FLOOD))
    desk.say(ReportSupplemented(description="token"), acting, case.id)
    assert ("retroactive_filing" not in t.kinds(desk.cases[case.id])) is filed
    assert (desk.last.audit[0].reason == "filed_afterwards") is filed


def test_a_missing_file_climbs() -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.FLOOD))
    desk.ring(case.id, ClockKind.RETROACTIVE_FILING)
    assert any(c.key == "rung:retroactive_filing.0" for c in desk.cases[case.id].clocks)


def test_declaring_an_emergency_registers_what_was_waiting_and_shortens_its_limit() -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.SEWAGE))
    assert case.state is CaseState.REPORTED
    desk.say(EmergencyDeclared(level=2, reason="token"), t.SUPERVISOR, case.id)
    case = desk.cases[case.id]
    assert case.state is CaseState.DISPATCHED
    assert (case.emergency_level, case.urgency) == (2, "E")
    assert case.due is not None
    assert case.due.due_at == t.NOW + timedelta(hours=24)


def test_declaring_an_emergency_ends_the_talking() -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.LAMP, joint=True))
    assert case.state is CaseState.CONSULTING
    desk.say(EmergencyDeclared(level=1, reason="token"), t.SUPERVISOR, case.id)
    case = desk.cases[case.id]
    assert case.state is CaseState.DISPATCHED
    assert case.consultation is not None
    assert case.consultation.outcome == "escalated"
    assert not {"convene", "conclude"} & t.kinds(case)


def test_a_category_that_makes_it_an_emergency_sounds_the_alarm() -> None:
    desk = t.Desk()
    case = desk.file(t.report(""))
    desk.say(ReportReclassified(category=t.FLOOD, reason="r"), t.ACCEPTOR, case.id)
    assert desk.cases[case.id].state is CaseState.DISPATCHED
    other = desk.file(t.report("", place=t.HERE))
    desk.say(ReportRegistered(category=t.FIRE), t.SUPERVISOR, other.id)
    assert desk.cases[other.id].state is CaseState.DISPATCHED
    for one in (case.id, other.id):
        assert t.kinds(desk.cases[one]) >= EMERGENCY


def test_the_alarm_of_a_confidential_case_is_discreet_and_of_a_bypass_case_unheard_below() -> None:
    desk = t.Desk(follows=False)
    desk.file(t.report(t.VIOLENCE))
    assert all(n.discreet for n in desk.last.notices)
    assert ALERT in t.notices(desk.last)
    desk.file(t.report(t.LAMP, emergency=True, mark=Mark.BYPASS), t.VILLAGER)
    orgs = {getattr(n.recipient, "org", getattr(n.recipient, "id", "")) for n in desk.last.notices}
    assert orgs == {"d-discipline"}
