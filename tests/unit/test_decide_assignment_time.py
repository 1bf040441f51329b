"""More time and rest: asked before expiry, granted by another person, within policy's caps."""

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from events.contract.assignment import (
    AssignmentAccepted,
    AssignmentConfirmed,
    ExtensionAnswered,
    ExtensionAsked,
    Grant,
    HandlingResumed,
    ProgressReported,
    SuspensionAnswered,
    SuspensionAsked,
)
from events.contract.envelope import Event, Payload
from flows.decide.route import decide
from models.case import AskKind
from models.clocks import ClockKind
from models.deadlines import resume
from models.policy.people import Role
from models.values import CaseState, Fate
from notifications.notice import NoticeKind
from tests import world
from tests.unit.assigning import (
    BRANCH_SECRETARY,
    NOW,
    OFFICE,
    SUPERVISOR,
    TOWNSHIP,
    VILLAGE,
    Desk,
    at_recommended,
    notices,
)

DIRECTOR = world.acting(Role.VILLAGE_DIRECTOR, VILLAGE)
DAY = timedelta(days=1)
ASK = ExtensionAsked(working_days=2, reason="t")
REST = SuspensionAsked(until=NOW + 10 * DAY, reason="t")


def working() -> Desk:
    """A village at work on its lamp; three working days in all."""
    desk = at_recommended()
    desk.say(AssignmentConfirmed(assignee=VILLAGE), BRANCH_SECRETARY)
    desk.say(AssignmentAccepted(), DIRECTOR)
    desk.say(ProgressReported(note="t"), DIRECTOR)
    assert desk.case.state is CaseState.HANDLING
    return desk


def due_of(desk: Desk) -> datetime:
    assert desk.case.due is not None
    return desk.case.due.due_at


def asked(data: Payload = ASK) -> Desk:
    desk = working()
    decision = desk.say(data, DIRECTOR)
    assert decision.fate is Fate.APPLIED, decision.reason
    return desk


# --- asked --------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [ASK, REST], ids=["extension", "suspension"])
def test_asked_somebody_with_the_right_is_told_and_the_work_goes_on(data: Payload) -> None:
    desk = working()
    before = due_of(desk)
    decision = desk.say(data, DIRECTOR)
    assert desk.case.ask is not None
    assert ClockKind.GRANT in desk.kinds()
    assert desk.case.state is CaseState.HANDLING
    assert due_of(desk) == before
    assert {str(n.recipient) for n in decision.notices} == {
        f"RoleAt(role=<Role.DUTY_SUPERVISOR: 'duty_supervisor'>, org='{TOWNSHIP}')"
    }


@pytest.mark.parametrize(
    ("fields", "data", "reason"),
    [
        pytest.param({"extensions": 1}, ASK, "extension_cap", id="extended already"),
        pytest.param({"suspensions": 2}, REST, "suspension_cap", id="rested twice"),
        pytest.param(
            {}, ExtensionAsked(working_days=4, reason="t"), "extension_too_long", id="too many days"
        ),
        pytest.param(
            {}, ExtensionAsked(working_days=0, reason="t"), "extension_too_long", id="no days"
        ),
        pytest.param(
            {}, SuspensionAsked(until=NOW + 91 * DAY, reason="t"), "suspension_too_long", id="long"
        ),
        pytest.param({}, SuspensionAsked(until=NOW, reason="t"), "until_past", id="past"),
        pytest.param({"due": None}, ASK, "no_limit", id="without a limit"),
    ],
)
def test_not_asked(fields: dict[str, object], data: Payload, reason: str) -> None:
    desk = working()
    desk.case = replace(desk.case, **fields)
    assert desk.say(data, DIRECTOR).reason == reason


def test_one_request_at_a_time() -> None:
    assert asked().say(REST, DIRECTOR).reason == "ask_pending"


def test_only_the_handler_asks() -> None:
    head = world.acting(Role.GRID_HEAD, world.GRID)
    assert working().say(ASK, head).reason == "not_handler"


