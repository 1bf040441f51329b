"""Notice and roll, opinions, votes of persons, and the sheet that two people enter."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from events.contract.consultation import (
    ConsultationConcluded,
    ConsultationInvited,
    ConsultationKind,
    ConsultationOutcome,
    MinutesKept,
    OpinionGiven,
    Seat,
    Stage,
    Stance,
    VoteCast,
)
from models.clocks import Clock, ClockKind
from models.policy.consultation import Roll
from models.policy.people import Role
from models.values import CaseState, Fate
from notifications.notice import NoticeKind, Org, Person
from tests import world
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
    four_two,
    registered,
    seat_acting,
    seats,
    tally,
)
from tests.unit.packs import changed

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


def voting(count: int = 9, **more: Any) -> Talk:
    """The council chose to vote by person; the seats are of the village."""
    roll = (*seats(count, struck=1, without_vote=1),)
    return asked().convened(count, roll=roll, **more)


def test_one_person_one_vote_and_never_changed() -> None:
    talk = voting()
    talk.done(VoteCast(stance=Stance.FOR), seat_acting(0))
    for stance in Stance:
        assert talk.refused(VoteCast(stance=stance), seat_acting(0)) == "voted_already"
    assert [(v.person, v.stance) for v in talk.talk.votes] == [("s-0", "for")]


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        pytest.param("x-0", "struck_from_roll", id="struck by rule"),
        pytest.param("n-0", "seat_without_vote", id="without a vote"),
        pytest.param("nobody", "not_on_roll", id="not on the roll"),
    ],
)
def test_who_may_not_vote(person: str, reason: str) -> None:
    acting = world.acting(Role.VILLAGER, VILLAGE, actor=person)
    assert voting().refused(VoteCast(stance=Stance.FOR), acting) == reason


def test_nobody_votes_for_another() -> None:
    talk = voting()
    proxy = replace(seat_acting(0), on_behalf_of="s-1")
    assert talk.refused(VoteCast(stance=Stance.FOR), proxy) == "vote_by_proxy"


def test_nobody_votes_before_the_meeting() -> None:
    talk = asked()
    talk.done(invitation())
    assert talk.refused(VoteCast(stance=Stance.FOR), seat_acting(0)) == "meeting_not_yet"


def test_a_hearing_takes_no_vote() -> None:
    talk = asked("hearing", ConsultationKind.HEARING)
    talk.done(invitation(meets_at=NOW))
    assert talk.refused(VoteCast(stance=Stance.FOR), seat_acting(0)) == "no_vote_asked"


@given(stances=st.lists(st.sampled_from(Stance), min_size=1, max_size=9))
def test_votes_by_person_decide_where_no_sheet_is_entered(stances: list[Stance]) -> None:
    talk = voting()
    for number, stance in enumerate(stances):
        talk.done(VoteCast(stance=stance), seat_acting(number))
    said = ConsultationConcluded(outcome=ConsultationOutcome.AGREED)
    present, in_favour = len(stances), stances.count(Stance.FOR)
    if 2 * present < 9:
        assert talk.refused(said) == "quorum_missed"
    elif 2 * in_favour > present:
        talk.done(said)
        assert talk.last.audit[0].detail["count"] == in_favour
    else:
        assert talk.refused(said) == "vote_failed"


@given(
    stances=st.lists(st.sampled_from(Stance), min_size=1, max_size=9),
    told=st.tuples(*(st.integers(0, 9) for _ in range(3))),
)
def test_a_sheet_holds_at_least_the_votes_that_persons_cast(
    stances: list[Stance], told: tuple[int, int, int]
) -> None:
    talk = voting()
    for number, stance in enumerate(stances):
        talk.done(VoteCast(stance=stance), seat_acting(number))
    said = tally(9, 9, *told)
    leaves_out = any(n < stances.count(s) for n, s in zip(told, Stance, strict=True))
    if sum(told) > 9:
        assert talk.refused(said, WATCHER) == "votes_above_present"
    elif leaves_out:
        assert talk.refused(said, WATCHER) == "votes_differ"
    else:
        talk.done(said, WATCHER)
        assert talk.refused(VoteCast(stance=Stance.FOR), seat_acting(8)) in (
            "tally_begun",
            "voted_already",
        )


def test_the_first_entry_waits_for_the_second() -> None:
    talk = council()
    decision = talk.done(tally(9, 5, 3, 1, 1), WATCHER)
    assert talk.reasons == ["second_entry_awaited"]
    assert [n.kind for n in decision.notices] == [NoticeKind.VOTE_OPEN]
    said = ConsultationConcluded(outcome=ConsultationOutcome.AGREED)
    assert talk.refused(said) == "second_entry_missing"
    talk.done(tally(9, 5, 3, 1, 1), DIRECTOR)
    assert talk.reasons == ["ok"]
    assert talk.talk.sittings[0].entered_by == (WATCHER.actor, DIRECTOR.actor)
    talk.done(said)


def test_one_person_does_not_enter_it_twice() -> None:
    talk = council()
    talk.done(tally(9, 5, 3), WATCHER)
    assert talk.refused(tally(9, 5, 3), WATCHER) == "entered_already"
    assert talk.refused(tally(9, 6, 3), WATCHER) == "entered_already"


def test_two_entries_through_one_pair_of_hands_are_one() -> None:
    talk = council()
    talk.done(tally(9, 5, 3), replace(DIRECTOR, recorded_by=WATCHER.actor))
    assert talk.refused(tally(9, 5, 3), WATCHER) == "entered_already"


@pytest.mark.parametrize("field", ["present", "in_favour", "against", "abstained"])
def test_entries_that_differ_count_for_nothing_and_both_are_asked_again(field: str) -> None:
    talk = council()
    talk.done(tally(9, 8, 3, 1, 1), WATCHER)
    other = tally(9, 8, 3, 1, 1)
    decision = talk.done(replace(other, **{field: getattr(other, field) + 1}), DIRECTOR)
    assert talk.reasons == ["tally_differs"]
    assert talk.talk.sittings == ()
    told = [n.recipient for n in decision.notices if n.kind is NoticeKind.VOTE_OPEN]
    assert told == [Person(id=WATCHER.actor), Person(id=DIRECTOR.actor)]  # type: ignore[arg-type]
    said = ConsultationConcluded(outcome=ConsultationOutcome.AGREED)
    assert talk.refused(said) == "tally_missing"
    talk.counted(9, 5, 3)
    talk.done(said)


def test_one_entry_is_enough_where_policy_says_so() -> None:
    policy = changed({"consultation": {"tally_entries": 1}})
    talk = Talk(policy=policy).requested(ConsultationKind.COUNCIL, "council").convened(9)
    talk.done(tally(9, 5, 3), WATCHER)
    talk.done(ConsultationConcluded(outcome=ConsultationOutcome.AGREED))
    assert talk.case.state is CaseState.REGISTERED


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        pytest.param(tally(8, 8, 8), "eligible_differs", id="not the roll's figure"),
        pytest.param(tally(9, 10, 0), "present_above_eligible", id="more came than could"),
        pytest.param(tally(9, 5, 3, 2, 1), "votes_above_present", id="more voted than came"),
    ],
)
def test_sheets_that_cannot_be_are_refused(said: Any, reason: str) -> None:
    assert council().refused(said, WATCHER) == reason


def test_no_sheet_before_notice_or_meeting() -> None:
    talk = asked()
    assert talk.refused(tally(9, 5, 3), WATCHER) == "not_convened"
    talk.done(invitation())
    assert talk.refused(tally(9, 5, 3), WATCHER) == "meeting_not_yet"


@given(
    first=st.tuples(*(st.integers(0, 9) for _ in range(4))),
    second=st.tuples(*(st.integers(0, 9) for _ in range(4))),
)
def test_a_sheet_counts_exactly_when_two_persons_agree_on_it(
    first: tuple[int, int, int, int], second: tuple[int, int, int, int]
) -> None:
    talk = council()
    taken = [
        acting.actor
        for acting, figures in ((WATCHER, first), (DIRECTOR, second))
        if talk.say(tally(9, *figures), acting).fate is Fate.APPLIED
    ]
    possible = [f[1] + f[2] + f[3] <= f[0] for f in (first, second)]
    assert len(taken) == sum(possible)
    counts = [len(sitting.entered_by) for sitting in talk.talk.sittings]
    if all(possible):
        assert counts == ([2] if first == second else [])
    else:
        assert counts == [1] * sum(possible)


def test_nothing_can_be_said_about_a_case_that_is_not_talked_over() -> None:
    talk = Talk(case=replace(registered(), state=CaseState.CONSULTING))
    assert talk.refused(OpinionGiven(opinion="t"), VILLAGER) == "no_consultation"
    assert talk.refused(MinutesKept(minutes="t")) == "no_consultation"
