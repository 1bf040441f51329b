"""Returned and adjudicated, reassigned: nobody judges their own return, every lead is kept."""

import pytest

from events.contract.assignment import (
    AssigneeKind,
    AssignmentAccepted,
    AssignmentConfirmed,
    AssignmentReassigned,
    AssignmentRequested,
    AssignmentReturned,
    ExtensionAsked,
    ProgressReported,
    ReturnAdjudicated,
)
from models.clocks import ClockKind
from models.handling import AssignmentState
from models.policy.people import Role
from models.values import CaseState, Fate
from notifications.notice import NoticeKind
from tests import world
from tests.unit.assigning import (
    BRANCH_SECRETARY,
    DISPATCHER,
    FIRE,
    GRID,
    LAMP,
    QUARREL,
    SECRETARY,
    SUPERVISOR,
    TOWNSHIP,
    TOWNSHIP_HANDLER,
    VILLAGE,
    Desk,
    at_recommended,
    member,
    notices,
    registered,
)

FIRE_OFFICE = world.acting(Role.DEPARTMENT_HANDLER, "d-fire")
RETURN = AssignmentReturned(reason="t", legal_basis="消防法")
M1, M2, M3 = (f"p-m{n}-{GRID}" for n in (1, 2, 3))


def at_unit(lead: str = "d-fire") -> Desk:
    desk = Desk(registered(FIRE))
    desk.request()
    desk.say(AssignmentRequested(lead=lead), DISPATCHER)
    return desk


def returned() -> Desk:
    desk = at_unit()
    assert desk.say(RETURN, FIRE_OFFICE).fate is Fate.APPLIED
    return desk


def test_a_unit_returns_citing_its_basis_and_somebody_else_decides() -> None:
    desk = at_unit()
    decision = desk.say(RETURN, FIRE_OFFICE, minutes=5)
    assert desk.case.state is CaseState.RETURN_REQUESTED
    assert desk.case.owner is not None
    assert desk.case.owner.role == Role.DISPATCHER
    assert {ClockKind.RETURN, ClockKind.SIGN, ClockKind.CASE_DUE} == desk.kinds()
    assert decision.audit[0].detail["legal_basis"] == "消防法"
    assert notices(decision) == {NoticeKind.CASE_RETURNED}


@pytest.mark.parametrize(
    ("desk", "acting", "data", "reason"),
    [
        pytest.param(
            at_unit(),
            FIRE_OFFICE,
            AssignmentReturned(reason="t", legal_basis=" "),
            "legal_basis_missing",
            id="without a basis",
        ),
        pytest.param(
            at_unit(TOWNSHIP), FIRE_OFFICE, RETURN, "outside_scope", id="not given to them"
        ),
    ],
)
def test_not_returned(desk: Desk, acting: object, data: AssignmentReturned, reason: str) -> None:
    assert desk.say(data, acting).reason == reason  # type: ignore[arg-type]


def test_a_case_is_returned_once() -> None:
    desk = returned()
    desk.say(ReturnAdjudicated(upheld=False, reason="t"), DISPATCHER)
    assert desk.say(RETURN, FIRE_OFFICE).reason == "return_used"


def test_an_upheld_return_goes_to_the_new_lead() -> None:
    desk = returned()
    decision = desk.say(
        ReturnAdjudicated(upheld=True, new_lead="d-emergency", reason="t"), DISPATCHER
    )
    assert desk.case.state is CaseState.DISPATCHED
    assert desk.case.leads == ("d-fire", "d-emergency")
    assert desk.kinds() == {ClockKind.CASE_DUE, ClockKind.SIGN}
    assert desk.case.ask is None
    assert notices(decision) == {NoticeKind.RETURN_ADJUDICATED, NoticeKind.CASE_DISPATCHED}


@pytest.mark.parametrize("new_lead", ["", "d-fire"])
def test_upholding_needs_another_unit(new_lead: str) -> None:
    data = ReturnAdjudicated(upheld=True, new_lead=new_lead, reason="t")
    assert returned().say(data, DISPATCHER).reason == "new_lead_missing"


def test_a_rejected_return_stays_and_the_signing_clock_ran_on() -> None:
    desk = at_unit()
    sign = desk.clock(ClockKind.SIGN)
    desk.say(RETURN, FIRE_OFFICE, minutes=5)
    desk.say(ReturnAdjudicated(upheld=False, reason="t"), DISPATCHER, minutes=5)
    assert desk.clock(ClockKind.SIGN) == sign
    assert desk.case.leads == ("d-fire",)
    assert desk.say(AssignmentAccepted(), FIRE_OFFICE).fate is Fate.APPLIED


