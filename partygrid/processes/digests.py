"""The process that lets Prefect's schedule wake the digests. Without it the office sends them."""

import logging
import os
from contextlib import suppress
from threading import Event, Thread

from partygrid import bootstrap
from partygrid.embedded.prefect_client import speak_to_prefect
from partygrid.embedded.supervisor import stop_asked
from partygrid.metrics import prefect_reachable, registry_of, told_to_prometheus
from partygrid.processes.pulse import Pulse, beat_file
from partygrid.settings import Settings

log = logging.getLogger(__name__)

#: Seconds before serving is tried again while Prefect's server is away.
_PAUSE = 5.0


def run_digests(settings: Settings, *, name: str) -> None:
    """Serve the digests' deployments until this process is asked to end.

    Raises `Unavailable` where no Prefect server is settled at all.
    """
    settings.address("prefect_api_url")
    speak_to_prefect(settings)
    registry = registry_of(name)
    prefect_reachable(settings, registry)
    with stop_asked() as asked, told_to_prometheus(settings, registry):
        pulse = Pulse(asked, beat_file(settings.home, name), os.getpid())
        # A thread: Prefect's runner would take over this process's signals in the main one.
        serving = Thread(target=_serve, args=(settings, asked), name="prefect", daemon=True)
        serving.start()
        while not pulse.wait(1.0) and serving.is_alive():
            pass
        serving.join(timeout=10)
        pulse.end()


def _serve(settings: Settings, stop: Event) -> None:
    from flows.digest import serve  # noqa: PLC0415 - Prefect reads its settings on import

    policy = bootstrap.policy_of(settings)
    while not stop.is_set():
        with suppress(Exception):  # the server may vanish at any call; the office sends meanwhile
            log.info("Prefect's schedule wakes the digests")
            serve(policy, stop)
        if not stop.is_set():
            log.warning("Prefect does not answer: the office sends the digests")
            stop.wait(_PAUSE)
