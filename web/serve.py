"""The HTTP doors as a process of their own: from settings to a server that listens."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from events.evidence import EvidenceStore
from partygrid import bootstrap
from partygrid.adapters import pool_of
from partygrid.clock import Clock, WallClock
from partygrid.keyring import Keyring
from partygrid.metrics import registry_of, told_to_prometheus
from partygrid.settings import Settings
from web.door import Installation, create_app
from web.wire import WatchedConnection

log = logging.getLogger(__name__)


@contextmanager
def door_of(
    settings: Settings, clock: Clock, registry: CollectorRegistry | None = None
) -> Iterator[FastAPI]:
    """Give the application of an installation; its database connections are closed after.

    It counts its requests in `registry`.
    """
    folder = bootstrap.secrets_folder(settings)
    with pool_of(settings) as pool:
        yield create_app(
            Installation(
                pool=pool,
                policy=bootstrap.policy_of(settings),
                own_key=bootstrap.installation_key(folder, "own.key"),
                partitions=settings.partitions,
                vault=Keyring(settings).vault(),
                evidence=EvidenceStore(settings.home / "evidence"),
                clock=clock,
                registry=registry or CollectorRegistry(),
            )
        )


def serve(settings: Settings, *, name: str) -> None:
    """Listen until this process is told to end (SIGTERM, SIGINT); what is in work is finished."""
    registry = registry_of(name)
    with (
        told_to_prometheus(settings, registry),
        door_of(settings, WallClock(), registry) as app,
    ):
        server_of(app, settings).run()


def server_of(app: FastAPI, settings: Settings) -> uvicorn.Server:
    """Return the server, not started yet."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.http_host,
            port=settings.http_port,
            log_config=None,
            access_log=False,
            server_header=False,
            http=WatchedConnection,
            ws="none",
            forwarded_allow_ips=settings.http_proxies,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=10,
            h11_max_incomplete_event_size=32 * 1024,
        )
    )