def test_a_return_nobody_decides_on_leaves_the_present_lead() -> None:
    desk = returned()
    decision = desk.ring(ClockKind.RETURN)
    assert desk.case.state is CaseState.DISPATCHED
    assert decision.audit[0].reason == "return_undecided"
    assert desk.case.leads == ("d-fire",)
    assert ClockKind.SIGN in desk.kinds()
    assert [notice.params["outcome"] for notice in decision.notices] == ["no_decision"]


def test_nobody_adjudicates_their_own_return() -> None:
    desk = Desk(registered(LAMP))
    desk.request()
    desk.say(AssignmentConfirmed(assignee=VILLAGE), BRANCH_SECRETARY)
    desk.say(RETURN, SECRETARY)
    judge = ReturnAdjudicated(upheld=False, reason="t")
    assert desk.say(judge, SECRETARY).fate is Fate.REFUSED
    assert desk.say(judge, SUPERVISOR).fate is Fate.APPLIED


def test_a_village_may_return_what_waits_for_a_member() -> None:
    desk = at_recommended()
    assert desk.say(RETURN, SECRETARY).fate is Fate.APPLIED
    assert ClockKind.CONFIRM not in desk.kinds()
    desk.say(ReturnAdjudicated(upheld=False, reason="t"), DISPATCHER)
    assert desk.case.assignment is not None
    assert desk.case.assignment.state is AssignmentState.WAITING
    assert desk.township.waiting == (desk.case.id,), "it waits for the next round again"


# --- reassigned ---------------------------------------------------------------------------------


def test_reassigned_to_a_unit() -> None:
    desk = at_unit()
    desk.say(AssignmentAccepted(), FIRE_OFFICE)
    desk.say(ProgressReported(note="t"), FIRE_OFFICE)
    desk.say(ExtensionAsked(working_days=1, reason="t"), FIRE_OFFICE)
    decision = desk.say(AssignmentReassigned(to="d-emergency", reason="t"), SUPERVISOR)
    assert desk.case.state is CaseState.DISPATCHED
    assert desk.case.leads == ("d-fire", "d-emergency")
    assert desk.case.ask is None
    assert desk.kinds() == {ClockKind.CASE_DUE, ClockKind.SIGN}
    assert {NoticeKind.CASE_REASSIGNED, NoticeKind.CASE_DISPATCHED} <= notices(decision)
    assert desk.say(ProgressReported(note="t"), FIRE_OFFICE).fate is Fate.REFUSED


def test_reassigned_to_a_member_who_is_asked_first() -> None:
    desk = at_recommended()
    desk.say(AssignmentReassigned(to=M2, reason="t"), SECRETARY)
    assert desk.case.assignment is not None
    assert (desk.case.assignment.state, desk.case.assignment.assignee) == (
        AssignmentState.OFFERED,
        M2,
    )
    assert desk.case.assignment.kind == AssigneeKind.PARTY_MEMBER
    assert desk.kinds() == {ClockKind.CASE_DUE, ClockKind.ACCEPT}


def test_in_a_quarrel_the_other_one_stays() -> None:
    desk = at_recommended(QUARREL)
    assert desk.say(AssignmentReassigned(to=M1, reason="t"), SECRETARY).reason == (
        "second_person_needed"
    )
    desk.say(AssignmentConfirmed(assignee=M1, second=M2), BRANCH_SECRETARY)
    desk.say(AssignmentAccepted(), member(2))
    desk.say(AssignmentReassigned(to=M3, reason="t"), SECRETARY)
    assert desk.case.assignment is not None
    assert (desk.case.assignment.assignee, desk.case.assignment.second) == (M3, M2)
    assert desk.case.assignment.accepted_by == (M2,)


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        pytest.param("d-fire", "already_there", id="the same unit"),
        pytest.param("d-ghost", "unknown_person", id="nobody"),
        pytest.param(world.branch_of(GRID), "not_a_unit", id="a Party branch"),
        pytest.param(M1, "does_not_fit", id="a member to enforcement work"),
    ],
)
def test_not_reassigned(to: str, reason: str) -> None:
    decision = at_unit().say(AssignmentReassigned(to=to, reason="t"), SUPERVISOR)
    assert (decision.fate, decision.reason) == (Fate.REFUSED, reason)


def test_township_work_can_be_signed_by_its_handler_after_it_moved_there() -> None:
    desk = at_unit()
    desk.say(AssignmentReassigned(to=TOWNSHIP, reason="t"), SUPERVISOR)
    assert desk.say(AssignmentAccepted(), TOWNSHIP_HANDLER).fate is Fate.APPLIED
