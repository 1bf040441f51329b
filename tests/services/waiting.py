"""Waiting for something to become so, with a deadline."""

import time
from collections.abc import Callable

from partygrid.simulation.stage import Stage


def soon(so: Callable[[], bool], stage: Stage | None = None, *, seconds: float = 30) -> bool:
    """Ask again and again whether it is so, and look after the stage meanwhile."""
    deadline = time.monotonic() + seconds
    while not so():
        if time.monotonic() > deadline:
            return False
        if stage is not None:
            stage.keep()
        time.sleep(0.01)
    return True
