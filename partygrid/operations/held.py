"""`partygrid notices`: what is held after a restore, and letting it go."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import Engine

from models.restores import Restore, catching_up
from notifications.holding import Held, Which, count_held, list_held, release
from partygrid import bootstrap
from partygrid.adapters import pool_of
from partygrid.errors import Refused
from partygrid.settings import Settings


class NotYet(Refused):
    """What was restored is still being decided again: what that makes would leave at once."""


class Kept(Struct, frozen=True, kw_only=True):
    """What is held."""

    #: the restore whose backlog is still being decided
    catching_up: Restore | None
    count: int
    notices: tuple[Held, ...]


def held(settings: Settings, which: Which, *, limit: int) -> Kept:
    """Return what is held, urgent first."""
    with pool_of(settings) as pool:
        return _kept(pool, settings, which, limit=limit)


def _kept(pool: Engine, settings: Settings, which: Which, *, limit: int) -> Kept:
    with pool.connect() as connection:
        found = list_held(connection, which, limit=limit)
        count = count_held(connection, which)
    return Kept(catching_up=_catching_up(settings), count=count, notices=tuple(found))


def _catching_up(settings: Settings) -> Restore | None:
    with (
        bootstrap.connected(settings.address("database_url")) as connection,
        connection.cursor() as cursor,
    ):
        return catching_up(cursor)


def let_go(settings: Settings, which: Which, *, drop: bool, at_once: bool, now: datetime) -> int:
    """Send what is held, or with `drop` leave it unsent; returns how many notices.

    Raises `NotYet` while the backlog is decided, unless `at_once` ends the hold all the same.
    """
    if not at_once and _catching_up(settings) is not None:
        raise NotYet(f"{NotYet.__doc__} See `partygrid doctor`; wait, or say --at-once.")
    with pool_of(settings) as pool, pool.begin() as connection:
        return release(connection, now=now, drop=drop, which=which)
