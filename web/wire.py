"""The connections of the doors: who keeps one open without saying or taking anything is cut off.

What a body may take is asked where it is read (`web.bodies`). Here are the rest: heads that come
byte by byte, answers that nobody fetches, and more connections than there may be.
"""

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from web.problems import KINDS, MEDIA_TYPE

#: Seconds between two looks at a connection.
_LOOK = 1.0
#: Seconds within which a request's head must be there, from the connection or the last answer on.
HEAD_WITHIN = 10.0
#: Of an answer so many bytes must be taken within so many seconds.
_TAKEN, _TAKEN_WITHIN = 4096, 20.0
#: Connections of one process, with room for database and files below the usual limit of 1024.
_MOST = 600


class WatchedConnection(H11Protocol):
    """One connection, looked at every second."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._look: asyncio.TimerHandle | None = None
        #: since when the next head is awaited; None: a request is in work
        self._awaits_since: float | None = None
        #: what of an answer was still to be taken when it was looked at, and when
        self._untaken = (0, 0.0)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look."""
        super().connection_made(transport)
        if len(self.connections) > _MOST:
            transport.abort()
            return
        self._awaits_since = self.loop.time()
        self._look = self.loop.call_later(_LOOK, self._watch)

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def _watch(self) -> None:
        now = self.loop.time()
        if not self._is_idle():
            self._awaits_since = None
        elif self._awaits_since is None:
            self._awaits_since = now
        if not self._is_taken(now):
            self.transport.abort()
            return
        if self._awaits_since is not None and now - self._awaits_since > HEAD_WITHIN:
            self._cut()
        self._look = self.loop.call_later(_LOOK, self._watch)

    def _is_idle(self) -> bool:
        """Is there no request in work?"""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _is_taken(self, now: float) -> bool:
        """Is the answer taken, quickly enough?"""
        left, (before, since) = self.transport.get_write_buffer_size(), self._untaken
        if left == 0 or before == 0 or before - left >= _TAKEN or left > before:
            self._untaken = left, now
            return True
        return now - since < _TAKEN_WITHIN

    def _cut(self) -> None:
        """Say that it took too long, where that can still be said, and hang up."""
        if not self.transport.is_closing() and self.conn.our_state is h11.IDLE:
            self._tell(408, "too_slow")
        self.transport.close()
        self._awaits_since = self.loop.time()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the parser's words say nothing to an app
        """Answer what is no HTTP as any other problem."""
        self._tell(400, "malformed")
        self.transport.close()

    def _tell(self, status: int, code: str) -> None:
        kind = KINDS[code]
        told = {
            "type": f"urn:partygrid:problem:{code}",
            "title": kind.en or "This is no HTTP request.",
            "status": status,
            "code": code,
        }
        body = json.dumps(told).encode()
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        try:
            head = h11.Response(status_code=status, headers=headers, reason=kind.status.phrase)
            for event in (head, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        except h11.LocalProtocolError:
            return  # an answer is under way already
