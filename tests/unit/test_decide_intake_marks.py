"""Who may know: bypass and confidential cases, and what is about a minor."""

import pytest
from msgspec.structs import replace

from events.contract.assignment import HandlingChecked, ReworkOrdered
from events.contract.envelope import Acting
from events.contract.reports import (
    ReportFiled,
    ReportMarked,
    ReportRegistered,
    ReportSupplemented,
)
from models.case import Case
from models.clocks import ClockKind
from models.handling import AssignmentState
from models.policy.people import Role
from models.values import CaseState, Mark
from notifications.notice import Org, Person, Reporter, RoleAt
from tests import world
from tests.unit import taking_in as t

BELOW = {t.GRID, t.VILLAGE, t.TOWNSHIP}


def hearers(desk: t.Desk) -> set[str]:
    """Organisations and persons that the last decision told something."""
    found = set()
    for notice in desk.last.notices:
        match notice.recipient:
            case RoleAt(org=org) | Org(id=org):
                found.add(str(org))
            case Person(id=person):
                found.add(str(person))
            case Reporter():
                pass
    return found


@pytest.mark.parametrize(
    ("data", "mark", "circle"),
    [
        pytest.param(t.report(t.CONDUCT), Mark.BYPASS, ("d-discipline",), id="cadre conduct"),
        pytest.param(
            t.report(t.RUBBISH, mark=Mark.BYPASS), Mark.BYPASS, ("d-discipline",), id="asked for"
        ),
        pytest.param(
            t.report(t.CHILD),
            Mark.CONFIDENTIAL,
            (t.VILLAGE, "d-civil_affairs", "d-womens_federation"),
            id="left-behind child",
        ),
        pytest.param(
            t.report(t.RUBBISH, concerns_minor=True),
            Mark.CONFIDENTIAL,
            (t.VILLAGE,),
            id="anything about a minor",
        ),
        pytest.param(
            t.report(t.RUBBISH, concerns_minor=True, mark=Mark.BYPASS),
            Mark.BYPASS,
            ("d-discipline",),
            id="the stricter mark counts",
        ),
        pytest.param(t.report(t.RUBBISH), Mark.NONE, (), id="neither"),
    ],
)
def test_mark_and_circle(data: ReportFiled, mark: Mark, circle: tuple[str, ...]) -> None:
    case = t.Desk(follows=False).file(data, t.VILLAGER)
    assert (case.mark, case.circle) == (mark, circle)


@pytest.mark.parametrize("category", [t.CONDUCT, t.RUBBISH])
def test_a_bypass_case_is_the_discipline_offices_from_the_first_moment(category: str) -> None:
    desk = t.Desk(follows=False)
    case = desk.file(t.told(category, mark=Mark.BYPASS), t.VILLAGER)
    assert case.state is CaseState.REPORTED
    assert case.owner is not None
    assert (case.owner.org, case.owner.role) == ("d-discipline", Role.DISCIPLINE_OFFICER)
    assert hearers(desk) == {"d-discipline"}
    assert all(notice.discreet for notice in desk.last.notices)


def test_nobody_below_hears_of_a_bypass_case_however_late_it_gets() -> None:
    desk = t.Desk(follows=False)
    case = desk.file(t.report(t.CONDUCT), t.VILLAGER)
    desk.ring(case.id, ClockKind.PROPOSAL)
    heard = hearers(desk)
    for _ in range(8):
        desk.ring(case.id, ClockKind.RUNG)
        heard |= hearers(desk)
    assert heard
    assert not heard & BELOW
    assert not {h for h in heard if h.startswith("p-") and any(h.endswith(o) for o in BELOW)}


def test_a_bypass_case_goes_its_whole_way_without_the_township() -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.CONDUCT), t.VILLAGER)
    refused = desk.say(ReportRegistered(), t.SUPERVISOR, case.id)
    assert refused.reason == "outside_circle"
    desk.say(ReportRegistered(), t.DISCIPLINE, case.id)
    case = desk.cases[case.id]
    assert case.assignment is not None
    assert case.assignment.org == "d-discipline"
    assert not hearers(desk) & BELOW


def test_a_confidential_case_is_registered_by_a_person_even_where_small_ones_are_not() -> None:
    case = t.Desk(follows=False).file(t.report(t.RUBBISH, concerns_minor=True))
    assert case.state is CaseState.REPORTED
    assert t.kinds(case) == {"proposal"}


