"""The vault of identities: who stands behind a pseudonym, readable only with a key kept elsewhere.

Every identity is encrypted with a key of its own, and that key with the vault's key (AES-256-GCM
both). So deleting a row erases the person, and a new vault key rewraps small keys only.
"""

import base64
import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from models.keys import replace_secret, write_secret
from partygrid.errors import Invalid

_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_WRAPPED_BYTES = _NONCE_BYTES + _KEY_BYTES + _TAG_BYTES
#: Which layout a ciphertext has; its first byte.
_LAYOUT = b"\x01"

Identity = Mapping[str, str]


class SealedIdentity(Struct, frozen=True):
    """What the database keeps of a person."""

    #: the pseudonym that events carry; says nothing about the person
    reporter_ref: str
    #: which vault key it needs
    key_id: str
    ciphertext: bytes


class VaultLocked(Invalid):
    """The identity cannot be opened: the vault has no key of this id, or the row was changed."""


class NotAVaultKey(Invalid):
    """The file holds no vault keys: a Base64 line of 32 bytes each, the current one first."""


class Vault:
    """Seals and opens identities. The first key seals, all open."""

    def __init__(self, *keys: bytes) -> None:
        if not keys or any(len(key) != _KEY_BYTES for key in keys):
            raise NotAVaultKey
        self.key_id = _key_id(keys[0])
        self._keys = {_key_id(key): AESGCM(key) for key in keys}

    @classmethod
    def load(cls, path: Path) -> "Vault":
        """Return the vault whose keys lie in a file. Raises `NotAVaultKey` or `OSError`."""
        try:
            lines = path.read_text().split()
            keys = [base64.b64decode(line, validate=True) for line in lines]
        except ValueError:
            raise NotAVaultKey from None
        return cls(*keys)

    def seal(self, identity: Identity, *, reporter_ref: str = "") -> SealedIdentity:
        """Encrypt an identity under a new random pseudonym, or the one the directory gave."""
        reporter_ref = reporter_ref or f"r-{secrets.token_hex(16)}"
        own_key, nonce = AESGCM.generate_key(_KEY_BYTES * 8), os.urandom(_NONCE_BYTES)
        told = AESGCM(own_key).encrypt(nonce, msgspec.json.encode(identity), reporter_ref.encode())
        wrapped = self._wrap(own_key, reporter_ref)
        return SealedIdentity(reporter_ref, self.key_id, _LAYOUT + wrapped + nonce + told)

    def open(self, sealed: SealedIdentity) -> dict[str, str]:
        """Return the identity. Raises `VaultLocked`."""
        own_key, rest = self._unwrap(sealed)
        nonce, told = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        try:
            plain = AESGCM(own_key).decrypt(nonce, told, sealed.reporter_ref.encode())
        except (InvalidTag, ValueError):
            raise VaultLocked(reporter_ref=sealed.reporter_ref) from None
        return msgspec.json.decode(plain, type=dict[str, str])

    def rewrap(self, sealed: SealedIdentity) -> SealedIdentity:
        """Return the same identity under the current key; nobody's data is decrypted for it."""
        own_key, rest = self._unwrap(sealed)
        wrapped = self._wrap(own_key, sealed.reporter_ref)
        return SealedIdentity(sealed.reporter_ref, self.key_id, _LAYOUT + wrapped + rest)

    def _wrap(self, own_key: bytes, reporter_ref: str) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        bound = f"{self.key_id}:{reporter_ref}".encode()
        return nonce + self._keys[self.key_id].encrypt(nonce, own_key, bound)

    def _unwrap(self, sealed: SealedIdentity) -> tuple[bytes, bytes]:
        body = sealed.ciphertext[1:]
        wrapped, rest = body[:_WRAPPED_BYTES], body[_WRAPPED_BYTES:]
        key = self._keys.get(sealed.key_id)
        bound = f"{sealed.key_id}:{sealed.reporter_ref}".encode()
        if key is None or sealed.ciphertext[:1] != _LAYOUT:
            raise VaultLocked(reporter_ref=sealed.reporter_ref)
        try:
            return key.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], bound), rest
        except (InvalidTag, ValueError):
            raise VaultLocked(reporter_ref=sealed.reporter_ref) from None


def make_vault_file(path: Path) -> None:
    """Write a new vault key to a new file of mode 0600. Raises `KeyFileExists`."""
    write_secret(path, _line(AESGCM.generate_key(_KEY_BYTES * 8)))


def rotate_vault_file(path: Path) -> None:
    """Put a new key before those in the file; a crash leaves the old file or the new one.

    Rewrap every row afterwards; only then may the old lines be removed.
    """
    Vault.load(path)
    replace_secret(path, _line(AESGCM.generate_key(_KEY_BYTES * 8)) + path.read_bytes())


def _line(key: bytes) -> bytes:
    return base64.b64encode(key) + b"\n"


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"partygrid-vault-key-1\n" + key).hexdigest()[:16]
