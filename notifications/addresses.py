"""Where people are reached: the address book of officials and members, the vault for villagers."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID, uuid4

from cryptography.fernet import InvalidToken, MultiFernet
from msgspec import Struct
from sqlalchemy import Connection, text

from models.notices import AddresseeKind, ChannelName
from notifications.chat import SERVICES
from notifications.wording import Language
from partygrid.errors import Invalid

_SHAPES = {
    ChannelName.MAIL: re.compile(r"[!-?A-~]+@[!-?A-~]+"),
    ChannelName.SMS: re.compile(r"\+?\d{5,15}"),
    ChannelName.CHAT: re.compile(rf"(?i:{'|'.join(sorted(SERVICES))})://\S+"),
}


class BadAddress(Invalid):
    """This cannot be an address of that channel."""


class UnreadableAddress(Invalid):
    """An address was encrypted with a key this installation no longer has; enter it again."""


class Contact(Struct, frozen=True):
    """What the vault tells about a reporter for one sending; never stored, never logged."""

    mobile: str | None
    language: Language = Language.ZH


class Vault(Protocol):
    """The reporters' identities, as far as notices need them."""

    def contact(self, reporter_ref: str) -> Contact | None:
        """Return how the reporter is reached: None for nobody, no mobile for a call-back only.

        Raises `Unavailable` while the vault cannot be asked.
        """
        ...


class Owner(Struct, frozen=True):
    """Whose address it is: a person or an organisation of the directory."""

    kind: AddresseeKind
    id: str


class Address(Struct, frozen=True, kw_only=True):
    """One current address, still encrypted."""

    id: UUID
    channel: ChannelName
    sealed: bytes
    language: Language
    preferred: bool


class AddressBook:
    """Addresses of officials, members and offices, encrypted with the installation's key."""

    def __init__(self, cipher: MultiFernet) -> None:
        """Take the cipher; its first key encrypts, the others still decrypt."""
        self._cipher = cipher

    def enter(
        self,
        connection: Connection,
        owner: Owner,
        channel: ChannelName,
        address: str,
        *,
        now: datetime,
        language: Language = Language.ZH,
        preferred: bool = False,
    ) -> UUID:
        """Put an address in the place of the owner's former one on the channel.

        A preferred one takes the preference from the others. Raises `BadAddress`.
        """
        if channel not in _SHAPES or not _SHAPES[channel].fullmatch(address):
            raise BadAddress(channel=channel)
        self.end(connection, owner, channel, now=now)
        if preferred:
            connection.execute(_PREFER_NONE, {"kind": owner.kind, "owner": owner.id})
        address_id = uuid4()
        row = {
            "id": address_id,
            "kind": owner.kind,
            "owner": owner.id,
            "channel": channel,
            "sealed": self._cipher.encrypt(address.encode()),
            "language": language,
            "preferred": preferred,
            "now": now,
        }
        connection.execute(_ENTER, row)
        return address_id

    def end(
        self, connection: Connection, owner: Owner, channel: ChannelName, *, now: datetime
    ) -> None:
        """Stop using the owner's address on the channel."""
        connection.execute(
            _END, {"kind": owner.kind, "owner": owner.id, "channel": channel, "now": now}
        )

    def open(self, sealed: bytes) -> str:
        """Return the address; raises `UnreadableAddress`."""
        try:
            return self._cipher.decrypt(sealed).decode()
        except InvalidToken:
            raise UnreadableAddress from None


def addresses_of(
    connection: Connection, owners: Iterable[Owner]
) -> Mapping[Owner, Mapping[ChannelName, Address]]:
    """Return the current addresses of each owner that has any."""
    wanted = set(owners)
    found: dict[Owner, dict[ChannelName, Address]] = {}
    for row in connection.execute(_CURRENT, {"owners": sorted({owner.id for owner in wanted})}):
        owner = Owner(AddresseeKind(row.owner_kind), row.owner)
        if owner in wanted:
            address = Address(
                id=row.id,
                channel=ChannelName(row.channel),
                sealed=bytes(row.sealed),
                language=Language(row.language),
                preferred=row.preferred,
            )
            found.setdefault(owner, {})[address.channel] = address
    return found


_CURRENT = text(
    "select id, owner_kind, owner, channel, sealed, language, preferred from channel_addresses"
    " where ended_at is null and owner = any(:owners) order by id"
)
_END = text(
    "update channel_addresses set ended_at = :now where owner_kind = :kind and owner = :owner"
    " and channel = :channel and ended_at is null"
)
_PREFER_NONE = text(
    "update channel_addresses set preferred = false where owner_kind = :kind and owner = :owner"
    " and ended_at is null"
)
_ENTER = text(
    "insert into channel_addresses"
    " (id, owner_kind, owner, channel, sealed, language, preferred, added_at)"
    " values (:id, :kind, :owner, :channel, :sealed, :language, :preferred, :now)"
)
