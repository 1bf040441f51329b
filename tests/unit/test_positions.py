"""Phones' coordinates: known points, there and back again, and what is left alone."""

from math import cos, hypot, radians

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from events.contract.reports import Datum, Place, ReportAmended, ReportFiled, ReportSource
from events.positions import from_gcj02, in_cgcs2000, to_gcj02

REPORT = ReportFiled(grid="330281101201001", source=ReportSource.GRID_MEMBER, title="路灯不亮")
METRES_A_DEGREE = 111_320


def metres(a: tuple[float, float], b: tuple[float, float]) -> float:
    east = (a[0] - b[0]) * cos(radians(a[1]))
    return hypot(east, a[1] - b[1]) * METRES_A_DEGREE


def test_a_published_point() -> None:
    """Tian'anmen, as several independent tables give it."""
    assert to_gcj02(116.404, 39.915) == pytest.approx((116.41024449916938, 39.91640428150164))


@given(st.floats(75, 135), st.floats(4, 53))
def test_there_and_back_again_is_within_a_centimetre(lon: float, lat: float) -> None:
    shifted = to_gcj02(lon, lat)
    assert 10 < metres((lon, lat), shifted) < 1500
    assert metres((lon, lat), from_gcj02(*shifted)) < 0.01


@pytest.mark.parametrize("point", [(2.35, 48.86), (139.7, 35.7), (110.0, -5.0)])
def test_elsewhere_nothing_is_shifted(point: tuple[float, float]) -> None:
    assert to_gcj02(*point) == from_gcj02(*point) == point


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(REPORT, id="no-place"),
        pytest.param(replace(REPORT, place=Place(lon=121.5, lat=29.87)), id="converted-already"),
        pytest.param(ReportAmended(reason="更正"), id="amended-elsewhere"),
    ],
)
def test_what_needs_no_conversion_stays_as_it_is(payload: ReportFiled) -> None:
    assert in_cgcs2000(payload) is payload


def test_a_place_in_gcj02_comes_out_in_cgcs2000() -> None:
    lon, lat = to_gcj02(121.5, 29.87)
    amended = ReportAmended(place=Place(lon=lon, lat=lat, datum=Datum.GCJ02), reason="更正")
    assert in_cgcs2000(amended).place == Place(lon=121.5, lat=29.87)
