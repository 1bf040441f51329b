"""Every limit that somebody answers can be answered in time and heard late, not only a case's own.

Which act answers which limit is not listed in the code: a table here names one for each.
"""

from datetime import date, timedelta
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from events.contract.assignment import (
    AssignmentAccepted,
    AssignmentHandled,
    AssignmentRequested,
    HandlingChecked,
)
from events.contract.consultation import ConsultationInvited, PublicityAnswered
from events.contract.envelope import Payload
from events.contract.escalation import (
    DeadlineRecomputed,
    DepartmentArrived,
    ReportedUpward,
    UpwardForm,
    WhistleApproved,
    WhistleConfirmedAfterwards,
)
from events.contract.feedback import (
    CaseCancelled,
    CaseClosed,
    VisitAnswered,
    VisitChannel,
    VisitResult,
)
from events.contract.reports import (
    OutcomeEvidence,
    ReportRegistered,
    ReportRejected,
    ReportSupplemented,
    ReportVerified,
    Verdict,
)
from events.contract.tasks import TaskReviewed
from flows.decide.route import TIMERS
from models.calendar import WorkCalendar
from models.calendar_days import CalendarOverride
from models.clocks import Clock, ClockKind
from models.consulting import Consultation, Objection
from models.deadlines import due
from models.handling import AssignmentState, Visit, Whistle, WhistleState
from models.policy.people import Role
from models.policy.span import parse_span
from models.policy.work import Satisfaction
from models.values import CaseState, Fate
from tests import world
from tests.unit import admitting
from tests.unit.late_cases import Desk, late_case, office

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TOWNSHIP, VILLAGE = world.TOWNSHIP, world.VILLAGE
SUPERVISOR = (Role.DUTY_SUPERVISOR, TOWNSHIP)
PRINCIPAL = (Role.TOWNSHIP_PRINCIPAL, TOWNSHIP)
WHISTLE = Whistle(
    id="w-1",
    kind="ROUTINE",
    state=WhistleState.REQUESTED,
    org=TOWNSHIP,
    requested_by=world.person(Role.DISPATCHER, TOWNSHIP),
    requested_at=world.NOW,
    lead="d-water",
)
HEARING = Consultation(
    id="c-1",
    kind="hearing",
    body="hearing",
    org=VILLAGE,
    stage="sitting",
    opened_at=world.NOW,
)
PUBLISHED = replace(
    HEARING,
    kind="four_two",
    body="representatives",
    stage="publish_resolution",
    publicity="publish_resolution",
    objections=(Objection(id="o-1", at=world.NOW, stage="publish_resolution"),),
)


class Row(NamedTuple):
    """A case on which a limit runs, and one act that answers it."""

    kind: ClockKind
    state: CaseState
    act: Payload
    by: tuple[Role, str]
    more: dict[str, object] = {}  # noqa: RUF012 - a default that nobody changes
    part: str = ""


def work(state: AssignmentState) -> dict[str, object]:
    """The township's work, so far."""
    base = late_case().assignment
    assert base is not None
    return {"assignment": replace(base, state=state, assignee="")}


