"""Hashes by name, so that every stored hash can say which one it is."""

import hashlib
import hmac
from collections.abc import Callable

from partygrid.errors import Invalid

#: Hashes that may stand in the audit. All give 32 bytes.
SHA256 = "sha256"
SM3 = "sm3"
ALGORITHMS = (SHA256, SM3)

Hash = Callable[[bytes], bytes]


class UnknownHash(Invalid):
    """The audit knows the hashes sha256 and sm3 only."""


class HashNotHere(Invalid):
    """This machine's OpenSSL does not offer the hash; sm3 needs a build with SM3."""


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _sm3(data: bytes) -> bytes:
    return hashlib.new(SM3, data).digest()


def hash_named(algorithm: str) -> Hash:
    """Return the hash of this name. Raises `UnknownHash` or `HashNotHere`."""
    if algorithm == SHA256:
        return _sha256
    if algorithm != SM3:
        raise UnknownHash(algorithm=algorithm)
    if SM3 not in hashlib.algorithms_available:
        raise HashNotHere(algorithm=algorithm)
    return _sm3


def keyed_hash(key: bytes, data: bytes, *, algorithm: str = SHA256) -> bytes:
    """Return the HMAC of `data`. Raises as `hash_named`."""
    hash_named(algorithm)
    return hmac.digest(key, data, algorithm)
