"""One process of Apache Kafka, and what a test may do to it."""

import os
import secrets
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from kafka.errors import KafkaError

from partygrid.embedded.child import Child, Process
from partygrid.embedded.ports import LOOPBACK, free_port

_QUIET = range(12000, 32000)
#: Seconds for brokers to come up beside others on two cores.
UP_WITHIN = 90.0


class Node:
    """One broker with its controller. Its log stays when it goes."""

    def __init__(self, number: int, child: Child, port: int) -> None:
        self.number, self._child, self.port = number, child, port
        self._process: Process | None = None

    @property
    def address(self) -> str:
        """Where clients reach it."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def log(self) -> Path:
        """What it writes about itself."""
        return self._child.log

    @property
    def runs(self) -> bool:
        """Tell whether its process lives."""
        return self._process is not None and self._process.exit_code() is None

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def begin(self) -> None:
        """Start its process, from the main thread; it answers a little later."""
        self._process = Process.start(self._child)

    def wait_listens(self) -> None:
        """Return when it listens; raise with the end of its log when it will not."""
        assert self._process is not None
        self._process.wait_ready()

    def kill(self) -> None:
        """End it like a power cut: `kill -9`."""
        if self._process is not None:
            self._process.stop()

    def stop(self) -> None:
        """Let it close its log and hand over what it leads, then end."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + 30
        while self.runs and time.monotonic() < deadline:
            time.sleep(0.02)
        self.kill()

    def freeze(self) -> None:
        """Let it fall silent, connections and all (SIGSTOP)."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it stood (SIGCONT)."""
        os.kill(self.pid, signal.SIGCONT)


def quiet_port() -> int:
    """Return a free port that stays free while a node is away, which starts for seconds.

    It lies below those that the system gives to outgoing connections.
    """
    while True:
        port = secrets.choice(_QUIET)
        if free_port(port) == port:
            return port


def until(come: Callable[[], bool], otherwise: str) -> None:
    """Ask again and again until it is so; fail after a deadline."""
    deadline = time.monotonic() + UP_WITHIN
    while True:
        with suppress(KafkaError):
            if come():
                return
        assert time.monotonic() < deadline, f"Apache Kafka: {otherwise}"
        time.sleep(0.1)
