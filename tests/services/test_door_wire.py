"""The door below HTTP: what trickles, answers that nobody takes, requests that are none."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psutil
import pytest

from partygrid.embedded.postgres import Postgres
from tests.services.attacked_door import (
    STRUCTURED,
    AttackedDoor,
    answer_on,
    attacked_door,
    head,
    now_told,
    trickle,
)
from web.wire import HEAD_WITHIN

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

#: What a look every second, and a busy machine, may add.
SLACK = 20.0
BODY_WITHIN = 10.0


@pytest.fixture(scope="module")
def door(
    postgres: Postgres, migrated: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AttackedDoor]:
    postgres.create_database("wired", template=migrated)
    with attacked_door(postgres.url("wired"), tmp_path_factory.mktemp("wired")) as one:
        yield one
    postgres.drop_database("wired")


@pytest.fixture(autouse=True)
def unharmed(door: AttackedDoor) -> Iterator[None]:
    """Whatever was tried, the door goes on, and broke nowhere."""
    before = door.log.stat().st_size
    yield
    assert door.is_well()
    told = [json.loads(line) for line in door.log.read_bytes()[before:].splitlines()]
    assert [line for line in told if line["level"] in ("ERROR", "CRITICAL")] == []


def posting(door: AttackedDoor, *lines: str) -> bytes:
    token, kind = f"Authorization: Bearer {door.rig.token}", f"Content-Type: {STRUCTURED}"
    return head("/events", token, kind, *lines)


# --- slow -----------------------------------------------------------------------------------------


def test_a_head_that_trickles_is_cut_off(door: AttackedDoor) -> None:
    with door.wire() as wire:
        lasted = trickle(wire, posting(door) * 50, every=0.1, until=60)
    assert HEAD_WITHIN - 1 < lasted < HEAD_WITHIN + SLACK


def test_a_second_head_that_trickles_is_cut_off_too(door: AttackedDoor) -> None:
    """Each byte would put off the end of a connection that is kept alive."""
    with door.wire() as wire:
        wire.sendall(head("/health", method="GET"))
        assert wire.recv(65536).startswith(b"HTTP/1.1 200 ")
        lasted = trickle(wire, b"GET /health HTTP/1.1\r\nX: " + b"a" * 5000, every=0.5, until=60)
    assert lasted < HEAD_WITHIN + SLACK


def test_who_says_nothing_is_told_so_and_cut_off(door: AttackedDoor) -> None:
    began = time.monotonic()
    answer = door.says(within=60)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in answer
    assert time.monotonic() - began < HEAD_WITHIN + SLACK


def test_a_body_that_trickles_is_cut_off(door: AttackedDoor) -> None:
    with door.wire() as wire:
        wire.sendall(posting(door, "Content-Length: 10000"))
        lasted = trickle(wire, b" " * 10_000, every=0.2, until=60)
    assert lasted < BODY_WITHIN + SLACK


def test_chunks_that_trickle_are_cut_off(door: AttackedDoor) -> None:
    with door.wire() as wire:
        wire.sendall(posting(door, "Transfer-Encoding: chunked"))
        lasted = trickle(wire, b"1\r\na\r\n" * 500, every=0.2, until=60)
    assert lasted < BODY_WITHIN + SLACK


def test_others_are_served_while_many_trickle(door: AttackedDoor) -> None:
    with ExitStack() as held:
        slow = [held.enter_context(door.wire()) for _ in range(150)]
        for wire in slow:
            wire.sendall(b"POST /events HTTP/1.1\r\nHost: door\r\n")
        began = time.monotonic()
        assert door.post(now_told("meanwhile")).status_code == 202
        assert time.monotonic() - began < HEAD_WITHIN
        for wire in slow:
            assert answer_on(wire).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - began < HEAD_WITHIN + 2 * SLACK


def test_an_answer_that_nobody_takes_is_let_go(door: AttackedDoor) -> None:
    """It would fill the memory, one answer for each such client."""
    text = ("说明" * 700_000).encode()
    token = {"Authorization": f"Bearer {door.rig.token}", "Content-Type": "text/plain"}
    kept = door.client.post("/evidence", content=text, headers=token)
    assert kept.status_code == 201, kept.text
    get = head(
        f"/evidence/{kept.json()['sha256']}",
        f"Authorization: Bearer {door.rig.token}",
        method="GET",
    )
    with ExitStack() as held:
        for _ in range(5):
            wire = held.enter_context(door.wire())
            wire.sendall(get)
        until = time.monotonic() + 90
        while established(door) > 1:  # ours, that is kept alive
            assert time.monotonic() < until, "an answer waits for ever"
            time.sleep(0.5)


def established(door: AttackedDoor) -> int:
    return sum(
        one.status == psutil.CONN_ESTABLISHED
        and getattr(one.laddr, "port", 0) == door.port
        and one.pid != psutil.Process().pid
        for one in psutil.net_connections("tcp")
    )


# --- no requests ----------------------------------------------------------------------------------

NONE = {
    "noise": bytes(range(256)) * 4,
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100,
    "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no-host": b"GET /health HTTP/1.1\r\n\r\n",
    "two-hosts": b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "old-folding": head("/events", "X: a\r\n b"),
    "space-before-colon": head("/events", "Content-Length : 5"),
    "bare-line-feed-in-value": b"GET /health HTTP/1.1\r\nHost: a\r\nX: a\nY: b\rZ\r\n\r\n",
    "nul-in-value": b"GET /health HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
    "two-lengths": head("/events", "Content-Length: 5", "Content-Length: 6") + b"12345",
    "odd-length": head("/events", "Content-Length: +5") + b"12345",
    "huge-length": head("/events", "Content-Length: " + "9" * 400),
    "negative-length": head("/events", "Content-Length: -1"),
    "odd-coding": head("/events", "Transfer-Encoding: chunked, identity"),
    "odd-chunk": head("/events", "Transfer-Encoding: chunked") + b"zz\r\n",
    "huge-head": head("/events", *(f"X-{n}: {'a' * 1000}" for n in range(100))),
    "huge-path": head("/events/" + "a" * 100_000),
    "no-path": b"GET HTTP/1.1\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_request_is_refused_and_cut_off(name: str, door: AttackedDoor) -> None:
    answer = door.says(NONE[name])
    assert answer.startswith(b"HTTP/1.1 4") or not answer, answer[:200]
    assert b"Traceback" not in answer


def test_two_lengths_hide_no_second_request(door: AttackedDoor) -> None:
    """A length and chunks both: the chunks count, and what is left is no request of its own."""
    hidden = b"GET /openapi.json HTTP/1.1\r\nHost: door\r\n\r\n"
    body = b"0\r\n\r\n" + hidden
    smuggled = posting(door, f"Content-Length: {len(body)}", "Transfer-Encoding: chunked")
    answer = door.says(smuggled + body, within=30)
    assert b'"openapi"' not in answer
    assert answer.count(b"HTTP/1.1 ") <= 2


def test_who_hangs_up_in_the_middle_is_no_fault_of_ours(door: AttackedDoor) -> None:
    for parts in ((), (b'{"id"',)):
        with door.wire() as wire:
            for part in (posting(door, "Content-Length: 500"), *parts):
                wire.sendall(part)
    token = f"Authorization: Bearer {door.rig.token}"
    with door.wire() as wire:
        wire.sendall(head("/evidence", token, "Content-Length: 500") + b"a")


@pytest.mark.parametrize("upgrade", ["websocket", "h2c", "TLS/1.0"])
def test_no_other_protocol_is_spoken(upgrade: str, door: AttackedDoor) -> None:
    lines = ("Connection: Upgrade, close", f"Upgrade: {upgrade}", "Sec-WebSocket-Key: AAAA")
    answer = door.says(head("/health", *lines, "Connection: close", method="GET"))
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PATCH", "PROPFIND", "X" * 300, "get"])
def test_other_methods(method: str, door: AttackedDoor) -> None:
    answer = door.says(head("/events", "Connection: close", "Cookie: secret", method=method))
    assert answer.split(b" ", 2)[1] in (b"400", b"405")
    assert b"secret" not in answer


# --- paths and headers ----------------------------------------------------------------------------

PATHS = (
    *("/../../etc/passwd", "/events/../../secrets/own.key", "//etc/passwd", "/.env", "/%00"),
    *("/evidence/..%2f..%2fsecrets%2fown.key", "/evidence/%2e%2e/%2e%2e/secrets/own.key"),
    *("/events/%0d%0aSet-Cookie:%20a=b", "/events/%ff%fe", "/events/%", "/events/%zz", "/events/"),
    *("/evidence/" + "0" * 64, "/evidence/" + "a" * 20_000, "/static/../door.py", "/docs/x"),
    *("http://elsewhere.example/health/x", "/events?x=" + "a" * 20_000, "/events;x", "/EVENTS"),
    *("/events/*", "/admin", "/metrics", "/server-status", "/events/a/b/c", "/events/.."),
)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:40])
def test_paths_that_lead_elsewhere(path: str, door: AttackedDoor) -> None:
    token = f"Authorization: Bearer {door.rig.token}"
    answer = door.says(head(path, "Connection: close", token, method="GET"))
    assert answer.split(b" ", 2)[1] in (b"400", b"404", b"405"), answer[:300]
    assert b"set-cookie" not in answer.lower().split(b"\r\n\r\n")[0]
    assert b"root:" not in answer


@pytest.mark.parametrize(
    "event_id",
    ["a\r\nSet-Cookie: x=1", "a\nb", "\x00", "a b/../c", "%0d%0aX: y", "张三", "a" * 128],
    ids=repr,
)
def test_an_id_adds_no_header(event_id: str, door: AttackedDoor) -> None:
    answer = door.post(now_told(event_id))
    assert answer.status_code in (202, 400, 422)
    assert "set-cookie" not in answer.headers
    assert "x" not in answer.headers
    if answer.status_code == 202:
        asked = door.client.get(
            answer.headers["location"], headers={"Authorization": f"Bearer {door.rig.token}"}
        )
        assert (asked.status_code, asked.json()["id"]) == (200, event_id)


def test_headers_from_outside_come_back_nowhere(door: AttackedDoor) -> None:
    lines = (
        *(
            "Host: elsewhere.example",
            "X-Forwarded-Host: elsewhere.example",
            "Accept-Language: x;q=z",
        ),
        *("X-Forwarded-For: '; DROP TABLE app_tokens; --", "X-Forwarded-Proto: javascript"),
        *("Referer: elsewhere.example", "User-Agent: elsewhere.example", "Connection: close"),
    )
    request = "".join(f"{line}\r\n" for line in ("GET /events/x HTTP/1.1", *lines)) + "\r\n"
    answer = door.says(request.encode())
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"elsewhere" not in answer
    assert "elsewhere" not in door.log.read_text()
