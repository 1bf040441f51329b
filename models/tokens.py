"""Tokens of apps that do not sign: issued once, shown once, kept as a hash, bound to a scope."""

import hashlib
import hmac
import re
import secrets
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import psycopg
from msgspec import Struct

from models.doors import AppTokens
from models.rows import RowMap
from models.values import SYSTEM_PREFIX
from partygrid.errors import Invalid

Cursor = psycopg.Cursor[Any]

#: What every token's text begins with: by it tools that look for leaked secrets find one.
PREFIX = "pgt"
#: Sources of this installation's own events.
OWN_SOURCES = "partygrid/"
_TOWNSHIP_DIGITS = 9
#: As the contract spells a reference.
_SOURCE = re.compile(r"[\w:.\-/]{1,64}")


class Door(StrEnum):
    """What a token opens, besides reading what became of the app's own events."""

    #: post events
    EVENTS = "events"
    #: bring evidence, and fetch again what the app itself brought
    EVIDENCE = "evidence"
    #: hand identities to the vault
    IDENTITIES = "identities"


class BadScope(Invalid):
    """A token needs a source, a door, and for events the types, territories and roles."""


class Token(Struct, frozen=True, kw_only=True):
    """A token as it is kept."""

    id: str
    source: str
    name: str
    doors: tuple[Door, ...]
    #: patterns of event type names, `grid.report.*`
    event_types: tuple[str, ...] = ()
    #: codes whose events it may post, with all that lies within
    territories: tuple[str, ...] = ()
    #: patterns of roles its people may act in
    roles: tuple[str, ...] = ()
    #: it may act on marked cases; to report one, every token for reports may
    restricted: bool = False
    issued_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Is it in force at `now`?"""
        revoked = self.revoked_at is not None and self.revoked_at <= now
        return self.issued_at <= now < self.expires_at and not revoked

    @property
    def is_narrow(self) -> bool:
        """Is its app one of less than whole townships?"""
        return any(len(code) > _TOWNSHIP_DIGITS for code in self.territories)

    def excludes(self, *, type_name: str, township: str, role: str) -> str:
        """Return what of an event lies outside its scope; empty where nothing does."""
        if not any(fnmatchcase(type_name, pattern) for pattern in self.event_types):
            return "type"
        if not any(township.startswith(code[:_TOWNSHIP_DIGITS]) for code in self.territories):
            return "township"
        return "" if any(fnmatchcase(role, pattern) for pattern in self.roles) else "actingrole"


class Issued(NamedTuple):
    """A new token. `text` is what the app sends; nobody can show it a second time."""

    token: Token
    text: str

    def __repr__(self) -> str:
        return f"Issued({self.token.id})"


TOKENS = RowMap(AppTokens, Token)
_BY_ID = TOKENS.select("WHERE id = %s")
_ALL = TOKENS.select("ORDER BY source, issued_at, id")


def issue_token(
    cursor: Cursor,
    *,
    source: str,
    name: str,
    doors: tuple[Door, ...],
    now: datetime,
    expires_at: datetime,
    event_types: tuple[str, ...] = (),
    territories: tuple[str, ...] = (),
    roles: tuple[str, ...] = (),
    restricted: bool = False,
) -> Issued:
    """Make a token for an app. Raises `BadScope`."""
    token = Token(
        id=secrets.token_hex(8),
        source=source,
        name=name,
        doors=doors,
        event_types=event_types,
        territories=territories,
        roles=roles,
        restricted=restricted,
        issued_at=now,
        expires_at=expires_at,
    )
    _check(token)
    secret = secrets.token_urlsafe(32)
    TOKENS.insert_new(cursor, [TOKENS.values(token, secret_hash=_hash(secret))])
    return Issued(token, f"{PREFIX}_{token.id}_{secret}")


def revoke_token(cursor: Cursor, token_id: str, now: datetime) -> bool:
    """End a token at once; returns whether there was one in force."""
    cursor.execute(
        "UPDATE app_tokens SET revoked_at = %s"
        " WHERE id = %s AND revoked_at IS NULL AND expires_at > %s",
        (now, token_id, now),
    )
    return cursor.rowcount == 1


def list_tokens(cursor: Cursor) -> list[Token]:
    """Return all tokens, ended ones too, by app."""
    return [TOKENS.snapshot(text) for (text,) in cursor.execute(_ALL)]


def find_token(cursor: Cursor, text: str, now: datetime) -> Token | None:
    """Return the token whose text this is, if it is in force."""
    prefix, _, rest = text.partition("_")
    token_id, _, secret = rest.partition("_")
    if prefix != PREFIX or not text.isascii() or not text.isprintable():
        return None
    row = cursor.execute("SELECT secret_hash FROM app_tokens WHERE id = %s", (token_id,)).fetchone()
    # A token that is not known takes as long as one whose secret is wrong.
    kept = bytes(row[0]) if row is not None else _hash("")
    if not hmac.compare_digest(kept, _hash(secret)) or row is None:
        return None
    ((known,),) = cursor.execute(_BY_ID, (token_id,)).fetchall()
    token: Token = TOKENS.snapshot(known)
    return token if token.is_valid(now) else None


def _check(token: Token) -> None:
    if fault := _fault(token):
        raise BadScope(fault)


def _fault(token: Token) -> str:
    """Return what keeps a token from being issued; empty where nothing does."""
    if not _SOURCE.fullmatch(token.source):
        return "The source is the app's name in events, such as app/reporting-page."
    if token.source.startswith((SYSTEM_PREFIX, OWN_SOURCES)):
        return f"{token.source} is a source of the installation's own; no app speaks under it."
    if not token.doors:
        return "A token opens at least one door."
    scope = (token.event_types, token.territories, token.roles)
    if Door.EVENTS in token.doors and not all(scope):
        return "A token for events names event types, territories and roles, one of each at least."
    if token.expires_at <= token.issued_at:
        return "A token ends after it begins."
    return ""


def _hash(secret: str) -> bytes:
    """The secret has 256 random bits, so one round is enough: nobody can guess through it."""
    return hashlib.sha256(secret.encode()).digest()
