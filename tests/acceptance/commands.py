"""The real command as a subprocess, in an environment that knows nothing of this machine's."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from partygrid.embedded.installation import Installation

COMMAND = (sys.executable, "-m", "partygrid.cli")
_OURS = re.compile(r"PARTYGRID_|PREFECT_|COV_|PYTEST_")


def environment(home: Path, **settings: str) -> dict[str, str]:
    """Return an environment with a home folder, free ports and these settings."""
    kept = {name: text for name, text in os.environ.items() if not _OURS.match(name)}
    ours = {"HOME": home, "HTTP_PORT": 0, "PARTITIONS": 2, "ENGINES": 1} | settings
    return kept | {f"PARTYGRID_{name}": str(value) for name, value in ours.items()}


def run(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a subcommand to its end."""
    return subprocess.run(
        (*COMMAND, *arguments),
        env=environment(home, **settings),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


def until(condition: Callable[[], object], *, seconds: float, what: str) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Up:
    """A running `partygrid up`."""

    def __init__(self, home: Path, process: subprocess.Popen[str], output: Path) -> None:
        self.home, self.process, self._output = home, process, output

    @property
    def output(self) -> str:
        """What it has said."""
        return self._output.read_text()

    @property
    def installation(self) -> Installation:
        """What other commands know of it."""
        found = Installation.read(self.home)
        assert found
        return found

    def interrupt(self) -> int:
        """Press Ctrl-C and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=40)


@contextmanager
def up(home: Path, *options: str, seconds: float = 120, **settings: str) -> Iterator[Up]:
    """Run `partygrid up` until all of it answers; end it after."""
    output = home.with_suffix(".out")
    with output.open("w") as written:
        process = subprocess.Popen(
            (*COMMAND, "up", *options),
            env=environment(home, **settings),
            cwd="/",
            stdout=written,
            stderr=subprocess.STDOUT,
            text=True,
        )
    one = Up(home, process, output)
    try:
        until(
            lambda: "\nready" in one.output or process.poll() is not None,
            seconds=seconds,
            what="not ready in time",
        )
        assert process.poll() is None, one.output
        yield one
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=40)
