"""Votes by person and sheets entered by two."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from events.contract.consultation import (
    ConsultationConcluded,
    ConsultationKind,
    ConsultationOutcome,
    MinutesKept,
    OpinionGiven,
    Stance,
    VoteCast,
)
from models.policy.people import Role
from models.values import CaseState, Fate
from notifications.notice import NoticeKind, Person
from tests import world
from tests.unit.consulting import (
    DIRECTOR,
    NOW,
    VILLAGE,
    VILLAGER,
    WATCHER,
    Talk,
    council,
    registered,
    seat_acting,
    seats,
    tally,
)
from tests.unit.packs import changed
from tests.unit.test_decide_consultation_sitting import asked, invitation


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
