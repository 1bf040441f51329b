"""The inbox, and the address book."""

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet, MultiFernet
from sqlalchemy import text

from models.notices import AddresseeKind, ChannelName
from models.values import OrgId, PersonId
from notifications.addresses import AddressBook, BadAddress, Owner, addresses_of
from notifications.inbox import Reader, inbox, mark_read, unread
from notifications.notice import NoticeKind, Org, Person, Reporter
from tests.integration.notif_office import PERSON, office
from tests.notifying import CASE, NOON, ScriptedChannel, notice

SMS, MAIL, CHAT = ChannelName.SMS, ChannelName.MAIL, ChannelName.CHAT
ME = Reader("p-1", ("village",))


def test_the_inbox_is_there_before_any_sender_ran(database_url: str) -> None:
    with office(database_url) as one:
        one.post(notice(dedup_key="old"))
        one.post(
            notice(NoticeKind.BREACHED, Org(OrgId("village"))), now=NOON + timedelta(minutes=1)
        )
        one.post(
            notice(recipient=Person(PersonId("p-2"))),
            notice(recipient=Org(OrgId("p-1"))),
            notice(NoticeKind.CASE_CLOSED, Reporter("p-1")),
        )
        with one.engine.connect() as connection:
            lines = inbox(connection, ME, limit=10)
            assert [line.notice.kind for line in lines] == ["breached", "check_requested"]
            assert lines[0].notice.case_id == CASE
            assert unread(connection, ME) == 2
            assert unread(connection, Reader("p-1")) == 1


def test_the_inbox_is_read_page_by_page(database_url: str) -> None:
    with office(database_url) as one:
        posted = [
            *one.post(*(notice(dedup_key=f"a{n}") for n in range(4))),
            *one.post(notice(dedup_key="b"), now=NOON + timedelta(minutes=1)),
        ]
        seen = []
        before = None
        with one.engine.connect() as connection:
            while page := inbox(connection, ME, limit=2, before=before):
                seen += [line.id for line in page]
                before = (page[-1].created_at, page[-1].id)
        assert len(seen) == 5
        assert set(seen) == set(posted)
        assert seen[0] == posted[-1]


def test_reading_is_ones_own(database_url: str) -> None:
    with office(database_url) as one:
        mine, ours, theirs = one.post(
            notice(),
            notice(recipient=Org(OrgId("village"))),
            notice(recipient=Person(PersonId("p-2"))),
        )
        colleague = Reader("p-3", ("village",))
        with one.engine.begin() as connection:
            assert mark_read(connection, ME, [mine, ours, theirs], now=NOON) == 2
            assert mark_read(connection, ME, [mine], now=NOON) == 0
            assert unread(connection, ME) == 0
            assert inbox(connection, ME, limit=9, unread_only=True) == []
            assert {line.read_at for line in inbox(connection, ME, limit=9)} == {NOON}
            assert unread(connection, colleague) == 1
            assert unread(connection, Reader("p-2")) == 1


def test_a_repeat_does_not_fill_the_inbox(database_url: str) -> None:
    with office(database_url) as one:
        one.post(notice(), notice(), notice())
        one.send()
        with one.engine.connect() as connection:
            assert len(inbox(connection, ME, limit=9)) == 1


def test_no_address_stands_in_the_database_as_it_is(database_url: str) -> None:
    with office(database_url) as one:
        one.reach("p-1", sms="13800000000", mail="office@town.example")
        with one.engine.connect() as connection:
            stored = str(connection.execute(text("select * from channel_addresses")).all())
            book = addresses_of(connection, [Owner(PERSON, "p-1")])[Owner(PERSON, "p-1")]
        assert "13800000000" not in stored
        assert "office" not in stored
        assert one.book.open(book[SMS].sealed) == "13800000000"


def test_a_new_address_replaces_the_old_one_and_takes_the_preference(database_url: str) -> None:
    owner = Owner(PERSON, "p-1")
    with office(database_url) as one:
        one.reach("p-1", preferred=SMS, sms="13800000000")
        one.reach("p-1", preferred=MAIL, mail="office@town.example", sms="13800000001")
        with one.engine.connect() as connection:
            book = addresses_of(connection, [owner, Owner(PERSON, "p-2")])
            kept = connection.scalar(text("select count(*) from channel_addresses"))
        assert list(book) == [owner]
        assert {name: found.preferred for name, found in book[owner].items()} == {
            SMS: False,
            MAIL: True,
        }
        assert one.book.open(book[owner][SMS].sealed) == "13800000001"
        assert kept == 3


def test_after_a_change_of_key_old_addresses_still_open_and_lost_keys_are_said(
    database_url: str,
) -> None:
    sms = ScriptedChannel()
    with office(database_url, {SMS: sms}) as one:
        one.reach("p-1", sms="13800000000")
        with one.engine.connect() as connection:
            (address,) = addresses_of(connection, [Owner(PERSON, "p-1")]).values()
        fresh = Fernet(Fernet.generate_key())
        rotated = AddressBook(MultiFernet([fresh, *one.book._cipher._fernets]))
        assert rotated.open(address[SMS].sealed) == "13800000000"
        with one.engine.begin() as connection:
            AddressBook(MultiFernet([fresh])).enter(
                connection, Owner(PERSON, "p-1"), SMS, "13800000000", now=NOON
            )
        one.post(notice())
        one.send()
        assert one.states() == [("sms", "failed", "address_unreadable")]


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        (MAIL, "no-at-sign"),
        (MAIL, "a@b\r\nBcc: c@d"),
        (MAIL, "two@words here"),
        (SMS, "ring me"),
        (SMS, "12"),
        (CHAT, "syslog://localhost"),
        (CHAT, "wecombot"),
        (ChannelName.CALL, "13800000000"),
    ],
)
def test_what_cannot_be_an_address_is_refused(
    database_url: str, channel: ChannelName, address: str
) -> None:
    with office(database_url) as one, one.engine.begin() as connection:
        with pytest.raises(BadAddress) as refused:
            one.book.enter(
                connection, Owner(AddresseeKind.ORG, "village"), channel, address, now=NOON
            )
        assert address not in str(refused.value)
