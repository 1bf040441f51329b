"""Several senders, a killed sender, a database that goes away: nobody is told twice."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from time import monotonic, sleep

from sqlalchemy import text

from models.notices import ChannelName
from models.values import PersonId
from notifications.channels import Outcome, Rendered, Sent
from notifications.notice import NoticeKind, Person, Urgency
from partygrid.clock import SetClock
from tests.integration.notif_office import KEY, Office, office
from tests.integration.notif_servers import Mailbox, mail_server
from tests.notifying import NOON, RULES, ScriptedChannel, notice

SMS, MAIL = ChannelName.SMS, ChannelName.MAIL
PHONE, OFFICE = "13800000000", "office@town.example"


def to(person: str) -> Person:
    return Person(PersonId(person))


def until(true: Callable[[], object]) -> None:
    deadline = monotonic() + 15
    while not true():
        assert monotonic() < deadline, "it did not come about"
        sleep(0.01)


class WaitingChannel:
    """Takes a message and keeps the sender waiting for the answer."""

    def __init__(self) -> None:
        self.taking = Event()
        self.answer = Event()

    def send(self, address: str, rendered: Rendered, *, key: str) -> Outcome:
        self.taking.set()
        assert self.answer.wait(15)
        return Sent()


def wake(one: Office) -> None:
    """Do what the transaction of a decision does for its notices."""
    with one.engine.begin() as connection:
        connection.execute(text("select pg_notify('partygrid_notices', '')"))


@contextmanager
def at_work(one: Office, *, idle: timedelta = timedelta(milliseconds=10)) -> Iterator[Thread]:
    """Let the office's sender run as a process does."""
    stop = Event()
    thread = Thread(
        target=one.sender.run,
        args=(stop,),
        kwargs={"clock": SetClock(NOON), "idle": idle},
    )
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        wake(one)
        thread.join(15)
        assert not thread.is_alive()


def test_while_one_sender_is_at_work_another_leaves_everything_alone(database_url: str) -> None:
    slow, sms = WaitingChannel(), ScriptedChannel()
    with office(database_url, {SMS: slow}) as one:
        one.reach("p-1", sms=PHONE)
        one.post(notice())
        other = one.another({SMS: sms}, RULES)
        with at_work(one):
            assert slow.taking.wait(15)
            counts = other.send_due(NOON)
            assert (counts.owned, counts.unknown) == (False, 0)
            slow.answer.set()
            until(lambda: one.states() == [("sms", "sent", None)])
        assert other.send_due(NOON).owned
        assert sms.taken == []
        other.close()


def test_three_senders_tell_everybody_once(database_url: str) -> None:
    sms = ScriptedChannel()
    with office(database_url, {SMS: sms}) as one:
        for person in range(30):
            one.reach(f"p-{person}", sms=PHONE)
        senders = [one.another({SMS: sms}, RULES) for _ in range(3)]
        stop = Event()
        run = {"clock": SetClock(NOON), "idle": timedelta(milliseconds=5)}
        threads = [Thread(target=one.run, args=(stop,), kwargs=run) for one in senders]
        for thread in threads:
            thread.start()
        for person in range(30):
            one.post(notice(recipient=to(f"p-{person}")))
        until(lambda: [state for _, state, _ in one.states()].count("sent") == 30)
        stop.set()
        for thread in threads:
            thread.join(15)
        for sender in senders:
            sender.close()
        assert len(sms.keys) == len(set(sms.keys)) == 30


def test_an_urgent_notice_does_not_wait_for_the_end_of_a_long_list(database_url: str) -> None:
    taken: list[str] = []
    alert = notice(NoticeKind.EMERGENCY_ALERT, to("leader"), urgency=Urgency.URGENT)

    class Alarming:
        """An emergency comes in while the first of the list is handed over."""

        def send(self, address: str, rendered: Rendered, *, key: str) -> Outcome:
            taken.append(address)
            if len(taken) == 1:
                one.reach("leader", sms="13900000000")
                one.post(alert)
            return Sent()

    with office(database_url, {SMS: Alarming()}) as one:
        for person in range(40):
            one.reach(f"p-{person}", sms=PHONE)
            one.post(notice(recipient=to(f"p-{person}")))
        one.send()
    assert taken.index("13900000000") < 12


