"""A report comes in: who may tell, what is refused, which way it goes."""

from datetime import timedelta

import pytest

from events.contract.envelope import Acting
from events.contract.reports import Datum, Place, ReportFiled, ReportSource
from models.clocks import ClockKind
from models.directory import Directory
from models.policy.people import Role
from models.values import CaseState, Fate, Mark, case_id_of
from tests import world
from tests.unit import taking_in as t
from tests.unit.packs import changed

FIRST = case_id_of(t.SOURCE, "e1")


@pytest.mark.parametrize(
    ("acting", "grid", "reason"),
    [
        pytest.param(t.VILLAGER, t.GRID, "ok", id="a villager holds no role in the directory"),
        pytest.param(t.MEMBER, t.GRID, "ok", id="grid member at the own grid"),
        pytest.param(t.MEMBER, world.GRIDS[1], "outside_scope", id="grid member at another grid"),
        pytest.param(t.HOTLINE, world.GRIDS[1], "ok", id="hotline operator anywhere in the county"),
        pytest.param(
            world.acting(Role.TOWNSHIP_HANDLER, t.TOWNSHIP), t.GRID, "ok", id="township patrol"
        ),
        pytest.param(
            world.acting(Role.DEPARTMENT_HANDLER, "d-water"), t.GRID, "ok", id="department patrol"
        ),
        pytest.param(
            world.acting(Role.PARTY_MEMBER, world.branch_of(t.GRID), actor=f"p-m1-{t.GRID}"),
            t.GRID,
            "ok",
            id="Party member in the branch's grid",
        ),
        pytest.param(
            world.acting(Role.GRID_MEMBER, t.GRID, actor="p-nobody"),
            t.GRID,
            "role_not_held",
            id="somebody who is no grid member",
        ),
        pytest.param(world.acting(Role.AUDITOR, t.COUNTY), t.GRID, "role_may_not", id="an auditor"),
        pytest.param(
            Acting(actor="v-1", role="villager", org="nowhere"),
            t.GRID,
            "unknown_organisation",
            id="from an unknown organisation",
        ),
        pytest.param(
            Acting(actor="v-1", role="king", org=t.VILLAGE), t.GRID, "unknown_role", id="no role"
        ),
    ],
)
def test_who_may_file(acting: Acting, grid: str, reason: str) -> None:
    decision = t.Desk().say(t.report(grid=grid), acting)
    assert decision.reason == reason
    assert decision.fate is (Fate.APPLIED if reason == "ok" else Fate.REFUSED)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(t.report(grid="330281101201999"), "unknown_grid", id="unknown grid"),
        pytest.param(t.report(grid=t.VILLAGE), "unknown_grid", id="a village is no grid"),
        pytest.param(t.report("99-99"), "unknown_category", id="unknown category"),
        pytest.param(t.report(grid=world.GRIDS[4]), "other_township", id="another township's grid"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(data: ReportFiled, reason: str) -> None:
    desk = t.Desk()
    decision = desk.say(data, t.HOTLINE)
    assert (decision.fate, decision.reason) == (Fate.REFUSED, reason)
    assert [audit.reason for audit in decision.audit] == [reason]
    assert not desk.cases


@pytest.mark.parametrize(
    ("overlay", "data", "reason"),
    [
        pytest.param(
            {"intake": {"sources": {"hotline": None}}}, t.told(), "source_not_admitted", id="source"
        ),
        pytest.param(
            {"intake": {"anonymous_allowed": False}},
            t.report(source=ReportSource.VILLAGER),
            "anonymous_not_allowed",
            id="anonymous",
        ),
        pytest.param(
            {"intake": {"anonymous_allowed": False}}, t.report(), "ok", id="the grid's own finding"
        ),
    ],
)
def test_policy_says_whose_reports_are_taken(
    overlay: dict[str, object], data: ReportFiled, reason: str
) -> None:
    assert t.Desk(policy=changed(overlay)).say(data, t.HOTLINE).reason == reason


def test_the_case_is_numbered_by_grid_shanghai_day_and_sequence() -> None:
    desk = t.Desk(now=t.NOW.replace(hour=16, minute=30))  # past midnight in Shanghai
    case = desk.file(t.report(), t.MEMBER)
    assert case.id == FIRST
    assert case.number == f"{t.GRID}202603110001"
    assert (case.county, case.township, case.village) == (t.COUNTY, t.TOWNSHIP, t.VILLAGE)


def test_a_micro_grid_counts_as_its_grid() -> None:
    case = t.Desk().file(t.report(grid=t.GRID + "07"), t.MEMBER)
    assert case.number == f"{t.GRID}202603100001"
    assert case.grid == t.GRID + "07"


def test_filing_keeps_what_was_told_and_by_whom() -> None:
    desk = t.Desk(follows=False)
    evidence = ("a" * 64,)
    data = t.told(t.SEWAGE, place=t.HERE, evidence=evidence, joint=True, title="token-1")
    case = desk.file(data, t.HOTLINE, ago=timedelta(minutes=5))
    assert (case.lon, case.lat, case.evidence) == (121.5, 29.9, 1)
    assert (case.filed_by, case.origin, case.reporter_ref) == (
        t.HOTLINE.actor,
        t.SOURCE,
        t.REPORTER,
    )
    assert (case.reported_at, case.occurred_at) == (t.NOW, t.NOW - timedelta(minutes=5))
    assert case.policy_version == desk.policy.version
    audit = desk.last.audit[0]
    assert (audit.action, audit.before, audit.after) == ("report.file", "STUB", "REPORTED")
    assert (audit.words, audit.evidence) == ("token-1", evidence)
    assert "report_received" in t.notices(desk.last)


@pytest.mark.parametrize(
    ("place", "dropped"),
    [
        pytest.param(
            Place(lon=121.5, lat=29.9, datum=Datum.GCJ02), "datum_not_converted", id="gcj"
        ),
        pytest.param(Place(lon=1121.5, lat=29.9), "position_impossible", id="impossible"),
    ],
)
def test_a_position_that_cannot_be_used_is_dropped_not_guessed(place: Place, dropped: str) -> None:
    desk = t.Desk(follows=False)
    case = desk.file(t.report(place=place))
    assert (case.lon, case.lat) == (None, None)
    assert desk.last.audit[0].detail["position"] == dropped


@pytest.mark.parametrize(
    ("data", "state", "role", "clocks", "notice"),
    [
        pytest.param(
            t.report(t.LAMP),
            CaseState.REGISTERED,
            Role.DISPATCHER,
            {"case_warning", "case_due"},
            None,
            id="small matter: registered by itself",
        ),
        pytest.param(
            t.report(t.SEWAGE),
            CaseState.REPORTED,
            Role.DUTY_SUPERVISOR,
            {"proposal"},
            "registration_proposed",
            id="larger matter: proposed",
        ),
        pytest.param(
            t.report(""),
            CaseState.REPORTED,
            Role.ACCEPTOR,
            {"proposal"},
            "registration_proposed",
            id="nobody classified it",
        ),
        pytest.param(
            t.told(t.LAMP),
            CaseState.VERIFYING,
            Role.GRID_MEMBER,
            {"verify"},
            "verification_requested",
            id="told by the public: looked at first",
        ),
        pytest.param(
            t.report(t.FLOOD),
            CaseState.REGISTERED,
            Role.DISPATCHER,
            {
                "on_site",
                "upward_phone",
                "upward_written",
                "retroactive_filing",
                "case_due",
                "case_warning",
            },
            "emergency_alert",
            id="emergency: registered at once",
        ),
    ],
)
def test_the_way_a_report_goes(
    data: ReportFiled, state: CaseState, role: Role, clocks: set[str], notice: str | None
) -> None:
    desk = t.Desk(follows=False)
    case = desk.file(data, t.HOTLINE)
    assert case.state is state
    assert case.owner is not None
    assert case.owner.role == role
    assert t.kinds(case) == clocks
    assert notice is None or notice in t.notices(desk.last)


def test_what_the_engine_does_by_itself_names_its_rule() -> None:
    desk = t.Desk(follows=False)
    case = desk.file(t.report(t.LAMP))
    filed, registered = desk.last.audit
    assert filed.acting == t.MEMBER
    assert registered.acting.actor == "system:intake"
    assert registered.rule == "intake/small"
    assert case.rule.startswith("responsibility/")
    assert case.due is not None
    assert str(case.due.span) == "3wd"


def test_with_nobody_at_the_grid_the_village_looks() -> None:
    people = _without(Role.GRID_MEMBER, Role.GRID_HEAD)
    case = t.Desk(people=people, follows=False).file(t.told(), t.HOTLINE)
    assert case.owner is not None
    assert (case.owner.role, case.owner.org) == (Role.VILLAGE_SECRETARY, t.VILLAGE)


def test_with_nobody_to_look_at_all_a_report_does_not_wait() -> None:
    people = _without(
        Role.GRID_MEMBER,
        Role.GRID_HEAD,
        Role.VILLAGE_SECRETARY,
        Role.VILLAGE_DIRECTOR,
        Role.TWO_COMMITTEES_MEMBER,
    )
    case = t.Desk(people=people, follows=False).file(t.told(), t.HOTLINE)
    assert case.state is CaseState.REGISTERED


def test_a_report_is_filed_once() -> None:
    desk = t.Desk(follows=False)
    case = desk.file(t.told())
    desk.count = 0  # the same id again
    assert desk.say(t.told(), t.HOTLINE).reason == "filed_already"
    assert desk.cases[case.id] is case


def _without(*roles: Role) -> Directory:
    """The county in which nobody holds these roles."""
    known = t.directory()
    entries = [
        held
        for person in known.persons(t.NOW)
        for held in known.roles_of(person.id, t.NOW)
        if held.role not in roles
    ]
    orgs = known.orgs(t.NOW)
    return Directory(revision=1, entries=[*orgs, *entries])


def test_the_proposal_clock_is_the_policys() -> None:
    desk = t.Desk(follows=False)
    case = desk.file(t.report(t.SEWAGE))
    clock = case.clock(ClockKind.PROPOSAL)
    assert clock is not None
    assert clock.deadline is not None
    assert clock.deadline.span == desk.policy.deadlines.proposal
    assert case.mark is Mark.NONE
