"""Two reports of one matter: when they look alike, and that a person says so."""

from datetime import timedelta
from math import cos, degrees, radians

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from events.contract.feedback import CaseClosed
from events.contract.reports import MergeDeclined, Place, ReportMerged
from flows.decide.intake_duplicates import metres_between
from models.case import Case
from models.policy.people import Role
from models.values import CaseState, Fate, Mark
from notifications.notice import Reporter
from tests import world
from tests.unit import taking_in as t
from tests.unit.packs import changed

EARTH = 6_371_008.8


def north(metres: float) -> Place:
    """A position so many metres north of `t.HERE`."""
    return Place(lon=t.HERE.lon, lat=t.HERE.lat + degrees(metres / EARTH))


def east(metres: float) -> Place:
    at = degrees(metres / EARTH / cos(radians(t.HERE.lat)))
    return Place(lon=t.HERE.lon + at, lat=t.HERE.lat)


@pytest.mark.parametrize(
    ("place", "grid", "later", "category", "alike"),
    [
        pytest.param(t.HERE, t.GRID, {}, t.SEWAGE, True, id="same place"),
        pytest.param(north(49.9), t.GRID, {}, t.SEWAGE, True, id="just under 50 m north"),
        pytest.param(north(50.1), t.GRID, {}, t.SEWAGE, False, id="just over 50 m north"),
        pytest.param(east(49.9), t.GRID, {}, t.SEWAGE, True, id="just under 50 m east"),
        pytest.param(east(50.1), t.GRID, {}, t.SEWAGE, False, id="just over 50 m east"),
        pytest.param(t.HERE, world.GRIDS[1], {}, t.SEWAGE, True, id="same place, other grid"),
        pytest.param(None, t.GRID, {}, t.SEWAGE, True, id="no position, same grid"),
        pytest.param(None, world.GRIDS[1], {}, t.SEWAGE, False, id="no position, other grid"),
        pytest.param(t.HERE, t.GRID, {"hours": 24}, t.SEWAGE, True, id="exactly 24 h later"),
        pytest.param(
            t.HERE, t.GRID, {"hours": 24, "microseconds": 1}, t.SEWAGE, False, id="24 h and a bit"
        ),
        pytest.param(t.HERE, t.GRID, {}, "05-04", False, id="another category"),
    ],
)
def test_alike_by_category_distance_and_time(
    place: Place | None, grid: str, later: dict[str, int], category: str, alike: bool
) -> None:
    desk = t.Desk(follows=False)
    first = desk.file(t.report(t.SEWAGE, place=t.HERE))
    desk.now += timedelta(**later)
    second = desk.file(t.report(category, grid=grid, place=place), t.HOTLINE)
    assert second.merge_candidate == (first.id if alike else "")
    assert ("merge_proposed" in t.notices(desk.last)) is alike


@given(
    lon=st.floats(-179, 179), lat=st.floats(-80, 80), east_by=st.floats(0, 0.01), up=st.floats(0, 1)
)
def test_distance_is_symmetric_and_never_negative(
    lon: float, lat: float, east_by: float, up: float
) -> None:
    one, other = (lon, lat), (lon + east_by, lat + up)
    assert metres_between(one, other) == pytest.approx(metres_between(other, one))
    assert metres_between(one, other) >= 0
    assert metres_between(one, one) == 0


def test_a_degree_of_latitude_is_about_111_km() -> None:
    assert metres_between((121.0, 29.0), (121.0, 30.0)) == pytest.approx(111_195, rel=1e-4)


def test_the_nearest_is_named_and_of_these_the_oldest() -> None:
    desk = t.Desk(follows=False)
    for metres in (40.0, 10.0, 10.0):
        desk.file(t.report(t.SEWAGE, place=north(metres)))
        desk.now += timedelta(minutes=1)
    nearest = [case.id for case in desk.cases.values()][1]
    desk.cases = {case.id: _not_candidate(case) for case in desk.cases.values()}
    assert desk.file(t.report(t.SEWAGE, place=t.HERE)).merge_candidate == nearest


def _not_candidate(case: Case) -> Case:
    return replace(case, merge_candidate="")


@pytest.mark.parametrize("mark", [Mark.CONFIDENTIAL, Mark.BYPASS])
def test_marked_reports_hint_at_nobody_and_nobody_at_them(mark: Mark) -> None:
    desk = t.Desk(follows=False)
    desk.file(t.report(t.SEWAGE))
    assert not desk.file(t.report(t.SEWAGE, mark=mark)).merge_candidate
    marked_only = t.Desk(follows=False)
    marked_only.file(t.report(t.SEWAGE, mark=mark))
    assert not marked_only.file(t.report(t.SEWAGE)).merge_candidate


def test_policy_may_look_beyond_the_category_or_not_at_all() -> None:
    beyond = changed({"intake": {"duplicates": {"same_category": False}}})
    never = changed({"intake": {"duplicates": {"otherwise": "by_hand"}}})
    for policy, hinted in ((beyond, True), (never, False)):
        desk = t.Desk(policy=policy, follows=False)
        desk.file(t.report(t.RUBBISH))
        other = desk.file(t.report("05-04" if policy is beyond else t.RUBBISH))
        assert bool(other.merge_candidate) is hinted


