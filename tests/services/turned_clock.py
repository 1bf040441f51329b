"""A clock that tests turn for engines that run: libfaketime reads it from a file."""

import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

_PLACES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")


def library() -> str:
    """Return where libfaketime lies; empty where it does not."""
    found = [path for place in _PLACES for path in sorted(Path("/").glob(place.lstrip("/")))]
    return str(found[0]) if found else ""


def missing() -> str:
    """Return what keeps clocks from being turned here; where that is allowed it is fetched."""
    if not library() and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (("update",), ("install", "-y", "faketime")):
            subprocess.run(("apt-get", "-qq", *command), check=False, capture_output=True)
    return "" if library() else "libfaketime is not there: install the package faketime"


class TurnedClock:
    """What the wall clock of some processes shows, as far as it is from the true time."""

    def __init__(self, file: Path) -> None:
        """Show the true time."""
        self._file = file
        self.turn(timedelta())

    def turn(self, ahead: timedelta) -> None:
        """Show a time so far ahead of the true one, or behind it."""
        text = f"{ahead.total_seconds():+.0f}\n"
        written = self._file.with_suffix(".new")
        written.write_text(text)
        written.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        """What a process must be started with to look at this clock; its waits stay true."""
        return {
            "LD_PRELOAD": library(),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
