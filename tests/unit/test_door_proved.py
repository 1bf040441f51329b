"""Whom the engine tells that an event can never be applied: only an app whose word it surely is."""

from typing import Any

import pytest
from msgspec.structs import replace

from events.admission import DOOR_KEY, Gate, Rejected, admit, vouch
from events.codec import attributes_of, data_of, decode, encode, type_name
from events.contract.envelope import Event
from events.signing import sign_event
from models.directory import Directory
from models.keys import SigningKey
from models.values import DeadLetterReason
from tests.integration.door_rig import (
    ACTING,
    GRID,
    KEY,
    NOON,
    OWN_KEY,
    POLICY,
    REPORT,
    SIGNING_SOURCE,
    SOURCE,
    TOWNSHIP,
    entries,
)

GATE = Gate(directory=Directory(entries=entries()), policy=POLICY, own_key=OWN_KEY)
ELSEWHERE = replace(REPORT, grid=f"{GRID[:12]}999")


def event(**changes: Any) -> Event:
    given = {
        "id": "e1",
        "source": SIGNING_SOURCE,
        "type": type_name(REPORT),
        "time": NOON,
        "township": TOWNSHIP,
        "acting": ACTING,
        "data": ELSEWHERE,
        "key_id": KEY.key_id,
        **changes,
    }
    return Event(**given)


def rejected(one: Event, signature: str) -> Rejected:
    encoded = encode(one, signature=signature)
    read = decode(encoded.value, encoded.headers)
    verdict = admit(GATE, read, "grid.reports", len(encoded.value), NOON)
    assert isinstance(verdict, Rejected)
    return verdict


def by_app(one: Event, key: SigningKey = KEY) -> str:
    return sign_event(key, attributes_of(one), data_of(one.data))


def by_door(one: Event, own_key: bytes = OWN_KEY) -> str:
    return vouch(own_key, attributes_of(one), data_of(one.data))


TOKEN = event(source=SOURCE, key_id=DOOR_KEY)


@pytest.mark.parametrize(
    ("one", "signature", "reason", "proved"),
    [
        pytest.param(event(), by_app(event()), "unknown_place", True, id="signed"),
        pytest.param(TOKEN, by_door(TOKEN), "unknown_place", True, id="by-the-door"),
        pytest.param(event(), "", "unsigned", False, id="unsigned"),
        pytest.param(
            event(), by_app(event(), SigningKey.generate()), "bad_signature", False, id="forged"
        ),
        pytest.param(TOKEN, by_door(TOKEN, b"x" * 32), "bad_signature", False, id="not-our-door"),
        pytest.param(
            event(source="app/other"),
            by_app(event(source="app/other")),
            "unknown_key",
            False,
            id="in-anothers-name",
        ),
    ],
)
def test_whose_word_it_is(
    one: Event, signature: str, reason: DeadLetterReason, proved: bool
) -> None:
    verdict = rejected(one, signature)
    assert (verdict.reason, verdict.proved) == (reason, proved)
