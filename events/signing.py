"""What the signature of an event covers, and signing and verifying it. Pure.

Data that is JSON is signed in its canonical form, so an event verifies alike in binary and in
structured mode, and after a gateway has spelled it differently.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from contextlib import suppress

from models.canonical import NotCanonical, canonical_foreign, canonical_texts
from models.keys import PublicKey, SigningKey

_TAG = b"partygrid-event-1\n"

#: Attributes that are added on the way, or are the signature itself.
UNSIGNED = frozenset({"signature", "assertion", "datacontenttype", "traceparent", "tracestate"})


def signing_input(attributes: Mapping[str, str], data: bytes) -> bytes:
    """Return the bytes that are signed: all attributes but `UNSIGNED`, and the hash of the data.

    Never raises for bad data: what is no JSON is taken byte for byte.
    """
    signed = {name: text for name, text in attributes.items() if name not in UNSIGNED}
    with suppress(NotCanonical):
        data = canonical_foreign(data)
    return _TAG + canonical_texts([signed, hashlib.sha256(data).hexdigest()])


def content_hash(attributes: Mapping[str, str], data: bytes) -> str:
    """Return the hex SHA-256 of the signed bytes: under one (source, id) it never changes."""
    return hashlib.sha256(signing_input(attributes, data)).hexdigest()


def sign_event(key: SigningKey, attributes: Mapping[str, str], data: bytes) -> str:
    """Return the `signature` attribute, Base64. `attributes` name the key in `keyid` already."""
    return base64.b64encode(key.sign(signing_input(attributes, data))).decode()


def is_signed(
    key: PublicKey, attributes: Mapping[str, str], data: bytes, *, signature: str
) -> bool:
    """Tell whether the owner of `key` signed exactly this event."""
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    return key.is_genuine(raw, signing_input(attributes, data))
