"""Seals, their feet, and the file that keeps them."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from models.keys import SigningKey
from models.seal_file import SealFile
from models.seals import (
    FIRST,
    Foot,
    NotASeal,
    Seal,
    foot,
    is_foot_of,
    is_signed_by,
    make_seal,
    read_feet,
    read_seal,
    sealed_range,
)
from tests.unit.audit_samples import KEY, START, kept

SEALS = kept(20).seals
KEY_AS_LIBRARY_HAS_IT = Ed25519PublicKey.from_public_bytes(KEY.public.raw)


def test_seals_follow_each_other_and_are_signed() -> None:
    assert [seal.number for seal in SEALS] == [1, 2, 3]
    assert [seal.previous for seal in SEALS] == [FIRST, SEALS[0].digest(), SEALS[1].digest()]
    assert all(is_signed_by(seal, KEY.public) for seal in SEALS)
    assert [span.from_seq for seal in SEALS for span in seal.ranges if span.shard == 3] == [
        1,
        8,
        15,
    ]


def test_seal_is_the_same_after_writing_and_reading() -> None:
    for seal in SEALS:
        assert read_seal(seal.to_json()) == seal
        assert read_seal(seal.to_json()).to_json() == seal.to_json()


def test_seal_verifies_by_the_page_that_describes_it() -> None:
    for before, made in pairwise(SEALS):
        told = json.loads(made.to_json())
        assert told["previous"] == hashlib.sha256(page_bytes(before)).hexdigest()
        KEY_AS_LIBRARY_HAS_IT.verify(bytes.fromhex(told["signature"]), page_bytes(made))


def page_bytes(made: Seal) -> bytes:
    told = json.loads(made.to_json()) | {"signature": ""}
    return b"partygrid-seal-1\n" + json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


def test_another_key_did_not_sign_it() -> None:
    assert not is_signed_by(SEALS[0], SigningKey.generate().public)


def test_seal_without_news_is_a_seal() -> None:
    quiet = make_seal([], previous=SEALS[-1], key=KEY, now=START)
    assert is_signed_by(quiet, KEY.public)
    assert quiet.ranges == ()


def test_empty_range_is_a_mistake() -> None:
    with pytest.raises(ValueError):
        sealed_range(shard=0, from_seq=1, hashes=[])


NO_SEALS = {
    "nothing": b"",
    "no JSON": b"{",
    "other JSON": b"[]",
    "more than a seal": SEALS[0].to_json().replace(b'{"algorithm"', b'{"a":1,"algorithm"'),
    "unknown hash": SEALS[0].to_json().replace(b"sha256", b"md5"),
    "no zone": SEALS[0].to_json().replace(b'Z","number"', b'","number"'),
    "not UTF-8": b"\xff",
}


@pytest.mark.parametrize("text", NO_SEALS.values(), ids=NO_SEALS)
def test_what_is_no_seal_is_refused(text: bytes) -> None:
    with pytest.raises(NotASeal):
        read_seal(text)


def test_foot_is_short_readable_and_found_again_in_a_text() -> None:
    short = foot(SEALS[1])
    assert str(short).startswith("封印 #2 ")
    assert len(str(short)) < 35
    text = f"……本期日报完。\n{short}\n上期：{str(foot(SEALS[0])).upper()}"
    assert read_feet(text) == [short, foot(SEALS[0])]
    assert is_foot_of(short, SEALS[1])
    assert not is_foot_of(short, SEALS[0])
    assert not is_foot_of(Foot(2, "0" * 20), SEALS[1])


@given(st.text(max_size=60))
def test_other_text_has_no_feet(text: str) -> None:
    assert read_feet(text.replace("封印", "")) == []


def test_file_keeps_seals_in_order(tmp_path: Path) -> None:
    file = SealFile(tmp_path / "outside" / "seals.jsonl")
    assert file.last() is None
    for seal in SEALS:
        file.append(seal)
    assert [read_seal(line) for line in file.lines()] == SEALS
    assert file.last() == SEALS[-1]


def test_file_goes_on_after_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "seals.jsonl"
    file = SealFile(path)
    file.append(SEALS[0])
    with path.open("ab") as raw:
        raw.write(SEALS[1].to_json()[:50])
    assert file.last() == SEALS[0]
    file.append(SEALS[1])
    assert file.last() == SEALS[1]
    assert len(file.lines()) == 3


def test_changed_seal_has_another_hash() -> None:
    assert replace(SEALS[0], number=9).digest() != SEALS[0].digest()
    assert replace(SEALS[0], signature="").digest() == SEALS[0].digest()