def test_what_a_sender_learns_after_it_was_given_up_is_still_written_down(
    database_url: str,
) -> None:
    slow = WaitingChannel()
    with office(database_url, {SMS: slow}) as one:
        one.reach("p-1", sms=PHONE)
        one.post(notice())
        other = one.another({SMS: ScriptedChannel()}, RULES)
        with at_work(one):
            assert slow.taking.wait(15)
            with one.engine.connect() as connection:
                connection.execute(
                    text(
                        "select pg_terminate_backend(l.pid) from pg_locks l"
                        " join pg_database d on d.oid = l.database"
                        " where l.locktype = 'advisory' and d.datname = current_database()"
                    )
                )
            until(lambda: other.send_due(NOON).unknown == 1)
            assert one.states() == [("sms", "unknown", "interrupted")]
            slow.answer.set()
            until(lambda: one.states() == [("sms", "sent", None)])
        other.close()


def test_a_sender_that_sleeps_is_woken_by_a_decision(database_url: str) -> None:
    sms = ScriptedChannel()
    with office(database_url, {SMS: sms}) as one:
        one.reach("p-1", sms=PHONE)
        one.post(notice(dedup_key="first"))
        with at_work(one, idle=timedelta(minutes=5)):
            until(lambda: sms.taken)
            one.post(notice(dedup_key="second"))
            wake(one)
            until(lambda: len(sms.taken) == 2)


def test_the_database_may_go_away_and_come_back(database_url: str) -> None:
    sms = ScriptedChannel()
    with office(database_url, {SMS: sms}) as one, office(database_url) as other:
        one.reach("p-1", sms=PHONE)
        one.post(notice(dedup_key="before"))
        with at_work(one):
            until(lambda: other.states() == [("sms", "sent", None)])
            with other.engine.connect() as connection:
                connection.execute(
                    text(
                        "select pg_terminate_backend(pid) from pg_stat_activity"
                        " where datname = current_database() and pid <> pg_backend_pid()"
                    )
                )
            other.post(notice(dedup_key="after"))
            until(lambda: [state for _, state, _ in other.states()] == ["sent", "sent"])
        assert len(set(sms.keys)) == len(sms.keys) == 2


_VICTIM = """
import sys
from datetime import UTC, datetime
from cryptography.fernet import Fernet, MultiFernet
from sqlalchemy import create_engine
from models.notices import ChannelName
from notifications.addresses import AddressBook
from notifications.mail import MailChannel, MailServer
from notifications.sender import Outside, Sender
from tests.integration.notif_office import SHANGHAI, PaperVault
from tests.notifying import LETTERHEAD, NOON, RULES

url, port, key = sys.argv[1:]
server = MailServer(host="127.0.0.1", port=int(port), sender="grid@town.example", timeout=60)
outside = Outside(
    channels={ChannelName.MAIL: MailChannel(server, now=lambda: NOON)},
    book=AddressBook(MultiFernet([Fernet(key)])),
    vault=PaperVault(),
    letterhead=LETTERHEAD,
)
Sender(create_engine(url), outside, rules=RULES, zone=SHANGHAI).send_due(NOON)
"""


def test_a_sender_killed_while_handing_over_leaves_an_unknown_and_no_second_mail(
    database_url: str,
) -> None:
    mailbox = Mailbox()
    mailbox.answer.clear()
    mail = ScriptedChannel()
    with mail_server(mailbox) as port, office(database_url, {MAIL: mail}) as one:
        one.reach("p-1", mail=OFFICE)
        one.post(notice())
        victim = subprocess.Popen(
            [sys.executable, "-c", _VICTIM, database_url, str(port), KEY],
        )
        try:
            assert mailbox.arrived.wait(30)
            assert [state for _, state, _ in one.states()] == ["sending"]
        finally:
            os.kill(victim.pid, signal.SIGKILL)
            victim.wait()
        until(lambda: one.send().unknown == 1)
        assert one.states() == [("mail", "unknown", "interrupted")]
        assert one.sends()[0]["settled_at"] == NOON
        one.send(NOON + timedelta(hours=1))
        assert mail.taken == []
        assert len(mailbox.mails) == 1
