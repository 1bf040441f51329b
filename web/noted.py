"""One log line a request, without anything an app or a person wrote."""

import logging
from time import perf_counter

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

#: Answers are for programs: nothing in them is run, framed or guessed at.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Noted:
    """Goes around the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, note how it ended."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            took = (perf_counter() - began) * 1000
            log.info("%s %s %s %.0f ms", scope["method"], route_of(scope), status, took)


def route_of(scope: Scope) -> str:
    """Return the address as it is declared: what stands in its place may name anything."""
    return str(getattr(scope.get("route"), "path", "?"))
