"""A server as a process of ours: in its own folder, never outliving us, stopped for sure."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Self

from partygrid.errors import Unavailable

LOG_LIMIT = 20_000_000  # bytes; a larger log is set aside at the next start
POLL = 0.02  # seconds between two looks at a server that is starting
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>


class ServerDidNotStart(Unavailable):
    """A server did not start. Its log says why."""


@dataclass(frozen=True, kw_only=True)
class Child:
    """How to run one server and how to tell that it answers."""

    name: str
    argv: tuple[str, ...]
    folder: Path  # working folder, made on start
    log: Path
    ready: Callable[[int], bool]  # given the pid: does *this* process answer?
    env: Mapping[str, str] = field(default_factory=dict)  # the whole environment, nothing is added
    prepare: Callable[[], None] | None = None  # runs before every start
    needs: tuple[str, ...] = ()  # names of the children that must answer first
    metrics: str = ""  # where it tells them, if it does
    user: str | None = None  # account to run under, where we are root
    stop_signal: signal.Signals = signal.SIGTERM
    start_limit: timedelta = timedelta(seconds=60)
    stop_limit: timedelta = timedelta(seconds=15)


class Process:
    """A started child."""

    def __init__(self, child: Child, popen: subprocess.Popen[bytes]) -> None:
        self.child = child
        self.since = time.monotonic()
        self._popen, self._asked = popen, False

    @classmethod
    def start(cls, child: Child) -> Self:
        """Start the child from the main thread: it dies with the *thread* that started it."""
        if child.prepare:
            child.prepare()
        child.folder.mkdir(parents=True, exist_ok=True)
        with _open_log(child.log) as log:
            popen = subprocess.Popen(
                child.argv,
                cwd=child.folder,
                env=dict(child.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us alone; we stop the children in order
                user=child.user,
                group=child.user,
                extra_groups=[] if child.user else None,
                umask=0o077,
                preexec_fn=dies_with_us(child.stop_signal),
            )
        return cls(child, popen)

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its process group."""
        return self._popen.pid

    def exit_code(self) -> int | None:
        """Return how it ended, or None while it lives."""
        return self._popen.poll()

    def answers(self) -> bool:
        """Tell whether it lives and is ready."""
        return self.exit_code() is None and self.child.ready(self.pid)

    def late(self) -> bool:
        """Tell whether it has had more time to get ready than it is given."""
        return time.monotonic() - self.since > self.child.start_limit.total_seconds()

    def wait_ready(self) -> None:
        """Return when it answers; raise `ServerDidNotStart` when it ended or took too long."""
        while not self.answers():
            if self.exit_code() is not None or self.late():
                raise self.failure()
            time.sleep(POLL)

    def failure(self) -> ServerDidNotStart:
        """Describe why it is not up, with the end of its log."""
        code = self.exit_code()
        what = "did not answer in time" if code is None else f"ended with code {code}"
        return ServerDidNotStart(
            f"{self.child.name} {what}. The end of {self.child.log}:\n{_tail(self.child.log)}",
            child=self.child.name,
        )

    def ask(self) -> None:
        """Ask it to end, once; wait for nothing."""
        if not self._asked and self.exit_code() is None:
            self._asked = True
            self._popen.send_signal(self.child.stop_signal)

    def stop(self) -> None:
        """Ask it to end, wait, and kill its whole group if it does not."""
        if self.exit_code() is None:
            self.ask()
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(self.child.stop_limit.total_seconds())
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()


@contextmanager
def running(child: Child) -> Iterator[Process]:
    """Run one child for as long as the block lasts."""
    process = Process.start(child)
    try:
        process.wait_ready()
        yield process
    finally:
        process.stop()


def dies_with_us(stop_signal: signal.Signals) -> Callable[[], None] | None:
    """Make the hook that asks the kernel to end the child when its parent dies (Linux only)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask() -> None:
        prctl(_SET_PARENT_DEATH_SIGNAL, int(stop_signal), 0, 0, 0)
        if os.getppid() != parent:  # we died before the kernel was asked
            os._exit(1)

    return ask


def _open_log(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_suffix(".log.1"))
    path.touch(mode=0o600)
    return path.open("ab")


def _tail(path: Path, lines: int = 15) -> str:
    if not path.exists():
        return "(empty)"
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
