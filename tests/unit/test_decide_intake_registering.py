"""Looking, registering, turning down; and that what nobody decides is never lost."""

from datetime import timedelta

import pytest

from events.contract.assignment import AssignmentRequested
from events.contract.consultation import ConsultationRequested
from events.contract.reports import (
    ReportFiled,
    ReportRegistered,
    ReportRejected,
    ReportVerified,
    Verdict,
    VerificationRequested,
)
from models.clocks import ClockKind
from models.policy.people import Role
from models.values import CaseState, Fate, Mark
from notifications.notice import Reporter, RoleAt
from tests import world
from tests.unit import taking_in as t
from tests.unit.packs import changed

VERIFIER = t.MEMBER


@pytest.mark.parametrize(
    ("category", "verdict", "state", "role"),
    [
        pytest.param(t.LAMP, Verdict.EXISTS, CaseState.REGISTERED, Role.DISPATCHER, id="small"),
        pytest.param(
            t.SEWAGE, Verdict.EXISTS, CaseState.REPORTED, Role.DUTY_SUPERVISOR, id="large"
        ),
        pytest.param(
            t.LAMP, Verdict.DOES_NOT_EXIST, CaseState.REPORTED, Role.DUTY_SUPERVISOR, id="not there"
        ),
        pytest.param(
            t.LAMP, Verdict.CANNOT_TELL, CaseState.REPORTED, Role.DUTY_SUPERVISOR, id="cannot tell"
        ),
    ],
)
def test_what_follows_from_a_look(
    category: str, verdict: Verdict, state: CaseState, role: Role
) -> None:
    desk = t.Desk(follows=False)
    case = desk.file(t.told(category), t.HOTLINE)
    decision = desk.say(ReportVerified(verdict=verdict, note="token"), VERIFIER, case.id)
    case = desk.cases[case.id]
    assert case.state is state
    assert case.owner is not None
    assert case.owner.role == role
    assert "verify" not in t.kinds(case)
    assert (decision.audit[0].reason, decision.audit[0].words) == (verdict.value, "token")


def test_a_look_is_answered_once_but_may_be_asked_for_again() -> None:
    desk = t.Desk(follows=False)
    case = desk.file(t.told(t.LAMP), t.HOTLINE)
    found = ReportVerified(verdict=Verdict.CANNOT_TELL)
    desk.say(found, VERIFIER, case.id)
    assert desk.say(found, VERIFIER, case.id).fate is not Fate.APPLIED
    desk.say(VerificationRequested(reason="r"), t.SUPERVISOR, case.id)
    assert desk.cases[case.id].state is CaseState.VERIFYING
    assert t.kinds(desk.cases[case.id]) == {"verify"}
    desk.say(ReportVerified(verdict=Verdict.EXISTS), VERIFIER, case.id)
    assert desk.cases[case.id].state is CaseState.REGISTERED


def test_a_look_never_decides_over_a_pending_merge() -> None:
    desk = t.Desk(follows=False)
    first = desk.file(t.told(t.LAMP), t.HOTLINE)
    second = desk.file(t.told(t.LAMP), t.HOTLINE)
    desk.say(VerificationRequested(), t.ACCEPTOR, second.id)
    desk.say(ReportVerified(verdict=Verdict.EXISTS), VERIFIER, second.id)
    case = desk.cases[second.id]
    assert (case.state, case.merge_candidate) == (CaseState.REPORTED, first.id)
    assert t.kinds(case) == {"proposal"}


def test_marked_reports_are_not_sent_round() -> None:
    desk = t.Desk(follows=False)
    case = desk.file(t.report(t.SEWAGE, mark=Mark.CONFIDENTIAL))
    refused = desk.say(VerificationRequested(), t.SUPERVISOR, case.id)
    assert refused.reason == "marked_not_sent_round"


def registered_by_hand(data: ReportFiled, said: ReportRegistered) -> t.Desk:
    desk = t.Desk(follows=False)
    case = desk.file(data)
    desk.say(said, t.SUPERVISOR, case.id)
    return desk


@pytest.mark.parametrize(
    ("category", "said", "lead"),
    [
        pytest.param(t.SEWAGE, ReportRegistered(), t.TOWNSHIP, id="as the list says"),
        pytest.param(t.SEWAGE, ReportRegistered(tier=2), t.VILLAGE, id="lower, to the village"),
        pytest.param(t.SEWAGE, ReportRegistered(tier=1), t.GRID, id="lower, to the grid"),
        pytest.param(t.SEWAGE, ReportRegistered(tier=4), "d-ecology", id="higher, to a department"),
        pytest.param("", ReportRegistered(category=t.SEWAGE), t.TOWNSHIP, id="classified now"),
        pytest.param(t.SEWAGE, ReportRegistered(category="06-04"), "d-power_supply", id="other"),
    ],
)
def test_who_leads_after_a_person_registered(
    category: str, said: ReportRegistered, lead: str
) -> None:
    desk = registered_by_hand(t.report(category), said)
    asked = desk.last.follow_ups[-1].data
    assert isinstance(asked, AssignmentRequested)
    assert asked.lead == lead
    assert lead not in asked.helpers
    case = next(iter(desk.cases.values()))
    assert case.state is CaseState.REGISTERED
    assert case.registered_at == t.NOW
    assert case.deeds["report.register"] == (t.SUPERVISOR.actor,)


