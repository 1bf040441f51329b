"""Clocks: whoever asks for the present moment gets aware UTC that never runs back."""

from datetime import UTC, timedelta

import pytest

from partygrid.clock import Clock, SetClock, WallClock
from tests.world import NOW


class ClockContract:
    """What everything that knows a clock relies on."""

    @pytest.fixture
    def clock(self) -> Clock:
        raise NotImplementedError

    def test_it_tells_aware_utc(self, clock: Clock) -> None:
        assert clock.now().tzinfo is UTC

    def test_it_does_not_run_back(self, clock: Clock) -> None:
        told = [clock.now() for _ in range(100)]
        assert told == sorted(told)


class TestWallClock(ClockContract):
    """The machine's own."""

    @pytest.fixture
    def clock(self) -> Clock:
        return WallClock()

    def test_it_goes_on(self, clock: Clock) -> None:
        first = clock.now()
        while clock.now() == first:
            pass
        assert clock.now() - first < timedelta(minutes=1)


class TestSetClock(ClockContract):
    """Set by hand: in a time-lapse."""

    @pytest.fixture
    def clock(self) -> Clock:
        return SetClock(NOW)

    def test_it_stands_until_it_is_set(self) -> None:
        clock = SetClock(NOW)
        assert clock.now() == NOW
        clock.instant = NOW + timedelta(days=1)
        assert clock.now() == NOW + timedelta(days=1)
