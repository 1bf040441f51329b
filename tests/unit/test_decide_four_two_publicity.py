"""两公开: what hangs out, for how long, and what an objection does to it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from events.contract.assignment import AssignmentRequested
from events.contract.consultation import (
    ActionItemCleared,
    AnswerChecked,
    ConsultationOutcome,
    FourTwoDeliberated,
    PublicityAnswered,
    PublicityObjected,
    ResolutionPublished,
    ResultPublished,
    Stage,
)
from flows.decide.consultation_items import results_item
from flows.decide.publicity import results_owed
from models.clocks import ClockKind
from models.deadlines import due
from models.handling import Assignment, AssignmentState
from models.policy.people import Role
from models.policy.span import parse_span
from models.values import CaseState, Fate
from notifications.notice import NoticeKind, Org, RoleAt
from tests.unit.consulting import (
    COMMITTEE,
    DAY,
    DIRECTOR,
    NOW,
    TOWNSHIP,
    VILLAGE,
    VILLAGER,
    WATCHER,
    Talk,
    council,
    office,
)
from tests.unit.four_steps import four_two, published, take

OBJECTED = PublicityObjected(objection="token")


def objecting() -> tuple[Talk, str]:
    """The resolution hangs out and somebody objected; return the objection's id too."""
    talk = published()
    talk.now += DAY
    talk.done(OBJECTED, VILLAGER)
    return talk, talk.talk.objections[-1].id


def answered(known: str, *, upheld: bool = False) -> PublicityAnswered:
    return PublicityAnswered(objection=known, upheld=upheld, answer="token")


def checked(known: str, *, agrees: bool = True) -> AnswerChecked:
    return AnswerChecked(objection=known, agrees=agrees, note="token")


def test_the_resolution_hangs_out_for_policys_days_and_then_stands() -> None:
    talk = published()
    clock = talk.clock(ClockKind.PUBLICITY)
    assert clock is not None
    assert clock.due_at == talk.now + 7 * DAY
    assert talk.clock(ClockKind.CONCLUDE) is None
    told = [n for n in talk.last.notices if n.kind is NoticeKind.PUBLICITY_STARTED]
    assert [n.recipient for n in told] == [
        RoleAt(role=Role.SUPERVISION_COMMITTEE_MEMBER, org=VILLAGE)  # type: ignore[arg-type]
    ]
    assert talk.talk.outcome == ""
    talk.ring(ClockKind.PUBLICITY)
    assert talk.talk.outcome == ConsultationOutcome.AGREED
    assert talk.case.state is CaseState.REGISTERED
    assert [f.data for f in talk.sent] == [AssignmentRequested()]


def test_nothing_is_carried_out_while_it_hangs_out() -> None:
    talk = published()
    assert talk.sent == []
    assert talk.case.state is CaseState.CONSULTING
    assert talk.refused(ResolutionPublished(text="t")) == "step_out_of_order"


def test_an_objection_is_answered_within_three_working_days() -> None:
    talk, known = objecting()
    ends = talk.clock(ClockKind.PUBLICITY)
    clock = talk.clock(ClockKind.OBJECTION_ANSWER)
    assert clock is not None
    assert (clock.part, clock.due_at) == (
        known,
        due(talk.now, parse_span("3wd"), office=office()).due_at,
    )
    told = {
        n.recipient for n in talk.last.notices if n.kind is NoticeKind.PUBLICITY_OBJECTION_RECEIVED
    }
    assert {str(r.role) for r in told if isinstance(r, RoleAt)} == {
        "village_secretary",
        "village_director",
        "two_committees_member",
    }
    assert talk.clock(ClockKind.PUBLICITY) == ends, "an objection moves no end"


def test_answered_and_checked_the_period_runs_out() -> None:
    talk, known = objecting()
    talk.done(answered(known), COMMITTEE)
    check = talk.clock(ClockKind.OBJECTION_ANSWER)
    assert check is not None
    assert check.deadline is not None
    assert str(check.deadline.span) == "2wd"
    talk.done(checked(known), WATCHER)
    assert talk.talk.objections[0].settled == "checked"
    assert talk.clock(ClockKind.OBJECTION_ANSWER) is None
    assert talk.talk.publicity == Stage.PUBLISH_RESOLUTION
    talk.ring(ClockKind.PUBLICITY)
    assert talk.talk.outcome == ConsultationOutcome.AGREED


