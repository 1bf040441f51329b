"""四议: whose meeting it is, on which roll, and who enters the sheet."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from events.contract.assignment import AssignmentRequested
from events.contract.consultation import (
    ConsultationInvited,
    ConsultationOutcome,
    FourTwoProposed,
    Stage,
    Stance,
    VoteCast,
)
from models.clocks import ClockKind
from models.policy.consultation import Roll
from models.policy.people import Role
from models.values import CaseState
from tests.unit.consulting import (
    ASSETS,
    BRANCH,
    DAY,
    DIRECTOR,
    RULES,
    SECRETARY,
    TOWNSHIP,
    WATCHER,
    directory,
    seat_acting,
    seats,
    tally,
)
from tests.unit.four_steps import ORDER, four_two, members_met, resolved, take
from tests.unit.packs import changed, part
from tests.unit.test_decide_four_two import voted_at


def test_the_base_of_the_members_meeting_is_policy() -> None:
    steps = part("consultation", "steps")
    steps = [
        {**s, "passing": {**s["passing"], "base": "present"}} if s.get("passing") else s
        for s in steps
    ]
    lenient = changed({"consultation": {"steps": steps}})
    for policy, stage in ((None, None), (lenient, Stage.RESOLVE)):
        more: dict[str, Any] = {"policy": policy} if policy else {}
        talk = four_two(Stage.MEMBERS_MEETING, **more)
        voted_at(Stage.MEMBERS_MEETING, talk, (9, 6, 4), "")
        assert (talk.talk.stage == Stage.RESOLVE) is (stage is not None), "four of six, of nine"


def test_struck_members_of_the_collective_count_among_all() -> None:
    talk = four_two(
        Stage.RESOLVE,
        category=ASSETS,
        body="collective_assembly",
        people=directory(collective=True),
    )
    given_at = talk.now
    talk.now += 11 * DAY
    said = resolved(6, 6, 6, given=given_at, body="collective_assembly", members=10)
    talk.done(tally(6, 6, 6, stage=Stage.RESOLVE), WATCHER)
    talk.done(said, DIRECTOR)
    assert talk.talk.recalls == 1, "six of ten are not two thirds"
    assert talk.last.audit[-1].detail["of"] == 10


def test_households_are_counted_by_their_own_quorum() -> None:
    for counted, goes_on in ((Roll.VILLAGERS, True), (Roll.HOUSEHOLDS, False)):
        talk = four_two(Stage.RESOLVE, category=RULES, body="villagers")
        given_at = talk.now
        talk.now += 11 * DAY
        said = resolved(10, 6, 4, given=given_at, body="villagers", counted=counted)
        talk.done(said, SECRETARY)
        talk.done(said, DIRECTOR)
        assert (talk.talk.stage == Stage.PUBLISH_RESOLUTION) is goes_on


def test_too_few_twice_and_it_goes_back_to_the_secretary() -> None:
    talk = four_two(Stage.MEMBERS_MEETING)
    voted_at(Stage.MEMBERS_MEETING, talk, (9, 5, 5), "")
    assert talk.clock(ClockKind.CONCLUDE) is not None
    voted_at(Stage.MEMBERS_MEETING, talk, (9, 5, 5), "")
    assert talk.talk.outcome == ConsultationOutcome.QUORUM_MISSED
    assert talk.case.state is CaseState.REGISTERED
    assert talk.case.owner is not None
    assert talk.case.owner.role == Role.VILLAGE_SECRETARY


@pytest.mark.parametrize(
    ("category", "collective", "body", "reason"),
    [
        pytest.param("01-06", False, "representatives", "ok", id="representatives"),
        pytest.param("01-06", False, "villagers", "ok", id="all villagers instead"),
        pytest.param("01-06", False, "council", "reserved_matter", id="a council"),
        pytest.param("01-06", False, "party_members", "reserved_matter", id="Party members"),
        pytest.param("01-06", False, "one_matter", "reserved_matter", id="one matter"),
        pytest.param("01-06", False, "senate", "unknown_body", id="nobody"),
        pytest.param(RULES, False, "representatives", "reserved_matter", id="not delegated"),
        pytest.param(ASSETS, True, "collective_assembly", "ok", id="the collective"),
        pytest.param(ASSETS, True, "collective_representatives", "ok", id="its delegates"),
        pytest.param(ASSETS, True, "villagers", "body_may_not_decide", id="not the villagers"),
        pytest.param(
            ASSETS, False, "collective_assembly", "body_may_not_decide", id="none registered"
        ),
        pytest.param(ASSETS, False, "villagers", "ok", id="then the villagers"),
        pytest.param("11-06", False, "council", "body_may_not_decide", id="deliberates only"),
        pytest.param("11-06", False, "representatives", "ok", id="not reserved"),
    ],
)
def test_who_may_resolve(category: str, collective: bool, body: str, reason: str) -> None:
    people = directory(collective=collective)
    asked = {RULES: "villagers", ASSETS: "collective_assembly"}.get(category, "representatives")
    talk = four_two(Stage.RESOLVE, category=category, body=asked, people=people)
    given_at = talk.now
    talk.now += 11 * DAY
    assert talk.say(resolved(30, 30, 30, given=given_at, body=body)).reason == reason


def test_what_is_not_reserved_is_never_resolved_by_a_weaker_body_than_its_own() -> None:
    policy = changed({"categories": {"items": {RULES: {"reserved": None}}}})
    talk = four_two(Stage.RESOLVE, category=RULES, body="villagers", policy=policy)
    given_at = talk.now
    talk.now += 11 * DAY
    weaker = resolved(30, 30, 30, given=given_at, body="representatives")
    assert talk.refused(weaker) == "body_may_not_decide"
    talk.done(resolved(30, 30, 30, given=given_at, body="villagers"))


def test_another_body_may_be_convened_to_resolve() -> None:
    talk = four_two(Stage.RESOLVE)
    talk.convened(30, acting=DIRECTOR, days=10, body="villagers")
    assert talk.talk.body == "villagers"
    other = resolved(30, 30, 30, given=talk.now - 10 * DAY, body="representatives")
    assert talk.refused(other) == "other_body_convened"
    said = resolved(30, 16, 9, given=talk.now - 10 * DAY, body="villagers")
    talk.done(said)
    talk.done(said, DIRECTOR)
    assert talk.talk.stage == Stage.PUBLISH_RESOLUTION


def test_a_body_that_may_not_resolve_is_not_convened() -> None:
    talk = four_two(Stage.RESOLVE)
    said = ConsultationInvited(
        stage=Stage.RESOLVE, meets_at=talk.now + 5 * DAY, roll=seats(9), body="council"
    )
    assert talk.refused(said) == "reserved_matter"


@pytest.mark.parametrize("stage", [Stage.PUBLISH_RESOLUTION])
def test_nobody_is_convened_to_publish(stage: Stage) -> None:
    talk = four_two(stage)
    said = ConsultationInvited(stage=stage, meets_at=talk.now + DAY, roll=seats(3))
    assert talk.refused(said) == "nobody_sits"


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param(("step", "step"), id="both tell the step"),
        pytest.param(("step", "tally"), id="the sheet is entered second"),
        pytest.param(("tally", "step"), id="the sheet is entered first"),
        pytest.param(("tally", "tally", "step"), id="two sheets, then when it met"),
    ],
)
def test_two_people_agree_before_a_step_is_decided(entries: tuple[str, ...]) -> None:
    talk = four_two(Stage.MEMBERS_MEETING)
    sent = talk.now
    talk.now += 5 * DAY
    who = [SECRETARY, BRANCH, SECRETARY]
    for acting, entry in zip(who, entries, strict=False):
        assert talk.talk.stage == Stage.MEMBERS_MEETING
        if entry == "step":
            talk.done(members_met(9, 6, 5, sent=sent), acting)
        else:
            talk.done(tally(9, 6, 5, stage=Stage.MEMBERS_MEETING), acting)
    assert talk.talk.stage == Stage.RESOLVE


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"in_favour": 6}, id="another figure"),
        pytest.param({"sent": -1}, id="another day of the draft"),
    ],
)
def test_entries_that_differ_decide_nothing(change: dict[str, int]) -> None:
    talk = four_two(Stage.MEMBERS_MEETING)
    sent = talk.now
    talk.now += 5 * DAY
    talk.done(members_met(9, 6, 5, sent=sent), SECRETARY)
    later = sent + (DAY if "sent" in change else timedelta())
    talk.done(members_met(9, 6, change.get("in_favour", 5), sent=later), BRANCH)
    assert talk.reasons == ["tally_differs"]
    assert (talk.talk.stage, talk.talk.sittings) == (Stage.MEMBERS_MEETING, ())


def test_the_roll_of_the_notice_binds_the_sheet() -> None:
    talk = four_two(Stage.MEMBERS_MEETING)
    talk.convened(9, days=3, roll=seats(9, struck=2, without_vote=4))
    sent = talk.now - 3 * DAY
    assert talk.refused(members_met(11, 9, 9, sent=sent)) == "eligible_differs"
    talk.done(members_met(9, 6, 5, sent=sent), SECRETARY)
    talk.done(members_met(9, 6, 5, sent=sent), BRANCH)
    assert talk.talk.stage == Stage.RESOLVE
    assert len([seat for seat in talk.talk.roll if seat.struck]) == 2


def test_votes_by_person_bind_the_sheet() -> None:
    talk = four_two(Stage.RESOLVE)
    talk.convened(3, acting=DIRECTOR, days=1)
    given_at = talk.now - DAY
    for number in range(3):
        talk.done(VoteCast(stance=Stance.FOR, stage=Stage.RESOLVE), seat_acting(number))
    assert talk.refused(resolved(3, 3, 2, given=given_at, against=1)) == "votes_differ"
    talk.done(resolved(3, 3, 3, given=given_at))


def test_no_sheet_belongs_to_a_deliberation() -> None:
    talk = four_two(Stage.DELIBERATE)
    assert talk.refused(tally(7, 7, 7, stage=Stage.DELIBERATE), WATCHER) == "no_vote_asked"


def test_the_townships_attendee_is_kept() -> None:
    talk = four_two(Stage.MEMBERS_MEETING)
    talk.now += 5 * DAY
    said = members_met(9, 6, 5, sent=talk.now - 4 * DAY)
    talk.done(replace(said, township_attendee="p-township"))
    assert talk.talk.township_attendee == "p-township"


def test_each_step_has_its_own_limit_and_passing_it_ends_the_ladder_of_the_last() -> None:
    talk = four_two()
    limits = {s["action"]: s["limit"] for s in part("consultation", "steps")}
    for stage in ORDER[:4]:
        clock = talk.clock(ClockKind.CONVENE)
        assert clock is not None
        assert clock.deadline is not None
        assert str(clock.deadline.span) == limits[f"consultation.step_{stage}"]
        talk.ring(ClockKind.CONVENE)
        assert talk.clock(ClockKind.RUNG) is not None
        take(talk, stage)
        assert talk.clock(ClockKind.RUNG) is None


def test_a_step_nobody_takes_ends_with_the_township() -> None:
    talk = four_two(Stage.RESOLVE)
    talk.ring(ClockKind.CONVENE)
    talk.ring(ClockKind.CONCLUDE)
    assert talk.talk.outcome == ConsultationOutcome.TIMED_OUT
    assert talk.sent[-1].data == AssignmentRequested(lead=TOWNSHIP)


def test_telling_a_step_wrongly_moves_no_clock() -> None:
    talk = four_two(Stage.RESOLVE)
    before = talk.case.clocks
    talk.say(FourTwoProposed(proposal="t"))
    talk.say(resolved(30, 31, 31, given=talk.now))
    assert talk.case.clocks == before
