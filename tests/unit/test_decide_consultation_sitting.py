"""Notice and roll, opinions, votes of persons, and the sheet that two people enter."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from events.contract.consultation import (
    ConsultationInvited,
    ConsultationKind,
    MinutesKept,
    OpinionGiven,
    Seat,
    Stage,
    Stance,
)
from models.clocks import Clock, ClockKind
from models.policy.consultation import Roll
from models.values import Fate
from notifications.notice import NoticeKind, Org, Person
from tests.unit.consulting import (
    BRANCH,
    COMMITTEE,
    DAY,
    DIRECTOR,
    DISPATCHER,
    NOW,
    SECRETARY,
    VILLAGE,
    VILLAGER,
    WATCHER,
    Talk,
    council,
    registered,
    seats,
    tally,
)
from tests.unit.four_steps import four_two

AHEAD = 4 * DAY


def asked(body: str = "council", kind: ConsultationKind = ConsultationKind.COUNCIL) -> Talk:
    return Talk().requested(kind, body)


def invitation(**fields: Any) -> ConsultationInvited:
    return ConsultationInvited(**{"meets_at": NOW + AHEAD, "roll": seats(9), **fields})


@pytest.mark.parametrize(
    ("ahead", "reason"),
    [
        pytest.param(3 * DAY, "", id="exactly three days"),
        pytest.param(3 * DAY - timedelta(seconds=1), "notice_too_short", id="a second short"),
        pytest.param(timedelta(), "notice_too_short", id="at once"),
        pytest.param(-DAY, "notice_too_short", id="in the past"),
        pytest.param(40 * DAY, "meeting_too_late", id="after the limit of the consultation"),
    ],
)
def test_days_of_notice(ahead: timedelta, reason: str) -> None:
    talk, said = asked(), invitation(meets_at=NOW + ahead)
    if reason:
        assert talk.refused(said) == reason
        assert talk.talk.meets_at is None
    else:
        talk.done(said)
        assert talk.talk.meets_at == NOW + ahead


def test_a_joint_meeting_needs_no_days_of_notice() -> None:
    talk = asked("joint_meeting", ConsultationKind.JOINT_MEETING)
    talk.done(invitation(meets_at=NOW, roll=()), DISPATCHER)
    assert talk.clock(ClockKind.CONVENE) is None


@pytest.mark.parametrize(
    ("sequence", "fate"),
    [
        pytest.param(7, Fate.APPLIED, id="told offline, with a running number"),
        pytest.param(-1, Fate.REFUSED, id="told without one"),
    ],
)
def test_notice_given_offline_counts_within_the_window(sequence: int, fate: Fate) -> None:
    talk = asked()
    said = invitation(meets_at=NOW + 3 * DAY)
    late = NOW + timedelta(hours=5)
    assert talk.say(said, at=late, told=NOW, sequence=sequence).fate is fate


def test_a_hearing_lets_a_proposed_dispatch_wait() -> None:
    confirm = Clock(key=str(ClockKind.CONFIRM), generation=3, due_at=NOW + DAY)
    talk = Talk(case=replace(registered(), clocks=(confirm,)))
    talk.requested(ConsultationKind.HEARING, "hearing")
    assert talk.clock(ClockKind.CONFIRM) is None
    assert talk.clock(ClockKind.CONVENE) is not None


def test_convening_stops_the_convening_clock_and_lets_the_end_run_from_the_meeting() -> None:
    talk = asked()
    before = talk.clock(ClockKind.CONCLUDE)
    assert talk.clock(ClockKind.CONVENE) is not None
    talk.done(invitation())
    after = talk.clock(ClockKind.CONCLUDE)
    assert talk.clock(ClockKind.CONVENE) is None
    assert before is not None
    assert after is not None
    assert after.due_at > before.due_at
    assert after.deadline is not None
    assert after.deadline.start == NOW + AHEAD


def test_everybody_on_the_roll_is_told_but_those_struck() -> None:
    talk = asked()
    roll = seats(3, struck=1, without_vote=1)
    decision = talk.done(invitation(roll=roll, place="村委会"))
    notices = [n for n in decision.notices if n.kind is NoticeKind.MEETING_NOTICE]
    assert [n.recipient for n in notices] == [Person(id=p) for p in ("s-0", "s-1", "s-2", "n-0")]  # type: ignore[arg-type]
    assert {n.params["venue"] for n in notices} == {"村委会"}


def test_without_a_roll_by_person_the_organisation_is_told() -> None:
    decision = asked().done(invitation(roll=(), eligible=40))
    assert [n.recipient for n in decision.notices] == [Org(id=VILLAGE)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("acting", "fields", "reason"),
    [
        pytest.param(SECRETARY, {}, "", id="a role that may call it"),
        pytest.param(BRANCH, {}, "meeting_not_called", id="a role that may not"),
        pytest.param(
            BRANCH,
            {"asked_by": Roll.COUNCIL_MEMBERS, "askers": 2, "asked_of": 10},
            "",
            id="a fifth of the members asked",
        ),
        pytest.param(
            BRANCH,
            {"asked_by": Roll.COUNCIL_MEMBERS, "askers": 1, "asked_of": 10},
            "meeting_not_called",
            id="fewer than a fifth asked",
        ),
        pytest.param(
            BRANCH,
            {"asked_by": Roll.VILLAGERS, "askers": 9, "asked_of": 10},
            "meeting_not_called",
            id="others asked",
        ),
        pytest.param(
            BRANCH,
            {"asked_by": Roll.COUNCIL_MEMBERS, "askers": 11, "asked_of": 10},
            "meeting_not_called",
            id="more asked than there are",
        ),
        pytest.param(VILLAGER, {}, "role_may_not", id="without the right"),
    ],
)
def test_who_may_call(acting: Any, fields: dict[str, Any], reason: str) -> None:
    talk = asked()
    if reason:
        assert talk.refused(invitation(**fields), acting) == reason
    else:
        talk.done(invitation(**fields), acting)


@pytest.mark.parametrize(
    ("roll", "eligible", "members"),
    [
        pytest.param(seats(9), 9, 9, id="nine with a vote"),
        pytest.param(seats(9, struck=2), 9, 11, id="two struck count among all only"),
        pytest.param(seats(9, without_vote=3), 9, 9, id="without a vote in neither figure"),
        pytest.param(
            (*seats(2), Seat(person="p", votes=False, struck="规则")), 2, 2, id="no vote and struck"
        ),
    ],
)
def test_what_a_roll_comes_to(roll: tuple[Seat, ...], eligible: int, members: int) -> None:
    talk = asked()
    talk.done(invitation(roll=roll))
    assert (talk.talk.eligible, talk.talk.members) == (eligible, members)
    assert talk.last.audit[0].detail["struck"] == members - eligible


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param({"roll": ()}, "roll_missing", id="neither roll nor figure"),
        pytest.param({"roll": (*seats(2), *seats(1))}, "seat_twice", id="somebody twice"),
        pytest.param({"eligible": 8}, "eligible_differs", id="another figure than the roll's"),
        pytest.param({"members": 8}, "eligible_differs", id="other members than the roll's"),
        pytest.param(
            {"roll": (), "eligible": 9, "members": 8}, "eligible_above_members", id="more than all"
        ),
        pytest.param({"counted": Roll.VILLAGERS}, "roll_not_of_body", id="another body's roll"),
        pytest.param({"stage": Stage.RESOLVE}, "step_out_of_order", id="another step"),
        pytest.param({"body": "villagers"}, "body_not_open", id="another body"),
    ],
)
def test_rolls_that_are_refused(fields: dict[str, Any], reason: str) -> None:
    talk = asked()
    assert talk.refused(invitation(**fields)) == reason


@pytest.mark.parametrize(
    ("roll", "fine"),
    [
        pytest.param((Seat(person="p-young", votes=False), *seats(2)), True, id="no vote"),
        pytest.param((Seat(person="p-young"), *seats(2)), False, id="entered with a vote"),
    ],
)
def test_probationary_members_have_no_vote(roll: tuple[Seat, ...], *, fine: bool) -> None:
    talk = four_two(Stage.MEMBERS_MEETING)
    said = invitation(stage=Stage.MEMBERS_MEETING, meets_at=talk.now + AHEAD, roll=roll)
    assert talk.say(said).reason == ("ok" if fine else "probationary_votes")


@pytest.mark.parametrize(
    ("households", "fine"),
    [
        pytest.param(("h1", "h2", "h3"), True, id="a seat a household"),
        pytest.param(("h1", "h1", "h3"), False, id="a household twice"),
        pytest.param(("h1", "", "h3"), False, id="a household missing"),
    ],
)
def test_households_have_one_seat_each(households: tuple[str, ...], *, fine: bool) -> None:
    talk = four_two(Stage.RESOLVE, category="11-02", body="villagers")
    roll = tuple(Seat(person=f"s-{n}", household=home) for n, home in enumerate(households))
    said = invitation(
        stage=Stage.RESOLVE, meets_at=talk.now + 11 * DAY, roll=roll, counted=Roll.HOUSEHOLDS
    )
    assert talk.say(said, DIRECTOR).reason == ("ok" if fine else "household_twice")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param({}, "", id="the same roll"),
        pytest.param({"roll": ()}, "", id="nothing said of the roll"),
        pytest.param({"roll": seats(8)}, "roll_fixed", id="one fewer"),
        pytest.param({"roll": seats(9, struck=1)}, "roll_fixed", id="one struck afterwards"),
        pytest.param({"roll": (), "eligible": 8}, "roll_fixed", id="another figure"),
        pytest.param({"meets_at": NOW}, "notice_too_short", id="notice runs anew"),
    ],
)
def test_a_second_notice_moves_the_meeting_only(fields: dict[str, Any], reason: str) -> None:
    talk = asked()
    talk.done(invitation())
    ends = talk.clock(ClockKind.CONCLUDE)
    said = invitation(**{"meets_at": NOW + 5 * DAY, **fields})
    if reason:
        assert talk.refused(said) == reason
    else:
        talk.done(said)
        assert talk.reasons == ["meeting_moved"]
        assert len(talk.talk.roll) == talk.talk.eligible == 9
        assert talk.clock(ClockKind.CONCLUDE) == ends, "moving a meeting lengthens nothing"


def test_a_meeting_whose_sheet_is_being_entered_is_not_moved() -> None:
    talk = council()
    talk.done(tally(9, 5, 3), WATCHER)
    assert talk.refused(invitation(meets_at=talk.now + AHEAD)) == "sitting_held"


def test_opinions_and_minutes_are_kept_and_stop_no_clock() -> None:
    talk = council()
    clocks = talk.case.clocks
    talk.done(OpinionGiven(opinion="token-1", stance=Stance.FOR), VILLAGER)
    talk.done(OpinionGiven(opinion="token-2"), COMMITTEE)
    talk.done(MinutesKept(minutes="token-3", evidence=("a" * 64,)), SECRETARY)
    assert [(o.person, o.opinion) for o in talk.talk.opinions] == [
        ("v-1", "token-1"),
        (COMMITTEE.actor, "token-2"),
    ]
    assert talk.talk.minutes == ("token-3",)
    assert talk.last.audit[0].evidence == ("a" * 64,)
    assert talk.case.clocks == clocks


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(OpinionGiven(opinion="t", stage=Stage.RESOLVE), id="opinion"),
        pytest.param(MinutesKept(minutes="t", stage=Stage.RESOLVE), id="minutes"),
        pytest.param(tally(9, 9, 9, stage=Stage.RESOLVE), id="tally"),
    ],
)
def test_what_names_another_step_is_refused(said: Any) -> None:
    assert council().refused(said) == "step_out_of_order"
