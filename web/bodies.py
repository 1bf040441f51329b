"""Reading a body that may be too large or never end: it is refused while it comes in."""

import asyncio
from datetime import timedelta

from starlette.requests import Request
from starlette.types import Message

from models.values import DeadLetterReason
from web.problems import Problem

#: No body has a length of more digits.
_DIGITS = 18


def bounded(request: Request, *, at_most: int, within: timedelta) -> Request:
    """Return the request with a body of at most so many bytes, all there within so long.

    Reading more, or waiting longer, raises `Problem`; what came until then is let go.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and (len(announced) > _DIGITS or int(announced) > at_most):
        raise _too_large(at_most)
    read = 0
    until = asyncio.get_running_loop().time() + within / timedelta(seconds=1)

    async def receive() -> Message:
        nonlocal read
        try:
            async with asyncio.timeout_at(until):
                message = await request.receive()
        except TimeoutError:
            raise Problem("too_slow") from None
        read += len(message.get("body", b""))
        if read > at_most:
            raise _too_large(at_most)
        return message

    return Request(request.scope, receive)


def _too_large(at_most: int) -> Problem:
    return Problem(DeadLetterReason.TOO_LARGE, f"at most {at_most} bytes")
