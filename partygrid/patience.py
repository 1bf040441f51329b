"""Waiting for a server that is away: with growing pauses, and one log line when it went."""

import logging
import math
import time
from collections.abc import Callable

from partygrid.errors import PartygridError

_FIRST, _LONGEST = 0.1, 5.0
#: Seconds after which it is said again that a server is still away.
_REMIND = 60.0
#: A fault so many seconds after the last was over is the same one: nothing is said of it again.
_THE_SAME = 10.0


class Patience:
    """How one loop waits for one thing. It is told of every fault, and of every success."""

    def __init__(
        self,
        what: str,
        log: logging.Logger,
        *,
        longest: float = _LONGEST,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """`what` fails, as the log shall say it; no pause is longer than `longest` seconds."""
        self._what, self._log, self._longest = what, log, longest
        self._seconds = seconds
        self._pause = _FIRST
        self._since: float | None = None
        self._began = self._told = self._over = -math.inf

    def failed(self, fault: Exception) -> float:
        """Return how many seconds to wait; say what happened, once and then once a minute."""
        now = self._seconds()
        if self._since is None:
            self._since = now
            if now - self._over > _THE_SAME:
                self._began = self._told = now
                self._log.warning("%s, and is tried again: %s", self._what, _of(fault))
        if now - self._told > _REMIND:
            self._told = now
            self._log.warning("%s for %.0f s now: %s", self._what, now - self._began, _of(fault))
        pause, self._pause = self._pause, min(self._pause * 2, self._longest)
        return pause

    def went_well(self) -> None:
        """Say that the fault is over, where there was one."""
        if self._since is not None:
            if self._since == self._began:
                lasted = self._seconds() - self._began
                self._log.info("%s: over after %.1f s", self._what, lasted)
            self._since, self._over = None, self._seconds()
        self._pause = _FIRST


def _of(fault: Exception) -> str:
    """Return a fault as one line. A server's own message may name people; ours never do."""
    if isinstance(fault, PartygridError):
        return " ".join(str(fault).split())
    return type(fault).__name__
