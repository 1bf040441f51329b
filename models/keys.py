"""Ed25519 keys: of apps, of the installation, of the seals. Key files hold PEM, mode 0600."""

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from partygrid.errors import Invalid

#: Hex digits of the public key's hash that name the key.
_ID_DIGITS = 16


class NoSuchKind(Invalid):
    """The file or text holds no Ed25519 key in PEM."""


class KeyFileExists(Invalid):
    """A key file lies there already; keys are never overwritten."""


class PublicKey:
    """A key that tells whether a signature is genuine."""

    def __init__(self, raw: bytes) -> None:
        """Take the 32 raw bytes of an Ed25519 public key."""
        try:
            self._key = Ed25519PublicKey.from_public_bytes(raw)
        except ValueError:
            raise NoSuchKind from None
        self.raw = raw
        self.key_id = hashlib.sha256(raw).hexdigest()[:_ID_DIGITS]

    @classmethod
    def from_pem(cls, pem: str) -> "PublicKey":
        """Return the key of a PEM text. Raises `NoSuchKind`."""
        return _from_pem(pem)

    def pem(self) -> str:
        """Return the key as PEM text."""
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def is_genuine(self, signature: bytes, message: bytes) -> bool:
        """Tell whether this key's owner signed exactly `message`."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and other.raw == self.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"PublicKey({self.key_id})"


@lru_cache(maxsize=4096)
def _from_pem(pem: str) -> PublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except ValueError:
        raise NoSuchKind from None
    if not isinstance(key, Ed25519PublicKey):
        raise NoSuchKind
    return PublicKey(key.public_bytes(Encoding.Raw, PublicFormat.Raw))


class SigningKey:
    """A key that signs. Its secret half leaves this object only into its own file."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = PublicKey(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        self.key_id = self.public.key_id

    @classmethod
    def generate(cls) -> "SigningKey":
        """Return a new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> "SigningKey":
        """Return the key of an unencrypted PEM text. Raises `NoSuchKind`."""
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError):
            raise NoSuchKind from None
        if not isinstance(key, Ed25519PrivateKey):
            raise NoSuchKind
        return cls(key)

    @classmethod
    def load(cls, path: Path) -> "SigningKey":
        """Return the key in a file. Raises `NoSuchKind`, or `OSError` where it cannot be read."""
        return cls.from_pem(path.read_bytes())

    def save(self, path: Path) -> None:
        """Write the key to a new file that only its owner may read. Raises `KeyFileExists`."""
        write_secret(path, self.pem())

    def pem(self) -> bytes:
        """Return the secret key as PEM."""
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the signature."""
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id})"


def replace_secret(path: Path, content: bytes) -> None:
    """Put new content in a key file's place; a crash leaves the old file or the new one, whole."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    write_secret(fresh, content)
    fresh.replace(path)


def write_secret(path: Path, content: bytes) -> None:
    """Write `content` to a new file of mode 0600: whole and on the disk, or not there at all.

    Raises `KeyFileExists`.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # Linking fails where the name is taken; renaming would overwrite a key.
        os.link(unfinished, path)
    except FileExistsError:
        raise KeyFileExists(f"{path}: {KeyFileExists.__doc__}", path=path) from None
    finally:
        unfinished.unlink()