@pytest.mark.parametrize(
    ("acting", "reason"),
    [
        pytest.param(t.MEMBER, "ok", id="who filed it"),
        pytest.param(t.HEAD, "outside_circle", id="the grid head"),
        pytest.param(t.DISPATCHER, "outside_circle", id="the dispatcher"),
        pytest.param(t.SUPERVISOR, "ok", id="the duty supervisor"),
        pytest.param(world.acting(Role.VILLAGE_SECRETARY, t.VILLAGE), "ok", id="the leading unit"),
    ],
)
def test_who_may_touch_a_confidential_case(acting: Acting, reason: str) -> None:
    desk = t.Desk(follows=False)
    case = desk.file(t.report(t.CHILD))
    assert desk.say(ReportSupplemented(description="x"), acting, case.id).reason == reason


def running(mark: Mark = Mark.NONE) -> tuple[t.Desk, Case]:
    """A case that a unit of the village has."""
    desk = t.Desk()
    data = t.report("06-01") if mark is Mark.NONE else t.report("06-01", mark=mark)
    case = desk.file(data)
    if case.state is CaseState.REPORTED:
        desk.say(ReportRegistered(), t.SUPERVISOR, case.id)
    return desk, desk.cases[case.id]


def test_marking_for_bypass_takes_the_work_back_and_hands_it_to_the_office() -> None:
    desk, case = running()
    assert case.state is CaseState.DISPATCHED
    before = case.due
    desk.say(ReportMarked(mark=Mark.BYPASS, reason="token"), t.SUPERVISOR, case.id)
    case = desk.cases[case.id]
    assert (case.mark, case.circle) == (Mark.BYPASS, ("d-discipline",))
    assert case.assignment is not None
    assert case.assignment.org == "d-discipline"
    assert case.due == before
    assert desk.say(ReportSupplemented(description="x"), t.SUPERVISOR, case.id).reason == (
        "outside_circle"
    )


def test_marking_before_registration_hands_the_decision_to_who_may_know() -> None:
    desk = t.Desk()
    case = desk.file(t.told(t.SEWAGE), t.HOTLINE)
    assert case.state is CaseState.VERIFYING
    desk.say(ReportMarked(mark=Mark.BYPASS, reason="token"), t.SUPERVISOR, case.id)
    case = desk.cases[case.id]
    assert case.owner is not None
    assert case.owner.org == "d-discipline"
    assert t.kinds(case) == {"proposal"}


def test_a_confidential_mark_leaves_the_work_with_the_unit_that_has_it() -> None:
    desk, case = running()
    desk.say(ReportMarked(mark=Mark.CONFIDENTIAL, reason="token"), t.SUPERVISOR, case.id)
    after = desk.cases[case.id]
    assert after.assignment == case.assignment
    assert case.assignment is not None
    assert case.assignment.org in after.circle


@pytest.mark.parametrize(
    ("category", "mark", "reason"),
    [
        pytest.param(t.CHILD, Mark.NONE, "mark_of_category", id="the category demands it"),
        pytest.param(t.CHILD, Mark.CONFIDENTIAL, "same_mark", id="no change"),
        pytest.param(t.CHILD, Mark.BYPASS, "ok", id="stricter"),
    ],
)
def test_what_a_category_demands_is_not_lifted(category: str, mark: Mark, reason: str) -> None:
    desk = t.Desk()
    case = desk.file(t.report(category))
    said = desk.say(ReportMarked(mark=mark, reason="token"), t.SUPERVISOR, case.id)
    assert said.reason == reason


def test_marking_needs_a_reason() -> None:
    desk, case = running()
    said = ReportMarked(mark=Mark.CONFIDENTIAL, reason="")
    assert desk.say(said, t.SUPERVISOR, case.id).reason == "reason_missing"


FAILED = HandlingChecked(passed=False)


@pytest.mark.parametrize(
    ("state", "sends_back"),
    [
        pytest.param(CaseState.CHECKING, FAILED, id="a failed check"),
        pytest.param(CaseState.CHECKING, ReworkOrdered(reason="token"), id="ordered anew"),
        pytest.param(CaseState.VISITING, ReworkOrdered(reason="token"), id="after the check"),
    ],
)
def test_work_that_is_sent_back_after_a_bypass_is_not_told_to_who_did_it(
    state: CaseState, sends_back: HandlingChecked | ReworkOrdered
) -> None:
    case = t.case_at(state, t.RUBBISH)
    assert case.assignment is not None
    handled = replace(case.assignment, state=AssignmentState.HANDLED, assignee="p-m1-x")
    desk = t.desk_with(replace(case, assignment=handled))
    desk.say(ReportMarked(mark=Mark.BYPASS, reason="token"), t.ACCEPTOR, case.id)
    desk.say(sends_back, t.DISCIPLINE, case.id)
    after = desk.cases[case.id]
    assert after.state is CaseState.HANDLING
    assert after.owner is not None
    assert after.owner.org == "d-discipline"
    assert hearers(desk) <= {"d-discipline", t.DISCIPLINE.actor}
