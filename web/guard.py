"""The watch at the door: who proved nothing too often is not heard, and nobody when it is full."""

import hashlib
from collections import OrderedDict
from http import HTTPStatus

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.values import DeadLetterReason
from web.languages import language_of
from web.limiter import Limit, Limiter, network_of
from web.problems import Problem

#: Requests in work at one time; further ones are told to come again.
_CONCURRENT = 200
#: Tokens of which it is remembered that they were good.
_REMEMBERED = 10_000
_GUARDED = ("/events", "/evidence", "/identities")
#: Where a request notes how many of its events were not proved.
UNPROVED = "unproved"


class Guarded:
    """Goes around the application.

    An address from which too much came unproved is refused unheard for a while. An app whose token
    was good before is heard all the same: it may share its address with whoever that was.
    """

    def __init__(self, app: ASGIApp, limiter: Limiter) -> None:
        self._app, self._limiter = app, limiter
        self._in_work = 0
        self._good: OrderedDict[bytes, None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless it is not to be heard."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        who = network_of(request.client.host if request.client else "")
        word = _word_of(request)
        try:
            _refuse_two_lengths(request)
            if scope["path"].startswith(_GUARDED):
                self._let_in(who, word)
        except Problem as problem:
            spoken = language_of(request.headers.get("accept-language", ""))
            await problem.response(spoken, closing=True)(scope, receive, send)
            return
        self._in_work += 1
        try:
            await self._app(scope, receive, self._heeding(scope, send, who, word))
        finally:
            self._in_work -= 1

    def _let_in(self, who: str, word: bytes) -> None:
        if self._in_work >= _CONCURRENT:
            raise Problem("busy")
        if word not in self._good:
            self._limiter.refuse_spent(Limit.FAILURES, who)

    def _heeding(self, scope: Scope, send: Send, who: str, word: bytes) -> Send:
        """Return how an answer is sent: what it says of the caller is remembered."""

        async def heeding(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._heed(scope, message["status"], who, word)
            await send(message)

        return heeding

    def _heed(self, scope: Scope, status: int, who: str, word: bytes) -> None:
        unproved = scope.get("state", {}).get(UNPROVED, 0)
        if status == HTTPStatus.UNAUTHORIZED:
            self._good.pop(word, None)
            unproved = 1
        elif word and status < HTTPStatus.BAD_REQUEST:
            self._good[word] = None
            self._good.move_to_end(word)
            if len(self._good) > _REMEMBERED:
                self._good.popitem(last=False)
        for _ in range(unproved):
            self._limiter.note(Limit.FAILURES, who)


def _refuse_two_lengths(request: Request) -> None:
    """Raise `Problem` for a request that a proxy may believe to end elsewhere than we do.

    What follows would be a request that the proxy never saw (RFC 9112, section 6.3).
    """
    if "transfer-encoding" in request.headers and "content-length" in request.headers:
        raise Problem(DeadLetterReason.MALFORMED, "a length and chunks both")


def _word_of(request: Request) -> bytes:
    """Return what stands for the token a request bears; nothing where it bears none."""
    given = request.headers.get("authorization", "")
    return hashlib.sha256(given.encode()).digest() if given else b""
