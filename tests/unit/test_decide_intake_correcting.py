"""Put right, added to, classified anew: none of it restarts a deadline."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.contract.assignment import AssignmentRequested
from events.contract.reports import (
    Place,
    ReportAmended,
    ReportReclassified,
    ReportRegistered,
    ReportSupplemented,
    ReportVerified,
    Verdict,
)
from models.policy.categories import Urgency
from models.policy.people import Role
from models.values import CaseState, Fate, Mark
from tests import world
from tests.unit import taking_in as t
from tests.unit.packs import default_pack

NEXT_GRID = world.GRIDS[1]


def test_amending_moves_the_matter_and_sends_the_right_people() -> None:
    desk = t.Desk()
    case = desk.file(t.told(t.SEWAGE), t.HOTLINE)
    clock = case.clock("verify")
    desk.now += timedelta(hours=1)
    said = ReportAmended(grid=NEXT_GRID, place=Place(lon=121.0, lat=29.0), reason="token")
    desk.say(said, t.ACCEPTOR, case.id)
    after = desk.cases[case.id]
    assert (after.grid, after.village, after.lon) == (NEXT_GRID, NEXT_GRID[:12], 121.0)
    assert after.number == case.number
    assert after.owner is not None
    assert after.owner.org == NEXT_GRID
    assert after.clock("verify") == clock
    assert desk.last.audit[0].words == "token"
    assert desk.last.audit[0].detail["changed"] == "grid,place"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        pytest.param(ReportAmended(reason="r"), "nothing_amended", id="nothing"),
        pytest.param(ReportAmended(grid="330281101201999", reason="r"), "unknown_grid", id="grid"),
        pytest.param(
            ReportAmended(grid=world.GRIDS[4], reason="r"), "other_township", id="township"
        ),
    ],
)
def test_amending_refused(said: ReportAmended, reason: str) -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.SEWAGE))
    assert desk.say(said, t.ACCEPTOR, case.id).reason == reason
    assert desk.cases[case.id] is case


def test_amending_ends_with_registration_and_supplementing_with_the_case() -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.LAMP))
    amend, add = ReportAmended(title="x", reason="r"), ReportSupplemented(description="x")
    assert desk.say(amend, t.MEMBER, case.id).reason == "wrong_state"
    before = desk.cases[case.id]
    desk.now += timedelta(hours=1)
    assert desk.say(add, t.MEMBER, case.id).fate is Fate.APPLIED
    assert desk.cases[case.id].clocks == before.clocks
    closed = t.desk_with(t.case_at(CaseState.CANCELLED))
    assert closed.say(add, t.SUPERVISOR, next(iter(closed.cases))).reason == "wrong_state"


def test_supplementing_adds_evidence_and_needs_some() -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.LAMP, evidence=("a" * 64,)))
    assert desk.say(ReportSupplemented(), t.MEMBER, case.id).reason == "nothing_supplemented"
    desk.say(ReportSupplemented(evidence=("b" * 64, "c" * 64)), t.MEMBER, case.id)
    assert desk.cases[case.id].evidence == 3


def test_classifying_what_nobody_classified_lets_it_go_on() -> None:
    desk = t.Desk()
    case = desk.file(t.report(""))
    desk.say(ReportReclassified(category=t.LAMP, reason="r"), t.ACCEPTOR, case.id)
    assert desk.cases[case.id].state is CaseState.DISPATCHED
    told = desk.file(t.told("", place=t.HERE), t.HOTLINE)
    desk.say(ReportReclassified(category=t.LAMP, reason="r"), t.ACCEPTOR, told.id)
    assert desk.cases[told.id].state is CaseState.VERIFYING


def test_reclassifying_before_registration_keeps_the_clock_that_runs() -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.SEWAGE))
    desk.say(ReportReclassified(category="05-04", reason="r"), t.ACCEPTOR, case.id)
    after = desk.cases[case.id]
    assert (after.category, after.state, after.clocks) == ("05-04", CaseState.REPORTED, case.clocks)


def test_reclassifying_takes_the_work_to_the_new_lead() -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.SEWAGE))
    desk.say(ReportRegistered(), t.SUPERVISOR, case.id)
    desk.say(AssignmentRequested(), t.DISPATCHER, case.id)
    case = desk.cases[case.id]
    assert case.assignment is not None
    assert (case.state, case.assignment.org) == (CaseState.DISPATCHED, t.TOWNSHIP)
    desk.say(ReportReclassified(category=t.WATER, reason="token"), t.SUPERVISOR, case.id)
    after = desk.cases[case.id]
    assert after.assignment is not None
    assert after.assignment.org == "d-water"
    assert after.rule == default_rule(t.WATER)


def default_rule(category: str) -> str:
    return f"responsibility/{default_pack().routes[category].item_id}"


def test_reclassifying_within_one_lead_leaves_the_work_alone() -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.LAMP))
    work = case.assignment
    desk.say(ReportReclassified(category=t.RUBBISH, reason="r"), t.SUPERVISOR, case.id)
    assert desk.cases[case.id].assignment is work


PLAIN = sorted(
    code
    for code, item in default_pack().categories.items.items()
    if item.mark is Mark.NONE and item.urgency is not Urgency.EMERGENCY
)


@given(
    one=st.sampled_from(PLAIN),
    other=st.sampled_from(sorted(default_pack().categories.items)),
    later=st.integers(0, 60 * 24 * 20),
)
def test_no_category_ever_lengthens_a_limit_that_runs(one: str, other: str, later: int) -> None:
    desk = t.Desk(follows=False)
    case = desk.file(t.report(one))
    if case.state is not CaseState.REGISTERED:
        desk.say(ReportRegistered(), t.SUPERVISOR, case.id)
    before = desk.cases[case.id]
    assert before.due is not None
    desk.now += timedelta(minutes=later)
    desk.say(ReportReclassified(category=other, reason="r"), t.SUPERVISOR, case.id)
    after = desk.cases[case.id]
    assert after.due is not None
    assert after.due.due_at <= before.due.due_at


@pytest.mark.parametrize(
    ("category", "reason"),
    [
        pytest.param("99-99", "unknown_category", id="unknown"),
        pytest.param(t.SEWAGE, "same_category", id="no change"),
    ],
)
def test_reclassifying_refused(category: str, reason: str) -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.SEWAGE))
    said = ReportReclassified(category=category, reason="r")
    assert desk.say(said, t.SUPERVISOR, case.id).reason == reason


def test_a_marked_category_marks_the_case_and_an_unmarked_one_never_lifts_it() -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.SEWAGE))
    desk.say(ReportReclassified(category=t.CHILD, reason="r"), t.SUPERVISOR, case.id)
    assert desk.cases[case.id].mark is Mark.CONFIDENTIAL
    desk.say(ReportReclassified(category=t.SEWAGE, reason="r"), t.SUPERVISOR, case.id)
    assert desk.cases[case.id].mark is Mark.CONFIDENTIAL


def test_a_looked_at_report_keeps_its_way_after_reclassifying() -> None:
    desk = t.Desk()
    case = desk.file(t.told(t.SEWAGE), t.HOTLINE)
    desk.say(ReportVerified(verdict=Verdict.EXISTS), t.MEMBER, case.id)
    desk.say(ReportReclassified(category="05-04", reason="r"), t.SUPERVISOR, case.id)
    case = desk.cases[case.id]
    assert (case.state, t.kinds(case)) == (CaseState.REPORTED, {"proposal"})
    assert case.owner is not None
    assert case.owner.role == Role.DUTY_SUPERVISOR
