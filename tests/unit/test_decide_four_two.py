"""四议: the order of the steps, their notices, thresholds and sheets."""

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.contract.assignment import AssignmentRequested
from events.contract.consultation import (
    ConsultationConcluded,
    ConsultationOutcome,
    FourTwoDeliberated,
    ResolutionPublished,
    ResultPublished,
    Stage,
)
from events.contract.envelope import Payload
from models.values import Fate
from tests.unit.consulting import (
    ASSETS,
    BRANCH,
    COMMITTEE,
    DAY,
    DIRECTOR,
    RULES,
    SECRETARY,
    TOWNSHIP,
    VILLAGER,
    WATCHER,
    Talk,
    council,
    directory,
)
from tests.unit.four_steps import ORDER, four_two, members_met, resolved, step_event
from tests.unit.packs import changed, part

STAGES = (*ORDER, Stage.PUBLISH_RESULT)


def event_of(stage: Stage, talk: Talk) -> Payload:
    if stage is Stage.PUBLISH_RESULT:
        return ResultPublished(text="t")
    return step_event(stage, talk.now)


@pytest.mark.parametrize("standing", ORDER)
@pytest.mark.parametrize("attempted", STAGES)
def test_no_step_is_skipped_or_taken_twice(standing: Stage, attempted: Stage) -> None:
    talk = four_two(standing)
    talk.now += 5 * DAY
    decision = talk.say(event_of(attempted, talk), SECRETARY)
    if attempted is standing:
        assert decision.fate is Fate.APPLIED
    else:
        assert (decision.fate, decision.reason) == (Fate.REFUSED, "step_out_of_order")
        assert decision.audit[0].detail == {"expected": str(standing), "got": str(attempted)}


@given(order=st.permutations(STAGES))
def test_every_order_but_the_right_one_stops_at_its_first_wrong_step(order: list[Stage]) -> None:
    talk = four_two()
    for stage in order:
        talk.now += 5 * DAY
        event = event_of(stage, talk)
        if stage != talk.talk.stage:
            assert talk.refused(event) == "step_out_of_order"
            return
        if stage is Stage.PUBLISH_RESULT:
            assert list(order) == list(STAGES)
            return
        talk.done(event)
        if stage in (Stage.MEMBERS_MEETING, Stage.RESOLVE):
            talk.done(event, BRANCH if stage is Stage.MEMBERS_MEETING else DIRECTOR)


def test_the_right_order_goes_through() -> None:
    talk = four_two(Stage.PUBLISH_RESOLUTION)
    talk.done(ResolutionPublished(text="t"))
    assert [passed.stage for passed in talk.talk.passed] == list(ORDER)
    assert [passed.at for passed in talk.talk.passed] == sorted(p.at for p in talk.talk.passed)


def test_a_step_is_not_told_to_have_been_before_the_one_that_precedes_it() -> None:
    talk = four_two(Stage.DELIBERATE)
    said = FourTwoDeliberated(agreed=True)
    assert talk.refused(said, told=talk.now - timedelta(minutes=1)) == "step_before_last"


@pytest.mark.parametrize(
    "stage",
    [Stage.PROPOSE, Stage.DELIBERATE, Stage.MEMBERS_MEETING, Stage.RESOLVE],
)
def test_steps_belong_to_the_six_steps_only(stage: Stage) -> None:
    talk = council()
    assert talk.refused(step_event(stage, talk.now)) == "not_four_two"


@pytest.mark.parametrize("standing", ORDER)
@pytest.mark.parametrize("outcome", ConsultationOutcome)
def test_nobody_concludes_the_steps_by_word(standing: Stage, outcome: ConsultationOutcome) -> None:
    talk = four_two(standing)
    decision = talk.say(ConsultationConcluded(outcome=outcome))
    if outcome not in (ConsultationOutcome.ESCALATED, ConsultationOutcome.NO_AGREEMENT):
        assert decision.reason == "step_out_of_order"
    elif standing is Stage.PUBLISH_RESOLUTION:
        assert decision.reason == "resolution_stands"
    else:
        assert talk.talk.outcome == outcome
        assert [f.data for f in talk.sent] == [AssignmentRequested(lead=TOWNSHIP)]


