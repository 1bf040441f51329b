"""The fast canonical form is byte for byte that of the reference implementation."""

import json
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from models.canonical import (
    SAFE_INTEGER,
    NotCanonical,
    canonical,
    canonical_foreign,
    canonical_struct,
)

texts = st.text()
ascii_keys = st.text(st.characters(max_codepoint=127))
integers = st.integers(-SAFE_INTEGER, SAFE_INTEGER)
scalars = st.none() | st.booleans() | integers | texts
small_domain = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(ascii_keys, inner), max_leaves=20
)
any_json = st.recursive(
    scalars | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@given(small_domain)
@example({"a": 1, "A": 2, "": 3, "\x7f": 4, "a!": 5, '"': 6, "\\": 7})
@example("\x00\x1f\b\f\n\r\t\u2028\u2029/<>\x7f\x80\U0001f600\ufffd")
def test_small_domain_is_spelled_as_the_reference_spells_it(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(any_json)
@example([0.1, -0.0, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, 121.123456, 100.0, 333333333.3333])
@example({"\U0001f600": 1, "\uff0c": 2, "\ue000": 3})
@example([1.0, -1.0, 1e15, 2.0**53 - 1, {"村": {"é": [{"a": [{"b": [{"c": [True, None]}]}]}]}}])
def test_foreign_json_is_spelled_as_the_reference_spells_it(value: Any) -> None:
    assert canonical_foreign(msgspec.json.encode(value)) == rfc8785.dumps(value)
    assert canonical_foreign(json.dumps(value).encode()) == rfc8785.dumps(value)


@given(st.floats(1e-5, 1e10) | st.floats(-1e10, -1e-5) | st.decimals(0, 180, places=6).map(float))
def test_plain_fractions_are_spelled_as_the_reference_spells_them(value: float) -> None:
    assert canonical_foreign(msgspec.json.encode([value])) == rfc8785.dumps([value])


def test_foreign_spelling_does_not_matter() -> None:
    spelled = b' {"lon" : 1.2150e2, "a":\t"\\u6751", "n": 1.0 } '
    assert canonical_foreign(spelled) == '{"a":"村","lon":121.5,"n":1}'.encode()


OUTSIDE = {
    "fraction": 0.5,
    "not a number": float("nan"),
    "whole number too large": SAFE_INTEGER + 1,
    "whole number too small": -SAFE_INTEGER - 1,
    "key beyond ASCII": {"村": 1},
    "key that is no text": {1: 1},
    "bytes": b"x",
    "set": {1},
    "half a surrogate pair": "\ud800",
    "deep inside": {"a": [{"b": 0.5}]},
}


@pytest.mark.parametrize("value", OUTSIDE.values(), ids=OUTSIDE)
def test_outside_the_small_domain_is_refused(value: object) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)


BROKEN = {
    "nothing": b"",
    "half an object": b'{"a":',
    "not UTF-8": b'"\xff"',
    "half a surrogate pair": rb'"\ud800"',
    "not a number": b"NaN",
    "deep": b"[" * 100_000,
    "just too deep": b"[" * 65 + b"]" * 65,
    "odd number, then too deep": b"[1.0," + b"[" * 65 + b"]" * 66,
    "whole number too large": b"9007199254740993",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_broken_or_ambiguous_json_is_refused(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        canonical_foreign(data)


def test_deepest_value_is_taken_and_a_deeper_one_refused() -> None:
    assert canonical_foreign(b"[" * 64 + b"]" * 64) == b"[" * 64 + b"]" * 64
    value: list[object] = []
    for _ in range(5_000):
        value = [value]
    with pytest.raises(NotCanonical):
        canonical(value)


class _Sample(msgspec.Struct, omit_defaults=True):
    zeta: str
    alpha: int
    left_out: str = ""


def test_struct_is_sorted_and_leaves_defaults_out() -> None:
    assert canonical_struct(_Sample(zeta="z", alpha=1)) == b'{"alpha":1,"zeta":"z"}'
    with pytest.raises(NotCanonical):
        canonical_struct(_Sample(zeta="\ud800", alpha=1))
