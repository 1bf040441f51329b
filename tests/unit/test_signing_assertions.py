"""A person's assertion counts for one event, for a short time, from our own sign-in."""

from datetime import timedelta
from typing import Any

import jwt
import pytest

from events.assertions import NotAsserted, issue_assertion, key_id_of, read_assertion
from models.keys import SigningKey
from tests.unit.audit_samples import START

KEY = SigningKey.generate()
LIFETIME, SKEW = timedelta(minutes=5), timedelta(seconds=30)
TOKEN = issue_assertion(
    KEY,
    issuer="partygrid",
    person="p-1",
    source="console",
    event_id="e-1",
    role="duty_supervisor",
    now=START,
    lifetime=LIFETIME,
)


def read(token: str = TOKEN, **others: Any) -> Any:
    asked: dict[str, Any] = {"source": "console", "event_id": "e-1", "now": START, "skew": SKEW}
    return read_assertion(token, others.pop("key", KEY.public), **(asked | others))


def test_assertion_says_who_and_for_what() -> None:
    said = read()
    assert (said.issuer, said.person, said.role) == ("partygrid", "p-1", "duty_supervisor")
    assert (said.source, said.event_id) == ("console", "e-1")
    assert (said.issued_at, said.expires_at) == (START, START + LIFETIME)
    assert key_id_of(TOKEN) == KEY.key_id


TIMES = {
    "just before, clocks differ": (-SKEW, True),
    "too early": (-SKEW - timedelta(seconds=1), False),
    "at its end, clocks differ": (LIFETIME + SKEW, True),
    "too late": (LIFETIME + SKEW + timedelta(seconds=1), False),
}


@pytest.mark.parametrize(("after", "is_valid"), TIMES.values(), ids=TIMES)
def test_time(after: timedelta, is_valid: bool) -> None:
    if is_valid:
        assert read(now=START + after).person == "p-1"
    else:
        with pytest.raises(NotAsserted, match="at this time"):
            read(now=START + after)


WRONG: dict[str, dict[str, Any]] = {
    "another event": {"event_id": "e-2"},
    "another source": {"source": "hotline"},
    "another key": {"key": SigningKey.generate().public},
    "cut": {"token": TOKEN[:-8]},
    "nothing": {"token": ""},
    "not ASCII": {"token": "令牌.令牌.令牌"},
}


@pytest.mark.parametrize("others", WRONG.values(), ids=WRONG)
def test_what_asserts_nothing(others: dict[str, Any]) -> None:
    with pytest.raises(NotAsserted):
        read(**others)


CLAIMS = {"iss": "x", "sub": "p-1", "src": "console", "evt": "e-1", "iat": 0, "exp": 2**40}
FORGED = {
    "another kind of token": jwt.encode(CLAIMS, KEY.pem(), algorithm="EdDSA"),
    "no signature": jwt.encode(CLAIMS, "", algorithm="none"),
    "no event": jwt.encode({"sub": "p-1"}, KEY.pem(), algorithm="EdDSA"),
    "times no numbers": jwt.encode(
        CLAIMS | {"iat": "x"},
        KEY.pem(),
        algorithm="EdDSA",
        headers={"typ": "person-assertion+jwt"},
    ),
    "times beyond the calendar": jwt.encode(
        CLAIMS | {"exp": 10**18},
        KEY.pem(),
        algorithm="EdDSA",
        headers={"typ": "person-assertion+jwt"},
    ),
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_other_tokens_do_not_pass(token: str) -> None:
    with pytest.raises(NotAsserted):
        read(token)


def test_public_key_is_no_shared_secret() -> None:
    with pytest.raises(NotAsserted):
        read(jwt.encode(CLAIMS, "x" * 64, algorithm="HS256"))


@pytest.mark.parametrize("token", ["", "a.b.c", "x"])
def test_token_without_key_id(token: str) -> None:
    assert key_id_of(token) == ""
