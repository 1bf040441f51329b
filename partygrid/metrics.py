"""What each process tells Prometheus: a registry of its own, on a port of its own.

Nothing personal stands in a label: no case, no person, no app, no place. Marked cases are counted
with all others, so that nobody sees from here which there are.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)

from partygrid.settings import Settings

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

#: Seconds, from what an idle engine needs to what nobody should ever wait.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600)
#: Seconds that Prefect's server has to answer a scrape.
_PREFECT_WITHIN = 2.0
PREFECT_TOLD = "Prefect's server answers (1) or not (0)"


class LinesCounted(logging.Handler):
    """Counts log lines: a fault that nothing else counts is seen here."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Count from the first warning on."""
        super().__init__(logging.WARNING)
        self._lines = Counter(
            "partygrid_log_lines", "Log lines from WARNING on", ["level"], registry=registry
        )
        for level in ("warning", "error", "critical"):
            self._lines.labels(level)

    def emit(self, record: logging.LogRecord) -> None:
        """Count one line."""
        self._lines.labels(record.levelname.lower()).inc()


def registry_of(process: str) -> CollectorRegistry:
    """Return what a process of this name tells of itself; its own figures are added to it."""
    registry = CollectorRegistry(auto_describe=True)
    told = Info("partygrid_process", "Name and version of this process", registry=registry)
    told.info({"name": process, "version": version("partygrid")})
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry


@contextmanager
def told_to_prometheus(settings: Settings, registry: CollectorRegistry) -> Iterator[None]:
    """Tell it at `/metrics` of this process's port, as long as the block lasts.

    Without a port nothing is told. A port that is taken is logged and holds nothing up.
    """
    lines = LinesCounted(registry)
    root = logging.getLogger()
    root.addHandler(lines)
    try:
        with _served(settings, registry):
            yield
    finally:
        root.removeHandler(lines)


@contextmanager
def _served(settings: Settings, registry: CollectorRegistry) -> Iterator[None]:
    if settings.metrics_port is None:
        yield
        return
    try:
        server, thread = start_http_server(
            settings.metrics_port, settings.metrics_host, registry=registry
        )
    except OSError as fault:
        log.warning("metrics are told nowhere, their port: %s", fault.strerror)
        yield
        return
    log.info("metrics at http://%s:%s/metrics", settings.metrics_host, server.server_port)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def prefect_reachable(settings: Settings, registry: CollectorRegistry) -> None:
    """Tell whether Prefect's server answers this process; nothing where none is settled."""
    if settings.prefect_api_url is None:
        return
    told = Gauge("partygrid_prefect_reachable", PREFECT_TOLD, registry=registry)
    told.set_function(_Prefect(settings).answers)


class _Prefect:
    """Asks Prefect's server how it is.

    The client's library is loaded with the first question: it takes a fifth of a second, for which
    no process should wait when it starts.
    """

    def __init__(self, settings: Settings) -> None:
        """Connect to nothing yet."""
        self._auth = settings.prefect_api_auth
        self._health = f"{settings.prefect_api_url}/health"

    @cached_property
    def _client(self) -> "httpx.Client":
        import httpx  # noqa: PLC0415

        auth = self._auth
        return httpx.Client(
            auth=httpx.BasicAuth(*auth.get_secret_value().split(":", 1)) if auth else None,
            timeout=_PREFECT_WITHIN,
        )

    def answers(self) -> float:
        """Return 1 where it does, 0 where it does not."""
        import httpx  # noqa: PLC0415

        try:
            return float(self._client.get(self._health).is_success)
        except (httpx.HTTPError, httpx.InvalidURL):
            return 0.0
