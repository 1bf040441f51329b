"""Key files: written once, for their owner only, never half."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from models.keys import KeyFileExists, NoSuchKind, PublicKey, SigningKey


def test_key_is_the_same_after_saving_and_loading(tmp_path: Path) -> None:
    key, path = SigningKey.generate(), tmp_path / "seal.pem"
    key.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    loaded = SigningKey.load(path)
    assert loaded.key_id == key.key_id == key.public.key_id
    assert key.public.is_genuine(loaded.sign(b"x"), b"x")
    assert [entry.name for entry in tmp_path.iterdir()] == ["seal.pem"]


def test_key_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "seal.pem"
    first = SigningKey.generate()
    first.save(path)
    with pytest.raises(KeyFileExists, match=r"seal\.pem"):
        SigningKey.generate().save(path)
    assert SigningKey.load(path).key_id == first.key_id
    assert [entry.name for entry in tmp_path.iterdir()] == ["seal.pem"]


def test_public_key_is_the_same_as_pem_and_raw() -> None:
    public = SigningKey.generate().public
    assert PublicKey.from_pem(public.pem()) == public == PublicKey(public.raw)
    assert PublicKey.from_pem(public.pem()) is PublicKey.from_pem(public.pem())
    assert len({public, PublicKey(public.raw), SigningKey.generate().public}) == 2


def test_secret_is_not_shown() -> None:
    key = SigningKey.generate()
    assert repr(key) == f"SigningKey({key.key_id})"
    assert repr(key.public) == f"PublicKey({key.key_id})"


def test_signature_is_of_one_message_and_one_key() -> None:
    key = SigningKey.generate()
    signature = key.sign(b"message")
    assert key.public.is_genuine(signature, b"message")
    assert not key.public.is_genuine(signature, b"another")
    assert not SigningKey.generate().public.is_genuine(signature, b"message")
    assert not key.public.is_genuine(b"", b"message")


_OTHER_KIND = X25519PrivateKey.generate()
NO_SECRETS = {
    "nothing": b"",
    "no PEM": b"secret",
    "another kind": _OTHER_KIND.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    "a public key": SigningKey.generate().public.pem().encode(),
}
NO_PUBLIC_KEYS = {
    "nothing": "",
    "no PEM": "key",
    "another kind": _OTHER_KIND.public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode(),
}


@pytest.mark.parametrize("pem", NO_SECRETS.values(), ids=NO_SECRETS)
def test_what_is_no_signing_key(pem: bytes) -> None:
    with pytest.raises(NoSuchKind):
        SigningKey.from_pem(pem)


@pytest.mark.parametrize("pem", NO_PUBLIC_KEYS.values(), ids=NO_PUBLIC_KEYS)
def test_what_is_no_public_key(pem: str) -> None:
    with pytest.raises(NoSuchKind):
        PublicKey.from_pem(pem)


def test_raw_key_of_another_length_is_none() -> None:
    with pytest.raises(NoSuchKind):
        PublicKey(b"short")
