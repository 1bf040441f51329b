"""Progress, handled, checked, sent back: somebody else checks, and rework is counted."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from events.contract.assignment import (
    AssignmentAccepted,
    AssignmentConfirmed,
    AssignmentHandled,
    AssignmentRequested,
    HandlingChecked,
    ProgressReported,
    ReworkOrdered,
)
from events.contract.envelope import Acting, Event
from events.contract.feedback import VisitRequested
from events.contract.reports import OutcomeEvidence
from flows.decide.decision import Decision
from flows.decide.route import decide
from models.clocks import ClockKind
from models.handling import AssignmentState
from models.policy.people import Role
from models.values import CaseState, Fate
from notifications.notice import NoticeKind
from tests import world
from tests.unit.assigning import (
    BRANCH_SECRETARY,
    CHECKER,
    DISPATCHER,
    FIRE,
    GRID,
    LAMP,
    SUPERVISOR,
    TOWNSHIP,
    TOWNSHIP_HANDLER,
    Desk,
    at_recommended,
    member,
    notices,
    registered,
)

M1 = f"p-m1-{GRID}"
FIRE_OFFICE = world.acting(Role.DEPARTMENT_HANDLER, "d-fire")
EVIDENCE = ("a" * 64,)
DONE = AssignmentHandled(opinion="t", shown_by=OutcomeEvidence.STATEMENT)


def accepted() -> Desk:
    desk = at_recommended(LAMP)
    desk.say(AssignmentConfirmed(assignee=M1), BRANCH_SECRETARY)
    desk.say(AssignmentAccepted(), member(1))
    return desk


def at_township() -> Desk:
    """The township leads, the fire department helps."""
    desk = Desk(registered(FIRE))
    desk.request()
    desk.say(AssignmentRequested(), DISPATCHER)
    desk.say(AssignmentAccepted(), TOWNSHIP_HANDLER)
    return desk


def handled() -> Desk:
    desk = accepted()
    assert desk.say(DONE, member(1)).fate is Fate.APPLIED
    return desk


# --- progress -----------------------------------------------------------------------------------


def test_the_first_progress_starts_the_handling_and_no_clock_moves() -> None:
    desk = accepted()
    clocks = desk.case.clocks
    desk.say(ProgressReported(note="t"), member(1), minutes=3)
    assert desk.case.state is CaseState.HANDLING
    desk.say(ProgressReported(note="t"), member(1), minutes=3)
    assert desk.case.clocks == clocks
    assert desk.case.assignment is not None
    assert desk.case.assignment.progress == 2


def test_progress_comes_from_whoever_has_a_part() -> None:
    assert accepted().say(ProgressReported(note="t"), member(2)).fate is Fate.REFUSED
    assert at_township().say(ProgressReported(note="t"), FIRE_OFFICE).fate is Fate.APPLIED


# --- handled ------------------------------------------------------------------------------------


def test_handled_it_waits_for_the_check_of_somebody_else() -> None:
    desk = accepted()
    decision = desk.say(DONE, member(1))
    assert desk.case.state is CaseState.CHECKING
    assert [(audit.before, audit.after) for audit in decision.audit] == [
        ("ACCEPTED", "FEEDBACK"),
        ("FEEDBACK", "CHECKING"),
    ]
    assert desk.case.owner is not None
    assert desk.case.owner.role == Role.CHECKER
    assert desk.kinds() == {ClockKind.CASE_DUE, ClockKind.CHECK}
    assert notices(decision) == {NoticeKind.CHECK_REQUESTED}


@pytest.mark.parametrize(
    ("shown_by", "evidence", "reason"),
    [
        pytest.param(OutcomeEvidence.PHOTO, (), "evidence_missing", id="a photo that is not there"),
        pytest.param(OutcomeEvidence.DOCUMENT, (), "evidence_missing", id="nor a document"),
        pytest.param(OutcomeEvidence.PHOTO, EVIDENCE, "ok", id="a photo"),
        pytest.param(OutcomeEvidence.STATEMENT, (), "ok", id="a statement is enough"),
        pytest.param(OutcomeEvidence.WITNESS, (), "ok", id="so is a witness"),
    ],
)
def test_evidence_of_the_outcome(
    shown_by: OutcomeEvidence, evidence: tuple[str, ...], reason: str
) -> None:
    data = AssignmentHandled(opinion="t", shown_by=shown_by, evidence=evidence)
    assert accepted().say(data, member(1)).reason == reason


def test_only_who_does_the_work_says_it_is_done() -> None:
    desk = accepted()
    assert desk.say(DONE, member(2)).fate is Fate.REFUSED
    head = world.acting(Role.GRID_HEAD, GRID)
    assert desk.say(DONE, head).reason == "not_handler"
    for_them = Acting(
        actor=head.actor, role=head.role, org=head.org, on_behalf_of=M1, recorded_by=head.actor
    )
    assert desk.say(DONE, for_them).fate is Fate.APPLIED
    assert set(desk.case.deeds["assignment.handle"]) == {head.actor, M1}


def test_helpers_sign_off_or_the_lead_says_why_not() -> None:
    desk = at_township()
    refused = desk.say(DONE, TOWNSHIP_HANDLER)
    assert refused.reason == "helpers_missing"
    signed = desk.say(DONE, FIRE_OFFICE)
    assert signed.audit[0].reason == "helper_done"
    assert notices(signed) == {NoticeKind.HELPER_DONE}
    assert desk.case.state is CaseState.ACCEPTED
    assert desk.say(DONE, FIRE_OFFICE).reason == "already_signed_off"
    assert desk.say(DONE, TOWNSHIP_HANDLER).fate is Fate.APPLIED


def test_the_lead_goes_on_without_helpers_with_a_reason() -> None:
    desk = at_township()
    data = replace(DONE, without_helpers="t")
    decision = desk.say(data, TOWNSHIP_HANDLER)
    assert decision.fate is Fate.APPLIED
    assert decision.audit[0].detail["without_helpers"] == 1


def late(sequence: int) -> tuple[Desk, Decision]:
    """Done an hour before the limit, heard an hour after it."""
    desk = accepted()
    assert desk.case.due is not None
    due_at = desk.case.due.due_at
    desk.case = replace(desk.case, breached_at=due_at)
    event = Event(
        id="late",
        source="app/test",
        type="",
        time=due_at - timedelta(hours=1),
        township=TOWNSHIP,
        subject=desk.case.id,
        acting=member(1),
        data=DONE,
        sequence=sequence,
    )
    now = due_at + timedelta(hours=1)
    return desk, decide(desk.case, desk.facts(), event, desk.policy, now)


@pytest.mark.parametrize(("sequence", "counts"), [(7, True), (-1, False)])
def test_done_in_time_and_heard_late_counts_only_with_a_running_number(
    sequence: int, counts: bool
) -> None:
    _, decision = late(sequence)
    assert decision.case is not None
    assert decision.case.late_received is counts
    assert decision.case.breached_at is not None, "the breach stays on record"


# --- checked ------------------------------------------------------------------------------------


def test_a_passed_check_asks_for_the_visit() -> None:
    desk = handled()
    decision = desk.say(HandlingChecked(passed=True), CHECKER)
    assert [follow.data for follow in decision.follow_ups] == [VisitRequested()]
    assert desk.case.assignment is not None
    assert desk.case.assignment.state is AssignmentState.PASSED
    assert ClockKind.CHECK not in desk.kinds()
    assert desk.case.owner is not None
    assert desk.say(HandlingChecked(passed=True), CHECKER).reason == "nothing_to_check"


def test_nobody_checks_their_own_work() -> None:
    desk = handled()
    checker_too = Acting(actor=M1, role=CHECKER.role, org=CHECKER.org)
    assert desk.say(HandlingChecked(passed=True), checker_too).fate is Fate.REFUSED


def test_a_handler_who_also_checks_is_not_the_one_asked_to_check() -> None:
    desk = accepted()
    desk.case = replace(
        desk.case,
        deeds={**desk.case.deeds, "assignment.handle": (CHECKER.actor,)},
    )
    desk.say(DONE, member(1))
    assert desk.case.owner is not None
    assert (desk.case.owner.org, desk.case.owner.role) == (world.COUNTY, Role.COUNTY_SUPERVISOR)


def test_a_failed_check_sends_it_back_to_who_did_it() -> None:
    desk = handled()
    decision = desk.say(HandlingChecked(passed=False, note="t"), CHECKER)
    assert desk.case.state is CaseState.HANDLING
    assert desk.case.rework == 1
    assert desk.case.owner is not None
    assert desk.case.owner.person == M1
    assert desk.kinds() == {ClockKind.CASE_DUE}
    assert notices(decision) == {NoticeKind.REWORK_ORDERED}
    assert desk.say(DONE, member(1)).fate is Fate.APPLIED


def test_rework_above_policys_number_is_supervised() -> None:
    desk = handled()
    cap = desk.policy.deadlines.reworks_before_supervision
    for _ in range(cap):
        desk.say(HandlingChecked(passed=False), CHECKER)
        assert desk.case.supervised == ""
        desk.say(DONE, member(1))
    decision = desk.say(HandlingChecked(passed=False), CHECKER)
    assert desk.case.supervised == "important"
    assert NoticeKind.CASE_SUPERVISED in notices(decision)
    assert [audit.reason for audit in decision.audit] == ["check_failed", "rework_cap"]


def test_a_supervisor_sends_it_back_even_from_the_visit() -> None:
    desk = handled()
    desk.say(HandlingChecked(passed=True), CHECKER)
    desk.case = replace(desk.case, state=CaseState.VISITING)
    assert desk.say(ReworkOrdered(reason="t"), SUPERVISOR).fate is Fate.APPLIED
    assert desk.case.state is CaseState.HANDLING
    assert desk.case.assignment is not None
    assert desk.case.assignment.state is AssignmentState.ACCEPTED


def test_an_unchecked_result_goes_higher_and_never_passes_by_itself() -> None:
    desk = handled()
    for _ in range(6):
        decision = desk.ring(ClockKind.CHECK)
        assert decision.follow_ups == ()
        assert desk.case.state is CaseState.CHECKING
        assert NoticeKind.BREACHED in notices(decision)
        assert ClockKind.CHECK in desk.kinds()
    assert desk.case.owner is not None
    assert desk.case.owner.role == Role.COUNTY_SUPERVISOR, "the highest who may check"
