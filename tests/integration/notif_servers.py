"""Mail servers and SMS gateways that behave well, badly, or not at all."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from partygrid.embedded.ports import free_port


class Mailbox:
    """What a mail server does with a mail: `rcpt` and `data` are its answers, None means 250."""

    def __init__(self, *, rcpt: str | None = None, data: str | None = None) -> None:
        self.rcpt = rcpt
        self.data = data
        self.hang_up = False
        #: set when a mail's content is there; the answer then waits for `answer`
        self.arrived = Event()
        self.answer = Event()
        self.answer.set()
        self.mails: list[Envelope] = []

    async def handle_RCPT(  # noqa: N802 - the server's own name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt is None:
            envelope.rcpt_tos.append(address)
        return self.rcpt or "250 OK"

    async def handle_DATA(  # noqa: N802 - the server's own name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.mails.append(envelope)
        self.arrived.set()
        while not self.answer.is_set():
            await asyncio.sleep(0.01)
        if self.hang_up and isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
        return self.data or "250 OK"


@contextmanager
def mail_server(mailbox: Mailbox) -> Iterator[int]:
    """Run a mail server on loopback; yields its port."""
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield controller.port
    finally:
        mailbox.answer.set()
        controller.stop()


class Answer(NamedTuple):
    """What a gateway does with one request."""

    status: int = 200
    body: bytes = b'{"code": "OK", "message_id": "m-1"}'
    hang_up: bool = False
    wait: Event | None = None


class Request(NamedTuple):
    """What a gateway was sent."""

    body: dict[str, Any]
    headers: dict[str, str]


class Gateway(ThreadingHTTPServer):
    """Answers from a script, then says yes."""

    daemon_threads = True

    def __init__(self, *answers: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = iter(answers)
        self.requests: list[Request] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/send"


class _Handler(BaseHTTPRequestHandler):
    server: Gateway
    log_message: Callable[..., None] = lambda *_: None

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append(
            Request(json.loads(body), {name.lower(): value for name, value in self.headers.items()})
        )
        answer = next(self.server.answers, Answer())
        if answer.wait is not None:
            answer.wait.wait(10)
        if answer.hang_up:
            self.connection.close()
            return
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)


@contextmanager
def gateway(*answers: Answer) -> Iterator[Gateway]:
    """Run an SMS gateway on loopback."""
    with Gateway(*answers) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