@pytest.mark.parametrize(
    ("sequence", "reason"),
    [pytest.param(-1, "already_expired", id="told"), pytest.param(3, "ok", id="numbered")],
)
def test_asked_before_expiry(sequence: int, reason: str) -> None:
    desk = working()
    due_at = due_of(desk)
    event = Event(
        id="x",
        source="app/test",
        type="",
        time=due_at - timedelta(hours=1),
        township=TOWNSHIP,
        subject=desk.case.id,
        acting=DIRECTOR,
        data=ASK,
        sequence=sequence,
    )
    now = due_at + timedelta(hours=2)
    assert decide(desk.case, desk.facts(), event, desk.policy, now).reason == reason


def test_an_urgent_case_may_get_one_working_day_though_its_limit_is_shorter() -> None:
    desk = at_recommended("10-06")
    desk.say(AssignmentConfirmed(assignee=VILLAGE), BRANCH_SECRETARY)
    desk.say(AssignmentAccepted(), DIRECTOR)
    assert desk.say(ASK, DIRECTOR).reason == "extension_too_long"
    assert desk.say(ExtensionAsked(working_days=1, reason="t"), DIRECTOR).fate is Fate.APPLIED


# --- extension ----------------------------------------------------------------------------------


def test_granted_the_limit_moves_and_its_clocks_with_it() -> None:
    desk = asked()
    friday = due_of(desk)
    decision = desk.say(ExtensionAnswered(answer=Grant.GRANTED), SUPERVISOR)
    assert due_of(desk) == friday + 4 * DAY, "two working days after a Friday"
    assert desk.clock(ClockKind.CASE_DUE).due_at == due_of(desk)
    assert (desk.case.extensions, desk.case.ask) == (1, None)
    assert ClockKind.GRANT not in desk.kinds()
    assert notices(decision) == {NoticeKind.EXTENSION_GRANTED}


def test_a_shorter_time_may_be_granted_but_never_more_than_the_cap() -> None:
    desk = asked()
    too_long = ExtensionAnswered(answer=Grant.GRANTED, working_days=4)
    assert desk.say(too_long, SUPERVISOR).reason == "extension_too_long"
    desk.say(ExtensionAnswered(answer=Grant.GRANTED, working_days=1), SUPERVISOR)
    assert desk.case.due is not None
    assert [span.days for span in desk.case.due.extensions] == [1]


@pytest.mark.parametrize(
    ("data", "answer", "kind"),
    [
        pytest.param(
            ASK,
            ExtensionAnswered(answer=Grant.REFUSED, reason="t"),
            NoticeKind.EXTENSION_REFUSED,
            id="extension",
        ),
        pytest.param(
            REST,
            SuspensionAnswered(answer=Grant.REFUSED, reason="t"),
            NoticeKind.SUSPENSION_REFUSED,
            id="suspension",
        ),
    ],
)
def test_refused_nothing_moves(data: Payload, answer: Payload, kind: NoticeKind) -> None:
    desk = asked(data)
    clocks = [clock for clock in desk.case.clocks if clock.kind is not ClockKind.GRANT]
    decision = desk.say(answer, SUPERVISOR)
    assert list(desk.case.clocks) == clocks
    assert desk.case.ask is None
    assert (desk.case.extensions, desk.case.suspensions) == (0, 0)
    assert notices(decision) == {kind}


@pytest.mark.parametrize(
    ("data", "kind"),
    [(ASK, NoticeKind.EXTENSION_REFUSED), (REST, NoticeKind.SUSPENSION_REFUSED)],
    ids=["extension", "suspension"],
)
def test_no_answer_is_a_refusal(data: Payload, kind: NoticeKind) -> None:
    desk = asked(data)
    decision = desk.ring(ClockKind.GRANT)
    assert decision.audit[0].reason == "request_unanswered"
    assert notices(decision) == {kind}
    assert desk.case.ask is None


