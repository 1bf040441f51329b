"""How a consultation is asked for, how it may end, and where the case goes then."""

from typing import Any

import pytest
from msgspec.structs import replace

from events.contract.consultation import (
    ConsultationConcluded,
    ConsultationInvited,
    ConsultationRequested,
    OpinionGiven,
)
from events.contract.consultation import ConsultationKind as Kind
from events.contract.consultation import ConsultationOutcome as Outcome
from models.clocks import ClockKind
from models.values import CaseState, Fate, Mark
from notifications.notice import NoticeKind, RoleAt
from tests.unit.consulting import (
    ASSETS,
    DISPATCHER,
    ENGINE,
    FOREST,
    IDEAS,
    LAND_TAKEN,
    REPRESENTATIVE,
    RULES,
    SECRETARY,
    VILLAGER,
    Talk,
    council,
    directory,
    registered,
)
from tests.unit.packs import default_pack


def said(outcome: Outcome) -> ConsultationConcluded:
    return ConsultationConcluded(outcome=outcome, reason="token")


@pytest.mark.parametrize(
    ("category", "kind", "body", "opened"),
    [
        pytest.param(IDEAS, Kind.COUNCIL, "council", ("council", "council"), id="the council"),
        pytest.param(
            FOREST, Kind.JOINT_MEETING, "joint_meeting", ("joint_meeting",) * 2, id="joint meeting"
        ),
        pytest.param(IDEAS, Kind.HEARING, "hearing", ("hearing",) * 2, id="open hearing"),
        pytest.param(
            LAND_TAKEN,
            Kind.FOUR_TWO,
            "representatives",
            ("four_two", "representatives"),
            id="reserved, resolved by representatives",
        ),
        pytest.param(
            RULES, Kind.FOUR_TWO, "villagers", ("four_two", "villagers"), id="by the villagers"
        ),
        pytest.param(
            RULES,
            Kind.FOUR_TWO,
            "representatives",
            ("four_two", "villagers"),
            id="the engine asks for a body that may not: the one that may",
        ),
        pytest.param(
            ASSETS,
            Kind.COLLECTIVE,
            "collective_assembly",
            ("four_two", "villagers"),
            id="no collective is registered: the villagers instead",
        ),
    ],
)
def test_what_the_engine_opens(
    category: str, kind: Kind, body: str, opened: tuple[str, str]
) -> None:
    talk = Talk(case=registered(category)).requested(kind, body)
    assert (talk.talk.kind, talk.talk.body) == opened
    assert talk.case.state is CaseState.CONSULTING
    assert {clock.kind for clock in talk.case.clocks} == {ClockKind.CONVENE, ClockKind.CONCLUDE}
    told = [n.recipient for n in talk.last.notices if n.kind is NoticeKind.CONSULTATION_REQUESTED]
    assert talk.case.owner is not None
    assert told == [RoleAt(role=talk.case.owner.role, org=talk.case.owner.org)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("category", "asked", "opened"),
    [
        pytest.param(ASSETS, "collective_assembly", "collective_assembly", id="its assembly"),
        pytest.param(
            ASSETS, "collective_representatives", "collective_representatives", id="its delegates"
        ),
    ],
)
def test_a_registered_collective_decides_for_itself(category: str, asked: str, opened: str) -> None:
    talk = Talk(case=registered(category), people=directory(collective=True))
    talk.requested(Kind.COLLECTIVE, asked)
    assert (talk.talk.kind, talk.talk.body) == ("collective", opened)


@pytest.mark.parametrize(
    ("fields", "acting", "reason"),
    [
        pytest.param({"body": "senate"}, SECRETARY, "unknown_body", id="no such body"),
        pytest.param(
            {"body": "hearing"}, SECRETARY, "kind_and_body_differ", id="another form of sitting"
        ),
        pytest.param({}, VILLAGER, "role_may_not", id="without the right"),
        pytest.param(
            {"kind": Kind.FOUR_TWO, "body": "party_members"},
            SECRETARY,
            "body_may_not_decide",
            id="a committee does not resolve",
        ),
        pytest.param(
            {"kind": Kind.FOUR_TWO, "body": "council"},
            SECRETARY,
            "body_may_not_decide",
            id="a council does not resolve",
        ),
        pytest.param(
            {"kind": Kind.FOUR_TWO, "body": "collective_assembly"},
            SECRETARY,
            None,
            id="not registered: the villagers instead",
        ),
    ],
)
def test_what_a_person_asks_for(fields: dict[str, Any], acting: Any, reason: str | None) -> None:
    data = ConsultationRequested(**{"kind": Kind.COUNCIL, "body": "council", **fields})
    decision = Talk().say(data, acting)
    assert decision.reason == (reason or "ok")


@pytest.mark.parametrize(
    ("case", "fate", "reason"),
    [
        pytest.param({"state": CaseState.CLOSED}, Fate.REFUSED, "wrong_state", id="closed"),
        pytest.param({"state": CaseState.HANDLING}, Fate.REFUSED, "wrong_state", id="handled"),
        pytest.param({"mark": Mark.BYPASS}, Fate.REFUSED, "bypass_not_consulted", id="bypass"),
    ],
)
def test_when_the_engine_asks_in_vain(case: dict[str, Any], fate: Fate, reason: str) -> None:
    talk = Talk(case=replace(registered(), **case))
    decision = talk.say(ConsultationRequested(kind=Kind.COUNCIL, body="council"), ENGINE)
    assert (decision.fate, decision.reason) == (fate, reason)


