"""`partygrid keys`: new keys in the place of old ones, and forgetting the old ones.

A key that was replaced stays behind the new one in its file as long as something needs it: events
in the log that it vouched for, rows it encrypted, backups. Only the seals' is gone at once, as its
public half is all that verifying needs.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
import psycopg
from cryptography.fernet import Fernet, InvalidToken
from msgspec import Struct

from models.keys import SigningKey, replace_secret
from models.vault import SealedIdentity, Vault, rotate_vault_file
from partygrid import bootstrap
from partygrid.embedded.installation import Installation
from partygrid.errors import Invalid, Refused
from partygrid.keyring import Keyring
from partygrid.settings import Settings

Connection = psycopg.Connection[Any]

#: Rows that one transaction encrypts anew.
_AT_ONCE = 500
#: A process that gave a sign of life so lately is at work.
_LATELY = timedelta(minutes=1)

_IDENTITIES = """
SELECT reporter_ref, key_id, ciphertext FROM identities WHERE key_id <> %s
ORDER BY reporter_ref LIMIT %s FOR UPDATE
"""
_REWRAP = "UPDATE identities SET key_id = %s, ciphertext = %s WHERE reporter_ref = %s"
_ADDRESSES = """
SELECT id, sealed FROM channel_addresses WHERE id > %s ORDER BY id LIMIT %s FOR UPDATE
"""
_FIRST = "00000000-0000-0000-0000-000000000000"


class Kind(StrEnum):
    """Keys that can be rotated."""

    #: vouches for our own events: the engine's, the doors', the commands'
    OWN = "own"
    #: makes the commitments that stand in the audit instead of words
    TEXT = "text"
    #: signs the seals
    SEAL = "seal"
    #: encrypts the reporters' identities
    VAULT = "vault"
    #: encrypts where people are reached
    ADDRESSES = "addresses"


class AtWork(Refused):
    """Processes of the installation work with the keys they have. Stop them first."""


class OnlyOne(Invalid):
    """There is no older key to forget."""


class KeyLine(Struct, frozen=True, kw_only=True):
    """One key file, told by fingerprints: nothing secret."""

    kind: Kind
    #: of the key in use
    key: str
    #: of those it took the place of that are still there, the newest first
    older: tuple[str, ...]
    #: rows that an older one is needed for; None where no rows are encrypted
    rows: int | None = None


def list_keys(settings: Settings, connection: Connection) -> list[KeyLine]:
    """Return what lies in the secrets folder, and what still needs the older keys."""
    return [_line(settings, connection, kind) for kind in Kind]


def rotate(settings: Settings, connection: Connection, kind: Kind, now: datetime) -> KeyLine:
    """Put a new key in the place of one; rows are encrypted anew. Raises `AtWork`.

    Broken off, it is completed by `forget`, or by the next rotation.
    """
    _check_nothing_works(settings, now)
    Keyring(settings).make_all()
    _NEW[kind](settings)
    _encrypt_anew(settings, connection, kind)
    return _line(settings, connection, kind)


def forget(settings: Settings, connection: Connection, kind: Kind, now: datetime) -> KeyLine:
    """Remove the older keys of a kind from its file. Raises `AtWork` and `OnlyOne`."""
    _check_nothing_works(settings, now)
    line = _line(settings, connection, kind)
    if not line.older:
        raise OnlyOne(f"{OnlyOne.__doc__} ({kind})")
    _encrypt_anew(settings, connection, kind)
    folder = Keyring(settings).folder
    if kind in (Kind.OWN, Kind.TEXT):
        path = folder / f"{kind}.key"
        replace_secret(path, bootstrap.installation_key(folder, path.name))
    elif kind in (Kind.VAULT, Kind.ADDRESSES):
        path = folder / f"{kind}.key"
        replace_secret(path, path.read_bytes().split()[0] + b"\n")
    else:
        raise OnlyOne("Of the seals' key only the public half is kept, and it is needed for good.")
    return _line(settings, connection, kind)


def _check_nothing_works(settings: Settings, now: datetime) -> None:
    beats = (settings.home / "run").glob("*.json")
    if Installation.read(settings.home) is not None or any(_is_fresh(one, now) for one in beats):
        raise AtWork


def _is_fresh(path: Any, now: datetime) -> bool:
    try:
        at = msgspec.json.decode(path.read_bytes(), type=dict[str, Any]).get("at", "")
        return now - datetime.fromisoformat(at) < _LATELY
    except (OSError, ValueError):
        return False


# --- files ---------------------------------------------------------------------------------------


def _new_secret(name: str) -> Callable[[Settings], None]:
    def make(settings: Settings) -> None:
        path = Keyring(settings).folder / name
        replace_secret(path, secrets.token_bytes(bootstrap.KEY_BYTES) + path.read_bytes())

    return make


def _new_seal(settings: Settings) -> None:
    """The old one's public half lies beside it already."""
    keyring = Keyring(settings)
    replace_secret(keyring.folder / "seal.key", SigningKey.generate().pem())
    keyring.seal()


