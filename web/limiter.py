"""How often somebody may ask within a minute. Counted in this process, forgotten with it."""

import threading
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter, RateLimiter, SlidingWindowCounterRateLimiter

from models.policy.reach import EventLimits
from partygrid.clock import WallClock
from web.counted import DoorMetrics
from web.problems import Problem

_MINUTE = timedelta(minutes=1)
#: Whoever has one address of IPv6 has all of its network.
_OWN_NETWORK = 64


class Limit(StrEnum):
    """What is limited, each for itself."""

    #: events posted, by app
    EVENTS = "events"
    #: evidence brought, by app
    EVIDENCE = "evidence"
    #: identities handed to the vault, by app
    IDENTITIES = "identities"
    #: outcomes and evidence fetched, by app
    READS = "reads"
    #: requests whose sender proved nothing, by address
    FAILURES = "failures"


class Limiter:
    """Counts over the last minute. Threads share it."""

    def __init__(
        self, at_most: Mapping[Limit, int], metrics: DoorMetrics, *, window: timedelta = _MINUTE
    ) -> None:
        """Allow so many within `window`, whole seconds."""
        self._metrics, seconds = metrics, int(window / timedelta(seconds=1))
        self._items = {
            limit: RateLimitItemPerSecond(count, seconds) for limit, count in at_most.items()
        }
        # Apps are few and counted exactly. Of addresses there may be any number, so two figures
        # are kept of each, and dropped after the minute.
        self._apps = MovingWindowRateLimiter(MemoryStorage())
        self._addresses = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._one_at_a_time = threading.Lock()

    def take(self, limit: Limit, who: str) -> None:
        """Count one. Raises `Problem` where there was no more to take."""
        with self._one_at_a_time:
            if self._strategy(limit).hit(self._items[limit], limit, who):
                return
            wait = self._wait(limit, who)
        self._metrics.note_limited(limit)
        raise Problem("rate_limited", retry_after=wait)

    def note(self, limit: Limit, who: str) -> None:
        """Count one, whether there was one to take or not."""
        with self._one_at_a_time:
            self._strategy(limit).hit(self._items[limit], limit, who)

    def refuse_spent(self, limit: Limit, who: str) -> None:
        """Raise `Problem` where there is no more to take; count nothing."""
        with self._one_at_a_time:
            if self._strategy(limit).test(self._items[limit], limit, who):
                return
            wait = self._wait(limit, who)
        self._metrics.note_limited(limit)
        raise Problem("too_many_failures", retry_after=wait)

    def _strategy(self, limit: Limit) -> RateLimiter:
        return self._addresses if limit is Limit.FAILURES else self._apps

    def _wait(self, limit: Limit, who: str) -> int:
        stats = self._strategy(limit).get_window_stats(self._items[limit], limit, who)
        return max(1, ceil(stats.reset_time - WallClock().now().timestamp()))


def allowed_by(limits: EventLimits) -> dict[Limit, int]:
    """Return what the policy allows."""
    return {
        Limit.EVENTS: limits.posts_a_minute,
        Limit.EVIDENCE: limits.evidence_a_minute,
        Limit.IDENTITIES: limits.identities_a_minute,
        Limit.READS: limits.reads_a_minute,
        Limit.FAILURES: limits.failures_a_minute,
    }


def network_of(address: str) -> str:
    """Return what one caller may call its own: an address, of IPv6 the network it lies in."""
    try:
        known = ip_address(address)
    except ValueError:
        return "?"
    if not isinstance(known, IPv6Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ip_network((known, _OWN_NETWORK), strict=False))
