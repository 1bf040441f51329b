"""Events are signed by what they say; changing anything shows."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.signing import UNSIGNED, content_hash, is_signed, sign_event, signing_input
from models.keys import SigningKey

KEY = SigningKey.generate()
ATTRIBUTES = {
    "specversion": "1.0",
    "id": "0193-1",
    "source": "app/branch-330281001",
    "type": "grid.report.filed.v1",
    "time": "2026-01-05T01:00:00Z",
    "subject": "",
    "township": "330281001",
    "actor": "p-1",
    "sequence": "17",
    "keyid": KEY.key_id,
}
DATA = '{"category":"05-02","lon":121.123456,"lat":29.5,"text":"村口垃圾堆放"}'.encode()
SIGNATURE = sign_event(KEY, ATTRIBUTES, DATA)


def test_signed_event_verifies() -> None:
    assert is_signed(KEY.public, ATTRIBUTES, DATA, signature=SIGNATURE)


SPELLINGS = {
    "as a structured event's data": b' {"lat": 2.95e1, "category":"05-02",'
    + b'"lon":121.1234560, "text":"\\u6751\\u53e3\\u5783\\u573e\\u5806\\u653e"}',
    "sorted": '{"category":"05-02","lat":29.5,"lon":121.123456,"text":"村口垃圾堆放"}'.encode(),
}


@pytest.mark.parametrize("data", SPELLINGS.values(), ids=SPELLINGS)
def test_spelling_of_json_does_not_matter(data: bytes) -> None:
    assert is_signed(KEY.public, ATTRIBUTES, data, signature=SIGNATURE)
    assert content_hash(ATTRIBUTES, data) == content_hash(ATTRIBUTES, DATA)


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_every_attribute_is_covered(name: str) -> None:
    changed = ATTRIBUTES | {name: ATTRIBUTES[name] + "x"}
    assert not is_signed(KEY.public, changed, DATA, signature=SIGNATURE)
    missing = {other: text for other, text in ATTRIBUTES.items() if other != name}
    assert not is_signed(KEY.public, missing, DATA, signature=SIGNATURE)


def test_attribute_nobody_knows_yet_is_covered() -> None:
    assert not is_signed(KEY.public, ATTRIBUTES | {"onbehalfof": "p-2"}, DATA, signature=SIGNATURE)


@pytest.mark.parametrize("name", sorted(UNSIGNED))
def test_what_is_added_on_the_way_does_not_matter(name: str) -> None:
    assert is_signed(KEY.public, ATTRIBUTES | {name: "x"}, DATA, signature=SIGNATURE)


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_changed_byte_of_data_shows(place: int, by: int) -> None:
    changed = DATA[:place] + bytes([DATA[place] ^ by]) + DATA[place + 1 :]
    same = signing_input(ATTRIBUTES, changed) == signing_input(ATTRIBUTES, DATA)
    assert is_signed(KEY.public, ATTRIBUTES, changed, signature=SIGNATURE) is same


@given(st.dictionaries(st.text("abcdefgh", min_size=1), st.text()), st.binary())
def test_no_input_is_too_odd_to_be_hashed(attributes: dict[str, str], data: bytes) -> None:
    assert len(content_hash(attributes, data)) == 64


@given(st.binary(), st.binary())
def test_different_bytes_that_are_no_json_differ(one: bytes, other: bytes) -> None:
    one, other = b"\xff" + one, b"\xff" + other
    same = content_hash(ATTRIBUTES, one) == content_hash(ATTRIBUTES, other)
    assert same is (one == other)


SIGNATURES = {
    "nothing": "",
    "no Base64": "***",
    "not ASCII": "签名",
    "too short": base64.b64encode(b"x" * 63).decode(),
    "another's": base64.b64encode(SigningKey.generate().sign(b"")).decode(),
}


@pytest.mark.parametrize("signature", SIGNATURES.values(), ids=SIGNATURES)
def test_what_is_no_signature_of_it(signature: str) -> None:
    assert not is_signed(KEY.public, ATTRIBUTES, DATA, signature=signature)


def test_a_seal_key_s_signature_over_the_same_bytes_is_told_apart_by_its_tag() -> None:
    assert signing_input(ATTRIBUTES, DATA).startswith(b"partygrid-event-1\n")