def test_an_open_objection_is_settled_before_the_resolution_stands() -> None:
    talk = published()
    ends = talk.clock(ClockKind.PUBLICITY)
    assert ends is not None
    talk.done(OBJECTED, VILLAGER, at=ends.due_at - DAY)
    known = talk.talk.objections[0].id
    talk.ring(ClockKind.PUBLICITY)
    assert talk.reasons == ["objection_open"]
    assert talk.talk.outcome == ""
    assert talk.refused(OBJECTED, VILLAGER) == "publicity_closed"
    talk.done(answered(known), COMMITTEE)
    assert talk.sent == []
    talk.done(checked(known), WATCHER)
    assert talk.talk.outcome == ConsultationOutcome.AGREED
    assert [f.data for f in talk.sent] == [AssignmentRequested()]


@pytest.mark.parametrize(
    "upheld",
    [
        pytest.param(True, id="the committees give way"),
        pytest.param(False, id="the supervision committee does not agree to their answer"),
    ],
)
def test_upheld_it_goes_back_to_the_two_committees(*, upheld: bool) -> None:
    talk, known = objecting()
    talk.done(OBJECTED, VILLAGER)
    if upheld:
        talk.done(answered(known, upheld=True), COMMITTEE)
    else:
        talk.done(answered(known), COMMITTEE)
        talk.done(checked(known, agrees=False), WATCHER)
    assert talk.reasons == ["objection_upheld"]
    assert (talk.talk.stage, talk.talk.publicity) == (Stage.DELIBERATE, "")
    assert [passed.stage for passed in talk.talk.passed] == [Stage.PROPOSE]
    assert talk.talk.sittings == ()
    assert [o.settled for o in talk.talk.objections] == ["upheld", "moot"]
    assert {clock.kind for clock in talk.case.clocks} == {ClockKind.CONVENE, ClockKind.CONCLUDE}
    assert talk.refused(ResolutionPublished(text="t")) == "step_out_of_order"
    talk.done(FourTwoDeliberated(agreed=True))
    take(talk, Stage.MEMBERS_MEETING)
    take(talk, Stage.RESOLVE)
    talk.done(ResolutionPublished(text="t"))
    talk.ring(ClockKind.PUBLICITY)
    assert talk.talk.outcome == ConsultationOutcome.AGREED


@pytest.mark.parametrize(
    ("said", "acting", "reason"),
    [
        pytest.param(answered("e999"), COMMITTEE, "unknown_objection", id="no such objection"),
        pytest.param(checked("e999"), WATCHER, "unknown_objection", id="none to check"),
        pytest.param(answered("e999"), WATCHER, "role_may_not", id="not the two committees"),
        pytest.param(checked("e999"), COMMITTEE, "role_may_not", id="they check not themselves"),
        pytest.param(OBJECTED, COMMITTEE, "role_may_not", id="nor object to themselves"),
    ],
)
def test_answers_that_are_refused(said: Any, acting: Any, reason: str) -> None:
    talk, _ = objecting()
    assert talk.refused(said, acting) == reason


def test_an_answer_is_given_once_and_checked_once() -> None:
    talk, known = objecting()
    assert talk.refused(checked(known), WATCHER) == "not_answered_yet"
    talk.done(answered(known), COMMITTEE)
    assert talk.refused(answered(known), DIRECTOR) == "answered_already"
    talk.done(checked(known), WATCHER)
    assert talk.refused(checked(known), WATCHER) == "unknown_objection"
    assert talk.refused(answered(known), COMMITTEE) == "unknown_objection"


def test_who_answers_never_checks() -> None:
    talk, known = objecting()
    talk.done(answered(known), COMMITTEE)
    assert COMMITTEE.actor in talk.case.deeds["consultation.publicity_answer"]
    talk.case = replace(talk.case, deeds={"consultation.publicity_answer": (WATCHER.actor,)})
    assert talk.refused(checked(known), WATCHER) == "same_person"


