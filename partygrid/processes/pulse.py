"""A sign of life: whoever asks whether to go on shows that it goes on."""

import socket
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from threading import Event

from msgspec import Struct, json

from partygrid.clock import Clock, WallClock
from partygrid.errors import Unavailable

#: Seconds between two writings of the file.
_EVERY = 2.0
#: Without a sign for so many seconds a process counts as stuck: a full batch takes a few.
STUCK_AFTER = 60.0


class Stuck(Unavailable):
    """A process gives no sign of life. See its log, and start it again."""


class Beat(Struct, frozen=True, kw_only=True):
    """Who lived when."""

    pid: int
    at: datetime


def own_name() -> str:
    """Return a process's name where none is given: one a machine or container."""
    return socket.gethostname()


def beat_file(home: Path, name: str) -> Path:
    """Return where a process of this name leaves its signs of life."""
    return home / "run" / f"{name}.json"


def last_beat(home: Path, name: str) -> Beat | None:
    """Return the last sign of life of a process; None where it never gave one."""
    try:
        return json.decode(beat_file(home, name).read_bytes(), type=Beat)
    except (FileNotFoundError, ValueError):
        return None


class Pulse(Event):
    """A request to stop that its loop asks for in every turn, and so leaves a sign of life.

    The loop's threads share one; it is `asked` that is set from outside.
    """

    def __init__(self, asked: Event, file: Path, pid: int, clock: Clock | None = None) -> None:
        """Write to `file`, for process `pid`. The first sign comes with the first question."""
        super().__init__()
        self._asked, self._file, self._pid = asked, file, pid
        self._clock = clock or WallClock()
        self._due = 0.0
        file.parent.mkdir(parents=True, exist_ok=True)

    def is_set(self) -> bool:
        """Tell whether to stop."""
        self.beat()
        return self._asked.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until asked to stop, at most `timeout` seconds."""
        self.beat()
        return self._asked.wait(timeout)

    def set(self) -> None:
        """Ask to stop."""
        self._asked.set()

    def beat(self) -> None:
        """Leave a sign, unless the last one is fresh."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _EVERY
        unfinished = self._file.with_suffix(f".{self._pid}")
        with suppress(OSError):  # a full disk must not end the work
            unfinished.write_bytes(json.encode(Beat(pid=self._pid, at=self._clock.now())))
            unfinished.replace(self._file)

    def end(self) -> None:
        """Take the signs away: this process ended as it should."""
        self._file.unlink(missing_ok=True)