ANSWERED_ASKING = VisitAnswered(
    channel=VisitChannel.CALL,
    result=VisitResult.ANSWERED,
    contacted=True,
    solved=True,
    satisfaction=Satisfaction.SATISFIED,
)
ROWS = [
    Row(ClockKind.VERIFY, CaseState.VERIFYING, ReportVerified(verdict=Verdict.EXISTS),
        (Role.GRID_MEMBER, world.GRID)),
    Row(ClockKind.PROPOSAL, CaseState.REPORTED, ReportRegistered(), SUPERVISOR),
    Row(ClockKind.PROPOSAL, CaseState.REPORTED, ReportRejected(reason="t"), SUPERVISOR),
    Row(ClockKind.CONFIRM, CaseState.REGISTERED, AssignmentRequested(),
        (Role.DISPATCHER, TOWNSHIP), work(AssignmentState.PROPOSED)),
    Row(ClockKind.SIGN, CaseState.DISPATCHED, AssignmentAccepted(),
        (Role.TOWNSHIP_HANDLER, TOWNSHIP), work(AssignmentState.OFFERED)),
    Row(ClockKind.CHECK, CaseState.CHECKING, HandlingChecked(passed=True),
        (Role.CHECKER, TOWNSHIP), work(AssignmentState.HANDLED)),
    Row(ClockKind.VISIT, CaseState.VISITING, ANSWERED_ASKING, (Role.VISITOR, TOWNSHIP),
        {"visit": Visit(id="v-1", requested_at=world.NOW, channel="call")}),
    Row(ClockKind.CLOSE, CaseState.VISITING, CaseClosed(), SUPERVISOR),
    Row(ClockKind.ON_SITE, CaseState.DISPATCHED, DepartmentArrived(),
        (Role.TOWNSHIP_HANDLER, TOWNSHIP)),
    Row(ClockKind.UPWARD_PHONE, CaseState.HANDLING, ReportedUpward(form=UpwardForm.PHONE),
        (Role.DUTY_LEADER, TOWNSHIP), {"emergency_level": 2}),
    Row(ClockKind.UPWARD_WRITTEN, CaseState.HANDLING, ReportedUpward(form=UpwardForm.WRITTEN),
        (Role.DUTY_LEADER, TOWNSHIP), {"emergency_level": 2}),
    Row(ClockKind.RETROACTIVE_FILING, CaseState.HANDLING, ReportSupplemented(description="t"),
        SUPERVISOR, {"emergency_level": 2}),
    Row(ClockKind.CONVENE, CaseState.CONSULTING,
        ConsultationInvited(meets_at=world.NOW + timedelta(days=5), place="t"),
        (Role.VILLAGE_SECRETARY, VILLAGE), {"consultation": HEARING}),
    Row(ClockKind.OBJECTION_ANSWER, CaseState.CONSULTING,
        PublicityAnswered(objection="o-1", upheld=False, answer="t"),
        (Role.VILLAGE_SECRETARY, VILLAGE), {"consultation": PUBLISHED}, "o-1"),
    Row(ClockKind.WHISTLE_APPROVAL, CaseState.HANDLING, WhistleApproved(), PRINCIPAL,
        {"whistle": WHISTLE}),
    Row(ClockKind.WHISTLE_CONFIRM, CaseState.WHISTLED,
        WhistleConfirmedAfterwards(confirmed=True), PRINCIPAL,
        {"whistle": replace(WHISTLE, kind="EMERGENCY", state=WhistleState.BLOWN)}),
]  # fmt: skip
#: Limits that are not here, and why no act can be late-received on them.
NOT_HERE = {
    **dict.fromkeys((ClockKind.CASE_DUE, ClockKind.TASK_REVIEW), "has tests of its own"),
    **dict.fromkeys(
        (
            ClockKind.WHISTLE_SIGN,
            ClockKind.WHISTLE_ARRIVE,
            ClockKind.WHISTLE_PLAN,
            ClockKind.WHISTLE_FINISH,
        ),
        "counted for each called unit (test_decide_whistle_parties.py)",
    ),
    ClockKind.ACTION_ITEM: "the item itself says whether it was late",
    **dict.fromkeys(
        (ClockKind.ACCEPT, ClockKind.GRANT, ClockKind.RETURN, ClockKind.CONCLUDE),
        "its ringing decides: the next one is asked, the request refused, the case sent on",
    ),
    ClockKind.WHISTLE_OBJECTION: "its ringing gives the decision to the next level",
    ClockKind.RATING: "its ringing ends what was voluntary",
    **dict.fromkeys(
        (
            ClockKind.CASE_WARNING,
            ClockKind.RUNG,
            ClockKind.SUSPENSION_END,
            ClockKind.PUBLICITY,
            ClockKind.EVALUATE,
            ClockKind.ARCHIVE,
            ClockKind.ROUND,
            ClockKind.TASK_EXPIRING,
            ClockKind.TASK_END,
        ),
        "nobody answers it: the engine does what is due",
    ),
}


def test_every_limit_is_accounted_for() -> None:
    here = {row.kind for row in ROWS}
    assert here.isdisjoint(NOT_HERE)
    assert here | NOT_HERE.keys() == set(TIMERS)


def overdue(row: Row) -> tuple[Desk, Clock]:
    """A desk on which this limit ran out an hour ago, unanswered."""
    limit = due(world.NOW, parse_span("5h"), office=office())
    key = f"{row.kind}:{row.part}" if row.part else str(row.kind)
    clock = Clock(key=key, generation=3, due_at=limit.due_at, deadline=limit)
    base = late_case(state=row.state, limit="10wd")
    desk = Desk(replace(base, clocks=(*base.clocks, clock), **row.more))
    desk.ring(clock)
    desk.wait(limit.due_at + HOUR)
    assert desk.case.clock(key) != clock
    return desk, clock


def named(row: Row) -> str:
    return f"{row.kind}-{type(row.act).__name__}"


def late_records(desk: Desk) -> list[tuple[str, object]]:
    return [
        (audit.reason, audit.detail["limit"])
        for audit in desk.audits
        if audit.rule == "deadlines/offline"
    ]