def two() -> tuple[t.Desk, Case, Case]:
    """A case and another that seems to repeat it."""
    desk = t.Desk(follows=False)
    first = desk.file(t.told(t.SEWAGE), t.HOTLINE)
    second = desk.file(t.told(t.SEWAGE), t.HOTLINE)
    assert second.merge_candidate == first.id
    return desk, first, second


def test_a_likely_repeat_waits_for_the_supervisor_whatever_its_tier() -> None:
    desk = t.Desk(follows=False)
    desk.file(t.report(t.LAMP))
    case = desk.file(t.report(t.LAMP))
    assert case.state is CaseState.REPORTED
    assert t.kinds(case) == {"proposal"}
    assert case.owner is not None
    assert case.owner.role == Role.DUTY_SUPERVISOR


def test_merging_ties_both_and_tells_the_reporter_where() -> None:
    desk, first, second = two()
    decision = desk.say(ReportMerged(into=first.id), t.SUPERVISOR, second.id)
    merged, into = desk.cases[second.id], desk.cases[first.id]
    assert (merged.state, merged.merged_into, merged.clocks) == (CaseState.MERGED, first.id, ())
    assert merged.owner is None
    assert into.merged == (second.id,)
    assert into.version == first.version + 1
    assert into.state is first.state
    notice = next(n for n in decision.notices if n.kind == "report_merged")
    assert notice.params["other_number"] == first.number
    assert notice.recipient == Reporter(t.REPORTER)


def test_what_was_merged_before_goes_along() -> None:
    desk, first, second = two()
    third = desk.file(t.told(t.SEWAGE), t.HOTLINE)
    desk.say(ReportMerged(into=second.id), t.SUPERVISOR, third.id)
    desk.say(ReportMerged(into=first.id), t.SUPERVISOR, second.id)
    assert set(desk.cases[first.id].merged) == {second.id, third.id}


@pytest.mark.parametrize(
    ("change", "into", "reason"),
    [
        pytest.param({}, "self", "merge_with_itself", id="itself"),
        pytest.param({}, "nobody", "merge_target_unknown", id="unknown"),
        pytest.param(
            {"township": world.TOWNSHIPS[1]}, "", "merge_other_township", id="other township"
        ),
        pytest.param(
            {"mark": Mark.CONFIDENTIAL, "circle": ("d-water",)},
            "",
            "merge_other_circle",
            id="other circle",
        ),
        pytest.param({"state": CaseState.CLOSED}, "", "merge_target_settled", id="settled"),
    ],
)
def test_what_cannot_be_merged(change: dict[str, object], into: str, reason: str) -> None:
    desk, first, second = two()
    desk.cases[first.id] = replace(first, **change)
    target = {"self": second.id, "nobody": "x"}.get(into, first.id)
    decision = desk.say(ReportMerged(into=target), t.SUPERVISOR, second.id)
    assert (decision.fate, decision.reason) == (Fate.REFUSED, reason)
    assert desk.cases[second.id] is second


def test_only_the_supervisor_merges() -> None:
    desk, first, second = two()
    assert desk.say(ReportMerged(into=first.id), t.MEMBER, second.id).reason == "role_may_not"


def test_declining_sends_it_on_to_where_it_would_have_gone() -> None:
    desk, first, second = two()
    desk.say(MergeDeclined(other=first.id), t.SUPERVISOR, second.id)
    case = desk.cases[second.id]
    assert case.state is CaseState.VERIFYING
    assert (case.merge_candidate, case.not_same) == ("", (first.id,))
    assert t.kinds(case) == {"verify"}


def test_declining_a_report_of_the_grid_registers_it_by_itself() -> None:
    desk = t.Desk(follows=False)
    first = desk.file(t.report(t.LAMP))
    second = desk.file(t.report(t.LAMP))
    desk.say(MergeDeclined(other=first.id), t.SUPERVISOR, second.id)
    assert desk.cases[second.id].state is CaseState.REGISTERED


def test_only_what_was_proposed_can_be_declined() -> None:
    desk, first, second = two()
    assert desk.say(MergeDeclined(other="x"), t.SUPERVISOR, second.id).reason == "no_merge_proposed"
    desk.say(MergeDeclined(other=first.id), t.SUPERVISOR, second.id)
    again = desk.say(MergeDeclined(other=first.id), t.SUPERVISOR, second.id)
    assert again.fate is not Fate.APPLIED


def test_the_reporter_of_a_merged_report_hears_when_the_main_case_is_closed() -> None:
    desk, first, second = two()
    desk.follows = True
    desk.say(ReportMerged(into=first.id), t.SUPERVISOR, second.id)
    desk.cases[first.id] = replace(
        t.case_at(CaseState.VISITING), id=first.id, merged=desk.cases[first.id].merged
    )
    desk.say(CaseClosed(), t.SUPERVISOR, first.id)
    assert desk.cases[first.id].state is CaseState.CLOSED
    assert t.notices(desk.last) == {"case_closed"}
    assert desk.last.audit[0].reason == "main_case_closed"
    assert desk.cases[second.id].state is CaseState.MERGED