def test_a_consultation_that_goes_on_is_not_replaced() -> None:
    talk = council()
    talk.case = replace(talk.case, state=CaseState.REGISTERED)
    asked = ConsultationRequested(kind=Kind.HEARING, body="hearing")
    assert talk.refused(asked, ENGINE) == "consultation_running"


_CAN = {
    "council": {Outcome.AGREED, Outcome.REFERRED, Outcome.ESCALATED},
    "party_council": {Outcome.AGREED, Outcome.REFERRED, Outcome.ESCALATED},
    "joint_meeting": {
        Outcome.AGREED,
        Outcome.REFERRED,
        Outcome.ESCALATED,
        Outcome.NO_AGREEMENT,
    },
    "hearing": {Outcome.AGREED, Outcome.REFERRED, Outcome.ESCALATED, Outcome.NO_AGREEMENT},
    "group_meeting": {Outcome.AGREED, Outcome.REFERRED},
    "one_matter": {Outcome.AGREED},
}


def sat(body: str, category: str = IDEAS) -> Talk:
    """The body has met, all but one in favour."""
    kind = Kind(default_pack().consultation.body(body).kind)
    talk = Talk(case=registered(category)).requested(kind, body)
    rules = default_pack().consultation.body(body)
    if not rules.quorums:
        return talk
    asked: dict[str, Any] = {"asked_by": rules.quorums[0].roll, "askers": 9, "asked_of": 9}
    return talk.convened(9, days=11, **asked).counted(9, 9, 8, 1)


@pytest.mark.parametrize("body", _CAN)
@pytest.mark.parametrize("outcome", Outcome)
def test_a_body_ends_only_as_it_may_and_as_its_vote_went(body: str, outcome: Outcome) -> None:
    talk = sat(body)
    decision = talk.say(said(outcome))
    assert (decision.fate is Fate.APPLIED) is (outcome in _CAN[body]), decision.reason


@pytest.mark.parametrize(
    ("body", "outcome", "figures"),
    [
        pytest.param("council", Outcome.NO_AGREEMENT, (9, 9, 4, 5), id="a council does not agree"),
        pytest.param("one_matter", Outcome.REJECTED, (9, 9, 4, 5), id="a meeting votes it down"),
        pytest.param("council", Outcome.AGREED, (9, 9, 0, 0), id="of one mind, without a vote"),
        pytest.param("council", Outcome.NO_AGREEMENT, (9, 9, 0, 0), id="no vote, no agreement"),
    ],
)
def test_endings_that_fit_the_figures(
    body: str, outcome: Outcome, figures: tuple[int, ...]
) -> None:
    kind = Kind(default_pack().consultation.body(body).kind)
    asked: dict[str, Any] = {"asked_by": default_pack().consultation.body(body).quorums[0].roll}
    talk = Talk().requested(kind, body).convened(9, days=11, askers=9, asked_of=9, **asked)
    talk.counted(*figures)
    talk.done(said(outcome))
    assert talk.talk.outcome == outcome
    assert talk.talk.outcome_reason == "token"


@pytest.mark.parametrize(
    ("outcome", "figures", "reason"),
    [
        pytest.param(Outcome.AGREED, (9, 9, 4, 5), "vote_failed", id="agreed, but voted down"),
        pytest.param(Outcome.NO_AGREEMENT, (9, 9, 5, 4), "vote_passed", id="none, but voted for"),
        pytest.param(Outcome.AGREED, (9, 4, 4), "quorum_missed", id="agreed, but too few"),
        pytest.param(Outcome.ESCALATED, (9, 4, 4), "quorum_missed", id="sent up, but too few"),
        pytest.param(Outcome.QUORUM_MISSED, (9, 5, 5), "quorum_met", id="too few, but enough"),
    ],
)
def test_endings_that_belie_the_figures(
    outcome: Outcome, figures: tuple[int, ...], reason: str
) -> None:
    talk = council().counted(*figures)
    assert talk.refused(said(outcome)) == reason
    detail = talk.last.audit[0].detail
    assert {"threshold", "base", "count", "of", "op", "share"} == set(detail)


def test_nobody_concludes_without_notice_meeting_or_sheet() -> None:
    talk = Talk().requested(Kind.COUNCIL, "council")
    assert talk.refused(said(Outcome.AGREED)) == "not_convened"
    talk.done(ConsultationInvited(meets_at=talk.now.replace(day=20), eligible=9), SECRETARY)
    assert talk.refused(said(Outcome.AGREED)) == "meeting_not_yet"
    talk.now = talk.now.replace(day=20)
    assert talk.refused(said(Outcome.AGREED)) == "tally_missing"


def test_who_has_no_right_to_conclude() -> None:
    assert council().refused(said(Outcome.REFERRED), REPRESENTATIVE) == "role_may_not"


def test_what_is_over_is_over() -> None:
    talk = sat("joint_meeting")
    talk.done(said(Outcome.ESCALATED), DISPATCHER)
    for state in (CaseState.CONSULTING, CaseState.REGISTERED):
        talk.case = replace(talk.case, state=state)
        assert talk.say(said(Outcome.AGREED), ENGINE).reason == "consultation_over"
        assert talk.say(OpinionGiven(opinion="t"), ENGINE).reason == "consultation_over"
