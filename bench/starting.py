"""How long `partygrid up` takes until everything answers: in a fresh home, and there again."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from partygrid.embedded.child import dies_with_us

#: With Prefect or without → starts in the same home, of which the first makes everything.
_STARTS = {True: 3, False: 2}
_GIVE_UP, _STOP_WITHIN = 120, 60
_OURS = re.compile(r"PARTYGRID_|PREFECT_")
_SAID = re.compile(r"  ready +(\S+)")


class Start(NamedTuple):
    """Seconds from the command until it says `ready`."""

    prefect: bool
    #: 1 is the one in a fresh home
    number: int
    seconds: float
    #: process → seconds until it answered
    answered: dict[str, float]


def measure() -> list[Start]:
    """Start everything in a fresh home and there again, with Prefect and without."""
    found = []
    for prefect, times in _STARTS.items():
        with tempfile.TemporaryDirectory(
            prefix="partygrid-start-", ignore_cleanup_errors=True
        ) as made:
            folder = Path(made)
            folder.chmod(0o755)  # the database's own account passes through
            found += [
                _start(folder / "home", number, prefect=prefect) for number in range(1, times + 1)
            ]
    return found


def _start(home: Path, number: int, *, prefect: bool) -> Start:
    """Start everything, wait until it answers, and stop it as Ctrl-C does."""
    kept = {name: text for name, text in os.environ.items() if not _OURS.match(name)}
    begun, answered = time.monotonic(), dict[str, float]()
    process = subprocess.Popen(
        (sys.executable, "-m", "partygrid.cli", "up", *(() if prefect else ("--no-prefect",))),
        env={**kept, "PARTYGRID_HOME": str(home), "PARTYGRID_HTTP_PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=dies_with_us(signal.SIGTERM),
    )
    try:
        took = _ready(process, begun, answered)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=_STOP_WITHIN)
    return Start(prefect, number, took, answered)


def _ready(process: subprocess.Popen[str], begun: float, answered: dict[str, float]) -> float:
    """Note when each process answers; returns when all do."""
    said = []
    assert process.stdout is not None
    for line in process.stdout:
        passed = time.monotonic() - begun
        said.append(line)
        if (one := _SAID.match(line)) is not None:
            answered.setdefault(one[1], passed)
        if line.startswith("ready"):
            return passed
        if passed > _GIVE_UP:
            break
    raise RuntimeError(f"it did not come up:\n{''.join(said)}")
