"""`partygrid token`: lets an app without a key of its own through the HTTP doors, and ends it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

import psycopg
from msgspec import Struct

import events.contract.all  # noqa: F401  (the contract is complete only once every module is read)
from events.contract.registry import EVENT_TYPES, Origin
from models.directory_store import load_directory
from models.policy.people import Role
from models.shard_store import directory_revision
from models.tokens import PREFIX, Door, Issued, Token, issue_token, list_tokens, revoke_token
from partygrid.errors import Invalid, Refused

Cursor = psycopg.Cursor[Any]


class NothingMatches(Invalid):
    """A pattern of the token's scope fits nothing, so it would let nothing through."""


class TerritoryUnknown(Invalid):
    """The directory knows no organisation of this code."""


class NoSuchToken(Invalid):
    """There is no such token. `partygrid token list` shows them."""


class NotInForce(Refused):
    """The token has ended already."""


class Wanted(Struct, frozen=True, kw_only=True):
    """A token as an operator asks for it."""

    source: str
    name: str
    doors: tuple[Door, ...]
    event_types: tuple[str, ...] = ()
    territories: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    restricted: bool = False
    lasts: timedelta


def issue(cursor: Cursor, wanted: Wanted, *, now: datetime) -> Issued:
    """Issue a token in the caller's transaction; nobody can show its text again.

    Raises `NothingMatches`, `TerritoryUnknown` and `BadScope`.
    """
    types = [kind.name for kind in EVENT_TYPES.values() if kind.origin is not Origin.ENGINE]
    _each_fits(wanted.event_types, types, "event type; docs/events.md lists them")
    roles = [role for role in Role if role is not Role.SYSTEM]
    _each_fits(wanted.roles, roles, "role; roles.yaml of the policy pack lists them")
    _known(cursor, wanted.territories, now)
    return issue_token(
        cursor,
        source=wanted.source,
        name=wanted.name,
        doors=wanted.doors,
        event_types=wanted.event_types,
        territories=wanted.territories,
        roles=wanted.roles,
        restricted=wanted.restricted,
        now=now,
        expires_at=now + wanted.lasts,
    )


def _each_fits(patterns: Sequence[str], names: Iterable[str], what: str) -> None:
    known = list(names)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise NothingMatches(f"{pattern} fits no {what}.")


def _known(cursor: Cursor, territories: Sequence[str], now: datetime) -> None:
    directory = load_directory(cursor, directory_revision(cursor)) if territories else None
    codes = {org.code for org in directory.orgs(now)} if directory else set()
    for code in territories:
        if code not in codes:
            told = f"The directory knows no organisation of the code {code}."
            raise TerritoryUnknown(f"{told} Load it first: partygrid directory load.")


def revoke(cursor: Cursor, name: str, *, now: datetime) -> Token:
    """End a token at once, named by its id or by its whole text. Raises `NoSuchToken`.

    Raises `NotInForce` where it has ended already.
    """
    prefix, _, rest = name.partition("_")
    wanted = rest.partition("_")[0] if prefix == PREFIX else name
    found = next((token for token in list_tokens(cursor) if token.id == wanted), None)
    if found is None:
        raise NoSuchToken
    if not revoke_token(cursor, found.id, now):
        raise NotInForce(f"Token {found.id} of {found.source} has ended already.")
    return found


def standing(token: Token, now: datetime) -> str:
    """Return how a token stands: `in force`, `revoked` or `expired`."""
    if token.is_valid(now):
        return "in force"
    return "revoked" if token.revoked_at is not None else "expired"
