"""What follows a consultation: reserved matters, referring, calling again, nobody convening."""

from typing import Any

import pytest
from msgspec.structs import replace

from events.contract.assignment import AssignmentRequested
from events.contract.consultation import ConsultationKind as Kind
from events.contract.consultation import ConsultationOutcome as Outcome
from events.contract.consultation import (
    ConsultationRequested,
    Stage,
)
from events.contract.escalation import CaseBreached
from events.contract.feedback import CaseCancelled
from models.clocks import ClockKind
from models.policy.people import Role
from models.values import CaseState, Fate
from notifications.notice import NoticeKind, RoleAt
from tests import world
from tests.unit.consulting import (
    ASSETS,
    DISPATCHER,
    IDEAS,
    LAND_TAKEN,
    RULES,
    SECRETARY,
    TOWNSHIP,
    VILLAGE,
    Talk,
    council,
)
from tests.unit.four_steps import four_two
from tests.unit.packs import changed
from tests.unit.test_decide_consultation_outcome import said, sat


@pytest.mark.parametrize("body", ["council", "party_council", "joint_meeting", "hearing"])
@pytest.mark.parametrize("category", [LAND_TAKEN, RULES, ASSETS])
@pytest.mark.parametrize("outcome", Outcome)
def test_lower_bodies_can_only_refer_a_reserved_matter(
    body: str, category: str, outcome: Outcome
) -> None:
    talk = sat(body, category)
    decision = talk.say(said(outcome))
    if outcome is Outcome.REFERRED:
        assert decision.fate is Fate.APPLIED
        assert talk.talk.kind == Kind.FOUR_TWO
    elif outcome is Outcome.QUORUM_MISSED:
        assert decision.reason in ("quorum_met", "no_quorum_asked")
    else:
        assert decision.reason == "reserved_matter"
        assert decision.audit[0].detail["body"] == body


@pytest.mark.parametrize(
    ("category", "fate"),
    [
        pytest.param(IDEAS, Fate.APPLIED, id="not reserved"),
        pytest.param(LAND_TAKEN, Fate.REFUSED, id="reserved, but not to it"),
    ],
)
def test_one_matter_decides_only_what_is_its_own(category: str, fate: Fate) -> None:
    assert sat("one_matter", category).say(said(Outcome.AGREED)).fate is fate


@pytest.mark.parametrize(
    ("outcome", "sent"),
    [
        pytest.param(Outcome.AGREED, AssignmentRequested(), id="agreed: whom the list names"),
        pytest.param(
            Outcome.NO_AGREEMENT, AssignmentRequested(lead=TOWNSHIP), id="none: the township"
        ),
        pytest.param(
            Outcome.ESCALATED, AssignmentRequested(lead=TOWNSHIP), id="sent up: the township"
        ),
    ],
)
def test_the_case_goes_on(outcome: Outcome, sent: AssignmentRequested) -> None:
    talk = sat("joint_meeting")
    decision = talk.done(said(outcome), DISPATCHER)
    assert [f.data for f in talk.sent] == [sent]
    assert talk.sent[0].acting.actor == "system:consultation"
    assert talk.case.state is CaseState.REGISTERED
    assert talk.case.clocks == ()
    assert talk.case.owner is not None
    assert (talk.case.owner.org, talk.case.owner.role) == (TOWNSHIP, Role.DISPATCHER)
    told = [n.recipient for n in decision.notices if n.kind is NoticeKind.CONSULTATION_CONCLUDED]
    assert RoleAt(role=Role.DISPATCHER, org=TOWNSHIP) in told  # type: ignore[arg-type]
    principal = RoleAt(role=Role.TOWNSHIP_PRINCIPAL, org=TOWNSHIP)  # type: ignore[arg-type]
    assert (principal in told) is (outcome is Outcome.ESCALATED)


def test_referred_goes_through_the_six_steps() -> None:
    talk = sat("council", LAND_TAKEN)
    first = talk.talk.id
    talk.done(said(Outcome.REFERRED))
    assert talk.sent == []
    assert talk.case.state is CaseState.CONSULTING
    assert (talk.talk.kind, talk.talk.body, talk.talk.stage) == (
        "four_two",
        "representatives",
        Stage.PROPOSE,
    )
    assert talk.talk.id != first
    referring = talk.decisions[-2].case
    assert referring is not None
    assert referring.consultation is not None
    assert referring.consultation.outcome == "referred", "the council's own end stays on record"


