"""New keys in the place of old ones: what was made before goes on to count while it should."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from events.relay import Relay
from models.vault import SealedIdentity, VaultLocked
from notifications.addresses import AddressBook, UnreadableAddress
from partygrid import bootstrap
from partygrid.embedded.postgres import Postgres
from partygrid.keyring import Keyring
from tests.integration.restoring import Restorable, restorable
from tests.rigged import command

IDENTITY = {"name": "样例甲", "mobile": "13800000000"}


@pytest.fixture(scope="module")
def one(postgres: Postgres, migrated: str, server_folder: Path) -> Iterator[Restorable]:
    with restorable(postgres, migrated, server_folder, "rotated") as it:
        yield it


def rotated(one: Restorable, name: str) -> dict[str, Any]:
    """Rotate a key as an operator does, and let what is built afterwards know it."""
    told: dict[str, Any] = one.told("keys", "rotate", name, "--yes")
    with_new_keys(one)
    return told


def with_new_keys(one: Restorable) -> None:
    rig = one.rig
    fresh = bootstrap.setting_of(rig.settings, rig.setting.shelf, engine=rig.setting.engine)
    rig.setting = replace(
        rig.setting,
        own_key=fresh.own_key,
        older_own_keys=fresh.older_own_keys,
        text_key=fresh.text_key,
    )


def published(one: Restorable) -> None:
    """Publish what waits, without deciding anything."""
    engine = one.rig.build_engine()
    relay: Relay = engine._relay
    assert relay.publish_all([0, 1]) >= 1
    engine.close()


def line_of(one: Restorable, kind: str) -> dict[str, Any]:
    lines: list[dict[str, Any]] = one.told("keys", "list")["keys"]
    return next(line for line in lines if line["kind"] == kind)


def test_what_the_old_own_key_vouched_for_is_decided_while_it_is_kept(one: Restorable) -> None:
    """One event lies unread in a topic, one waits in the outbox, one comes after."""
    in_topic = one.report("已在主题里")
    published(one)
    in_outbox = one.report("还在发件箱")
    before = line_of(one, "own")
    told = rotated(one, "own")
    assert told["older"] == [before["key"]]
    after = one.report("换钥之后")
    with one.working():
        for event in (in_topic, in_outbox, after):
            one.decided(event)
        one.settled()
    assert one.rig.rows("SELECT count(*) FROM dead_letters") == [(0,)]
    assert one.told("reconcile")["gaps"] == []


def test_a_forgotten_own_key_vouches_for_nothing(one: Restorable) -> None:
    """After a leak: what was made with it is put aside, and may be replayed by a person."""
    late = one.report("旧钥的")
    published(one)
    rotated(one, "own")
    assert one.told("keys", "forget", "own", "--yes")["older"] == []
    with_new_keys(one)
    with one.working():
        new = one.report("新钥的")
        one.decided(new)
    letters = one.rig.rows("SELECT reason, event_id FROM dead_letters")
    assert letters == [("bad_signature", late.id)]
    again = command(one.rig, "keys", "forget", "own", "--yes")
    assert (again.exit_code, "no older key" in again.output) == (2, True)


def test_seals_of_both_keys_verify_and_the_old_secret_is_gone(one: Restorable) -> None:
    keyring = Keyring(one.rig.settings)
    one.seal()
    old = keyring.seal()
    secret = (keyring.folder / "seal.key").read_bytes()
    told = rotated(one, "seal")
    assert told["older"] == [old.key_id]
    assert secret not in [path.read_bytes() for path in keyring.folder.iterdir() if path.is_file()]
    with one.working():
        one.decided(one.report("新封印"))
    one.seal()
    keys = {json.loads(row[0])["key_id"] for row in one.rig.rows("SELECT seal FROM seals")}
    assert keys == {old.key_id, keyring.seal().key_id}
    verified = one.told("audit", "verify")
    assert verified["sound"]
    assert verified["copies"][0]["agrees_to"] == 2
    refused = command(one.rig, "keys", "forget", "seal", "--yes")
    assert (refused.exit_code, "needed for good" in refused.output) == (2, True)


def test_identities_open_after_rotating_and_need_the_new_key_only(one: Restorable) -> None:
    keyring = Keyring(one.rig.settings)
    sealed = keyring.vault().seal(IDENTITY)
    one.rig.db.execute(
        "INSERT INTO identities (reporter_ref, key_id, ciphertext, created_at)"
        " VALUES (%s, %s, %s, now())",
        (sealed.reporter_ref, sealed.key_id, sealed.ciphertext),
    )
    told = rotated(one, "vault")
    assert (len(told["older"]), told["rows"]) == (1, 0)
    # A backup still holds the old row: it opens as long as the old key is kept.
    assert keyring.vault().open(sealed) == IDENTITY
    assert opened(one, sealed.reporter_ref) == IDENTITY
    assert one.told("keys", "forget", "vault", "--yes")["older"] == []
    assert opened(one, sealed.reporter_ref) == IDENTITY
    with pytest.raises(VaultLocked):
        keyring.vault().open(sealed)


def opened(one: Restorable, ref: str) -> dict[str, str]:
    (row,) = one.rig.rows(
        "SELECT reporter_ref, key_id, ciphertext FROM identities WHERE reporter_ref = %s", ref
    )
    return Keyring(one.rig.settings).vault().open(SealedIdentity(row[0], row[1], bytes(row[2])))


def test_addresses_open_after_rotating_and_need_the_new_key_only(one: Restorable) -> None:
    def readable() -> bool:
        book = AddressBook(Keyring(one.rig.settings).addresses())
        rows = one.rig.rows("SELECT sealed FROM channel_addresses")
        return len(rows) > 100 and all(book.open(bytes(row[0])).endswith("example") for row in rows)

    ((old,),) = one.rig.rows("SELECT sealed FROM channel_addresses LIMIT 1")
    told = rotated(one, "addresses")
    assert (len(told["older"]), told["rows"]) == (1, 0)
    assert readable()
    assert one.told("keys", "forget", "addresses", "--yes")["older"] == []
    assert readable()
    with pytest.raises(UnreadableAddress):
        AddressBook(Keyring(one.rig.settings).addresses()).open(bytes(old))


def test_rows_that_a_broken_off_rotation_left_are_told_and_completed(one: Restorable) -> None:
    """The file has its new key, the rows were not encrypted anew."""
    keyring = Keyring(one.rig.settings)
    sealed = keyring.vault().seal(IDENTITY)
    one.rig.db.execute(
        "INSERT INTO identities (reporter_ref, key_id, ciphertext, created_at)"
        " VALUES (%s, %s, %s, now())",
        (sealed.reporter_ref, sealed.key_id, sealed.ciphertext),
    )
    one.told("keys", "rotate", "vault", "--yes")
    one.rig.db.execute(
        "UPDATE identities SET key_id = %s, ciphertext = %s WHERE reporter_ref = %s",
        (sealed.key_id, sealed.ciphertext, sealed.reporter_ref),
    )
    assert line_of(one, "vault")["rows"] == 1
    assert one.told("keys", "forget", "vault", "--yes")["rows"] == 0
    assert opened(one, sealed.reporter_ref) == IDENTITY


def test_old_commitments_stand_and_new_words_get_new_ones(one: Restorable) -> None:
    with one.working():
        one.decided(one.report("从前的话"))
    before = one.rig.rows("SELECT token FROM free_texts WHERE words = '从前的话'")
    assert len(rotated(one, "text")["older"]) == 1
    with one.working():
        one.decided(one.report("后来的话"))
    assert one.rig.rows("SELECT token FROM free_texts WHERE words = '从前的话'") == before
    assert one.told("rebuild")["differences"] == []
    assert one.told("audit", "verify")["sound"]


@pytest.mark.parametrize("kind", ["own", "text", "seal", "vault", "addresses"])
def test_nothing_may_work_with_the_keys_meanwhile(one: Restorable, kind: str) -> None:
    folder = Keyring(one.rig.settings).folder
    beat = one.rig.settings.home / "run" / "office.json"
    beat.parent.mkdir(exist_ok=True)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    beat.write_text(json.dumps({"pid": 1, "at": datetime.now(UTC).isoformat()}))
    for action in ("rotate", "forget"):
        done = command(one.rig, "keys", action, kind, "--yes")
        assert (done.exit_code, "Stop them first" in done.output) == (3, True)
    asked = command(one.rig, "keys", "rotate", kind)
    assert (asked.exit_code, "Say --yes" in asked.output) == (3, True)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    long_ago = datetime.now(UTC) - timedelta(minutes=5)
    beat.write_text(json.dumps({"pid": 1, "at": long_ago.isoformat()}))
    assert command(one.rig, "keys", "rotate", kind, "--yes").exit_code == 0
    beat.unlink()


def test_fingerprints_are_told_and_no_key(one: Restorable) -> None:
    told = command(one.rig, "keys", "list").output
    folder = Keyring(one.rig.settings).folder
    for name in ("own.key", "text.key"):
        for key in bootstrap.installation_keys(folder, name):
            assert key.hex() not in told
            assert base64.b64encode(key).decode() not in told
    for name in ("seal.key", "vault.key", "addresses.key"):
        assert [line for line in (folder / name).read_text().splitlines() if line in told] == []
    assert {path.stat().st_mode & 0o077 for path in folder.glob("*.key")} == {0}
