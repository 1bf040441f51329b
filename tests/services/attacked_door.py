"""The door as a process of its own, on a small county, with limits that let an attack through."""

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import yaml

from partygrid.bootstrap import prepare
from partygrid.clock import WallClock
from partygrid.embedded.child import Child, running
from partygrid.embedded.ports import free_port, http_ok, listens
from partygrid.settings import Settings
from tests.integration.door_rig import POLICY, DoorRig, door_rig, told

STRUCTURED = "application/cloudevents+json"
_PLENTY = 1_000_000
_LIMITS = ("posts", "evidence", "identities", "reads", "failures")


class AttackedDoor(NamedTuple):
    """A door that listens, its database, and what it logs."""

    rig: DoorRig
    port: int
    log: Path
    client: httpx.Client

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def post(self, body: Any, *, kind: str = STRUCTURED, **more: Any) -> httpx.Response:
        """Post an event or a batch with the usual token, or with these headers."""
        headers = {"Authorization": f"Bearer {self.rig.token}", "Content-Type": kind}
        headers |= more.pop("headers", {})
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post("/events", content=content, headers=headers)

    def wire(self, *, within: float = 30) -> socket.socket:
        """Connect without speaking HTTP by oneself."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=within)

    def says(self, *parts: bytes, within: float = 30) -> bytes:
        """Send the parts; return all that comes until the door hangs up."""
        with self.wire(within=within) as wire:
            for part in parts:
                wire.sendall(part)
            return answer_on(wire)

    def is_well(self) -> bool:
        """Does it answer, and take an event as if nothing had been?"""
        return bool(self.client.get("/health").json() == {"status": "ok"})


def answer_on(wire: socket.socket) -> bytes:
    """Return all that comes until the other side hangs up."""
    answer = b""
    try:
        while some := wire.recv(65536):
            answer += some
    except ConnectionResetError:
        pass
    return answer


def now_told(event_id: str, **changes: Any) -> dict[str, Any]:
    """Return a report that happened just now."""
    return told(event_id=event_id, time=datetime.now(UTC).isoformat(), **changes)


@contextmanager
def attacked_door(database_url: str, folder: Path, **limits: int) -> Iterator[AttackedDoor]:
    """Run a door on this database."""
    pack = folder / "pack"
    pack.mkdir(parents=True)
    (pack / "pack.yaml").write_text(yaml.safe_dump({"extends": "default", "version": "t"}))
    wide = dict.fromkeys((f"{name}_a_minute" for name in _LIMITS), _PLENTY) | limits
    (pack / "limits.yaml").write_text(yaml.safe_dump(wide))
    settings = Settings.model_validate(
        {
            "home": folder,
            "database_url": database_url,
            "kafka_bootstrap": "127.0.0.1:9",  # the door never asks it
            "policy_dir": pack,
            "http_port": free_port(),
            "log_format": "json",
        }
    )
    prepare(database_url, settings, POLICY, WallClock().now())
    port = settings.http_port
    child = Child(
        name="http",
        argv=(sys.executable, "-m", "partygrid.cli", "http"),
        folder=folder,
        log=folder / "http.log",
        env=dict(os.environ) | settings.environment(),
        ready=lambda pid: listens(pid, port) and http_ok(port, "/health"),
    )
    with (
        door_rig(database_url, folder / "rig") as rig,
        running(child),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        yield AttackedDoor(rig, port, child.log, client)


def head(path: str, *lines: str, method: str = "POST") -> bytes:
    """Return the head of a request."""
    told_lines = (f"{method} {path} HTTP/1.1", "Host: door", *lines)
    return "".join(f"{line}\r\n" for line in told_lines).encode() + b"\r\n"


def trickle(wire: socket.socket, what: bytes, *, every: float, until: float) -> float:
    """Send byte after byte; return after how many seconds the door hung up."""
    began = time.monotonic()
    wire.settimeout(every)
    for one in (bytes([byte]) for byte in what):
        if time.monotonic() - began > until:
            break
        try:
            wire.sendall(one)
            if not wire.recv(65536):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began