@pytest.mark.parametrize(
    ("one_head", "merges", "reason"),
    [
        pytest.param(True, True, "ok", id="one head, policy lets them merge"),
        pytest.param(False, True, "step_out_of_order", id="two heads"),
        pytest.param(True, False, "step_out_of_order", id="policy does not"),
    ],
)
def test_steps_one_and_two_merge_where_one_person_heads_both(
    *, one_head: bool, merges: bool, reason: str
) -> None:
    steps = [{**step, "merges_with_next": False} for step in part("consultation", "steps")]
    policy = changed({} if merges else {"consultation": {"steps": steps}})
    talk = four_two(policy=policy, people=directory(one_head=one_head))
    assert talk.say(FourTwoDeliberated(agreed=True)).reason == reason
    if reason == "ok":
        assert [passed.stage for passed in talk.talk.passed] == ["propose", "deliberate"]
        assert talk.last.audit[0].detail["merged"] is True
        assert talk.talk.stage == Stage.MEMBERS_MEETING


def test_other_steps_never_merge() -> None:
    talk = four_two(Stage.DELIBERATE, people=directory(one_head=True))
    talk.now += 5 * DAY
    assert talk.refused(step_event(Stage.MEMBERS_MEETING, talk.now)) == "step_out_of_order"


@pytest.mark.parametrize(
    ("stage", "acting"),
    [
        pytest.param(Stage.PROPOSE, VILLAGER, id="a villager proposes"),
        pytest.param(Stage.DELIBERATE, COMMITTEE, id="a member states the deliberation"),
        pytest.param(Stage.RESOLVE, BRANCH, id="the branch states the resolution"),
        pytest.param(Stage.PUBLISH_RESOLUTION, WATCHER, id="the supervision committee publishes"),
    ],
)
def test_who_may_not_take_a_step(stage: Stage, acting: Any) -> None:
    talk = four_two(stage)
    assert talk.refused(step_event(stage, talk.now), acting) == "role_may_not"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param({}, "ok", id="of one mind"),
        pytest.param({"eligible": 7, "present": 4, "in_favour": 3}, "ok", id="three of four"),
        pytest.param(
            {"eligible": 7, "present": 4, "in_favour": 2}, "vote_failed", id="half is not over half"
        ),
        pytest.param(
            {"eligible": 7, "present": 4, "in_favour": 0}, "vote_failed", id="nobody in favour"
        ),
        pytest.param(
            {"eligible": 6, "present": 3, "in_favour": 3}, "quorum_missed", id="half came"
        ),
        pytest.param(
            {"eligible": 7, "present": 8, "in_favour": 8}, "present_above_eligible", id="too many"
        ),
        pytest.param(
            {"agreed": False, "eligible": 7, "present": 4, "in_favour": 3},
            "vote_passed",
            id="said no, voted yes",
        ),
    ],
)
def test_the_two_committees(fields: dict[str, Any], reason: str) -> None:
    talk = four_two(Stage.DELIBERATE)
    assert talk.say(FourTwoDeliberated(**{"agreed": True, **fields})).reason == reason


def test_the_two_committees_may_end_it() -> None:
    talk = four_two(Stage.DELIBERATE)
    talk.done(FourTwoDeliberated(agreed=False, eligible=7, present=4, in_favour=1))
    assert talk.talk.outcome == ConsultationOutcome.REJECTED
    assert talk.reasons == ["two_committees_disagreed"]
    assert [f.data for f in talk.sent] == [AssignmentRequested(lead=TOWNSHIP)]


@pytest.mark.parametrize(
    ("ahead", "reason"),
    [
        pytest.param(3 * DAY, "ok", id="exactly three days ahead"),
        pytest.param(3 * DAY - timedelta(seconds=1), "notice_too_short", id="a second short"),
        pytest.param(6 * DAY, "notice_before_step", id="before the committees had agreed"),
    ],
)
def test_the_draft_is_out_three_days_ahead(ahead: timedelta, reason: str) -> None:
    talk = four_two(Stage.MEMBERS_MEETING)
    talk.now += 5 * DAY
    assert talk.say(members_met(9, 6, 5, sent=talk.now - ahead)).reason == reason


@pytest.mark.parametrize(
    ("ahead", "reason"),
    [
        pytest.param(10 * DAY, "ok", id="exactly ten days"),
        pytest.param(10 * DAY - timedelta(seconds=1), "notice_too_short", id="a second short"),
    ],
)
def test_notice_of_the_villagers_meeting(ahead: timedelta, reason: str) -> None:
    talk = four_two(Stage.RESOLVE, category=RULES, body="villagers")
    talk.now += 11 * DAY
    said = resolved(100, 60, 40, given=talk.now - ahead, body="villagers")
    assert talk.say(said).reason == reason


