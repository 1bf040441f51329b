"""The villager is asked: by which channel, how often, and what follows from the answer."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from events.contract.envelope import Acting
from events.contract.feedback import (
    AnswerDisputed,
    VisitAnswered,
    VisitChannel,
    VisitRequested,
    VisitResult,
)
from flows.decide.draft import system
from models.case import Case
from models.clocks import Clock, ClockKind
from models.policy.people import Role
from models.policy.work import Satisfaction
from models.values import CaseState, Fate, Mark, Step
from notifications.notice import Reporter
from tests import world
from tests.unit import taking_in as t
from tests.unit.packs import changed

ENGINE = system(Step.ASSIGNMENT, t.TOWNSHIP)
#: Closing a larger matter is proposed, a small one closes by itself.
CASE = t.case_at(CaseState.CHECKING, t.SEWAGE)


def answered(solved: bool = True, how: Satisfaction = Satisfaction.SATISFIED) -> VisitAnswered:
    return VisitAnswered(
        channel=VisitChannel.CALL,
        result=VisitResult.ANSWERED,
        contacted=True,
        solved=solved,
        satisfaction=how,
        comment="token",
    )


def nobody(channel: VisitChannel = VisitChannel.CALL) -> VisitAnswered:
    return VisitAnswered(channel=channel, result=VisitResult.NOBODY)


def unreachable(channel: VisitChannel = VisitChannel.CALL) -> VisitAnswered:
    return VisitAnswered(channel=channel, result=VisitResult.UNREACHABLE)


def visiting(overlay: Mapping[str, Any] | None = None, **fields: Any) -> t.Desk:
    """A desk whose case waits for its visit."""
    case = t.case_at(CaseState.CHECKING, **({"category": t.SEWAGE} | fields))
    desk = t.desk_with(case, policy=changed(overlay or {}), follows=False)
    desk.say(VisitRequested(), ENGINE, case.id)
    return desk


def case_of(desk: t.Desk) -> Case:
    return next(iter(desk.cases.values()))


def test_a_visit_is_the_visitors_until_it_is_answered() -> None:
    desk = visiting()
    case = case_of(desk)
    assert case.state is CaseState.VISITING
    assert case.owner is not None
    assert (case.owner.org, case.owner.role) == (t.TOWNSHIP, Role.VISITOR)
    assert t.kinds(case) == {"visit"}
    assert t.notices(desk.last) == {"visit_requested"}
    assert case.visit is not None
    assert (case.visit.channel, case.visit.attempts) == ("call", 0)


def test_a_link_goes_to_the_reporter() -> None:
    desk = t.desk_with(CASE, follows=False)
    desk.say(VisitRequested(channel=VisitChannel.LINK), ENGINE, CASE.id)
    asked = next(n for n in desk.last.notices if n.kind == "evaluation_asked")
    visit = case_of(desk).visit
    assert visit is not None
    assert (asked.recipient, asked.params["link_code"]) == (Reporter(t.REPORTER), visit.id)


def test_a_channel_that_policy_does_not_have_becomes_its_first() -> None:
    desk = t.desk_with(CASE, policy=changed({"feedback": {"channels": ["visit"]}}), follows=False)
    desk.say(VisitRequested(channel=VisitChannel.LINK), ENGINE, CASE.id)
    visit = case_of(desk).visit
    assert visit is not None
    assert visit.channel == "visit"


@pytest.mark.parametrize(
    ("overlay", "fields", "reason"),
    [
        pytest.param({}, {"reporter_ref": ""}, "nobody_to_visit", id="told without a name"),
        pytest.param({"feedback": {"visited_share": 0.0}}, {}, "not_drawn", id="not drawn"),
    ],
)
def test_where_nobody_is_asked_the_closing_is_proposed(
    overlay: dict[str, object], fields: dict[str, object], reason: str
) -> None:
    desk = visiting(overlay, **fields)
    case = case_of(desk)
    assert (case.state, t.kinds(case)) == (CaseState.VISITING, {"close"})
    assert case.owner is not None
    assert case.owner.role == Role.DUTY_SUPERVISOR
    assert desk.last.audit[0].reason == reason


def test_a_person_may_have_somebody_asked_who_was_not_drawn_but_never_nobody() -> None:
    policy = changed({"feedback": {"visited_share": 0.0}})
    desk = t.desk_with(CASE, policy=policy, follows=False)
    desk.say(VisitRequested(), t.VISITOR, CASE.id)
    assert t.kinds(case_of(desk)) == {"visit"}
    unnamed = t.desk_with(t.case_at(CaseState.CHECKING, reporter_ref=""), follows=False)
    assert unnamed.say(VisitRequested(), t.VISITOR, CASE.id).reason == "nobody_to_visit"


def test_a_visit_is_asked_for_once_and_only_for_checked_work() -> None:
    desk = visiting()
    assert desk.say(VisitRequested(), ENGINE, CASE.id).reason == "visit_asked_already"
    for state in (CaseState.HANDLING, CaseState.CLOSED, CaseState.REPORTED):
        early = t.desk_with(t.case_at(state))
        assert early.say(VisitRequested(), ENGINE, CASE.id).reason == "wrong_state"


def test_a_visitor_may_ask_by_another_way_as_long_as_nobody_tried_and_no_clock_moves() -> None:
    desk = visiting()
    before = case_of(desk)
    assert desk.say(VisitRequested(), t.VISITOR, CASE.id).reason == "visit_asked_already"
    desk.say(VisitRequested(channel=VisitChannel.LINK), t.VISITOR, CASE.id)
    after = case_of(desk)
    assert after.visit is not None
    assert after.visit.channel == "link"
    assert (after.state, after.clocks) == (before.state, before.clocks)
    assert t.notices(desk.last) == {"evaluation_asked"}
    desk.say(nobody(), t.VISITOR, CASE.id)
    late = desk.say(VisitRequested(channel=VisitChannel.CALL), t.VISITOR, CASE.id)
    assert late.reason == "visit_asked_already"


def test_no_visit_passes_over_the_check() -> None:
    check = Clock(key=str(ClockKind.CHECK), generation=CASE.version, due_at=t.NOW)
    desk = t.desk_with(replace(CASE, clocks=(check,)), follows=False)
    assert desk.say(VisitRequested(), t.VISITOR, CASE.id).reason == "not_checked_yet"


@pytest.mark.parametrize(
    ("answer", "state", "clocks"),
    [
        pytest.param(answered(), CaseState.VISITING, {"close"}, id="satisfied"),
        pytest.param(
            answered(how=Satisfaction.BASICALLY_SATISFIED),
            CaseState.VISITING,
            {"close"},
            id="basically satisfied",
        ),
        pytest.param(
            answered(how=Satisfaction.DISSATISFIED),
            CaseState.REOPENED,
            {"case_due", "case_warning"},
            id="solved, dissatisfied",
        ),
        pytest.param(
            answered(solved=False),
            CaseState.REOPENED,
            {"case_due", "case_warning"},
            id="not solved, satisfied all the same",
        ),
        pytest.param(
            answered(solved=False, how=Satisfaction.DISSATISFIED),
            CaseState.REOPENED,
            {"case_due", "case_warning"},
            id="neither",
        ),
    ],
)
def test_what_follows_from_an_answer(
    answer: VisitAnswered, state: CaseState, clocks: set[str]
) -> None:
    desk = visiting()
    desk.say(answer, t.VISITOR, CASE.id)
    case = case_of(desk)
    assert (case.state, t.kinds(case)) == (state, clocks)
    assert case.visit is not None
    assert case.visit.satisfaction == answer.satisfaction
    assert (case.visit.visitor, case.visit.answered_at) == (t.VISITOR.actor, t.NOW)
    assert desk.last.audit[0].words == "token"
    reopened = state is CaseState.REOPENED
    assert t.follow_ups(desk.last) == (["AssignmentRequested"] if reopened else [])
    assert case.reopened == int(reopened)


def test_policy_lets_small_matters_close_by_themselves_on_a_good_answer() -> None:
    desk = visiting(category=t.LAMP)
    desk.say(answered(), t.VISITOR, CASE.id)
    case = case_of(desk)
    assert case.state is CaseState.CLOSED
    closed = desk.last.audit[-1]
    assert (closed.acting.actor, closed.rule) == ("system:feedback", "intake/small")
    assert "case_closed" in t.notices(desk.last)


def test_a_marked_case_never_closes_by_itself() -> None:
    desk = visiting(category=t.LAMP, mark=Mark.CONFIDENTIAL, circle=(t.VILLAGE,))
    case = case_of(desk)
    assert case.owner is not None
    assert case.owner.person == t.VISITOR.actor  # named, and so of the circle
    desk.say(answered(), t.VISITOR, CASE.id)
    assert t.kinds(case_of(desk)) == {"close"}


def test_an_answer_says_how_satisfied() -> None:
    desk = visiting()
    said = VisitAnswered(channel=VisitChannel.CALL, result=VisitResult.ANSWERED, solved=True)
    assert desk.say(said, t.VISITOR, CASE.id).reason == "satisfaction_missing"


@pytest.mark.parametrize(
    ("acting", "reason"),
    [
        pytest.param(t.VISITOR, "ok", id="the visitor"),
        pytest.param(t.VILLAGER, "ok", id="the villager who reported"),
        pytest.param(
            world.acting(Role.VISITOR, t.TOWNSHIP, actor=t.HANDLER.actor),
            "role_not_held",
            id="the handler is no visitor",
        ),
        pytest.param(t.SUPERVISOR, "role_may_not", id="the supervisor"),
    ],
)
def test_who_may_record_an_answer(acting: Acting, reason: str) -> None:
    assert visiting().say(answered(), acting, CASE.id).reason == reason


def test_the_handler_never_visits() -> None:
    desk = visiting(deeds={"assignment.handle": (t.VISITOR.actor,)})
    assert desk.say(answered(), t.VISITOR, CASE.id).reason == "same_person"


def test_nobody_answers_again_and_again() -> None:
    desk = visiting()
    attempts = desk.policy.feedback.attempts
    for n in range(1, attempts):
        desk.say(nobody(), t.VISITOR, CASE.id)
        case = case_of(desk)
        assert case.visit is not None
        assert (case.visit.attempts, case.visit.channel) == (n, "call")
        clock = case.clock(ClockKind.VISIT)
        assert clock is not None
        assert clock.deadline is not None
        assert clock.deadline.span == desk.policy.feedback.attempt_every
        assert desk.last.notices[0].params["count"] == n
    desk.say(nobody(), t.VISITOR, CASE.id)
    on_foot = case_of(desk)
    assert on_foot.visit is not None
    assert (on_foot.visit.channel, t.kinds(on_foot)) == ("visit", {"visit"})
    desk.say(nobody(VisitChannel.VISIT), t.VISITOR, CASE.id)
    assert t.kinds(case_of(desk)) == {"close"}
    assert desk.last.audit[-1].reason == "not_reached"


def test_policy_may_close_by_itself_whom_nobody_reached_but_a_person_reviews_the_unreachable() -> (
    None
):
    rules = {"feedback": {"no_answer": ["close_unreached"], "attempts": 1}}
    desk = visiting(rules, category=t.LAMP)
    desk.say(nobody(), t.VISITOR, CASE.id)
    assert case_of(desk).state is CaseState.CLOSED
    desk = visiting(rules, category=t.LAMP)
    desk.say(unreachable(), t.VISITOR, CASE.id)
    assert t.kinds(case_of(desk)) == {"close"}
    assert desk.last.audit[-1].reason == "unreachable"


def test_who_can_never_be_reached_is_visited_on_foot_once() -> None:
    desk = visiting()
    desk.say(unreachable(), t.VISITOR, CASE.id)
    visit = case_of(desk).visit
    assert visit is not None
    assert (visit.channel, visit.result) == ("visit", "unreachable")
    desk.say(unreachable(VisitChannel.VISIT), t.VISITOR, CASE.id)
    assert t.kinds(case_of(desk)) == {"close"}


def test_only_on_foot_in_policy_still_ends() -> None:
    desk = visiting({"feedback": {"no_answer": ["visit_on_foot"], "attempts": 1}})
    for _ in range(9):
        if "visit" not in t.kinds(case_of(desk)):
            break
        desk.say(nobody(), t.VISITOR, CASE.id)
    assert t.kinds(case_of(desk)) == {"close"}


def test_a_visit_nobody_makes_climbs() -> None:
    desk = visiting()
    desk.ring(CASE.id, ClockKind.VISIT)
    assert "breached" in t.notices(desk.last)
    desk.ring(CASE.id, ClockKind.RUNG)
    desk.say(answered(), t.VISITOR, CASE.id)
    assert t.kinds(case_of(desk)) == {"close"}


def test_an_answer_is_wanted_once() -> None:
    desk = visiting()
    desk.say(answered(), t.VISITOR, CASE.id)
    assert desk.say(answered(), t.VISITOR, CASE.id).reason == "no_visit_asked"


def test_a_contested_answer_is_asked_for_again_by_somebody_else() -> None:
    desk = visiting()
    desk.say(answered(), t.VISITOR, CASE.id)
    desk.now += timedelta(hours=1)
    desk.say(AnswerDisputed(reason="token"), t.VILLAGER, CASE.id)
    case = case_of(desk)
    assert (case.state, t.kinds(case)) == (CaseState.VISITING, {"visit"})
    assert {"case_disputed", "visit_requested"} <= t.notices(desk.last)
    assert desk.say(answered(), t.VISITOR, CASE.id).reason == "same_person"
    desk.say(answered(solved=False), t.VILLAGER, CASE.id)
    assert case_of(desk).state is CaseState.REOPENED


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        pytest.param(t.case_at(CaseState.CLOSED), "nothing_to_dispute", id="nobody was asked"),
        pytest.param(t.case_at(CaseState.REJECTED), "ok", id="turned down"),
        pytest.param(t.case_at(CaseState.SELF_CLOSED), "ok", id="settled on the spot"),
        pytest.param(t.case_at(CaseState.HANDLING), "state_not_reached", id="too early"),
    ],
)
def test_what_can_be_contested(case: Case, reason: str) -> None:
    desk = t.desk_with(case)
    decision = desk.say(AnswerDisputed(reason="token"), t.VILLAGER, case.id)
    assert decision.reason == reason
    if decision.fate is Fate.APPLIED:
        assert t.notices(decision) == {"case_disputed"}
        assert desk.cases[case.id].state is case.state
        again = desk.say(AnswerDisputed(reason="token"), t.VILLAGER, case.id)
        assert again.reason == "disputed_already"


def test_contesting_needs_a_reason() -> None:
    desk = t.desk_with(t.case_at(CaseState.REJECTED))
    said = desk.say(AnswerDisputed(reason=""), t.VILLAGER, CASE.id)
    assert said.reason == "reason_missing"
