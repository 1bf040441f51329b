"""Outlines from and to GeoJSON, and what does not lie as it should (CGCS2000 degrees)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from shapely import Polygon, STRtree

from events.contract.directory import OrgSet
from models.policy.people import OrgKind
from partygrid.directory_files.fault import Fault, Gravity, Place, shown

Ring = tuple[tuple[float, float], ...]
Outline = tuple[Ring, ...]

#: Property of a feature that names the organisation: its id, or its code.
CODE_KEYS = ("编码", "编号", "code", "org")
#: Largest file, in bytes.
_LARGEST = 200_000_000
#: Share of the smaller outline that may lie in another: drawing is never exact.
_TOLERATED = 0.01
_TERRITORY = (OrgKind.TOWNSHIP, OrgKind.VILLAGE, OrgKind.GRID, OrgKind.MICRO_GRID)


class _Geometry(Struct):
    type: str
    coordinates: Any = None


class _Feature(Struct):
    geometry: _Geometry | None = None
    properties: dict[str, Any] | None = None


class _Collection(Struct):
    type: str
    features: list[_Feature]


class Drawn(Struct, frozen=True):
    """An outline and the organisation it is for."""

    place: Place
    #: id or code of the organisation
    of: str
    outline: Outline


def read_outlines(path: Path) -> Iterator[Drawn | Fault]:
    """Yield the outlines of a FeatureCollection, and what is wrong, by number of the feature."""
    place = Place(path.name)
    try:
        if path.stat().st_size > _LARGEST:
            yield Fault(place=place, zh="文件过大，请分成几个文件", en="is too large; split it")
            return
        collection = msgspec.json.decode(path.read_bytes(), type=_Collection)
    except (OSError, msgspec.DecodeError):
        yield Fault(place=place, zh="打不开，不是 GeoJSON 文件", en="is no readable GeoJSON file")
        return
    for number, feature in enumerate(collection.features, start=1):
        yield _read(feature, place._replace(row=number))


def _read(feature: _Feature, place: Place) -> Drawn | Fault:
    properties = feature.properties or {}
    of = next((properties[key] for key in CODE_KEYS if properties.get(key)), "")
    if not of:
        return Fault(place=place, zh="缺少属性“编码”", en="has no property 编码 or code")
    try:
        outline = _outline(feature.geometry)
    except (TypeError, ValueError, IndexError):
        outline = None
    if outline is None:
        return Fault(
            place=place,
            value=shown(of),
            zh="图形应为单个多边形（Polygon），坐标为经度、纬度",
            en="must be one Polygon of longitudes and latitudes",
        )
    return Drawn(place, str(of), outline)


def _outline(geometry: _Geometry | None) -> Outline | None:
    if geometry is None:
        return None
    rings = geometry.coordinates
    if geometry.type == "MultiPolygon" and len(rings) == 1:
        rings = rings[0]
    elif geometry.type != "Polygon":
        return None
    return tuple(tuple((float(p[0]), float(p[1])) for p in ring) for ring in rings) or None


def write_outlines(path: Path, orgs: Iterable[OrgSet]) -> None:
    """Write the outlines of all organisations that have one."""
    features = [
        {
            "type": "Feature",
            "properties": {"编码": org.org, "名称": org.name},
            "geometry": {"type": "Polygon", "coordinates": org.outline},
        }
        for org in orgs
        if org.outline
    ]
    path.write_bytes(msgspec.json.encode({"type": "FeatureCollection", "features": features}))


def misplaced(orgs: Mapping[str, OrgSet], drawn: Mapping[str, Place]) -> Iterator[Fault]:
    """Yield warnings: outlines of one kind that overlap, parts that reach out of their whole.

    Only those of `drawn` are told of; the others of `orgs` are what they are compared with.
    """
    shapes = {
        org.org: shape
        for org in orgs.values()
        if org.outline and (shape := Polygon(org.outline[0], org.outline[1:])).is_valid
    }
    by_kind: dict[OrgKind, list[str]] = defaultdict(list)
    for org in shapes:
        if orgs[org].kind in _TERRITORY:
            by_kind[orgs[org].kind].append(org)
    for ids in by_kind.values():
        yield from _overlaps(ids, orgs, shapes, drawn)
    yield from _reaching_out(orgs, shapes, drawn)


def _overlaps(
    ids: list[str],
    orgs: Mapping[str, OrgSet],
    shapes: Mapping[str, Polygon],
    drawn: Mapping[str, Place],
) -> Iterator[Fault]:
    tree = STRtree([shapes[org] for org in ids])
    for at, one in enumerate(ids):
        for near in sorted(int(index) for index in tree.query(shapes[one])):
            other = ids[near]
            place = drawn.get(one) or drawn.get(other)
            if near > at and place is not None and _too_much(shapes[one], shapes[other]):
                yield Fault(
                    place=place,
                    value=shown(orgs[one].name),
                    zh=f"与“{orgs[other].name}”的范围重叠",
                    en=f"overlaps {other}",
                    gravity=Gravity.WARNING,
                )


def _too_much(one: Polygon, other: Polygon) -> bool:
    return bool(one.intersection(other).area > _TOLERATED * min(one.area, other.area))


def _reaching_out(
    orgs: Mapping[str, OrgSet], shapes: Mapping[str, Polygon], drawn: Mapping[str, Place]
) -> Iterator[Fault]:
    for org, place in drawn.items():
        whole = shapes.get(orgs[org].parent) if org in orgs else None
        part = shapes.get(org)
        if part is None or whole is None:
            continue
        if part.difference(whole).area > _TOLERATED * part.area:
            yield Fault(
                place=place,
                value=shown(orgs[org].name),
                zh=f"超出上级“{orgs[orgs[org].parent].name}”的范围",
                en=f"reaches out of {orgs[org].parent}",
                gravity=Gravity.WARNING,
            )
