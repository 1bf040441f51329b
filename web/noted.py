"""One log line and one count a request, without anything an app or a person wrote."""

import logging
from time import perf_counter

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.counted import METHODS, DoorMetrics

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

    def __init__(self, app: ASGIApp, metrics: DoorMetrics) -> None:
        self._app, self._metrics = app, metrics

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
            took, route = perf_counter() - began, route_of(scope)
            method = scope["method"] if scope["method"] in METHODS else "other"
            log.info("%s %s %s %.0f ms", method, route, status, took * 1000)
            self._metrics.note(route=route, method=method, status=status, seconds=took)


def route_of(scope: Scope) -> str:
    """Return the address as it is declared: what stands in its place may name anything."""
    return str(getattr(scope.get("route"), "path", "?"))
