"""Whether the time an app tells fits the order in which it told: what shows that it does not."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from events.codec import type_name
from events.contract.envelope import Event
from events.contract.reports import ReportSupplemented
from flows.heard import Heard, claims_to_be_late, contradicted, heard
from models.policy.people import Role
from tests import world

MINUTE = timedelta(minutes=1)
SKEW, OFFLINE = 5 * MINUTE, timedelta(hours=24)
#: When the act happened, as it says, and when it was heard.
TOLD, NOW = world.NOW, world.NOW + timedelta(hours=2)
ME, SOMEBODY = "p-me", "p-somebody"
DATA = ReportSupplemented(description="t")


def event(sequence: int = 10, *, by: str = ME, minutes: float = 0, recorded_by: str = "") -> Event:
    """An event that says it happened `minutes` after TOLD."""
    acting = replace(world.acting(Role.GRID_MEMBER, world.GRID, actor=by), recorded_by=recorded_by)
    return Event(
        id=f"e{sequence}",
        source=world.APP_SOURCE,
        type=type_name(DATA),
        time=TOLD + minutes * MINUTE,
        township=world.TOWNSHIP,
        subject="s",
        acting=acting,
        data=DATA,
        sequence=sequence,
    )


def other(sequence: int, *, by: str = ME, told: float = 0, at: float = 30) -> Heard:
    """Another event of the app: told and heard so many minutes after TOLD."""
    return Heard(sequence=sequence, by=by, told=TOLD + told * MINUTE, at=TOLD + at * MINUTE)


@pytest.mark.parametrize(
    ("before", "wrong"),
    [
        pytest.param([], False, id="nothing else was heard"),
        pytest.param([other(9, told=-30)], False, id="what went before happened before"),
        pytest.param([other(9, told=4)], False, id="later by no more than clocks may differ"),
        pytest.param([other(9, told=6)], True, id="the same person told of something later"),
        pytest.param([other(9, told=6, by=SOMEBODY)], False, id="somebody else did"),
        pytest.param([other(10, by=SOMEBODY)], True, id="the number was used"),
        pytest.param([other(11, told=6)], True, id="passed over, while the app was connected"),
        pytest.param([other(11, told=6, by=SOMEBODY)], True, id="passed over, whoever else it was"),
        pytest.param([other(11, told=6, at=116)], False, id="overtaken on the way"),
        pytest.param([other(11, told=-90, at=-10)], False, id="heard before it happened"),
        pytest.param([other(9, told=-1), other(9, told=60, at=90)], True, id="one of several"),
    ],
)
def test_what_shows_that_it_was_recorded_later(before: list[Heard], wrong: bool) -> None:
    assert contradicted(event(), before, NOW, skew=SKEW) is wrong


def test_who_writes_it_down_is_who_tells() -> None:
    before = [other(9, told=30, by="p-clerk")]
    assert contradicted(event(recorded_by="p-clerk"), before, NOW, skew=SKEW)
    assert not contradicted(event(recorded_by="p-other"), before, NOW, skew=SKEW)


def test_what_an_operator_sends_again_has_its_number_from_long_ago() -> None:
    again = replace(event(), replay_of="e")
    assert not contradicted(again, [other(10), other(11)], NOW, skew=SKEW)
    assert contradicted(again, [other(9, told=30)], NOW, skew=SKEW)


@pytest.mark.parametrize(
    ("minutes", "sequence", "claims"),
    [
        (5, 1, False),
        (5.1, 1, True),
        (5.1, 0, True),
        (5.1, -1, False),
        (24 * 60, 1, True),
        (24 * 60 + 1, 1, False),
        (-10, 1, False),
    ],
)
def test_who_asks_to_be_believed(minutes: float, sequence: int, claims: bool) -> None:
    now = TOLD + minutes * MINUTE
    assert claims_to_be_late(event(sequence), now, skew=SKEW, offline=OFFLINE) is claims


# --- nobody who is honest is ever contradicted ---------------------------------------------------

PERSONS = st.sampled_from([ME, SOMEBODY, "p-third"])
GAPS = st.integers(0, 90)


@given(st.lists(st.tuples(PERSONS, GAPS, GAPS), max_size=12))
def test_an_app_that_was_away_from_the_network(acts: list[tuple[str, int, int]]) -> None:
    """It numbers what it records, at once, and sends all of it in that order when it can."""
    before: list[Heard] = []
    recorded, arrived = 0, 0
    for number, (by, gap, delay) in enumerate(acts, start=1):
        recorded += gap
        arrived = max(arrived, recorded + delay)
        one, now = event(number, by=by, minutes=recorded), TOLD + arrived * MINUTE
        assert not contradicted(one, before, now, skew=SKEW)
        before.append(heard(one, now))


@given(st.lists(st.tuples(PERSONS, GAPS, GAPS), max_size=12))
def test_people_away_from_the_network_and_an_app_that_numbers_what_reaches_it(
    acts: list[tuple[str, int, int]],
) -> None:
    """Each telephone sends its own acts in order, whenever it can."""
    clock: dict[str, int] = {}
    sent: dict[str, int] = {}
    arriving: list[tuple[int, int, str, int]] = []
    for place, (by, gap, delay) in enumerate(acts):
        clock[by] = clock.get(by, 0) + gap
        sent[by] = max(sent.get(by, 0), clock[by] + delay)
        arriving.append((sent[by], place, by, clock[by]))
    before: list[Heard] = []
    for number, (arrived, _, by, happened) in enumerate(sorted(arriving), start=1):
        one, now = event(number, by=by, minutes=happened), TOLD + arrived * MINUTE
        assert not contradicted(one, before, now, skew=SKEW)
        before.append(heard(one, now))
