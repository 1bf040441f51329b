"""How many events an app may post within a minute. Counted in this process, forgotten with it."""

import threading
from collections import deque
from datetime import datetime, timedelta
from math import ceil

_WINDOW = timedelta(minutes=1)


class Limiter:
    """Counts over the last minute, by app."""

    def __init__(self, at_most: int) -> None:
        """Allow `at_most` events a minute and app."""
        self._at_most = at_most
        self._lock = threading.Lock()
        self._posted: dict[str, deque[datetime]] = {}

    def take(self, source: str, now: datetime) -> int:
        """Count one event; returns 0, or in how many seconds the next one will be taken."""
        with self._lock:
            posted = self._posted.setdefault(source, deque())
            while posted and posted[0] <= now - _WINDOW:
                posted.popleft()
            if len(posted) < self._at_most:
                posted.append(now)
                return 0
            return ceil((posted[0] + _WINDOW - now) / timedelta(seconds=1))