def test_who_asks_never_grants() -> None:
    desk = asked()
    granting = replace(SUPERVISOR, actor=SUPERVISOR.actor)
    assert desk.case.ask is not None
    desk.case = replace(desk.case, ask=replace(desk.case.ask, asked_by=granting.actor))
    assert desk.say(ExtensionAnswered(answer=Grant.GRANTED), granting).reason == "same_person"


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        pytest.param(ASK, SuspensionAnswered(answer=Grant.GRANTED), id="rest for more time"),
        pytest.param(REST, ExtensionAnswered(answer=Grant.GRANTED), id="more time for rest"),
    ],
)
def test_only_what_was_asked_is_answered(data: Payload, answer: Payload) -> None:
    assert asked(data).say(answer, SUPERVISOR).reason == "nothing_asked"


# --- suspension ---------------------------------------------------------------------------------


def test_a_resting_case_has_no_limit_that_runs_and_an_end() -> None:
    desk = asked(REST)
    decision = desk.say(SuspensionAnswered(answer=Grant.GRANTED), SUPERVISOR)
    assert desk.case.state is CaseState.SUSPENDED
    assert desk.kinds() == {ClockKind.SUSPENSION_END}
    assert desk.clock(ClockKind.SUSPENSION_END).due_at == REST.until
    assert desk.case.suspensions == 1
    assert notices(decision) == {NoticeKind.SUSPENSION_GRANTED}


@pytest.mark.parametrize("by_itself", [True, False], ids=["at its end", "before its end"])
def test_resumed_the_limit_gets_the_rest_back(by_itself: bool) -> None:
    desk = asked(REST)
    limit = desk.case.due
    assert limit is not None
    desk.say(SuspensionAnswered(answer=Grant.GRANTED), SUPERVISOR, minutes=30)
    paused = desk.now
    if by_itself:
        decision = desk.ring(ClockKind.SUSPENSION_END)
        assert decision.audit[0].reason == "suspension_over"
        assert notices(decision) == {NoticeKind.SUSPENSION_EXPIRED}
        assert len(decision.notices) == 2, "the handler and the supervisor hear of it"
    else:
        decision = desk.say(HandlingResumed(), DIRECTOR, hours=30)
        assert notices(decision) == {NoticeKind.CASE_RESUMED}
    assert desk.case.state is CaseState.HANDLING
    assert desk.case.due == resume(limit, paused_at=paused, resumed_at=desk.now, office=OFFICE)
    assert desk.clock(ClockKind.CASE_DUE).due_at == due_of(desk)
    assert ClockKind.SUSPENSION_END not in desk.kinds()
    assert desk.case.suspended_at is None


def test_what_is_late_already_cannot_rest() -> None:
    desk = asked(REST)
    desk.case = replace(desk.case, breached_at=due_of(desk))
    answer = SuspensionAnswered(answer=Grant.GRANTED)
    assert desk.say(answer, SUPERVISOR).reason == "already_expired"


def test_an_extension_granted_late_leaves_the_breach_on_record() -> None:
    desk = asked()
    breached = due_of(desk)
    desk.case = replace(desk.case, breached_at=breached)
    desk.now = breached + timedelta(hours=1)
    desk.say(ExtensionAnswered(answer=Grant.GRANTED), SUPERVISOR)
    assert desk.case.breached_at == breached
    assert due_of(desk) > breached


@pytest.mark.parametrize("kind", [AskKind.EXTENSION, AskKind.SUSPENSION])
def test_a_clock_that_nothing_waits_for_is_written_down_and_ends(kind: AskKind) -> None:
    desk = asked(ASK if kind is AskKind.EXTENSION else REST)
    desk.case = replace(desk.case, ask=None)
    decision = desk.ring(ClockKind.GRANT)
    assert decision.audit[0].reason == "no_longer_needed"
    assert ClockKind.GRANT not in desk.kinds()
