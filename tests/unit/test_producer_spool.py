"""The spool: what an outcome does to a waiting event, in whatever order outcomes come."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.contract.outgoing import EventOutcome
from events.spool import Sealed, Spool
from models.values import Fate

NOON = datetime(2026, 3, 10, 4, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)


def sealed(number: int) -> Sealed:
    return Sealed(
        event_id=f"e{number}",
        type="grid.report.filed.v1",
        subject="",
        topic="grid.reports",
        key="330281101",
        headers=[("ce_id", f"e{number}".encode())],
        value=b"{}",
    )


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    one = Spool(tmp_path, "app/x")
    yield one
    one.close()


def outcome(number: int, fate: Fate, reason: str = "") -> EventOutcome:
    return EventOutcome(event_id=f"e{number}", fate=str(fate), reason=reason)


@pytest.mark.parametrize(
    ("fates", "waiting", "parked", "troubles"),
    [
        pytest.param([], 1, 0, [], id="no-answer"),
        pytest.param([Fate.APPLIED], 0, 0, [], id="applied"),
        pytest.param([Fate.DUPLICATE], 0, 0, [], id="known-already"),
        pytest.param([Fate.APPLIED, Fate.DUPLICATE], 0, 0, [], id="applied-then-duplicate"),
        pytest.param([Fate.REFUSED], 0, 0, ["refused"], id="refused"),
        pytest.param([Fate.REFUSED, Fate.DUPLICATE], 0, 0, ["refused"], id="refused-twice-sent"),
        pytest.param([Fate.DEAD_LETTERED], 0, 0, ["dead-lettered"], id="dead"),
        pytest.param([Fate.PARKED], 0, 1, [], id="parked"),
        pytest.param([Fate.PARKED, Fate.DUPLICATE], 0, 1, [], id="parked-twice-sent"),
        pytest.param([Fate.PARKED, Fate.APPLIED], 0, 0, [], id="parked-then-applied"),
        pytest.param(
            [Fate.PARKED, Fate.DEAD_LETTERED], 0, 0, ["dead-lettered"], id="parked-too-long"
        ),
    ],
)
def test_an_outcome_empties_the_spool_or_says_what_is_wrong(
    fates: list[Fate], waiting: int, parked: int, troubles: list[str], spool: Spool
) -> None:
    spool.add(sealed, NOON)
    for fate in fates:
        spool.answered([outcome(1, fate, reason="wrong_state")], ("topic", 1))
    assert spool.count() == (waiting, parked)
    assert [one.fate for one in spool.troubles()] == troubles
    assert all(one.reason == "wrong_state" for one in spool.troubles())
    assert len(spool.due(LATER, 10)) == waiting


def test_what_was_published_waits_longer_each_time(spool: Spool) -> None:
    spool.add(sealed, NOON)
    spool.published([1], lambda sent: LATER + timedelta(hours=sent - 1))
    assert spool.due(NOON, 10) == []
    (again,) = spool.due(LATER, 10)
    assert (again.sent, again.sealed.event_id) == (1, "e1")
    spool.published([1], lambda sent: LATER + timedelta(hours=sent - 1))
    assert spool.due(LATER, 10) == []


def test_an_answer_that_came_first_is_not_undone_by_the_note_of_publishing(spool: Spool) -> None:
    spool.add(sealed, NOON)
    spool.answered([outcome(1, Fate.PARKED)], ("topic", 1))
    spool.published([1], lambda sent: NOON)
    assert spool.count() == (0, 1)


def test_a_seal_that_fails_uses_no_number_up(spool: Spool) -> None:
    def failing(_: int) -> Sealed:
        raise ValueError

    with pytest.raises(ValueError):
        spool.add(failing, NOON)
    assert spool.add(sealed, NOON).event_id == "e1"
    assert spool.signed_out() == 1


def test_only_what_went_wrong_can_be_dismissed(spool: Spool) -> None:
    spool.add(sealed, NOON)
    assert not spool.dismiss("e1")
    spool.answered([outcome(1, Fate.REFUSED)], ("topic", 1))
    assert spool.dismiss("e1")
    assert spool.troubles() == []


def test_how_far_outcomes_are_read_is_kept(spool: Spool, tmp_path: Path) -> None:
    assert spool.position() == ("", 0)
    spool.answered([], ("01a1", 17))
    second = Spool(tmp_path, "app/x")
    assert second.position() == ("01a1", 17)
    second.close()


_FATES = st.sampled_from(
    [Fate.APPLIED, Fate.REFUSED, Fate.DUPLICATE, Fate.PARKED, Fate.DEAD_LETTERED]
)
_STEPS = st.lists(
    st.one_of(
        st.just("add"),
        st.tuples(st.integers(1, 5), _FATES),
        st.integers(1, 5),
    ),
    max_size=20,
)


@settings(max_examples=40, deadline=None)
@given(_STEPS)
def test_no_event_is_lost_and_no_number_given_twice(steps: list[object]) -> None:
    """Whatever comes in whatever order: an event leaves only by an outcome or by a person."""
    with TemporaryDirectory() as folder:
        spool = Spool(Path(folder), "app/x")
        numbers: list[int] = []
        gone: set[str] = set()
        for step in steps:
            if step == "add":

                def seal(number: int) -> Sealed:
                    numbers.append(number)
                    return sealed(number)

                spool.add(seal, NOON)
            elif isinstance(step, int):
                spool.published([step], lambda sent: LATER)
            elif isinstance(step, tuple):
                spool.answered([outcome(*step)], ("t", 1))
                if step[1] in (Fate.APPLIED, Fate.DUPLICATE):
                    gone.add(f"e{step[0]}")
        assert numbers == list(range(1, len(numbers) + 1))
        assert spool.signed_out() == len(numbers)
        for number in numbers:
            assert spool.sealed(f"e{number}") is not None or f"e{number}" in gone
        spool.close()
