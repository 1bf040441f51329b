"""The one place where the wall clock is read."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the present moment as aware UTC."""

    def now(self) -> datetime:
        """Return the present moment."""
        ...


class WallClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the machine's present moment."""
        return datetime.now(UTC)


class SetClock:
    """A clock that is set by hand: time-lapse and tests."""

    def __init__(self, instant: datetime) -> None:
        """Start at `instant`."""
        self.instant = instant

    def now(self) -> datetime:
        """Return the instant last set."""
        return self.instant
