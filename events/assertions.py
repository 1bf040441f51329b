"""A signed-in person's word that an event is theirs: short-lived, bound to one event. Pure.

What only a person may do carries such an assertion beside the app's signature. It is a JSON Web
Token with an Ed25519 signature, made by our own sign-in.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from msgspec import Struct

from models.keys import PublicKey, SigningKey
from partygrid.errors import Invalid

_ALGORITHM = "EdDSA"
#: Kind of token, so that no other token of ours passes for one.
_KIND = "person-assertion+jwt"
# The moment is a parameter here, so the library's own look at the clock is turned off.
_OPTIONS: Any = {
    "verify_exp": False,
    "verify_iat": False,
    "require": ["iss", "sub", "src", "evt", "iat", "exp"],
}


class NotAsserted(Invalid):
    """The assertion does not show that this person stands behind this event."""


class PersonAssertion(Struct, frozen=True, kw_only=True):
    """Who says so, for which event, until when."""

    #: who signed the person in
    issuer: str
    person: str
    #: source and id of the event it is for
    source: str
    event_id: str
    #: role the person means to act in; whether they hold it is checked elsewhere
    role: str = ""
    issued_at: datetime
    expires_at: datetime


def issue_assertion(
    key: SigningKey,
    *,
    issuer: str,
    person: str,
    source: str,
    event_id: str,
    now: datetime,
    lifetime: timedelta,
    role: str = "",
) -> str:
    """Return the token for the event's `assertion` attribute."""
    claims = {
        "iss": issuer,
        "sub": person,
        "src": source,
        "evt": event_id,
        "role": role,
        "iat": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
    }
    headers = {"kid": key.key_id, "typ": _KIND}
    return jwt.encode(claims, key.pem(), algorithm=_ALGORITHM, headers=headers)


def key_id_of(token: str) -> str:
    """Return the id of the key a token says it was signed with; empty where it says none."""
    try:
        return str(jwt.get_unverified_header(token).get("kid", ""))
    except jwt.PyJWTError:
        return ""


def read_assertion(
    token: str, key: PublicKey, *, source: str, event_id: str, now: datetime, skew: timedelta
) -> PersonAssertion:
    """Return what the token asserts of the event (source, event_id) at `now`.

    For an event that was sent late, `now` is the time the event says it happened, if the caller
    believes it. `skew` is how far clocks may differ. Raises `NotAsserted` with the reason.
    """
    assertion = _genuine(token, key)
    if (assertion.source, assertion.event_id) != (source, event_id):
        raise NotAsserted("the assertion was made for another event")
    if not assertion.issued_at - skew <= now <= assertion.expires_at + skew:
        raise NotAsserted("the assertion is not valid at this time")
    return assertion


def _genuine(token: str, key: PublicKey) -> PersonAssertion:
    try:
        read = jwt.decode_complete(token, key.pem(), algorithms=[_ALGORITHM], options=_OPTIONS)
    except jwt.PyJWTError as error:
        raise NotAsserted(f"the assertion is not genuine: {error}") from None
    if read["header"].get("typ") != _KIND:
        raise NotAsserted("the token is not a person's assertion")
    claims = read["payload"]
    try:
        return PersonAssertion(
            issuer=str(claims["iss"]),
            person=str(claims["sub"]),
            source=str(claims["src"]),
            event_id=str(claims["evt"]),
            role=str(claims.get("role", "")),
            issued_at=datetime.fromtimestamp(claims["iat"], UTC),
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )
    except (TypeError, ValueError, OverflowError, OSError):
        raise NotAsserted("the assertion's times cannot be read") from None