@pytest.mark.parametrize("row", ROWS, ids=named)
@pytest.mark.parametrize(
    ("occurred", "sequence", "out_of_order", "reason"),
    [
        pytest.param(-MINUTE, 7, False, "late_received", id="in time, heard late"),
        pytest.param(0 * MINUTE, 7, False, "late_received", id="at the very limit"),
        pytest.param(MINUTE, 7, False, "", id="after the limit"),
        pytest.param(-MINUTE, -1, False, "", id="without a number"),
        pytest.param(-MINUTE, 7, True, "told_out_of_order", id="contradicted"),
    ],
)
def test_what_answers_a_limit_in_time_and_is_heard_late(
    row: Row, occurred: timedelta, sequence: int, out_of_order: bool, reason: str
) -> None:
    desk, clock = overdue(row)
    climbed = desk.case.rungs
    decision = desk.act(
        row.act,
        *row.by,
        occurred=clock.due_at + occurred,
        sequence=sequence,
        out_of_order=out_of_order,
    )
    assert decision.fate is Fate.APPLIED, decision.reason
    assert late_records(desk) == ([(reason, row.kind)] if reason else [])
    assert desk.case.rungs[: len(climbed)] == climbed, "what was climbed stays on record"


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_heard_beyond_the_offline_window_it_counts_when_it_was_heard(row: Row) -> None:
    desk, clock = overdue(row)
    desk.now = clock.due_at + timedelta(hours=24)
    desk.act(row.act, *row.by, occurred=clock.due_at - MINUTE, sequence=7)
    assert late_records(desk) == []


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_an_answer_before_the_limit_is_nothing_special(row: Row) -> None:
    limit = due(world.NOW, parse_span("5h"), office=office())
    key = f"{row.kind}:{row.part}" if row.part else str(row.kind)
    clock = Clock(key=key, generation=3, due_at=limit.due_at, deadline=limit)
    base = late_case(state=row.state, limit="10wd")
    desk = Desk(replace(base, clocks=(*base.clocks, clock), **row.more))
    desk.act(row.act, *row.by, after=HOUR, occurred=world.NOW, sequence=7)
    assert late_records(desk) == []


# --- what is no case -----------------------------------------------------------------------------


@pytest.mark.parametrize(("minutes", "late"), [(-1, True), (1, False)])
def test_a_review_of_village_work_too(minutes: int, late: bool) -> None:
    desk = admitting.Desk()
    desk.done(admitting.unlisted())
    limit = desk.task.clocks[0].due_at
    for _ in range(2):
        desk.ring(ClockKind.TASK_REVIEW)
    occurred = limit + timedelta(minutes=minutes)
    desk.now = limit + 2 * HOUR
    decision = desk.say(TaskReviewed(), admitting.REVIEWER, occurred=occurred, sequence=4)
    reasons = [(audit.reason, audit.detail.get("limit")) for audit in decision.audit]
    assert (("late_received", ClockKind.TASK_REVIEW) in reasons) is late


# --- the case's own limit ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "act", "by"),
    [
        pytest.param(
            CaseState.HANDLING,
            AssignmentHandled(opinion="t", shown_by=OutcomeEvidence.STATEMENT),
            (Role.TOWNSHIP_HANDLER, TOWNSHIP),
            id="handed in",
        ),
        pytest.param(CaseState.VISITING, CaseClosed(), SUPERVISOR, id="closed"),
        pytest.param(
            CaseState.HANDLING, CaseCancelled(reason="t"), SUPERVISOR, id="settled otherwise"
        ),
    ],
)
@pytest.mark.parametrize("out_of_order", [False, True])
def test_what_settles_a_case_or_hands_it_in_answers_its_limit(
    state: CaseState, act: Payload, by: tuple[Role, str], out_of_order: bool
) -> None:
    desk = Desk(late_case(state=state, limit="72h"))
    limit = desk.due_at(ClockKind.CASE_DUE)
    desk.wait(limit + HOUR)
    assert desk.case.breached_at == limit
    decision = desk.act(act, *by, occurred=limit - MINUTE, sequence=7, out_of_order=out_of_order)
    assert decision.fate is Fate.APPLIED, decision.reason
    assert desk.case.late_received is not out_of_order
    reason = "told_out_of_order" if out_of_order else "late_received"
    assert late_records(desk) == [(reason, ClockKind.CASE_DUE)]


def test_a_check_in_time_does_not_answer_the_limit_that_the_work_missed() -> None:
    checking = late_case(state=CaseState.CHECKING, limit="72h")
    desk = Desk(replace(checking, **work(AssignmentState.HANDLED)))
    limit = desk.due_at(ClockKind.CASE_DUE)
    desk.wait(limit + HOUR)
    desk.act(
        HandlingChecked(passed=False, note="t"),
        Role.CHECKER,
        TOWNSHIP,
        occurred=limit - MINUTE,
        sequence=7,
    )
    assert desk.case.state is CaseState.HANDLING
    assert late_records(desk) == []


def test_computing_a_limit_again_answers_nothing() -> None:
    row = next(row for row in ROWS if row.kind is ClockKind.SIGN)
    desk, clock = overdue(row)
    calendar = WorkCalendar(CalendarOverride(days_off={date(2026, 3, 11): "t"}))
    desk.facts = replace(desk.facts, newest=replace(office(), calendar=calendar))
    before = desk.case.clocks
    desk.act(
        DeadlineRecomputed(calendar_version="t"),
        *SUPERVISOR,
        occurred=clock.due_at - MINUTE,
        sequence=7,
    )
    assert desk.case.clocks != before
    assert late_records(desk) == []
    desk.act(row.act, *row.by, occurred=clock.due_at - MINUTE, sequence=8)
    assert late_records(desk) == [("late_received", ClockKind.SIGN)]


def test_rung_after_rung_the_first_limit_is_the_one_that_counts() -> None:
    row = next(row for row in ROWS if row.kind is ClockKind.SIGN)
    desk, clock = overdue(row)
    again = desk.next_clock()
    assert again is not None
    desk.wait(again.due_at)
    desk.act(row.act, *row.by, occurred=clock.due_at + MINUTE, sequence=7)
    assert late_records(desk) == []
