"""The vault opens with its key only, and what was changed does not open."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.keys import KeyFileExists
from models.masking import masked_phone
from models.vault import (
    NotAVaultKey,
    SealedIdentity,
    Vault,
    VaultLocked,
    make_vault_file,
    rotate_vault_file,
)

OLD, NEW = b"o" * 32, b"n" * 32
IDENTITY = {"name": "某人", "phone": "13800001234", "address": "某村 3 号"}


@given(st.dictionaries(st.text(), st.text()))
def test_sealed_identity_opens_again(identity: dict[str, str]) -> None:
    vault = Vault(OLD)
    assert vault.open(vault.seal(identity)) == identity


def test_pseudonym_and_row_say_nothing_of_the_person() -> None:
    vault = Vault(OLD)
    one, other = vault.seal(IDENTITY), vault.seal(IDENTITY)
    assert one.reporter_ref != other.reporter_ref
    assert one.ciphertext != other.ciphertext
    assert b"13800001234" not in one.ciphertext
    assert len(one.reporter_ref) <= 64


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(VaultLocked):
        Vault(NEW).open(Vault(OLD).seal(IDENTITY))


@given(st.data())
def test_changed_row_does_not_open(data: st.DataObject) -> None:
    vault = Vault(OLD)
    sealed = vault.seal(IDENTITY)
    place = data.draw(st.integers(0, len(sealed.ciphertext) - 1))
    changed = bytearray(sealed.ciphertext)
    changed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(VaultLocked):
        vault.open(SealedIdentity(sealed.reporter_ref, sealed.key_id, bytes(changed)))


@given(st.integers(0, 200))
def test_cut_row_does_not_open(length: int) -> None:
    vault = Vault(OLD)
    sealed = vault.seal(IDENTITY)
    cut = sealed.ciphertext[: min(length, len(sealed.ciphertext) - 1)]
    with pytest.raises(VaultLocked):
        vault.open(SealedIdentity(sealed.reporter_ref, sealed.key_id, cut))


def test_one_person_s_row_does_not_open_under_another_s_pseudonym() -> None:
    vault = Vault(OLD)
    one, other = vault.seal(IDENTITY), vault.seal({"name": "另一人"})
    with pytest.raises(VaultLocked):
        vault.open(SealedIdentity(other.reporter_ref, one.key_id, one.ciphertext))


def test_new_key_seals_and_old_one_still_opens() -> None:
    sealed = Vault(OLD).seal(IDENTITY)
    both = Vault(NEW, OLD)
    assert both.open(sealed) == IDENTITY
    assert both.seal(IDENTITY).key_id == Vault(NEW).key_id != sealed.key_id


def test_rewrapped_row_needs_the_new_key_only() -> None:
    sealed = Vault(OLD).seal(IDENTITY)
    moved = Vault(NEW, OLD).rewrap(sealed)
    assert moved.reporter_ref == sealed.reporter_ref
    assert Vault(NEW).open(moved) == IDENTITY
    with pytest.raises(VaultLocked):
        Vault(OLD).open(moved)


def test_vault_file(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    make_vault_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    sealed = Vault.load(path).seal(IDENTITY)
    with pytest.raises(KeyFileExists):
        make_vault_file(path)
    rotate_vault_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    rotated = Vault.load(path)
    assert rotated.open(sealed) == IDENTITY
    assert rotated.key_id != sealed.key_id
    assert [entry.name for entry in tmp_path.iterdir()] == ["vault"]


@pytest.mark.parametrize("content", ["", "***", "c2hvcnQ=", "密钥"])
def test_what_is_no_vault_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "vault"
    path.write_text(content)
    with pytest.raises(NotAVaultKey):
        Vault.load(path)
    with pytest.raises(NotAVaultKey):
        rotate_vault_file(path)
    assert path.read_text() == content


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("13812341234", "138****1234"),
        ("+86 138-1234-1234", "138****1234"),
        ("0574-87654321", "****4321"),
        ("87654321", "****21"),
        ("110", "****"),
        ("", "****"),
        ("打不通", "****"),
    ],
)
def test_masked_phone(number: str, shown: str) -> None:
    assert masked_phone(number) == shown


@given(st.text("0123456789-+ ", max_size=20))
def test_mask_hides_most_digits(number: str) -> None:
    digits = sum(character.isdigit() for character in number)
    shown = sum(character.isdigit() for character in masked_phone(number))
    assert shown <= 7
    assert shown == 0 or shown <= digits - 4
