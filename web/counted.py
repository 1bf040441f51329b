"""What the doors tell Prometheus: requests by their declared route, never by what stands in it."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from partygrid.metrics import SECONDS

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class DoorMetrics:
    """The figures of one door process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Add them to what the process tells."""
        self._requests = Counter(
            "partygrid_http_requests",
            "Answered requests",
            ["route", "method", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "partygrid_http_request_seconds",
            "Seconds from a request's head to the end of its answer",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )

        self._limited = Counter(
            "partygrid_http_limited",
            "Requests or events refused because there were too many in a minute",
            ["limit"],
            registry=registry,
        )

    def note_limited(self, limit: str) -> None:
        """Note one that was refused because there were too many."""
        self._limited.labels(limit).inc()

    def note(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """Note a request that ended; status 0: the caller was gone before an answer.

        `method` is one of `METHODS` or `other`: a caller may write any word there.
        """
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
