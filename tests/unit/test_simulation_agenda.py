"""The calendar of a played week: full ticks, a fixed order, nothing after the end."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from flows.conductor import Outbound
from partygrid.simulation.agenda import TICK, Agenda, next_tick

START = datetime(2026, 3, 2, tzinfo=UTC)
END = START + timedelta(days=1)


def entry(name: str) -> Outbound:
    return Outbound(topic="grid.reports", key="990101101", headers=[], value=name.encode())


def names(agenda: Agenda, instant: datetime) -> list[str]:
    return [one.value.decode() for one in agenda.take(instant) if isinstance(one, Outbound)]


@given(st.integers(0, 86_400_000_000))
def test_the_next_tick_is_full_and_within_one_tick(microseconds: int) -> None:
    moment = START + timedelta(microseconds=microseconds)
    tick = next_tick(moment)
    assert moment <= tick < moment + TICK
    assert (tick - START) % TICK == timedelta()


def test_of_one_tick_the_order_is_that_of_the_keys_then_of_putting() -> None:
    agenda = Agenda(END)
    for order, name in (("b", "1"), ("a", "2"), ("b", "3"), ("", "4")):
        agenda.put(START + timedelta(minutes=3), entry(name), order=order)
    agenda.put(START, entry("first"), order="z")
    assert agenda.next == START
    assert names(agenda, START) == ["first"]
    assert agenda.next == START + TICK
    assert names(agenda, START + TICK) == ["4", "2", "1", "3"]
    assert agenda.next is None


def test_what_would_happen_after_the_end_never_does() -> None:
    agenda = Agenda(END)
    agenda.put(END, entry("last"))
    agenda.put(END + timedelta(microseconds=1), entry("too late"))
    assert names(agenda, END + timedelta(days=9)) == ["last"]
