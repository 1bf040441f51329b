"""What reports of a story need, when people act, and sheets that fail by exactly one vote. Pure."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from events.contract.all import EVENT_TYPES
from events.contract.consultation import ConsultationKind, Stage
from flows.decide.consultation_rules import rule_at
from models.case import Case
from models.policy.categories import Urgency
from models.policy.consultation import Base
from models.values import CaseState, Mark
from notifications.notice import NoticeKind
from partygrid.sample.draw import Draw
from partygrid.simulation.coverage import EXCEPTIONS, wanted
from partygrid.simulation.everybody import react
from partygrid.simulation.requirements import (
    CATEGORIES,
    SOURCES,
    START_EARLY,
    file_by,
    requirements,
)
from partygrid.simulation.scene import Scene
from partygrid.simulation.sittings import committees, sheet_of
from partygrid.simulation.stories import Story
from tests import world
from tests.unit.consulting import LAND_TAKEN, Talk, directory, office, registered
from tests.unit.packs import default_pack

POLICY, OFFICE = default_pack(), office()
JANUARY = datetime(2026, 1, 5, tzinfo=UTC)
MOMENTS = st.integers(0, 330 * 24 * 60).map(lambda minutes: JANUARY + timedelta(minutes=minutes))


#: Scenes ask the whole directory: no single example has a time limit.
relaxed = settings(deadline=None, max_examples=60)


def scene(case: Case, story: Story = Story.SMOOTH, *, at: datetime = world.NOW) -> Scene:
    return Scene(
        case,
        story,
        directory=directory(),
        office=OFFICE,
        policy=POLICY,
        draw=Draw(1),
        now=at,
    )


# --- requirements --------------------------------------------------------------------------------


@pytest.mark.parametrize("story", Story)
def test_what_a_story_needs_exists_in_the_pack(story: Story) -> None:
    need = requirements(story)
    assert all(code == "" or POLICY.category(code) for code in CATEGORIES[story])
    assert {source.value for source in SOURCES[story]} <= set(POLICY.intake.sources)
    assert (story in START_EARLY) is (need.takes >= timedelta(days=7))
    marks = {POLICY.categories.items[code].mark for code in need.categories if code}
    assert need.mark in marks | {Mark.NONE}
    assert (need.days_before > 0) is (need.takes > timedelta(days=7))


@relaxed
@given(end=MOMENTS, story=st.sampled_from(Story))
def test_a_story_filed_by_then_has_its_time(end: datetime, story: Story) -> None:
    need, by = requirements(story), file_by(story, end, OFFICE)
    first = OFFICE.local(by).date()
    last = (OFFICE.local(end) - timedelta(days=need.days)).date() - timedelta(days=1)
    assert OFFICE.calendar.workdays_between(first, last) == need.workdays
    assert end - by >= timedelta(days=need.days)
    assert OFFICE.calendar.is_workday(first).workday


# --- when ----------------------------------------------------------------------------------------


@relaxed
@given(at=MOMENTS, low=st.integers(5, 200), more=st.integers(0, 200))
def test_offices_work_in_office_hours_on_quarters(at: datetime, low: int, more: int) -> None:
    delay = scene(registered(), at=at).soon(low, low + more, "what")
    done = OFFICE.local(at + delay)
    assert delay > timedelta()
    assert (done.minute % 15, done.second) == (0, 0)
    assert OFFICE.calendar.is_workday(done.date()).workday
    hours = timedelta(hours=done.hour, minutes=done.minute)
    assert any(start <= hours <= end for start, end in OFFICE.hours.stretches)


@relaxed
@given(at=MOMENTS, urgency=st.sampled_from([Urgency.URGENT, Urgency.EMERGENCY]))
def test_what_presses_waits_for_no_office_hours(at: datetime, urgency: Urgency) -> None:
    case = replace(registered("06-03"), urgency=urgency.value)
    assert scene(case, at=at).soon(10, 60, "what") <= timedelta(minutes=60)


@relaxed
@given(at=MOMENTS, low=st.integers(5, 900), more=st.integers(0, 600))
def test_nobody_is_woken_at_night(at: datetime, low: int, more: int) -> None:
    case = replace(registered("06-03"), urgency=Urgency.URGENT.value)
    here = scene(case, at=at)
    for delay in (here.by_day(low, low + more, "what"), here.any_day(low, low + more, "what")):
        assert 8 <= OFFICE.local(at + delay).hour < 21


@relaxed
@given(at=MOMENTS)
def test_a_person_seen_twice_does_the_same(at: datetime) -> None:
    """What people do hangs on nothing but what they see: a run that was killed goes on alike."""
    talk = Talk().requested(ConsultationKind.COUNCIL, "council")
    for case in (registered(), talk.case, replace(registered(), state=CaseState.REPORTED)):
        assert list(react(scene(case, at=at))) == list(react(scene(case, at=at)))


# --- sheets --------------------------------------------------------------------------------------


def at_meeting(stage: Stage, eligible: int) -> Talk:
    """The four deliberations at a meeting whose roll has `eligible` seats."""
    talk = Talk(case=registered(LAND_TAKEN))
    talk.requested(ConsultationKind.FOUR_TWO, "representatives")
    changed = replace(
        talk.talk, stage=stage, eligible=eligible, members=eligible, meets_at=talk.now
    )
    talk.case = replace(talk.case, consultation=changed)
    return talk


@pytest.mark.parametrize("stage", [Stage.MEMBERS_MEETING, Stage.RESOLVE])
@relaxed
@given(eligible=st.integers(3, 400))
def test_a_sheet_has_enough_unless_the_story_says_otherwise(stage: Stage, eligible: int) -> None:
    few, against = {
        Stage.MEMBERS_MEETING: (
            Story.FOUR_TWO_NO_QUORUM_MEMBERS,
            Story.FOUR_TWO_MEMBERS_AGAINST,
        ),
        Stage.RESOLVE: (Story.FOUR_TWO_NO_QUORUM_VILLAGERS, Story.FOUR_TWO_VILLAGERS_AGAINST),
    }[stage]
    talk = at_meeting(stage, eligible)
    rule = rule_at(scene(talk.case).sheet, talk.talk)
    assert rule is not None
    assert rule.passing is not None
    quorum = rule.quorum("")
    assert quorum is not None
    for story in (Story.FOUR_TWO_PASSED, few, against):
        sheet = sheet_of(scene(talk.case, story), talk.talk, rule)
        of = eligible if rule.passing.base is Base.ELIGIBLE else sheet.present
        assert sheet.in_favour + sheet.against + sheet.abstained <= sheet.present <= eligible
        assert quorum.met(sheet.present, eligible) is (story is not few)
        assert quorum.met(sheet.present + 1, eligible)
        if story is not few:
            assert rule.passing.met(sheet.in_favour, of) is (story is not against)
            assert rule.passing.met(sheet.in_favour + 1, of)


def test_the_two_committees_split_in_half_where_the_story_says_so() -> None:
    talk = at_meeting(Stage.DELIBERATE, 0)
    rule = rule_at(scene(talk.case).sheet, talk.talk)
    assert rule is not None
    assert rule.passing is not None
    one_mind = committees(scene(talk.case), rule)
    split = committees(scene(talk.case, Story.FOUR_TWO_COMMITTEES_AGAINST), rule)
    assert one_mind.in_favour == one_mind.present
    assert not rule.passing.met(split.in_favour, split.present)
    assert rule.passing.met(split.in_favour + 1, split.present)


# --- coverage ------------------------------------------------------------------------------------


def test_every_exception_names_something_real_and_says_why() -> None:
    known = {*EVENT_TYPES, *(str(state) for state in CaseState), *(str(k) for k in NoticeKind)}
    assert EXCEPTIONS.keys() <= known
    assert all(EXCEPTIONS.values())


def test_only_what_concerns_cases_is_wanted() -> None:
    found = wanted(POLICY)
    assert {str(CaseState.STUB), str(CaseState.HISTORY)}.isdisjoint(found.states)
    assert len(found.states) == len(CaseState) - 2
    assert {kind for kind in found.notice_kinds if kind.startswith(("task_", "digest"))} == set()
    assert not {name for name in found.event_types if name.startswith("grid.directory")}
    assert "县值班领导" in found.rungs
