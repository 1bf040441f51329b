"""From the report to the archive, through every step, by the people whose turn it is."""

from datetime import timedelta

import pytest

from events.contract.assignment import (
    AssignmentAccepted,
    AssignmentConfirmed,
    AssignmentHandled,
    AssignmentRequested,
    HandlingChecked,
    ProgressReported,
)
from events.contract.feedback import CaseClosed, VisitAnswered, VisitChannel, VisitResult
from events.contract.reports import OutcomeEvidence, ReportRegistered, ReportVerified, Verdict
from flows.decide.decision import Facts, Firing
from flows.decide.route import decide
from models.case import Case
from models.clocks import ClockKind
from models.policy.people import Role
from models.policy.work import Satisfaction
from models.values import CaseId, CaseState, Fate
from tests import world
from tests.unit import taking_in as t

SECRETARY = world.acting(Role.VILLAGE_SECRETARY, t.VILLAGE)
BRANCH = world.acting(Role.BRANCH_SECRETARY, world.branch_of(t.GRID))
CHECKER = world.acting(Role.CHECKER, t.TOWNSHIP)
TOWN = world.acting(Role.TOWNSHIP_HANDLER, t.TOWNSHIP)
DONE = AssignmentHandled(opinion="o", shown_by=OutcomeEvidence.STATEMENT, without_helpers="r")
LOOKED = ReportVerified(verdict=Verdict.EXISTS)


def asked(solved: bool) -> VisitAnswered:
    how = Satisfaction.SATISFIED if solved else Satisfaction.DISSATISFIED
    return VisitAnswered(
        channel=VisitChannel.CALL,
        result=VisitResult.ANSWERED,
        contacted=True,
        solved=solved,
        satisfaction=how,
    )


def hold_round(desk: t.Desk, case_id: str) -> None:
    """Let the township's matching round ring and take over what it recommends."""
    clock = desk.township.clocks[0]
    desk.now = max(desk.now, clock.due_at)
    facts = Facts(
        directory=desk.people,
        office=t.office(),
        waiting=(desk.cases[case_id],),
        township=desk.township,
    )
    firing = Firing(subject=t.TOWNSHIP, township=t.TOWNSHIP, clock=clock)
    stub = Case(id=CaseId(t.TOWNSHIP))
    decision = decide(stub, facts, firing, desk.policy, desk.now, township=desk.township)
    assert decision.township is not None
    desk.township = decision.township
    for follow in decision.follow_ups:
        desk.say(follow.data, follow.acting, follow.subject, source="engine")


def member_works(desk: t.Desk, case_id: str) -> None:
    """Have a Party member found, asked, and the work done."""
    hold_round(desk, case_id)
    work = desk.cases[case_id].assignment
    assert work is not None
    chosen = work.candidates[0].assignee
    confirm = AssignmentConfirmed(assignee=chosen)
    owner = desk.cases[case_id].owner
    assert owner is not None
    who = BRANCH if owner.role == Role.BRANCH_SECRETARY else SECRETARY
    role = Role.PARTY_MEMBER if chosen.startswith("p-m") else Role.GRID_MEMBER
    at = chosen.rpartition("-")[2]
    member = world.acting(
        role, world.branch_of(at) if role is Role.PARTY_MEMBER else at, actor=chosen
    )
    for said, acting in ((confirm, who), (AssignmentAccepted(), member)):
        assert desk.say(said, acting, case_id).reason == "ok"
    desk.now += timedelta(hours=1)
    assert desk.say(ProgressReported(note="n"), member, case_id).reason == "ok"
    assert desk.say(DONE, member, case_id).reason == "ok"
    assert desk.cases[case_id].state is CaseState.CHECKING


def test_a_villagers_small_matter() -> None:
    desk = t.Desk()
    case = desk.file(t.told(t.LAMP), t.HOTLINE)
    assert desk.say(LOOKED, t.MEMBER, case.id).fate is Fate.APPLIED
    member_works(desk, case.id)
    desk.say(HandlingChecked(passed=True), CHECKER, case.id)
    assert desk.cases[case.id].state is CaseState.VISITING
    desk.say(asked(solved=True), t.VISITOR, case.id)
    assert desk.cases[case.id].state is CaseState.CLOSED  # small matters close by themselves
    desk.ring(case.id, ClockKind.EVALUATE)
    desk.ring(case.id, ClockKind.ARCHIVE)
    end = desk.cases[case.id]
    assert (end.state, end.grade, end.clocks) == (CaseState.ARCHIVED, "good", ())


def test_a_matter_that_was_not_solved_the_first_time() -> None:
    desk = t.Desk()
    case = desk.file(t.told(t.LAMP), t.HOTLINE)
    desk.say(LOOKED, t.MEMBER, case.id)
    member_works(desk, case.id)
    desk.say(HandlingChecked(passed=True), CHECKER, case.id)
    desk.say(asked(solved=False), t.VISITOR, case.id)
    again = desk.cases[case.id]
    assert (again.state, again.reopened) == (CaseState.DISPATCHED, 1)
    member_works(desk, case.id)
    desk.say(HandlingChecked(passed=True), CHECKER, case.id)
    desk.say(asked(solved=True), t.VISITOR, case.id)
    desk.ring(case.id, ClockKind.EVALUATE)
    assert desk.cases[case.id].grade == "fair"


@pytest.mark.parametrize("named", [True, False], ids=["with a name", "without a name"])
def test_a_larger_matter_waits_for_people_where_people_decide(named: bool) -> None:
    desk = t.Desk()
    case = desk.file(t.report(t.SEWAGE, reporter_ref=t.REPORTER if named else ""))
    acts = [
        (ReportRegistered(), t.SUPERVISOR, CaseState.REGISTERED),
        (AssignmentRequested(), t.DISPATCHER, CaseState.DISPATCHED),
        (AssignmentAccepted(), TOWN, CaseState.ACCEPTED),
        (ProgressReported(note="n"), TOWN, CaseState.HANDLING),
        (DONE, TOWN, CaseState.CHECKING),
        (HandlingChecked(passed=True), CHECKER, CaseState.VISITING),
    ]
    if named:
        acts.append((asked(solved=True), t.VISITOR, CaseState.VISITING))
    acts.append((CaseClosed(), t.SUPERVISOR, CaseState.CLOSED))
    for said, who, state in acts:
        decision = desk.say(said, who, case.id)
        assert decision.reason == "ok", said
        assert desk.cases[case.id].state is state
        assert desk.cases[case.id].owner is not None or state is CaseState.CLOSED