def test_when_it_met_counts_not_when_it_is_told() -> None:
    talk = four_two(Stage.MEMBERS_MEETING)
    sent = talk.now
    talk.now += 5 * DAY
    early = members_met(9, 6, 5, sent=sent, met=sent + 2 * DAY)
    assert talk.refused(early) == "notice_too_short"
    future = members_met(9, 6, 5, sent=sent, met=talk.now + DAY)
    assert talk.refused(future) == "meeting_not_yet"
    past = members_met(9, 6, 5, sent=sent - 9 * DAY, met=sent - DAY)
    assert talk.refused(past) == "step_before_last"
    fine = members_met(9, 6, 5, sent=sent, met=sent + 3 * DAY)
    talk.done(fine)
    talk.done(fine, BRANCH)
    assert talk.talk.passed[-1].at == sent + 3 * DAY


def voted_at(stage: Stage, talk: Talk, figures: tuple[int, int, int], body: str) -> list[str]:
    """Both enter the sheet; return the reasons of what followed."""
    talk.now += 12 * DAY
    ahead = talk.now - 11 * DAY
    if stage is Stage.MEMBERS_MEETING:
        event: Payload = members_met(*figures, sent=ahead)
    else:
        event = resolved(*figures, given=ahead, body=body)
    for acting in (SECRETARY, BRANCH if stage is Stage.MEMBERS_MEETING else DIRECTOR):
        decision = talk.say(event, acting)
        if decision.fate is not Fate.APPLIED:
            return [decision.reason]
    return talk.reasons


#: (eligible, present, in favour) → did too few come, was it voted down, or does it go on
_OVER_HALF, _TWO_THIRDS = Fraction(1, 2), Fraction(2, 3)


def expected(stage: Stage, body: str, eligible: int, present: int, in_favour: int) -> str:
    """What domain.md section 4 says of the figures."""
    came = Fraction(present, eligible)
    if stage is Stage.MEMBERS_MEETING:
        quorate, passed = came >= _TWO_THIRDS, Fraction(in_favour, eligible) > _OVER_HALF
    elif body.startswith("collective"):
        quorate, passed = came >= _TWO_THIRDS, Fraction(in_favour, eligible) >= _TWO_THIRDS
    else:
        quorate = came > _OVER_HALF if body == "villagers" else came >= _TWO_THIRDS
        passed = present > 0 and Fraction(in_favour, present) > _OVER_HALF
    if not quorate:
        return "too few"
    return "on" if passed else "down"


@given(size=st.integers(1, 60), data=st.data())
@pytest.mark.parametrize(
    ("stage", "category", "body"),
    [
        pytest.param(Stage.MEMBERS_MEETING, RULES, "villagers", id="Party members"),
        pytest.param(Stage.RESOLVE, "01-06", "representatives", id="representatives"),
        pytest.param(Stage.RESOLVE, RULES, "villagers", id="villagers"),
        pytest.param(Stage.RESOLVE, ASSETS, "collective_assembly", id="the collective"),
    ],
)
def test_thresholds_of_the_sheet(
    stage: Stage, category: str, body: str, size: int, data: st.DataObject
) -> None:
    around = (Fraction(1, 2), Fraction(2, 3))
    near = [max(0, min(size, int(size * share) + n)) for share in around for n in (-1, 0, 1, 2)]
    present = data.draw(st.sampled_from([*near, size, 0]))
    near = [
        max(0, min(present, int(of * s) + n))
        for of in (present, size)
        for s in around
        for n in (-1, 0, 1, 2)
    ]
    in_favour = data.draw(st.sampled_from([*near, present, 0]))
    talk = four_two(stage, category=category, body=body, people=directory(collective=True))
    voted_at(stage, talk, (size, present, in_favour), body)
    came = expected(stage, body, size, present, in_favour)
    if came == "too few":
        assert (talk.talk.stage, talk.talk.recalls, talk.talk.outcome) == (stage, 1, "")
        detail = talk.last.audit[-1].detail
        assert (detail["threshold"], detail["count"], detail["of"]) == ("quorum", present, size)
    elif came == "down":
        assert talk.talk.outcome == ConsultationOutcome.REJECTED
        detail = talk.last.audit[-1].detail
        assert (detail["threshold"], detail["count"]) == ("passing", in_favour)
        assert talk.reasons[-1] == "vote_failed"
        assert talk.sent[-1].data == AssignmentRequested(lead=TOWNSHIP)
    else:
        assert talk.talk.outcome == ""
        assert talk.talk.stage == STAGES[STAGES.index(stage) + 1]
        assert talk.talk.passed[-1].stage == stage
