"""What is looked up around a place holds every case that may repeat a report there."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.contract.reports import Datum, Place, ReportFiled, ReportSource
from flows.decide.decision import Neighbour
from flows.decide.intake_duplicates import metres_between
from flows.nearby import Nearby
from flows.workspace import Workspace
from models.directory import Directory
from models.policy.work import Duplicates
from models.values import CaseId
from tests.unit.packs import default_pack

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
GRIDS = ("330281101201001", "330281101201002", "330281101201003")
Spot = tuple[float, float] | None

spots = st.none() | st.tuples(
    st.floats(119.998, 120.002), st.floats(-0.002, 0.002) | st.floats(28.998, 29.002)
)
cases = st.lists(st.tuples(spots, st.sampled_from(GRIDS)), max_size=30)


def neighbour(
    name: str, spot: Spot, grid: str = GRIDS[0], *, ago: timedelta = timedelta()
) -> Neighbour:
    lon, lat = spot or (None, None)
    return Neighbour(
        case_id=CaseId(name),
        number=name,
        grid=grid,
        category="06-02",
        lon=lon,
        lat=lat,
        reported_at=NOW - ago,
    )


def is_near(one: Neighbour, spot: Spot, grid: str, metres: int) -> bool:
    if spot is None or one.lon is None or one.lat is None:
        return one.grid[:15] == grid[:15]
    return metres_between((one.lon, one.lat), spot) <= metres


@given(cases, spots, st.sampled_from(GRIDS), st.sampled_from([0, 50, 400]))
def test_nothing_near_is_left_out(
    drawn: list[tuple[Spot, str]], spot: Spot, grid: str, metres: int
) -> None:
    known = [neighbour(str(n), one, at) for n, (one, at) in enumerate(drawn)]
    lat = spot[1] if spot else None
    found = Nearby(known).around(lat, grid + "01", metres)
    assert len(found) == len({one.case_id for one in found})
    assert {one.case_id for one in known if is_near(one, spot, grid, metres)} <= {
        one.case_id for one in found
    }


def test_few_others_are_looked_at() -> None:
    """Two thousand matters twenty metres apart on a line to the north."""
    row = [neighbour(str(n), (120.0, 29.0 + n * 0.00018)) for n in range(2000)]
    found = Nearby(row).around(29.1, GRIDS[1], 50)
    assert 5 <= len(found) <= 20


def test_who_moves_or_goes_is_found_there_or_nowhere() -> None:
    one, moved = neighbour("a", (120.0, 29.0)), neighbour("a", (120.0, 29.5), GRIDS[1])
    known = Nearby([one])
    known.put(moved)
    assert known.around(29.0, GRIDS[0], 50) == known.around(None, GRIDS[0], 50) == []
    assert known.around(29.5, GRIDS[0], 50) == known.around(None, GRIDS[1], 50) == [moved]
    known.drop("a")
    known.drop("a")
    assert known.around(29.5, GRIDS[1], 50) == []


@pytest.fixture
def rules() -> Duplicates:
    return default_pack().intake.duplicates


def reported(place: Place | None) -> ReportFiled:
    return ReportFiled(
        grid=GRIDS[0],
        category="06-02",
        source=ReportSource.GRID_MEMBER,
        title="路灯不亮",
        place=place,
    )


def test_a_report_meets_those_of_its_category_around_it_and_of_late(rules: Duplicates) -> None:
    work, here = Workspace(Directory()), (120.0, 29.0)
    old = neighbour("old", here, ago=rules.within + timedelta(seconds=1))
    later = neighbour("later", here, ago=-timedelta(seconds=1))
    first = neighbour("first", here, ago=rules.within)
    second = neighbour("second", here)
    unplaced = neighbour("unplaced", None)
    far = neighbour("far", (120.0, 29.1))
    work.neighbours[GRIDS[0][:9], "06-02"] = Nearby([second, far, old, later, first, unplaced])
    near = work.near(reported(Place(lon=120.0, lat=29.0)), GRIDS[0][:9], rules, now=NOW)
    assert near == (first, second, unplaced)
    # A position in another datum is none: then the grid counts.
    other = reported(Place(lon=120.0, lat=29.0, datum=Datum.GCJ02))
    for place in (reported(None), other):
        assert work.near(place, GRIDS[0][:9], rules, now=NOW) == (first, far, second, unplaced)
    assert work.near(reported(None), "330281102", rules, now=NOW) == ()
