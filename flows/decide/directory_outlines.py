"""Outlines of territories: rings that close, have an area and do not cross themselves. Pure."""

from collections.abc import Sequence
from itertools import pairwise

Point = tuple[float, float]
Ring = Sequence[Point]

#: Fewest corners of a closed ring, the first counted again at its end.
_FEWEST = 4


def outline_fault(rings: Sequence[Ring]) -> str:
    """Return what is wrong with an outline (outer ring first, then holes); empty where nothing.

    Coordinates are degrees east and north, as in GeoJSON.
    """
    for ring in rings:
        fault = _ring_fault(ring)
        if fault:
            return fault
    outer = rings[0]
    if any(not _inside(hole[0], outer) for hole in rings[1:]):
        return "hole_outside"
    return ""


def _ring_fault(ring: Ring) -> str:
    if len(ring) < _FEWEST:
        return "too_few_points"
    if not all(-180 <= lon <= 180 and -90 <= lat <= 90 for lon, lat in ring):
        return "outside_the_earth"
    if ring[0] != ring[-1]:
        return "not_closed"
    if any(one == other for one, other in pairwise(ring)):
        return "point_twice"
    if _area(ring) == 0:
        return "no_area"
    return "crosses_itself" if _crosses_itself(ring) else ""


def _area(ring: Ring) -> float:
    """Return twice the signed area, seen from the first corner so that small rings stay exact."""
    (x0, y0) = ring[0]
    return sum(
        (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0) for (x1, y1), (x2, y2) in pairwise(ring)
    )


def _crosses_itself(ring: Ring) -> bool:
    """Sweep from west to east: only sides whose extents overlap are compared."""
    sides = list(pairwise(ring))
    last = len(sides) - 1
    order = sorted(range(len(sides)), key=lambda i: min(sides[i][0][0], sides[i][1][0]))
    open_sides: list[int] = []
    for index in order:
        west = min(sides[index][0][0], sides[index][1][0])
        open_sides = [i for i in open_sides if max(sides[i][0][0], sides[i][1][0]) >= west]
        for other in open_sides:
            neighbours = abs(index - other) in (1, last)
            if not neighbours and _meet(*sides[index], *sides[other]):
                return True
        open_sides.append(index)
    return _folds_back(sides)


def _folds_back(sides: Sequence[tuple[Point, Point]]) -> bool:
    """Do two sides that follow each other lie on top of one another?"""
    return any(
        _turn(a, b, d) == 0 and (d[0] - b[0]) * (a[0] - b[0]) + (d[1] - b[1]) * (a[1] - b[1]) > 0
        for (a, b), (_, d) in pairwise([*sides, sides[0]])
    )


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Do the sides a–b and c–d share a point?"""
    side_c, side_d, side_a, side_b = _turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)
    if (
        ((side_c > 0) != (side_d > 0))
        and ((side_a > 0) != (side_b > 0))
        and 0 not in (side_c, side_d, side_a, side_b)
    ):
        return True
    return any(
        turn == 0 and _between(p, q, r)
        for turn, p, q, r in (
            (side_c, a, b, c),
            (side_d, a, b, d),
            (side_a, c, d, a),
            (side_b, c, d, b),
        )
    )


def _between(a: Point, b: Point, p: Point) -> bool:
    return min(a[0], b[0]) <= p[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= p[1] <= max(a[1], b[1])


def _inside(point: Point, ring: Ring) -> bool:
    """Count the sides that a ray to the east crosses."""
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in pairwise(ring):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside
