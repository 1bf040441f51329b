"""A planned week: the mix of one town's month, every story in time, nothing alike by accident."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import combinations

import pytest

from events.contract.reports import ReportFiled
from flows.decide.intake_duplicates import metres_between
from models.setting import Shelf
from partygrid.sample.county import Sample, sample_county
from partygrid.simulation.mix import Cell, Kind, Level, kind_of, level_of
from partygrid.simulation.plan import Plan
from partygrid.simulation.requirements import file_by, requirements
from partygrid.simulation.stories import Story
from partygrid.simulation.week import Planned
from tests.unit.packs import default_pack

#: A Friday's midnight in Shanghai.
END = datetime(2026, 6, 12, 16, tzinfo=UTC)
START = END - timedelta(days=7)
_WHISTLES = [story for story in Story if story.startswith("whistle_")]
_FOUR_TWO = [story for story in Story if story.startswith("four_two_")]


@cache
def county(seed: int = 1) -> Sample:
    return sample_county(seed, since=START - timedelta(days=300), policy=default_pack())


@cache
def shelf() -> Shelf:
    return Shelf(default_pack())


@cache
def plan(seed: int = 1, reports: int = 2000, days: int = 7) -> Plan:
    office = shelf().office(default_pack().version)
    start = END - timedelta(days=days)
    return Plan(county(seed), default_pack(), office, start=start, end=END, reports=reports)


def stories(planned: Plan) -> Counter[Story]:
    return Counter(one.story for one in planned.reports)


def test_a_full_week_has_enough_of_everything() -> None:
    counts = stories(plan())
    assert len(plan().reports) == 2000
    assert sum(counts[story] for story in _WHISTLES) >= 40
    assert sum(counts[story] for story in _FOUR_TWO) >= 15
    assert counts[Story.REOPENED] + counts[Story.REOPENED_LATER] >= 20
    assert {story for story in Story if not counts[story]} == set()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_mix_is_that_of_the_calibration(seed: int) -> None:
    cells: Counter[Cell] = Counter()
    for one in plan(seed).reports:
        category = default_pack().category(getattr(one.made.data, "category", ""))
        if category is not None:
            cells[Cell(level_of(category, one.story), kind_of(category))] += 1
    share = {
        name: 100 * sum(count for cell, count in cells.items() if name in cell) / cells.total()
        for name in (*Level, *Kind)
    }
    assert share[Level.VILLAGE] == pytest.approx(78.3, abs=1.5)
    assert share[Level.COUNTY] == pytest.approx(20.44, abs=1)
    assert share[Level.TOWNSHIP] < 3  # what the stories need of the township comes on top
    assert share[Kind.HAZARD] == pytest.approx(18.54, abs=1)
    assert share[Kind.DISPUTE] == pytest.approx(4.41, abs=1)


def test_every_story_is_reported_early_enough_to_come_about() -> None:
    office = shelf().office(default_pack().version)
    late = [
        (one.story, one.at)
        for one in plan().reports
        if one.story not in (Story.SMOOTH, Story.SELF_CLOSED)
        and one.at > file_by(one.story, END, office)
    ]
    assert late == []
    assert plan().begins < START


def test_reports_of_a_story_are_as_it_needs_them() -> None:
    for one in plan().reports:
        needs, data = requirements(one.story), one.made.data
        assert isinstance(data, ReportFiled)
        assert not needs.categories or data.category in needs.categories
        assert not needs.sources or data.source in needs.sources
        assert not needs.reporter or data.reporter_ref
        assert (data.mark, data.joint, data.disputed) == (needs.mark, needs.joint, needs.disputed)
        if needs.office_hours:
            local = shelf().office(default_pack().version).local(one.at)
            assert 8 <= local.hour < 18


def test_nothing_looks_like_something_else_by_accident() -> None:
    """Only twins are told at the same place on the same day."""
    told: dict[tuple[str, str], list[Planned]] = defaultdict(list)
    for one in plan().reports:
        assert isinstance(one.made.data, ReportFiled)
        told[one.made.township, one.made.data.category].append(one)
    rules = default_pack().intake.duplicates
    alike = [
        {one.story, other.story}
        for group in told.values()
        for one, other in combinations(group, 2)
        if abs(one.at - other.at) <= rules.within
        and _metres(one.made.data, other.made.data) <= rules.metres
    ]
    pairs = stories(plan())[Story.TWICE] + stories(plan())[Story.LOOKALIKE]
    assert len(alike) == pairs
    assert all(pair & {Story.TWICE, Story.LOOKALIKE} for pair in alike)


def _metres(one: object, other: object) -> float:
    assert isinstance(one, ReportFiled)
    assert isinstance(other, ReportFiled)
    assert one.place
    assert other.place
    here, there = one.place, other.place
    return metres_between((here.lon, here.lat), (there.lon, there.lat))


def test_the_same_seed_is_the_same_week_and_another_is_another() -> None:
    office = shelf().office(default_pack().version)
    again = Plan(county(), default_pack(), office, start=START, end=END, reports=2000)
    assert again.reports == plan().reports
    assert [one.made for one in plan(2).reports] != [one.made for one in plan().reports]


@pytest.mark.parametrize(("reports", "days"), [(10, 1), (60, 1), (300, 3), (2000, 6)])
def test_a_small_stretch_keeps_within_itself(reports: int, days: int) -> None:
    small = plan(1, reports, days)
    assert len(small.reports) == reports
    assert not small.full
    assert all(END - timedelta(days=days) <= one.at <= END for one in small.reports)
    assert stories(small)[Story.SMOOTH] + stories(small)[Story.SELF_CLOSED] >= reports / 2
