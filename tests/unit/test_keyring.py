"""The installation's keys: made once, each readable by its owner only."""

from pathlib import Path

import pytest

from models.keys import NoSuchKind, SigningKey, replace_secret
from partygrid.bootstrap import KEY_BYTES, NotAKey, installation_key, installation_keys
from partygrid.keyring import Keyring
from partygrid.settings import Settings


@pytest.fixture
def keys(tmp_path: Path) -> Keyring:
    return Keyring(Settings(home=tmp_path))


def test_all_keys_are_made_once(keys: Keyring) -> None:
    made = keys.make_all()
    named = {path.name for path in made}
    assert {"own.key", "text.key", "seal.key", "vault.key", "addresses.key"} < named
    assert [path for path in made if path.stat().st_mode & 0o077] == []
    content = {path: path.read_bytes() for path in made}
    assert keys.make_all() == ()
    assert {path: path.read_bytes() for path in made} == content


def test_the_public_half_of_every_seal_key_is_kept(keys: Keyring) -> None:
    first = keys.seal()
    (keys.folder / "seal.key").unlink()
    second = keys.seal()
    assert set(keys.seal_publics()) == {first.key_id, second.key_id}
    assert keys.seal_publics()[first.key_id] == first.public


def test_an_exchanged_public_key_is_noticed(keys: Keyring) -> None:
    key = keys.seal()
    other = SigningKey.generate().public.pem()
    path = keys.folder / f"seal-{key.key_id}.pub"
    path.unlink()
    path.write_text(other)
    with pytest.raises(NoSuchKind, match="exchanged"):
        keys.seal_publics()


def test_keys_open_what_they_sealed(keys: Keyring) -> None:
    sealed = keys.vault().seal({"mobile": "13800000000"})
    assert keys.vault().open(sealed) == {"mobile": "13800000000"}
    assert keys.addresses().decrypt(keys.addresses().encrypt(b"a@b")) == b"a@b"
    assert keys.seal().public.is_genuine(keys.seal().sign(b"x"), b"x")


def test_keys_may_lie_elsewhere(tmp_path: Path) -> None:
    Keyring(Settings(home=tmp_path / "home", secrets_dir=tmp_path / "keys")).make_all()
    assert (tmp_path / "keys" / "seal.key").exists()
    assert not (tmp_path / "home").exists()


def test_a_secret_that_was_rotated_lies_before_those_of_before(keys: Keyring) -> None:
    keys.make_all()
    path = keys.folder / "own.key"
    old = path.read_bytes()
    replace_secret(path, b"n" * KEY_BYTES + old)
    assert path.stat().st_mode & 0o777 == 0o600
    assert installation_keys(keys.folder, "own.key") == (b"n" * KEY_BYTES, old)
    assert installation_key(keys.folder, "own.key") == b"n" * KEY_BYTES


@pytest.mark.parametrize("content", [b"", b"k" * (KEY_BYTES - 1), b"k" * (KEY_BYTES + 1)])
def test_a_cut_secret_is_no_secret(keys: Keyring, content: bytes) -> None:
    keys.make_all()
    (keys.folder / "own.key").write_bytes(content)
    with pytest.raises(NotAKey, match="Put your copy back"):
        installation_keys(keys.folder, "own.key")
