"""Who is who, told to the vault and the address book: never to an event, a log or a message."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, text

from models.notices import AddresseeKind, ChannelName
from models.vault import SealedIdentity, Vault, VaultLocked
from notifications.addresses import AddressBook, Owner, UnreadableAddress, addresses_of
from partygrid.directory_files.identity import Identity

#: Identities that one query asks for.
_AT_ONCE = 1000


class Introduced(Struct, frozen=True, kw_only=True):
    """How much was new, of identities and of addresses. What was known is left as it was."""

    identities: int = 0
    addresses: int = 0
    unchanged: int = 0


def introduce(
    connection: Connection,
    identities: Sequence[Identity],
    *,
    vault: Vault,
    book: AddressBook,
    now: datetime,
) -> Introduced:
    """Put identities into the vault and their addresses into the address book.

    What a file leaves empty stays as it is in the address book: it may be known from elsewhere.
    """
    told = kept = 0
    for at in range(0, len(identities), _AT_ONCE):
        some = identities[at : at + _AT_ONCE]
        told += _into_vault(connection, some, vault, now)
        kept += _into_book(connection, some, book, now)
    return Introduced(identities=told, addresses=kept, unchanged=len(identities) - told)


def _into_vault(
    connection: Connection, identities: Iterable[Identity], vault: Vault, now: datetime
) -> int:
    told = {one.ref: _sealed_words(one) for one in identities}
    rows = connection.execute(_SEALED, {"refs": list(told)})
    known = {row[0]: _opened(vault, SealedIdentity(row[0], row[1], bytes(row[2]))) for row in rows}
    fresh = [
        vault.seal(identity, reporter_ref=ref)
        for ref, identity in told.items()
        if known.get(ref) != identity
    ]
    if fresh:
        connection.execute(
            _SEAL,
            [
                {
                    "ref": sealed.reporter_ref,
                    "key": sealed.key_id,
                    "sealed": sealed.ciphertext,
                    "now": now,
                }
                for sealed in fresh
            ],
        )
    return len(fresh)


def _sealed_words(identity: Identity) -> dict[str, str]:
    words = {"name": identity.name, "mobile": identity.mobile, "mail": identity.mail}
    return {name: text for name, text in words.items() if text}


def _opened(vault: Vault, sealed: SealedIdentity) -> Mapping[str, str] | None:
    """Return a kept identity; None where its key is gone, so that it is entered anew."""
    try:
        return vault.open(sealed)
    except VaultLocked:
        return None


def _into_book(
    connection: Connection, identities: Iterable[Identity], book: AddressBook, now: datetime
) -> int:
    owners = {one: Owner(AddresseeKind.PERSON, one.person) for one in identities}
    known = addresses_of(connection, owners.values())
    entered = 0
    for identity, owner in owners.items():
        for channel, address in (
            (ChannelName.SMS, identity.mobile),
            (ChannelName.MAIL, identity.mail),
        ):
            kept = known.get(owner, {}).get(channel)
            if address and (kept is None or _written(book, kept.sealed) != address):
                book.enter(connection, owner, channel, address, now=now)
                entered += 1
    return entered


def _written(book: AddressBook, sealed: bytes) -> str:
    try:
        return book.open(sealed)
    except UnreadableAddress:
        return ""


_SEALED = text(
    "select reporter_ref, key_id, ciphertext from identities where reporter_ref = any(:refs)"
)
_SEAL = text(
    "insert into identities (reporter_ref, key_id, ciphertext, created_at)"
    " values (:ref, :key, :sealed, :now) on conflict (reporter_ref) do update"
    " set key_id = excluded.key_id, ciphertext = excluded.ciphertext"
)
