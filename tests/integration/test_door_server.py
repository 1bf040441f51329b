"""The doors as a server: too large, too slow, the database gone, and started from settings."""

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from partygrid.bootstrap import prepare
from partygrid.clock import WallClock
from partygrid.embedded.ports import free_port
from partygrid.settings import Settings
from tests.integration.door_rig import LIMITS, POLICY, DoorRig, door_rig, told
from web.serve import door_of, server_of

EVENT_BYTES = POLICY.limits.event_bytes


@pytest.fixture
def rig(database_url: str, tmp_path: Path) -> Iterator[DoorRig]:
    with door_rig(database_url, tmp_path) as one:
        yield one


@contextmanager
def listening(app: FastAPI, settings: Settings) -> Iterator[int]:
    """Serve the application; gives the port."""
    server: uvicorn.Server = server_of(app, settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    until = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < until
        time.sleep(0.01)
    try:
        yield settings.http_port
    finally:
        server.should_exit = True
        thread.join(timeout=10)


@pytest.fixture
def port(rig: DoorRig, tmp_path: Path) -> Iterator[int]:
    with listening(rig.app, Settings(home=tmp_path, http_port=free_port())) as one:
        yield one


def answer_to(port: int, *parts: bytes, within: float = 30) -> tuple[bytes, float]:
    """Send the parts, say nothing more; return all that comes until the door hangs up, and when."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=within) as wire:
        for part in parts:
            wire.sendall(part)
        answer = b""
        # Hanging up with bytes unread sends a reset: it ends the answer as a close does.
        with suppress(ConnectionResetError):
            while some := wire.recv(65536):
                answer += some
    return answer, time.monotonic() - began


def head(path: str, *lines: str) -> bytes:
    told_lines = (f"POST {path} HTTP/1.1", "Host: door", *lines)
    return "".join(f"{line}\r\n" for line in told_lines).encode() + b"\r\n"


def posting(rig: DoorRig, *lines: str, path: str = "/events") -> bytes:
    kind = "Content-Type: application/cloudevents+json"
    return head(path, f"Authorization: Bearer {rig.token}", kind, *lines)


@pytest.mark.parametrize(
    ("path", "at_most"), [("/events", EVENT_BYTES), ("/evidence", LIMITS.picture_bytes)]
)
def test_five_megabytes_are_refused_unread(
    path: str, at_most: int, rig: DoorRig, port: int
) -> None:
    """The length is announced: the answer comes before any of the body, then the door hangs up."""
    answer, _ = answer_to(port, posting(rig, "Content-Length: 5242880", path=path))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"too_large"' in answer
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("path", ["/events", "/evidence", "/identities"])
def test_an_endless_body_is_refused_while_it_comes_in(path: str, rig: DoorRig) -> None:
    """Nobody knows how long it will be: no more is read than may be there."""
    chunk, read = b"a" * 4096, 0

    async def receive() -> MutableMapping[str, Any]:
        nonlocal read
        read += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": True}

    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    kind = "application/json" if path == "/identities" else "application/cloudevents+json"
    headers = [(b"authorization", f"Bearer {rig.token}".encode()), (b"content-type", kind.encode())]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
    }
    asyncio.run(rig.app(scope, receive, send))
    assert sent[0]["status"] == 413
    assert read <= max(EVENT_BYTES, LIMITS.picture_bytes) + 2 * len(chunk)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param((), id="nothing"),
        pytest.param((b'{"id": ',), id="half-an-event"),
    ],
)
def test_a_body_that_does_not_come_is_not_waited_for(
    parts: tuple[bytes, ...], rig: DoorRig, port: int
) -> None:
    answer, took = answer_to(port, posting(rig, "Content-Length: 500"), *parts)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert 0.4 < took < 20


def test_a_length_and_chunks_both_end_the_connection(rig: DoorRig, port: int) -> None:
    """Else a proxy that counts by the one lets a request through that it never saw."""
    body = b"0\r\n\r\nGET /openapi.json HTTP/1.1\r\nHost: door\r\n\r\n"
    lines = (f"Content-Length: {len(body)}", "Transfer-Encoding: chunked")
    answer, _ = answer_to(port, posting(rig, *lines), body)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"openapi" not in answer


def test_a_client_that_hangs_up_leaves_nothing_behind(rig: DoorRig, port: int) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port)) as wire:
            wire.sendall(posting(rig, "Content-Length: 500") + b'{"id"')
    assert httpx.get(f"http://127.0.0.1:{port}/health", timeout=30).json() == {"status": "ok"}
    assert rig.outbox() == []


def test_the_server_does_not_say_what_it_is(port: int) -> None:
    headers = httpx.get(f"http://127.0.0.1:{port}/health", timeout=30).headers
    assert "server" not in headers
    assert headers["x-content-type-options"] == "nosniff"


def eventually(look: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not look():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.05)


def test_connections_that_were_cut_are_made_anew(rig: DoorRig) -> None:
    assert rig.ask("GET", "/health").status_code == 200
    rig.db.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    eventually(lambda: rig.post(told()).status_code == 202)
    assert len(rig.outbox()) == 1


def test_without_its_database_the_door_says_when_to_come_again(
    database_url: str, tmp_path: Path
) -> None:
    nowhere = create_engine(
        "postgresql+psycopg://nobody@127.0.0.1:1/nowhere",
        poolclass=NullPool,
        connect_args={"connect_timeout": 2},
    )
    with door_rig(database_url, tmp_path, pool=nowhere) as rig:
        for answer in (
            rig.post(told()),
            rig.ask("GET", "/events/e1"),
            rig.ask("GET", "/health", token=None),
            rig.ask("POST", "/identities", json={"name": "张三"}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
            assert "127.0.0.1" not in answer.text


def test_a_lock_that_is_held_too_long_is_not_waited_for(rig: DoorRig) -> None:
    """The door gives up within its patience, and nothing is kept half."""
    rig.db.execute("SET idle_in_transaction_session_timeout = 0")
    with rig.db.transaction():
        rig.db.execute("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE")
        answer = rig.post(told())
    assert answer.status_code == 503
    assert rig.post(told()).status_code == 202
    assert len(rig.outbox()) == 1


def test_the_doors_are_made_from_settings(database_url: str, tmp_path: Path) -> None:
    """As the command does it: keys in their folder, health without a token, pages of its own."""
    settings = Settings(home=tmp_path, database_url=SecretStr(database_url), http_port=free_port())
    prepare(database_url, settings, POLICY, WallClock().now())
    with (
        door_of(settings, WallClock()) as app,
        listening(app, settings) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        assert client.get("/health").json() == {"status": "ok"}
        described = client.get("/openapi.json").json()
        assert "/events" in described["paths"]
        page = client.get("/docs")
        assert page.headers["content-type"].startswith("text/html")
        assert "grid.report.filed.v1" in page.text
        assert "://" not in page.text
        front = client.get("/")
        assert front.headers["content-type"].startswith("text/html")
        for words in ("110、119、120", "接口说明", "In danger call"):
            assert words in front.text
        for link in re.findall(r'href="([^"]+)"', front.text):
            assert client.get(f"/{link}").status_code == 200
        assert client.post("/").status_code == 405
        body = json.dumps(told()).encode()
        kind = {"Content-Type": "application/cloudevents+json"}
        assert client.post("/events", content=body, headers=kind).status_code == 401
    assert (tmp_path / "secrets" / "own.key").exists()
    assert (tmp_path / "secrets" / "vault.key").exists()
