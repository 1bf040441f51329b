"""Outlines: what a territory's polygon must be, and an oracle that compares every pair of sides."""

from itertools import pairwise
from math import cos, sin, tau

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.decide.directory_outlines import outline_fault

SQUARE = ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0), (0.0, 0.0))
HOLE = ((1.0, 1.0), (2.0, 1.0), (2.0, 2.0), (1.0, 1.0))


@pytest.mark.parametrize(
    ("rings", "fault"),
    [
        pytest.param((SQUARE,), "", id="a square"),
        pytest.param((SQUARE, HOLE), "", id="with a hole"),
        pytest.param((SQUARE[:3],), "too_few_points", id="a corner missing"),
        pytest.param((SQUARE[:4],), "not_closed", id="open"),
        pytest.param(((*SQUARE[:2], (181.0, 0.0), SQUARE[0]),), "outside_the_earth", id="far off"),
        pytest.param(((SQUARE[0], *SQUARE),), "point_twice", id="a corner twice"),
        pytest.param((((0, 0), (1, 0), (2, 0), (0, 0)),), "no_area", id="a line"),
        pytest.param((((0, 0), (4, 4), (4, 0), (0, 3), (0, 0)),), "crosses_itself", id="a bow"),
        pytest.param(
            (((0, 0), (4, 0), (4, 4), (2, 0), (0, 4), (0, 0)),), "crosses_itself", id="touches"
        ),
        pytest.param(
            (((0, 0), (4, 0), (4, 4), (4, 1), (0, 4), (0, 0)),), "crosses_itself", id="folds back"
        ),
        pytest.param(
            (SQUARE, tuple((x + 9, y) for x, y in HOLE)), "hole_outside", id="hole elsewhere"
        ),
    ],
)
def test_an_outline(rings: tuple[tuple[tuple[float, float], ...], ...], fault: str) -> None:
    assert outline_fault(rings) == fault


@given(
    st.integers(3, 40),
    st.lists(st.floats(0.5, 2.0), min_size=40, max_size=40),
    st.floats(-170, 170),
    st.floats(-80, 80),
)
@settings(deadline=None)
def test_every_star_around_a_point_is_an_outline(
    corners: int, reach: list[float], lon: float, lat: float
) -> None:
    ring = [
        (lon + reach[n] * cos(tau * n / corners), lat + reach[n] * sin(tau * n / corners))
        for n in range(corners)
    ]
    assert outline_fault([[*ring, ring[0]]]) == ""


POINTS = st.tuples(st.integers(0, 6), st.integers(0, 6))


def crosses(ring: list[tuple[int, int]]) -> bool:
    """Compare every pair of sides that are no neighbours, in whole numbers."""
    sides = list(pairwise(ring))
    return any(
        meet(*sides[i], *sides[j])
        for i in range(len(sides))
        for j in range(i + 2, len(sides))
        if not (i == 0 and j == len(sides) - 1)
    )


def turn(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> int:
    value = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return (value > 0) - (value < 0)


def within(a: tuple[int, int], b: tuple[int, int], p: tuple[int, int]) -> bool:
    return all(min(a[k], b[k]) <= p[k] <= max(a[k], b[k]) for k in (0, 1))


def meet(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int], d: tuple[int, int]) -> bool:
    turns = (turn(a, b, c), turn(a, b, d), turn(c, d, a), turn(c, d, b))
    if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
        return True
    ends = ((a, b, c), (a, b, d), (c, d, a), (c, d, b))
    return any(t == 0 and within(*end) for t, end in zip(turns, ends, strict=True))


@given(st.lists(POINTS, min_size=4, max_size=9, unique=True))
@settings(max_examples=300, deadline=None)
def test_the_sweep_finds_what_comparing_all_sides_finds(corners: list[tuple[int, int]]) -> None:
    ring = [*corners, corners[0]]
    fault = outline_fault([[(float(x), float(y)) for x, y in ring]])
    if crosses(ring):
        assert fault in ("crosses_itself", "no_area")
    else:
        # neighbours may still fold back onto each other
        assert fault in ("", "crosses_itself", "no_area")
        if fault == "crosses_itself":
            assert folds(ring)


def folds(ring: list[tuple[int, int]]) -> bool:
    sides = list(pairwise(ring))
    return any(
        turn(a, b, d) == 0 and (within(a, b, d) or within(b, d, a))
        for (a, b), (_, d) in zip(sides, [*sides[1:], sides[0]], strict=True)
    )
