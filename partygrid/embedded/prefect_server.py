"""Prefect's server as a process of its own, with its own database in the same PostgreSQL.

Its in-process variant runs no scheduler: cron would never fire there, and nothing would say so.
"""

import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path

from partygrid.embedded.child import Child
from partygrid.embedded.ports import LOOPBACK, http_ok, listens

# For every process that talks to Prefect. Silent towards its makers; and as soon as its server is
# away it says so, because the work goes on without it.
CLIENT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_API_REQUEST_TIMEOUT": "3",
    "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",
    "PREFECT_CLIENT_MAX_RETRIES": "0",
    "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_EVENTS_WORKER_MAX_QUEUE_SIZE": "10000",
    "PREFECT_LOGGING_LEVEL": "WARNING",  # its lines repeat what its pages show
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_TASKS_DEFAULT_PERSIST_RESULT": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
}

SERVER = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    # Recorders that write one row at a time choke on the task runs of one busy engine.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "500",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "100",
    # A task run takes sixteen kilobytes: what Prefect keeps is a window, the journal is the record.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "P14D",
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P2D",
}


@dataclass(frozen=True)
class PrefectServer:
    """One server on a loopback port. Its API asks for the password in `auth`."""

    folder: Path
    port: int
    database_url: str  # for asyncpg

    @property
    def api_url(self) -> str:
        """The address for Prefect's clients."""
        return f"http://{LOOPBACK}:{self.port}/api"

    @cached_property
    def auth(self) -> str:
        """`user:password` of this installation, made once and kept in a file of the folder."""
        path = self.folder / "auth"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(f"partygrid:{secrets.token_urlsafe(24)}")
        return path.read_text()

    def child(self, name: str = "prefect", *, needs: tuple[str, ...] = ()) -> Child:
        """Describe the server process."""
        return Child(
            name=name,
            argv=(
                *(sys.executable, "-m", "partygrid.embedded.prefect_without_trigrams"),
                *("server", "start"),
                *("--host", LOOPBACK, "--port", str(self.port)),
            ),
            folder=self.folder,
            env=self._environment(),
            log=self.folder / "prefect.log",
            ready=self.answers,
            needs=needs,
            start_limit=timedelta(minutes=3),  # its migrations alone take a quarter of a minute
            stop_limit=timedelta(seconds=10),
        )

    def answers(self, pid: int) -> bool:
        """Tell whether the server and its database answer, and it is the process given."""
        return listens(pid, self.port) and http_ok(self.port, "/api/ready")

    def _environment(self) -> Mapping[str, str]:
        origins = f"http://{LOOPBACK}:{self.port},http://localhost:{self.port}"
        return SERVER | {
            "PATH": os.defpath,
            "LC_ALL": "C.UTF-8",
            "HOME": str(self.folder),
            "PREFECT_HOME": str(self.folder),
            "PREFECT_API_DATABASE_CONNECTION_URL": self.database_url,
            "PREFECT_SERVER_API_AUTH_STRING": self.auth,
            "PREFECT_API_AUTH_STRING": self.auth,  # its own services are clients too
            "PREFECT_API_URL": self.api_url,
            # By default any page that the operator's browser opens could call the API.
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": origins,
        }


def client_environment(*, api_url: str, auth: str | None, home: Path) -> dict[str, str]:
    """Return the environment that makes a process a client of this Prefect server."""
    credentials = {"PREFECT_API_AUTH_STRING": auth} if auth else {}
    folders = {
        "PREFECT_HOME": str(home),
        "PREFECT_RESULTS_LOCAL_STORAGE_PATH": str(home / "results"),
    }
    return CLIENT | {"PREFECT_API_URL": api_url} | credentials | folders
