"""What the benchmark sums up: memory over a run, and how many old cases stand where."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.memory import Memory, Sample, memory_of
from bench.shares import Pattern, planned
from tests.world import TOWNSHIPS

MB = 2**20

PATTERNS = [
    *(Pattern(f"open-{n}", TOWNSHIPS[0], is_open=True, clocks=1 + n) for n in range(3)),
    *(Pattern(f"closed-{n}", TOWNSHIPS[1], is_open=False, clocks=1 + n) for n in range(2)),
    *(Pattern(f"away-{n}", TOWNSHIPS[0], is_open=False, clocks=0) for n in range(5)),
]
CLOCKS = {one.case_id: one.clocks for one in PATTERNS}


def test_memory_that_stays_is_flat_whatever_the_start_took() -> None:
    samples = [Sample(0, 50 * MB), *(Sample(1000 * n, 200 * MB) for n in range(1, 11))]
    assert memory_of(samples) == Memory(begun=200, ended=200, most=200, growth=0)


def test_memory_that_grows_is_told_by_hundred_thousand() -> None:
    found = memory_of([Sample(100_000 * n, (200 + 3 * n) * MB) for n in range(11)])
    assert (found.begun, found.ended, found.most) == (203, 230, 230)
    assert found.growth == pytest.approx(3)


def test_the_most_counts_before_the_first_tenth_too_and_an_end_does_not() -> None:
    found = memory_of(
        [Sample(0, 300 * MB), Sample(10, 200 * MB), Sample(20, 210 * MB), Sample(20, 0)]
    )
    assert (found.most, found.ended) == (300, 210)


@given(st.integers(min_value=0, max_value=1_000_000))
def test_there_are_as_many_cases_as_are_wanted(cases: int) -> None:
    assert sum(one.times for one in planned(PATTERNS, cases)) == cases


def test_there_are_as_many_timers_as_cases() -> None:
    timers = sum(one.times * CLOCKS[one.case_id] for one in planned(PATTERNS, 1_000_000))
    assert timers == pytest.approx(1_000_000, rel=0.001)


def test_the_loads_townships_have_few_open_cases_and_their_share_of_all() -> None:
    everywhere: Counter[str] = Counter()
    under_way: Counter[str] = Counter()
    for one in planned(PATTERNS, 1_000_000):
        everywhere[one.to] += one.times
        under_way[one.to] += one.times * one.case_id.startswith("open")
    for home in TOWNSHIPS:
        assert everywhere[home] == pytest.approx(50_000, rel=0.01)
        assert under_way[home] == pytest.approx(750, rel=0.01)
    assert len(everywhere) == 20
