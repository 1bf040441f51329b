"""Starts children in the order of their needs, watches them, starts the fallen again."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from graphlib import TopologicalSorter
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from partygrid.embedded.child import POLL, Child, Process, ServerDidNotStart

LOOK_AGAIN = timedelta(seconds=5)  # how often a ready child is asked whether it still answers
SETTLED = timedelta(minutes=1)  # ready for so long, and earlier failures are forgotten
FIRST_PAUSE = timedelta(milliseconds=500)
LONGEST_PAUSE = timedelta(seconds=30)
#: A start takes a core to itself for seconds: as many at once as there are cores, two at least, are
#: sooner ready than all together. One that takes longer than this keeps no other from starting.
AT_ONCE = max(2, os.cpu_count() or 1)
KEEPS_ITS_CORE = timedelta(seconds=8)
TRIES = 5  # a child that was never ready is given up after so many starts


class State(StrEnum):
    """How a child is."""

    WAITING = "waiting"  # for those it needs, or for room to start
    STARTING = "starting"  # its process runs and does not answer yet
    READY = "ready"  # it answers
    UNWELL = "unwell"  # it was ready, runs and does not answer
    FALLEN = "fallen"  # it ended; it is started again after a pause
    STOPPED = "stopped"  # it was asked to end


class Status(BaseModel):
    """One child as the supervisor sees it."""

    model_config = ConfigDict(frozen=True)

    name: str
    state: State
    pid: int | None
    starts: int
    log: Path
    metrics: str = ""  # address


@dataclass
class _Watched:
    child: Child
    state: State = State.WAITING
    process: Process | None = None
    starts: int = 0
    failures: int = 0  # since it was last settled
    was_ready: bool = False
    due: float = field(default=0.0)  # monotonic; when to look, or to start again
    longest_pause: timedelta = LONGEST_PAUSE

    def status(self) -> Status:
        pid = self.process.pid if self.process else None
        child = self.child
        return Status(
            name=child.name,
            state=self.state,
            pid=pid,
            starts=self.starts,
            log=child.log,
            metrics=child.metrics,
        )

    def has_a_core(self, now: float) -> bool:
        """Tell whether it was started a short while ago and does not answer yet."""
        if self.process is None or self.state is not State.STARTING:
            return False
        return now - self.process.since < KEEPS_ITS_CORE.total_seconds()

    def step(self, now: float, ready: set[str], *, room: bool) -> None:
        """Look at the child once and do what is due; it is started where there is room.

        Raises `ServerDidNotStart` to give up.
        """
        if self.process is None:
            if room and now >= self.due and ready.issuperset(self.child.needs):
                self.starts += 1
                self.process = Process.start(self.child)
                self.state = State.STARTING
        elif self.process.exit_code() is not None:
            self._fell(self.process, now)
        elif self.state is State.STARTING:
            self._look_whether_it_started(self.process, now)
        elif now >= self.due:
            self._look_whether_it_answers(self.process, now)

    def _look_whether_it_started(self, process: Process, now: float) -> None:
        if process.answers():
            self.state, self.was_ready = State.READY, True
            self.due = now + LOOK_AGAIN.total_seconds()
        elif process.late():
            self._fell(process, now)

    def _look_whether_it_answers(self, process: Process, now: float) -> None:
        self.state = State.READY if process.answers() else State.UNWELL
        self.due = now + LOOK_AGAIN.total_seconds()
        if now - process.since > SETTLED.total_seconds():
            self.failures = 0

    def _fell(self, process: Process, now: float) -> None:
        why = process.failure()
        process.stop()  # also what it left behind in its process group
        self.failures += 1
        if not self.was_ready and self.failures >= TRIES:
            raise why
        pause = min(FIRST_PAUSE * 2 ** (self.failures - 1), self.longest_pause)
        self.state, self.process, self.due = State.FALLEN, None, now + pause.total_seconds()

    def stop(self) -> None:
        if self.process:
            self.process.stop()
        self.state, self.process = State.STOPPED, None


class Supervisor:
    """Keeps a set of children running. Everything happens in the caller's thread, in `step`."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        on_change: Callable[[tuple[Status, ...]], None] = lambda _: None,
        longest_pause: timedelta = LONGEST_PAUSE,
    ) -> None:
        """Order the children by their needs; report through `on_change` whenever one changes.

        `longest_pause` is how long one that fell again and again waits for its next start.
        """
        by_name = {child.name: child for child in children}
        order = TopologicalSorter({child.name: child.needs for child in children}).static_order()
        self._watched = [_Watched(by_name[name], longest_pause=longest_pause) for name in order]
        self._on_change = on_change
        self._told: tuple[Status, ...] = ()

    def statuses(self) -> tuple[Status, ...]:
        """Return how every child is, those first that others need."""
        return tuple(watched.status() for watched in self._watched)

    def all_ready(self) -> bool:
        """Tell whether every child answers."""
        return all(watched.state is State.READY for watched in self._watched)

    def step(self) -> None:
        """Look at every child once; raise `ServerDidNotStart` where one never comes up."""
        for watched in self._watched:
            now = time.monotonic()
            ready = {other.child.name for other in self._watched if other.was_ready}
            starting = sum(other.has_a_core(now) for other in self._watched)
            watched.step(now, ready, room=starting < AT_ONCE)
            self._tell()

    def wait_ready(self, limit: timedelta) -> None:
        """Step until every child answers."""
        deadline = time.monotonic() + limit.total_seconds()
        while not self.all_ready():
            if time.monotonic() > deadline:
                late = [s.name for s in self.statuses() if s.state is not State.READY]
                raise ServerDidNotStart(f"Not ready in time: {', '.join(late)}.")
            self.step()
            time.sleep(POLL)

    def stop(self) -> None:
        """Stop every child, those that need others first; of those, all at once."""
        needed = {need for watched in self._watched for need in watched.child.needs}
        for watched in self._watched:
            if watched.process is not None and watched.child.name not in needed:
                watched.process.ask()
        for watched in reversed(self._watched):
            watched.stop()
            self._tell()

    def _tell(self) -> None:
        if (statuses := self.statuses()) != self._told:
            self._told = statuses
            self._on_change(statuses)


def supervise(
    children: Sequence[Child], *, on_change: Callable[[tuple[Status, ...]], None]
) -> None:
    """Run the children until this process is asked to end (Ctrl-C, SIGTERM, closed terminal)."""
    supervisor = Supervisor(children, on_change=on_change)
    with stop_asked() as asked:
        try:
            while not asked.is_set():
                supervisor.step()
                asked.wait(0.05)
        finally:
            supervisor.stop()


@contextmanager
def stop_asked() -> Iterator[threading.Event]:
    """Give an event that is set when this process is asked to end, instead of ending it."""
    asked = threading.Event()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: asked.set()) for number in signals}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
