"""The engine killed with SIGKILL at moments drawn from the seed, as often as one likes."""

import time
from datetime import datetime, timedelta

from partygrid.sample.draw import Draw
from partygrid.simulation.stage import Stage

#: How long after an instant was released the signal comes at most: in the middle of its work.
_WITHIN = timedelta(milliseconds=60)


class Kills:
    """Kills when the week comes by a drawn moment, while the engine is at work on its instant."""

    def __init__(
        self, stage: Stage, draw: Draw, count: int, *, start: datetime, end: datetime
    ) -> None:
        """Draw the moments; the engine is never killed before the week starts."""
        self._stage, self._draw = stage, draw
        span = int((end - start).total_seconds())
        self._moments = sorted(
            start + timedelta(seconds=draw.between(0, span, "kill", number))
            for number in range(count)
        )
        self._armed = 0

    def before(self, instant: datetime) -> None:
        """Get ready where one of the moments has come."""
        while self._moments and self._moments[0] <= instant:
            self._moments.pop(0)
            self._armed += 1

    def while_waiting(self) -> None:
        """Kill once, and look after the children."""
        if self._armed:
            share = self._draw.share("when", self._armed, len(self._moments))
            time.sleep(share * _WITHIN.total_seconds())
            # Where it is just being started again, the next look will find it.
            self._armed -= self._stage.kill_engine()
        self._stage.keep()
