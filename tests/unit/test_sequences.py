"""What producers signed out and what arrived: gaps are found by number."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.spool import Sealed, Spool
from partygrid.operations.sequences import count_producers, ranges
from partygrid.operations.spools import NotASpool, SpoolSeen, look_into

NOW = datetime(2026, 3, 10, 1, tzinfo=UTC)
OFFLINE = timedelta(hours=24)
FRESH, OLD = NOW - timedelta(hours=1), NOW - timedelta(days=2)


def arrived(*numbers: int, at: datetime = FRESH) -> dict[int, datetime]:
    return dict.fromkeys(numbers, at)


@pytest.mark.parametrize(
    ("known", "spool", "missing", "lost"),
    [
        pytest.param(arrived(1, 2, 3), None, (), False, id="all there"),
        pytest.param(arrived(1, 3), None, ("2",), False, id="may still come"),
        pytest.param(arrived(1, 3, at=OLD), None, ("2",), True, id="too late by now"),
        pytest.param(
            {1: OLD, 3: OLD, 6: FRESH}, None, ("2", "4–5"), True, id="some late, some not"
        ),
        pytest.param(arrived(1, 3, at=OLD), (3, {2}), (), False, id="still in the spool"),
        pytest.param(arrived(1, 3), (3, set()), ("2",), True, id="nowhere"),
        pytest.param(arrived(1), (4, {2, 3}), ("4",), True, id="the last one nowhere"),
        pytest.param({}, (2, {1, 2}), (), False, id="nothing sent yet"),
        pytest.param(arrived(1, 2), (2, {2}), (), False, id="arrived, not answered yet"),
    ],
)
def test_numbers_that_are_nowhere(
    known: dict[int, datetime],
    spool: tuple[int, set[int]] | None,
    missing: tuple[str, ...],
    lost: bool,
) -> None:
    spools = []
    if spool:
        spools = [SpoolSeen(source="app/x", signed_out=spool[0], held=frozenset(spool[1]))]
    (count,), gaps = count_producers({"app/x": known}, spools, now=NOW, offline=OFFLINE)
    assert count.missing == missing
    assert bool(gaps) is lost
    assert all(gap.place == "app/x" for gap in gaps)


@given(st.sets(st.integers(0, 60)))
def test_ranges_name_exactly_the_numbers(numbers: set[int]) -> None:
    told: set[int] = set()
    for one in ranges(sorted(numbers)):
        first, _, last = one.partition("–")
        told |= set(range(int(first), int(last or first) + 1))
    assert told == numbers


def test_a_spool_is_looked_into_without_touching_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "app/x")
    for number in range(3):
        spool.add(lambda _, n=number: sealed(n), NOW)  # type: ignore[misc]
    spool.give_up(1, "too large")
    spool.close()
    seen = look_into(tmp_path)
    assert seen == SpoolSeen(source="app/x", signed_out=3, held=frozenset({1, 2, 3}))
    assert look_into(tmp_path / "events.sqlite3") == seen


def sealed(number: int) -> Sealed:
    return Sealed(
        event_id=f"e{number}", type="t", subject="", topic="t", key="k", headers=[], value=b""
    )


@pytest.mark.parametrize("content", [None, b"", b"no database at all"])
def test_what_is_no_spool_is_said_so(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "events.sqlite3").write_bytes(content)
    with pytest.raises(NotASpool):
        look_into(tmp_path)