def test_too_few_are_called_again_and_then_it_goes_back_to_the_secretary() -> None:
    talk = council().counted(9, 4, 4)
    talk.done(said(Outcome.QUORUM_MISSED))
    assert talk.reasons == ["quorum_missed"]
    assert str(talk.case.state) == "CONSULTING"
    assert (talk.talk.recalls, talk.talk.meets_at, talk.talk.roll) == (1, None, ())
    told = [n.recipient for n in talk.last.notices if n.kind is NoticeKind.CONSULTATION_REQUESTED]
    assert told == [RoleAt(role=Role.VILLAGE_SECRETARY, org=VILLAGE)]  # type: ignore[arg-type]
    assert talk.clock(ClockKind.CONVENE) is not None
    talk.convened(8).counted(8, 3, 3)
    talk.done(said(Outcome.QUORUM_MISSED))
    assert talk.case.state is CaseState.REGISTERED
    assert talk.talk.outcome == "quorum_missed"
    assert talk.case.owner is not None
    assert (talk.case.owner.org, talk.case.owner.role) == (VILLAGE, Role.VILLAGE_SECRETARY)
    assert talk.sent == []
    assert [clock.kind for clock in talk.case.clocks] == [ClockKind.CONCLUDE]


def twice_too_few() -> Talk:
    talk = council().counted(9, 4, 4)
    talk.done(said(Outcome.QUORUM_MISSED))
    talk.convened(9).counted(9, 4, 4)
    talk.done(said(Outcome.QUORUM_MISSED))
    return talk


def test_the_secretary_may_ask_for_another_body() -> None:
    talk = twice_too_few()
    talk.done(ConsultationRequested(kind=Kind.HEARING, body="hearing"), SECRETARY)
    assert talk.talk.kind == "hearing"
    assert len([c for c in talk.case.clocks if c.kind is ClockKind.CONCLUDE]) == 1


def test_when_the_secretary_does_nothing_the_township_gets_it() -> None:
    talk = twice_too_few()
    talk.ring(ClockKind.CONCLUDE)
    assert talk.reasons == ["sent_on_late"]
    assert [f.data for f in talk.sent] == [AssignmentRequested(lead=TOWNSHIP)]
    assert talk.talk.outcome == "quorum_missed"


def test_without_recalls_it_goes_back_at_once() -> None:
    policy = changed({"consultation": {"recalls": 0}})
    talk = Talk(policy=policy).requested(Kind.COUNCIL, "council").convened(9).counted(9, 4, 4)
    talk.done(said(Outcome.QUORUM_MISSED))
    assert talk.case.state is CaseState.REGISTERED


@pytest.mark.parametrize(
    "open_one",
    [
        pytest.param(lambda: Talk().requested(Kind.COUNCIL, "council"), id="a council"),
        pytest.param(four_two, id="the six steps"),
    ],
)
def test_who_does_not_convene_is_urged_and_in_the_end_the_township_gets_it(open_one: Any) -> None:
    talk: Talk = open_one()
    ends = talk.clock(ClockKind.CONCLUDE)
    talk.ring(ClockKind.CONVENE)
    assert talk.sent[0].data == CaseBreached(clock="convene")
    assert any(n.kind is NoticeKind.BREACHED for n in talk.last.notices)
    assert talk.clock(ClockKind.RUNG) is not None
    assert talk.clock(ClockKind.CONCLUDE) == ends, "being urged gives no more time"
    talk.ring(ClockKind.CONCLUDE)
    assert talk.talk.outcome == Outcome.TIMED_OUT
    assert talk.sent[-1].data == AssignmentRequested(lead=TOWNSHIP)
    assert talk.case.state is CaseState.REGISTERED
    assert talk.case.clocks == (), "with the convening its ladder is over"
    told = [n.recipient for n in talk.last.notices if n.kind is NoticeKind.CONSULTATION_TIMED_OUT]
    assert len(told) == 2


def test_convening_late_ends_the_ladder() -> None:
    talk = Talk().requested(Kind.COUNCIL, "council")
    talk.ring(ClockKind.CONVENE)
    talk.convened(9)
    assert [clock.kind for clock in talk.case.clocks] == [ClockKind.CONCLUDE]


def test_a_clock_of_a_case_that_went_another_way_rings_for_nothing() -> None:
    talk = council()
    talk.case = replace(talk.case, state=CaseState.HANDLING)
    talk.ring(ClockKind.CONCLUDE)
    assert talk.talk.outcome == Outcome.TIMED_OUT
    assert talk.sent == []
    assert talk.case.state is CaseState.HANDLING


def test_a_cancelled_case_has_no_clock_left_to_ring() -> None:
    talk = council()
    clock = talk.clock(ClockKind.CONCLUDE)
    supervisor = world.acting(Role.DUTY_SUPERVISOR, TOWNSHIP)
    assert talk.say(CaseCancelled(reason="token"), supervisor).fate is Fate.APPLIED
    assert clock is not None
    assert talk.case.clocks == ()
    assert talk.say(said(Outcome.AGREED)).reason == "wrong_state"


def test_a_stale_clock_rings_for_nothing() -> None:
    talk = Talk().requested(Kind.COUNCIL, "council")
    stale = talk.clock(ClockKind.CONCLUDE)
    assert stale is not None
    talk.convened(9)
    running = talk.clock(ClockKind.CONCLUDE)
    talk.fire(stale)
    assert talk.reasons == ["no_longer_needed"]
    assert talk.clock(ClockKind.CONCLUDE) == running
    assert talk.case.state is CaseState.CONSULTING