def _new_vault(settings: Settings) -> None:
    rotate_vault_file(Keyring(settings).folder / "vault.key")


def _new_addresses(settings: Settings) -> None:
    path = Keyring(settings).folder / "addresses.key"
    replace_secret(path, Fernet.generate_key() + b"\n" + path.read_bytes())


_NEW: dict[Kind, Callable[[Settings], None]] = {
    Kind.OWN: _new_secret("own.key"),
    Kind.TEXT: _new_secret("text.key"),
    Kind.SEAL: _new_seal,
    Kind.VAULT: _new_vault,
    Kind.ADDRESSES: _new_addresses,
}


# --- rows ----------------------------------------------------------------------------------------


def _encrypt_anew(settings: Settings, connection: Connection, kind: Kind) -> None:
    if kind is Kind.VAULT:
        _rewrap(connection, Keyring(settings).vault())
    if kind is Kind.ADDRESSES:
        _reencrypt(connection, settings)


def _rewrap(connection: Connection, vault: Vault) -> None:
    """Wrap every identity's own key anew; nobody's data is decrypted for it."""
    while True:
        with connection.transaction():
            rows = connection.execute(_IDENTITIES, (vault.key_id, _AT_ONCE)).fetchall()
            for ref, key_id, ciphertext in rows:
                moved = vault.rewrap(SealedIdentity(ref, key_id, bytes(ciphertext)))
                connection.execute(_REWRAP, (moved.key_id, moved.ciphertext, ref))
        if len(rows) < _AT_ONCE:
            return


def _reencrypt(connection: Connection, settings: Settings) -> None:
    cipher, after = Keyring(settings).addresses(), _FIRST
    while True:
        with connection.transaction():
            rows = connection.execute(_ADDRESSES, (after, _AT_ONCE)).fetchall()
            for row_id, sealed in rows:
                connection.execute(
                    "UPDATE channel_addresses SET sealed = %s WHERE id = %s",
                    (cipher.rotate(bytes(sealed)), row_id),
                )
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1][0]


# --- telling -------------------------------------------------------------------------------------


def _line(settings: Settings, connection: Connection, kind: Kind) -> KeyLine:
    prints = list(_fingerprints(settings, kind))
    rows = None
    if kind is Kind.VAULT:
        rows = _needing_older_vault(connection, Keyring(settings).vault().key_id)
    if kind is Kind.ADDRESSES:
        rows = _needing_older_cipher(connection, settings)
    return KeyLine(kind=kind, key=prints[0], older=tuple(prints[1:]), rows=rows)


def _fingerprints(settings: Settings, kind: Kind) -> Iterator[str]:
    keyring = Keyring(settings)
    if kind is Kind.SEAL:
        now = keyring.seal().key_id
        yield now
        yield from sorted(keyring.seal_publics().keys() - {now})
    elif kind in (Kind.OWN, Kind.TEXT):
        keys = bootstrap.installation_keys(keyring.folder, f"{kind}.key")
        yield from (_fingerprint(kind, key) for key in keys)
    else:
        keyring.make_all()
        lines = (keyring.folder / f"{kind}.key").read_bytes().split()
        yield from (_fingerprint(kind, line) for line in lines)


def _fingerprint(kind: Kind, key: bytes) -> str:
    return hashlib.sha256(f"partygrid-{kind}-key\n".encode() + key).hexdigest()[:16]


def _needing_older_vault(connection: Connection, key_id: str) -> int:
    with connection.transaction():
        row = connection.execute(
            "SELECT count(*) FROM identities WHERE key_id <> %s", (key_id,)
        ).fetchone()
    return int(row[0]) if row else 0


def _needing_older_cipher(connection: Connection, settings: Settings) -> int:
    first = (Keyring(settings).folder / "addresses.key").read_bytes().split()[0]
    newest = Fernet(first)
    with connection.transaction():
        rows = connection.execute("SELECT sealed FROM channel_addresses").fetchall()
    return sum(not _opens(newest, bytes(sealed)) for (sealed,) in rows)


def _opens(cipher: Fernet, sealed: bytes) -> bool:
    try:
        cipher.decrypt(sealed)
    except InvalidToken:
        return False
    return True
