"""A sender with its database, address book and channels, as the tests drive it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from uuid import UUID
from zoneinfo import ZoneInfo

from cryptography.fernet import Fernet, MultiFernet
from sqlalchemy import Engine, RowMapping, create_engine, insert, text

from models.directory import Directory
from models.notices import (
    AddresseeKind,
    ChannelAddresses,
    ChannelName,
    NoticeHolds,
    NoticeReads,
    Notices,
    NoticeSends,
)
from models.policy.reach import NoticeRules
from models.table import Table
from notifications.addressees import notice_rows
from notifications.addresses import AddressBook, Contact, Owner
from notifications.channels import Channel
from notifications.notice import Notice
from notifications.sender import Counts, Outside, Sender
from partygrid.errors import Unavailable
from tests.notifying import LETTERHEAD, NOON, RULES, ScriptedChannel, numbered

TOWN = "330281101"
SHANGHAI = ZoneInfo("Asia/Shanghai")
KEY = Fernet.generate_key().decode()
CIPHER = MultiFernet([Fernet(KEY)])
PERSON = AddresseeKind.PERSON
_causes = count()


class PaperVault:
    """A vault that knows what the test wrote on it; `away` makes it unavailable."""

    def __init__(self) -> None:
        self.contacts: dict[str, Contact] = {}
        self.away = False

    def contact(self, reporter_ref: str) -> Contact | None:
        if self.away:
            raise Unavailable
        return self.contacts.get(reporter_ref)


class Office:
    """One installation's notifications."""

    def __init__(
        self, engine: Engine, channels: Mapping[ChannelName, Channel], rules: NoticeRules
    ) -> None:
        self.engine = engine
        self.vault = PaperVault()
        self.book = AddressBook(CIPHER)
        self.sender = self.another(channels, rules)

    def another(self, channels: Mapping[ChannelName, Channel], rules: NoticeRules) -> Sender:
        outside = Outside(
            channels=channels, book=self.book, vault=self.vault, letterhead=LETTERHEAD
        )
        return Sender(self.engine, outside, rules=rules, zone=SHANGHAI)

    def reach(
        self,
        person: str,
        *,
        kind: AddresseeKind = PERSON,
        preferred: ChannelName | None = None,
        **addresses: str,
    ) -> None:
        """Enter addresses by channel name."""
        with self.engine.begin() as connection:
            for name, address in addresses.items():
                self.book.enter(
                    connection,
                    Owner(kind, person),
                    ChannelName(name),
                    address,
                    now=NOON,
                    preferred=name == preferred,
                )

    def post(self, *notices: Notice, now: datetime = NOON) -> list[UUID]:
        """Write the notices as the engine does with a decision."""
        rows = [
            row
            for notice in notices
            for row in notice_rows(
                notice,
                cause=numbered(next(_causes)),
                position=0,
                shard=0,
                township=TOWN,
                directory=Directory(),
                fallback=(),
                now=now,
            )
        ]
        with self.engine.begin() as connection:
            connection.execute(insert(Notices), rows)
        return [UUID(str(row["id"])) for row in rows]

    def send(self, now: datetime = NOON) -> Counts:
        return self.sender.send_due(now)

    def sends(self) -> list[RowMapping]:
        """Return all sends with their notice's settling, in order of making."""
        with self.engine.connect() as connection:
            return list(
                connection.execute(
                    text(
                        "select s.*, n.addressee, n.settled_at from notice_sends s"
                        " join notices n on n.id = s.notice_id"
                        " order by n.created_at, n.id, s.channel"
                    )
                ).mappings()
            )

    def states(self) -> list[tuple[str | None, str, str | None]]:
        return [(send["channel"], send["state"], send["reason"]) for send in self.sends()]


@contextmanager
def office(
    database_url: str,
    channels: Mapping[ChannelName, Channel] | None = None,
    *,
    rules: NoticeRules = RULES,
) -> Iterator[Office]:
    """Open an office on a database; by default only SMS exists and takes everything."""
    engine = create_engine(database_url)
    tables = (Notices, NoticeSends, NoticeHolds, NoticeReads, ChannelAddresses)
    Table.metadata.create_all(engine, [Table.metadata.tables[t.__tablename__] for t in tables])
    one = Office(engine, channels or {ChannelName.SMS: ScriptedChannel()}, rules)
    try:
        yield one
    finally:
        one.sender.close()
        engine.dispose()