def test_an_answer_is_asked_for_twice_and_then_the_resolution_does_not_stand() -> None:
    talk, known = objecting()
    talk.done(OBJECTED, VILLAGER)
    talk.ring(ClockKind.OBJECTION_ANSWER)
    assert talk.reasons == ["answer_late"]
    assert any(n.kind is NoticeKind.OBJECTION_ANSWER_DUE for n in talk.last.notices)
    while talk.talk.outcome == "":
        talk.ring(ClockKind.OBJECTION_ANSWER)
    assert talk.talk.outcome == ConsultationOutcome.TIMED_OUT
    assert talk.talk.outcome_reason == "objection_unanswered"
    assert [o.settled for o in talk.talk.objections] == ["unanswered", "moot"]
    assert talk.talk.objections[0].id == known
    assert [f.data for f in talk.sent] == [AssignmentRequested(lead=TOWNSHIP)]
    assert talk.case.clocks == ()


def test_an_answer_nobody_checks_stands() -> None:
    talk, known = objecting()
    talk.done(answered(known), COMMITTEE)
    talk.ring(ClockKind.OBJECTION_ANSWER)
    assert talk.reasons == ["answer_unchecked"]
    assert talk.talk.objections[0].settled == "unchecked"
    talk.ring(ClockKind.PUBLICITY)
    assert talk.talk.outcome == ConsultationOutcome.AGREED


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(council(), id="a council publishes nothing"),
        pytest.param(four_two(Stage.PUBLISH_RESOLUTION), id="not published yet"),
    ],
)
def test_there_is_nothing_to_object_to(talk: Talk) -> None:
    assert talk.refused(OBJECTED, VILLAGER) == "nothing_published"


@given(moves=st.lists(st.sampled_from("oaukdptr"), max_size=12))
def test_whatever_is_said_the_publicity_comes_to_an_end(moves: str) -> None:
    talk = published()
    for move in moves:
        waiting = [o.id for o in talk.talk.objections if not o.settled]
        known = waiting[0] if waiting else "e0"
        if talk.talk.outcome or talk.talk.stage == Stage.DELIBERATE:
            break
        match move:
            case "o":
                talk.say(OBJECTED, VILLAGER)
            case "a" | "u":
                talk.say(answered(known, upheld=move == "u"), COMMITTEE)
            case "k" | "d":
                talk.say(checked(known, agrees=move == "k"), WATCHER)
            case "p" if talk.clock(ClockKind.PUBLICITY):
                talk.ring(ClockKind.PUBLICITY)
            case "t" if talk.clock(ClockKind.OBJECTION_ANSWER):
                talk.ring(ClockKind.OBJECTION_ANSWER)
            case _:
                talk.say(ResolutionPublished(text="t"))
    rounds = 0
    while not talk.talk.outcome:
        talk.fire(min(talk.case.clocks, key=lambda clock: (clock.due_at, clock.key)))
        rounds += 1
        assert rounds < 60, "it never ends"
    assert talk.case.state is CaseState.REGISTERED
    assert talk.sent


def carried_out(state: CaseState = CaseState.CLOSED) -> Talk:
    """The resolution stood and the work was handled; the case may be closed by now."""
    talk = published()
    talk.ring(ClockKind.PUBLICITY)
    talk.now += 20 * DAY
    work = Assignment(
        id="00000000-0000-5000-8000-00000000beef",
        state=AssignmentState.PASSED,
        org=VILLAGE,
        requested_at=NOW,
        handled_at=talk.now,
    )
    talk.case = replace(talk.case, state=state, assignment=work)
    return talk


