"""Outlines from GeoJSON: put where they belong, what lies oddly told by number of the feature."""

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from events.contract.directory import OrgSet
from models.directory import Directory
from models.policy.load import default_pack_folder, load_policy
from models.policy.schema import Policy
from partygrid.directory_files.fault import Gravity
from partygrid.directory_files.reading import Loaded, read_directory_files
from tests.unit.directory_folds import fold
from tests.unit.workbooks import GRID, TERRITORY, VILLAGE, fill, org

AT = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = org(
    "990202101201002", "网格", "丙村第二网格", VILLAGE["编号"], 网格类型="综合网格", 户数=200
)
Points = list[list[float]]


@cache
def policy() -> Policy:
    return load_policy(default_pack_folder())


def square(west: float, south: float, size: float = 0.02) -> Points:
    east, north = west + size, south + size
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def feature(of: str, ring: Any, *, key: str = "编码", kind: str = "Polygon") -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {key: of},
        "geometry": {"type": kind, "coordinates": ring},
    }


def load(folder: Path, *features: Any, known: Directory | None = None) -> Loaded:
    path = folder / "边界.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    paths = [path]
    if known is None:
        paths.append(fill(folder / "目录.xlsx", {"组织": [*TERRITORY, SECOND]}))
    return read_directory_files(paths, policy=policy(), at=AT, known=known)


def outline_of(loaded: Loaded, code: str) -> object:
    orgs = [e.data for e in loaded.events if isinstance(e.data, OrgSet)]
    return next(data.outline for data in orgs if data.org == code)


@pytest.mark.parametrize("key", ["编码", "编号", "code", "org"])
def test_an_outline_comes_to_its_organisation(tmp_path: Path, key: str) -> None:
    loaded = load(tmp_path, feature(GRID["编号"], [square(119, 29)], key=key))
    assert loaded.faults == ()
    ring = tuple(tuple(point) for point in square(119, 29))
    assert outline_of(loaded, GRID["编号"]) == (ring,)


def test_heights_are_dropped_and_one_polygon_of_many_is_one(tmp_path: Path) -> None:
    high = [[*point, 12.5] for point in square(119, 29)]
    loaded = load(tmp_path, feature(GRID["编号"], [[high]], kind="MultiPolygon"))
    assert loaded.faults == ()
    assert outline_of(loaded, GRID["编号"]) == (tuple(tuple(p) for p in square(119, 29)),)


def test_an_outline_of_a_known_organisation_needs_no_workbook(tmp_path: Path) -> None:
    known = fold(load(tmp_path).events, policy()).directory
    loaded = load(tmp_path, feature(GRID["编号"], [square(119, 29)]), known=known)
    assert loaded.faults == ()
    assert len(loaded.events) == 1
    before = known.org(GRID["编号"], AT)
    (event,) = loaded.events
    assert before is not None
    assert isinstance(event.data, OrgSet)
    assert (event.data.name, event.data.households) == (before.name, before.households)
    assert event.data.outline
    again = load(
        tmp_path,
        feature(GRID["编号"], [square(119, 29)]),
        known=fold([*loaded.events], policy(), directory=known).directory,
    )
    assert (again.events, again.unchanged) == ((), 1)


BOW_TIE = [[119, 29], [119.02, 29.02], [119.02, 29], [119, 29.02], [119, 29]]
BAD = {
    "nobody it could be for": feature("990202101201099", [square(119, 29)]),
    "no code": feature("", [square(119, 29)]),
    "a point": feature(GRID["编号"], [119, 29], kind="Point"),
    "two polygons": feature(
        GRID["编号"], [[square(119, 29)], [square(120, 29)]], kind="MultiPolygon"
    ),
    "words for numbers": feature(GRID["编号"], [[["a", "b"]]]),
    "not closed": feature(GRID["编号"], [square(119, 29)[:-1]]),
    "crosses itself": feature(GRID["编号"], [BOW_TIE]),
    "latitude first": feature(GRID["编号"], [[[29, 119], [30, 119], [30, 120], [29, 119]]]),
    "no geometry": {"type": "Feature", "properties": {"编码": GRID["编号"]}, "geometry": None},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_bad_outline_is_told_by_its_number(tmp_path: Path, bad: dict[str, Any]) -> None:
    loaded = load(tmp_path, feature(SECOND["编号"], [square(120, 29)]), bad)
    assert [(f.place.file, f.place.row) for f in loaded.errors] == [("边界.geojson", 2)]


def test_a_file_that_is_no_geojson_is_told(tmp_path: Path) -> None:
    path = tmp_path / "边界.geojson"
    path.write_text('{"type": "FeatureCollection"')
    loaded = read_directory_files([path], policy=policy(), at=AT)
    assert [fault.place.file for fault in loaded.errors] == ["边界.geojson"]


@pytest.mark.parametrize(
    ("west", "warned"),
    [(119.02, False), (119.0199999, False), (119.01, True), (119.0, True)],
    ids=["side by side", "within what drawing is exact to", "half on top", "twice the same"],
)
def test_grids_that_overlap_are_warned_of(tmp_path: Path, west: float, warned: bool) -> None:
    loaded = load(
        tmp_path,
        feature(GRID["编号"], [square(119, 29)]),
        feature(SECOND["编号"], [square(west, 29)]),
    )
    assert loaded.errors == ()
    assert [f.gravity for f in loaded.faults] == [Gravity.WARNING] * warned
    assert all("重叠" in fault.zh for fault in loaded.faults)


@pytest.mark.parametrize(("west", "warned"), [(119.01, False), (119.05, True)])
def test_a_grid_that_reaches_out_of_its_village_is_warned_of(
    tmp_path: Path, west: float, warned: bool
) -> None:
    loaded = load(
        tmp_path,
        feature(VILLAGE["编号"], [square(119, 29, 0.06)]),
        feature(GRID["编号"], [square(west, 29)]),
    )
    assert loaded.errors == ()
    assert ["超出" in fault.zh for fault in loaded.faults] == [True] * warned
