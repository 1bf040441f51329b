"""Who asks: the app behind a bearer token."""

from datetime import datetime

from starlette.requests import Request

from models.tokens import Door, Token, find_token
from web.database import Cursor
from web.problems import Problem


def bearer_of(request: Request) -> str:
    """Return the token's text a request bears; empty where it bears none. Raises `Problem`."""
    given = request.headers.get("authorization", "")
    scheme, _, text = given.partition(" ")
    if given and (scheme.lower() != "bearer" or not text.strip()):
        raise Problem("bad_token")
    return text.strip()


def caller_of(cursor: Cursor, text: str, now: datetime) -> Token | None:
    """Return whose token it is; None for none. Raises `Problem` for one that is not in force."""
    if not text:
        return None
    token = find_token(cursor, text, now)
    if token is None:
        raise Problem("bad_token")
    return token


def app_at(cursor: Cursor, text: str, door: Door | None, now: datetime) -> Token:
    """Return the app that may use this door, any app where `door` is None. Raises `Problem`."""
    caller = caller_of(cursor, text, now)
    if caller is None:
        raise Problem("token_needed")
    if door is not None and door not in caller.doors:
        raise Problem("door_closed")
    return caller