@pytest.mark.parametrize("state", [CaseState.CHECKING, CaseState.VISITING, CaseState.CLOSED])
def test_results_are_published_once_the_work_is_handled(state: CaseState) -> None:
    talk = carried_out(state)
    assert results_owed(talk.case)
    talk.done(ResultPublished(text="t", evidence=("b" * 64,)))
    assert not results_owed(talk.case)
    assert talk.case.state is state
    clock = talk.clock(ClockKind.PUBLICITY)
    assert clock is not None
    assert (clock.part, clock.due_at) == (Stage.PUBLISH_RESULT, talk.now + 7 * DAY)
    assert talk.refused(ResultPublished(text="t")) == "step_out_of_order"
    talk.ring(ClockKind.PUBLICITY)
    assert talk.talk.publicity == ""
    assert talk.case.clocks == ()
    assert talk.refused(ResultPublished(text="t")) == "published_already"


@pytest.mark.parametrize(
    ("state", "handled", "reason"),
    [
        pytest.param(CaseState.REGISTERED, False, "not_handled_yet", id="given to nobody"),
        pytest.param(CaseState.HANDLING, False, "not_handled_yet", id="being handled"),
        pytest.param(CaseState.CLOSED, False, "ok", id="closed"),
        pytest.param(CaseState.CANCELLED, True, "wrong_state", id="cancelled"),
    ],
)
def test_when_there_are_results(state: CaseState, handled: bool, reason: str) -> None:
    talk = carried_out(state)
    if not handled:
        talk.case = replace(talk.case, assignment=None)
    assert talk.say(ResultPublished(text="t")).reason == reason


def test_without_a_resolution_there_are_no_results() -> None:
    assert council().refused(ResultPublished(text="t")) == "not_four_two"
    talk = four_two(Stage.DELIBERATE)
    talk.done(FourTwoDeliberated(agreed=False))
    assert talk.refused(ResultPublished(text="t")) == "step_out_of_order"


def test_publishing_the_results_is_owed_until_it_is_done() -> None:
    talk = carried_out()
    known = results_item(talk.talk)
    item = next(item for item in talk.talk.items if item.id == known)
    assert (item.owner, item.cleared_at) == (VILLAGE, None)
    talk.ring(ClockKind.ACTION_ITEM)
    assert talk.reasons == ["item_late"]
    assert Org(id=VILLAGE) in [n.recipient for n in talk.last.notices]  # type: ignore[arg-type]
    talk.done(ResultPublished(text="t"))
    item = next(item for item in talk.talk.items if item.id == known)
    assert (item.cleared_at, item.late) == (talk.now, True)
    assert talk.clock(ClockKind.ACTION_ITEM) is None
    assert talk.refused(ActionItemCleared(item=known)) == "cleared_already"


def test_an_objection_to_the_results_has_them_put_up_anew() -> None:
    talk = carried_out()
    talk.done(ResultPublished(text="t"))
    talk.done(OBJECTED, VILLAGER)
    known = talk.talk.objections[-1].id
    talk.done(answered(known, upheld=True), COMMITTEE)
    assert talk.case.state is CaseState.CLOSED
    assert talk.talk.outcome == ConsultationOutcome.AGREED
    assert results_owed(talk.case)
    assert [clock.kind for clock in talk.case.clocks] == [ClockKind.ACTION_ITEM]
    talk.done(ResultPublished(text="t"))
    assert talk.clock(ClockKind.PUBLICITY) is not None


def test_an_objection_to_the_results_that_nobody_answers_is_on_record() -> None:
    talk = carried_out()
    talk.done(ResultPublished(text="t"))
    talk.done(OBJECTED, VILLAGER)
    talk.ring(ClockKind.PUBLICITY)
    talk.ring(ClockKind.OBJECTION_ANSWER)
    talk.ring(ClockKind.OBJECTION_ANSWER)
    assert talk.reasons == ["objection_unanswered", "publicity_over"]
    assert talk.talk.objections[-1].settled == "unanswered"
    assert (talk.talk.publicity, talk.case.clocks) == ("", ())
    assert talk.case.state is CaseState.CLOSED
    assert len(talk.sent) == 1


def test_a_period_that_ends_elsewhere_sends_nothing() -> None:
    talk = published()
    talk.case = replace(talk.case, state=CaseState.HANDLING)
    talk.ring(ClockKind.PUBLICITY)
    assert talk.last.fate is Fate.APPLIED
    assert talk.talk.outcome == ConsultationOutcome.AGREED
    assert talk.sent == []
