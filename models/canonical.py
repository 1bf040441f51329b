"""One spelling of a JSON value: canonical JSON after RFC 8785, so that equal values hash alike.

Our own records keep to a small domain (text, whole numbers, truth values, null, lists, objects
with ASCII keys), where sorting keys by byte and by UTF-16 unit is the same and a fast encoder
spells everything as the standard asks. What others send may hold fractions and any key. Nearly
all of it is plain: whole numbers, and keys that are in one order by byte and by UTF-16 unit too;
that is seen while it is read. The rest goes through the reference implementation.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
import rfc8785

from partygrid.errors import Invalid

#: Largest whole number that every JSON reader keeps exactly.
SAFE_INTEGER = 2**53 - 1
#: Deepest nesting. A fixed limit, because the interpreter's own depends on who is calling.
DEEPEST = 64

_TOO_DEEP = "no canonical form: nested too deeply"

_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder().decode


def _plain(depth: int) -> Any:
    """Return the type of plain values, nested so deep. A fraction like 1.0 is read as whole."""
    scalar = str | bool | Annotated[int, msgspec.Meta(ge=-SAFE_INTEGER, le=SAFE_INTEGER)] | None
    nested: Any = scalar
    for _ in range(depth):
        nested = scalar | list[nested] | dict[str, nested]
    return nested


#: Takes what nearly every event is, and looks at each value while it reads it.
_decode_plain = msgspec.json.Decoder(_plain(5)).decode
#: Of text that UTF-16 writes in more than two bytes, the order by byte is another one than ours.
_BEYOND_TWO_BYTES = re.compile(rb"[\xf0-\xff]|\\u[dD]")


class NotCanonical(Invalid):
    """The value has no canonical form here."""


def canonical(value: object) -> bytes:
    """Return the canonical JSON of a value of the small domain.

    Raises `NotCanonical` for anything else; a fraction is written as a whole number of a smaller
    unit or as text.
    """
    oddity = _oddity(value, DEEPEST)
    if oddity is not None:
        raise NotCanonical(f"no canonical form: {oddity}")
    return _spelled(value)


def canonical_struct(value: msgspec.Struct) -> bytes:
    """Return the canonical JSON of a Struct whose field types keep to the small domain.

    Times are aware UTC and stand as RFC 3339 text. The types are trusted, not looked at again:
    a field that may hold any JSON is checked with `canonical` by whoever owns the Struct.
    """
    return _spelled(value)


def canonical_texts(value: Sequence[str | Mapping[str, str]]) -> bytes:
    """Return the canonical JSON of texts under names that are ASCII, which is not looked at."""
    return _spelled(value)


def _spelled(value: object) -> bytes:
    try:
        return _encode(value)
    except UnicodeEncodeError:
        raise NotCanonical("no canonical form: a text with half a surrogate pair") from None


def canonical_foreign(data: bytes) -> bytes:
    """Return the canonical JSON of a JSON document from outside: fractions and all keys allowed.

    Raises `NotCanonical` for what is no JSON and for whole numbers that not every reader keeps.
    """
    if _BEYOND_TWO_BYTES.search(data) is None:
        try:
            return _encode(_decode_plain(data))
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass  # there is more to look at, or it is none
    return _canonical_of_any(data)


def _canonical_of_any(data: bytes) -> bytes:
    try:
        value = _decode(data)
        if _oddity(value, DEEPEST, fractions=True) is None:
            return _encode(value)
        _check_depth(value, DEEPEST)
        return rfc8785.dumps(value)
    except msgspec.DecodeError as error:
        raise NotCanonical(f"no JSON: {error}") from None
    except rfc8785.CanonicalizationError as error:
        raise NotCanonical(f"no canonical form: {error}") from None
    except (UnicodeDecodeError, RecursionError):
        raise NotCanonical("no JSON: not UTF-8, or nested too deeply") from None


def _oddity(value: object, depth: int, *, fractions: bool = False) -> str | None:
    """Say what lies outside the small domain, or None; `depth` is how much deeper it may go."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return None
    if isinstance(value, int):
        fits = -SAFE_INTEGER <= value <= SAFE_INTEGER
        return None if fits else "a whole number beyond 2^53 - 1"
    if isinstance(value, dict):
        if not all(type(key) is str and key.isascii() for key in value):
            return "an object key that is not ASCII text"
        return _odd_items(value.values(), depth, fractions=fractions)
    if isinstance(value, list | tuple):
        return _odd_items(value, depth, fractions=fractions)
    if isinstance(value, str) or (fractions and _is_plain_fraction(value)):
        return None
    return f"a value of type {kind.__name__}"


def _odd_items(values: Iterable[object], depth: int, *, fractions: bool) -> str | None:
    if depth == 0:
        raise NotCanonical(_TOO_DEEP)
    for item in values:
        if type(item) is str:
            continue
        oddity = _oddity(item, depth - 1, fractions=fractions)
        if oddity is not None:
            return oddity
    return None


def _check_depth(value: object, depth: int) -> None:
    """Look at the depth of all of it; `_oddity` stops at the first thing it finds."""
    if not isinstance(value, dict | list):
        return
    if depth == 0:
        raise NotCanonical(_TOO_DEEP)
    for item in value.values() if isinstance(value, dict) else value:
        _check_depth(item, depth - 1)


def _is_plain_fraction(value: object) -> bool:
    """Tell whether a fraction is spelled alike everywhere: without exponent and trailing `.0`."""
    return isinstance(value, float) and 1e-4 < abs(value) < 1e9 and not value.is_integer()