def test_a_unit_missing_from_the_directory_falls_to_the_backstop() -> None:
    desk = t.Desk(people=world.directory(("discipline",)), follows=False)
    case = desk.file(t.report(t.WATER))
    desk.say(ReportRegistered(), t.SUPERVISOR, case.id)
    asked = desk.last.follow_ups[-1].data
    assert isinstance(asked, AssignmentRequested)
    assert asked.lead == t.COUNTY
    assert "d-water" not in asked.helpers


@pytest.mark.parametrize(
    ("category", "said", "reason"),
    [
        pytest.param("", ReportRegistered(), "category_missing", id="no category"),
        pytest.param("", ReportRegistered(category="99-99"), "unknown_category", id="unknown"),
        pytest.param(t.SEWAGE, ReportRegistered(tier=5), "unknown_tier", id="tier 5"),
    ],
)
def test_registering_refused(category: str, said: ReportRegistered, reason: str) -> None:
    desk = registered_by_hand(t.report(category), said)
    assert desk.last.reason == reason
    assert next(iter(desk.cases.values())).state is CaseState.REPORTED


@pytest.mark.parametrize(
    ("data", "body"),
    [
        pytest.param(t.report(t.LAMP, joint=True), "joint_meeting", id="joint by the report"),
        pytest.param(t.report(t.LAMP, disputed=True), "joint_meeting", id="disputed by the report"),
        pytest.param(t.report(t.LAMP, public_interest=True), "council", id="of public interest"),
        pytest.param(t.report(t.QUARREL), "joint_meeting", id="disputed by category"),
        pytest.param(t.report(t.LAMP), "", id="none"),
        pytest.param(t.report(t.LAMP, joint=True, emergency=True), "", id="emergencies act first"),
    ],
)
def test_who_has_to_deliberate_first(data: ReportFiled, body: str) -> None:
    desk = t.Desk(follows=False)
    desk.file(data)
    asked = desk.last.follow_ups[-1].data
    assert (asked.body if isinstance(asked, ConsultationRequested) else "") == body


def test_the_reporter_hears_the_deadline() -> None:
    desk = t.Desk(follows=False)
    case = desk.file(t.told(t.SEWAGE), t.HOTLINE)
    desk.say(ReportVerified(verdict=Verdict.EXISTS), VERIFIER, case.id)
    desk.say(ReportRegistered(), t.SUPERVISOR, case.id)
    heard = next(n for n in desk.last.notices if n.kind == "case_registered")
    due = desk.cases[case.id].due
    assert due is not None
    assert heard.recipient == Reporter(t.REPORTER)
    assert heard.params["due_at"] == due.due_at.isoformat()


def test_rejecting_needs_a_reason_and_tells_where_to_turn() -> None:
    desk = t.Desk(follows=False)
    case = desk.file(t.told(t.SEWAGE), t.HOTLINE)
    assert desk.say(ReportRejected(reason=""), t.SUPERVISOR, case.id).reason == "reason_missing"
    desk.say(ReportRejected(reason="token", turn_to="县法院"), t.SUPERVISOR, case.id)
    case = desk.cases[case.id]
    assert (case.state, case.clocks, case.owner) == (CaseState.REJECTED, (), None)
    assert desk.last.audit[0].words == "token"
    heard = desk.last.notices[0]
    assert (heard.params["reason"], heard.params["turn_to"]) == ("turned_down_elsewhere", "县法院")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        pytest.param(t.report(t.SEWAGE), ClockKind.PROPOSAL, id="nobody decides"),
        pytest.param(t.told(t.SEWAGE), ClockKind.VERIFY, id="nobody looks"),
    ],
)
def test_what_nobody_answers_climbs_to_the_county_and_stays_there(
    data: ReportFiled, kind: ClockKind
) -> None:
    desk = t.Desk(follows=False)
    case = desk.file(data, t.HOTLINE)
    desk.ring(case.id, kind)
    assert desk.last.audit[0].action == f"timer:{kind}"
    heard: set[str] = set()
    for _ in range(10):
        desk.ring(case.id, ClockKind.RUNG)
        heard |= {n.recipient.role for n in desk.last.notices if isinstance(n.recipient, RoleAt)}
        assert desk.cases[case.id].owner is not None
    assert {Role.DUTY_SUPERVISOR, Role.TOWNSHIP_PRINCIPAL, Role.COUNTY_DUTY_LEADER} <= heard
    assert desk.cases[case.id].state in (CaseState.REPORTED, CaseState.VERIFYING)


def test_deciding_late_stops_the_ladder_that_began() -> None:
    desk = t.Desk(follows=False)
    case = desk.file(t.report(t.SEWAGE))
    desk.ring(case.id, ClockKind.PROPOSAL)
    assert t.kinds(desk.cases[case.id]) == {"rung"}
    desk.say(ReportRegistered(), t.SUPERVISOR, case.id)
    assert t.kinds(desk.cases[case.id]) == {"case_due", "case_warning"}


def test_a_larger_matter_may_be_left_to_the_engine_by_policy() -> None:
    policy = changed(
        {"intake": {"automation": {"larger": {"acting": {"report.register": "by_itself"}}}}}
    )
    case = t.Desk(policy=policy, follows=False).file(t.report(t.SEWAGE))
    assert case.state is CaseState.REGISTERED


def test_by_hand_the_urgencys_own_time_runs() -> None:
    policy = changed({"intake": {"automation": {"larger": None}}})
    desk = t.Desk(policy=policy, follows=False)
    case = desk.file(t.report(t.WATER))
    clock = case.clock(ClockKind.PROPOSAL)
    assert clock is not None
    assert clock.due_at == t.NOW + timedelta(hours=1)
