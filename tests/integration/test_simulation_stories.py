"""Every story comes about by legal events: one small week on real servers, one case of each."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from models.policy.whistle import WhistleKind
from models.values import Mark
from partygrid.embedded.postgres import Postgres
from partygrid.simulation.coverage import EXCEPTIONS, wanted
from partygrid.simulation.stories import Story
from tests.integration.story_courses import COURSES
from tests.integration.story_week import Played, play
from tests.rigged import rigged, working

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def played(postgres: Postgres, migrated: str, server_folder: Path) -> Iterator[Played]:
    """A week in one township, and the days before it that the longest stories need."""
    with rigged(postgres, migrated, server_folder, partitions=1) as rig, working(rig.engine):
        yield play(rig)


def test_nothing_is_refused_parked_or_put_aside(played: Played) -> None:
    """Simulated people keep to the rules: that none of their acts is refused is the proof."""
    refused = "SELECT event_type || ' ' || reason FROM outcomes WHERE fate <> 'applied'"
    assert played.column(refused) == frozenset()
    assert played.column("SELECT DISTINCT fate FROM records") == {"applied"}
    assert played.column("SELECT reason FROM dead_letters") == frozenset()
    assert played.column("SELECT id::text FROM parked") == frozenset()


@pytest.mark.parametrize("story", Story)
def test_the_story_came_about(played: Played, story: Story) -> None:
    course, done, told = COURSES[story], played.done(story), played.told(story)
    assert played.case(story).state is course.state
    assert _missing(course.done, done) == []
    assert _missing(course.told, told) == []
    assert [one for one in course.undone if done[one]] == []


def _moment(told: str) -> datetime:
    return datetime.fromisoformat(told)


def _missing(wanted_often: Iterable[str], found: Counter[str]) -> list[str]:
    """Return what did not happen as often as it should; `2*` in front of a name: twice."""
    split = (one.rpartition("*") for one in wanted_often)
    return [name for times, _, name in split if found[name] < int(times or 1)]


# --- coverage ------------------------------------------------------------------------------------


def test_every_type_that_people_send_occurs(played: Played) -> None:
    sent = played.column("SELECT DISTINCT event_type FROM journal WHERE kind = 'external'")
    assert wanted(played.rig.policy).event_types - sent == frozenset()


def test_every_state_is_reached(played: Played) -> None:
    reached = played.column("SELECT DISTINCT act::json->>'after' FROM audit WHERE case_id <> ''")
    assert wanted(played.rig.policy).states - reached == frozenset()


def test_somebody_is_told_at_every_rung(played: Played) -> None:
    climbed = played.column(
        "SELECT DISTINCT rung->>'name' FROM cases, jsonb_array_elements(rungs) AS rung"
        " WHERE rung->>'told' <> ''"
    )
    assert wanted(played.rig.policy).rungs - climbed == frozenset()


def test_every_kind_of_notice_about_a_case_is_given(played: Played) -> None:
    given = played.column("SELECT DISTINCT kind FROM notices")
    assert wanted(played.rig.policy).notice_kinds - given == frozenset()


def test_what_is_excepted_does_not_occur(played: Played) -> None:
    """An exception that could be covered after all is one too many."""
    occurred = played.column("SELECT DISTINCT event_type FROM journal") | played.column(
        "SELECT DISTINCT kind FROM notices"
    )
    assert EXCEPTIONS.keys() & occurred == set()


# --- what is special to a story ------------------------------------------------------------------


def test_the_neglected_climb_to_the_county_one_rung_after_the_other(played: Played) -> None:
    for story, limit in (
        (Story.NEGLECTED, "case_due"),
        (Story.NEGLECTED_EMERGENCY, "upward_phone"),
    ):
        rungs = [rung for rung in played.case(story).rungs if rung.limit == limit]
        assert [rung.index for rung in rungs] == list(range(len(rungs)))
        assert rungs[-1].told.startswith("county_duty_leader@")


def test_answered_in_time_and_heard_late_counts_as_on_time(played: Played) -> None:
    case = played.case(Story.OFFLINE)
    handled = next(a for a in played.acts(Story.OFFLINE) if a["action"] == "assignment.handle")
    assert case.breached_at is not None
    assert _moment(handled["occurred_at"]) < case.breached_at < _moment(handled["decided_at"])
    assert case.late_received
    assert not played.case(Story.LATE).late_received


@pytest.mark.parametrize(
    ("story", "mark"),
    [(Story.MARKED, Mark.CONFIDENTIAL), (Story.BYPASSED, Mark.BYPASS)],
)
def test_marked_cases_are_decided_by_those_who_may_know(
    played: Played, story: Story, mark: Mark
) -> None:
    case = played.case(story)
    assert case.mark is mark
    roles = {act["acting_role"] for act in played.acts(story) if act["acting_role"] != "system"}
    if mark is Mark.BYPASS:
        assert roles == {"villager", "discipline_officer"}


def test_whoever_did_the_work_neither_checks_nor_closes_it(played: Played) -> None:
    for story in Story:
        deeds = played.case(story).deeds
        handled = set(deeds.get("assignment.handle", ()))
        assert not handled & set(deeds.get("assignment.check", ()))
        assert not handled & set(deeds.get("feedback.close", ()))


def test_another_visitor_asks_where_the_answer_was_contested(played: Played) -> None:
    asked = [
        act["actor"]
        for act in played.acts(Story.DISPUTED)
        if (act["action"], act["reason"]) == ("feedback.visit", "answered")
    ]
    assert len(set(asked)) == len(asked) == 2


def test_departments_come_as_each_whistle_has_it(played: Played) -> None:
    kinds = {
        Story.WHISTLE_ROUTINE: WhistleKind.ROUTINE,
        Story.WHISTLE_HARD: WhistleKind.HARD,
        Story.WHISTLE_EMERGENCY: WhistleKind.EMERGENCY,
    }
    for story, kind in kinds.items():
        whistle = played.case(story).whistle
        assert whistle is not None
        assert whistle.kind == kind
        assert set(whistle.ratings) == {party.org for party in whistle.parties}
    late = {
        story: {kind for party in whistle.parties for kind in party.late}
        for story in (Story.WHISTLE_ROUTINE, Story.WHISTLE_LATE)
        if (whistle := played.case(story).whistle) is not None
    }
    assert late == {
        Story.WHISTLE_ROUTINE: set(),
        Story.WHISTLE_LATE: {"whistle_sign", "whistle_arrive", "whistle_plan"},
    }


def test_an_objection_that_is_right_changes_the_lead(played: Played) -> None:
    upheld, refused = (
        played.case(story).whistle
        for story in (Story.WHISTLE_OBJECTION_UPHELD, Story.WHISTLE_OBJECTION_REFUSED)
    )
    assert upheld is not None
    assert refused is not None
    assert [party.released for party in upheld.parties if party.lead].count(True) == 1
    assert [(one.level, one.outcome) for one in refused.objections] == [(3, "rejected")]


@pytest.mark.parametrize(
    "story",
    [
        Story.FOUR_TWO_NO_QUORUM_MEMBERS,
        Story.FOUR_TWO_NO_QUORUM_VILLAGERS,
        Story.FOUR_TWO_MEMBERS_AGAINST,
        Story.FOUR_TWO_VILLAGERS_AGAINST,
        Story.FOUR_TWO_COMMITTEES_AGAINST,
    ],
)
def test_each_threshold_fails_by_one(played: Played, story: Story) -> None:
    """One more who came, or who approved, would have been enough."""
    reasons = {"quorum_missed", "vote_failed", "two_committees_disagreed"}
    failed = [act["detail"] for act in played.acts(story) if act["reason"] in reasons]
    assert failed
    for detail in failed:
        num, den = map(int, detail["share"].split("/"))
        least = detail["of"] * num / den
        enough = detail["count"] + 1
        assert enough > least if detail["op"] == ">" else enough >= least
        assert not (detail["count"] > least if detail["op"] == ">" else detail["count"] >= least)


def test_two_people_enter_every_sheet(played: Played) -> None:
    for story in Story:
        talk = played.case(story).consultation
        for sitting in talk.sittings if talk is not None else ():
            assert len(set(sitting.entered_by)) == len(sitting.entered_by) <= 2


def test_a_resolution_hangs_out_for_policys_days(played: Played) -> None:
    period = played.rig.policy.consultation.publicity.period
    (detail,) = played.details(Story.FOUR_TWO_PASSED, "consultation.step_publish_resolution")
    talk = played.case(Story.FOUR_TWO_PASSED).consultation
    assert talk is not None
    put_up = next(step.at for step in talk.passed if step.stage == "publish_resolution")
    assert detail["until"] == (put_up + period).isoformat()
    assert talk.concluded_at is not None
    assert talk.concluded_at - put_up == period


def test_people_mostly_work_in_office_hours(played: Played) -> None:
    """What presses is done at whatever hour, and villagers meet in the evening; the rest waits."""
    office = played.rig.setting.shelf.office(played.rig.policy.version)
    for story in (Story.REWORK, Story.RETURN_UPHELD, Story.WHISTLE_ROUTINE):
        for act in played.acts(story):
            if act["acting_role"] in ("dispatcher", "duty_supervisor", "department_handler"):
                at = office.local(_moment(act["decided_at"]))
                assert (
                    timedelta(hours=8) <= at - at.replace(hour=0, minute=0) <= timedelta(hours=18)
                )
                assert office.calendar.is_workday(at.date()).workday
