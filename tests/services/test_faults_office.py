"""Mail servers and webhooks that are down, slow or lying while a day's notices go out."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography.fernet import Fernet, MultiFernet
from sqlalchemy import Engine, create_engine, text

from models.notices import AddresseeKind, ChannelName
from notifications.addresses import AddressBook, Owner
from notifications.chat import ChatChannel
from notifications.mail import MailChannel, MailServer
from notifications.render import Letterhead
from notifications.sender import Outside, Sender
from partygrid import bootstrap, rebuild
from partygrid.embedded.ports import LOOPBACK, free_port
from partygrid.embedded.postgres import Postgres
from partygrid.sample.draw import Draw
from partygrid.settings import Settings
from tests.integration.notif_office import PaperVault
from tests.integration.notif_servers import Mailbox, mail_server
from tests.services.lapse import END, SEED, now
from tests.services.report import Report, Row

pytestmark = [
    pytest.mark.timeout(300),
    # apprise looks for a module that Python is about to drop.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

#: Seconds the sender waits for each answer of the mail server.
PATIENCE = 1.5
#: So many people have mail, and so many offices a webhook.
MAILS, HOOKS = 150, 25
#: The morning after: nobody is asleep.
MORNING = END + timedelta(hours=10)


class Moody(Mailbox):
    """Treats each mail, the first time it comes, as its number says."""

    def __init__(self) -> None:
        super().__init__()
        self._seen = set[str]()
        #: mails it kept, by their id
        self.kept = Counter[str]()
        #: mails it kept and of which it did not say so
        self.unsaid = set[str]()
        self.refused = 0

    async def handle_DATA(  # noqa: N802 - the server's own name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        key = str(message_from_bytes(_content(envelope))["Message-ID"]).strip("<>")
        key = key.partition("@")[0]
        mood = Draw(SEED).between(0, 9, "mood", key) if key not in self._seen else 9
        self._seen.add(key)
        if mood == 0:  # a full queue
            self.refused += 1
            return "451 4.3.0 come again"
        self.kept[key] += 1
        if mood in (1, 2, 3):
            self.unsaid.add(key)
        if mood == 1 and isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
        if mood == 2:  # slower than anybody waits
            await asyncio.sleep(3 * PATIENCE)
        if mood == 3:  # neither yes nor no
            return "252 cannot say"
        if mood == 4:
            await asyncio.sleep(PATIENCE / 10)
        return "250 OK"


class Hooks(ThreadingHTTPServer):
    """Webhooks that break down every other time."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__((LOOPBACK, port), _Hook)
        self._lock = Lock()
        self.asked = self.taken = 0

    def next(self) -> int:
        """Return what the next request is answered."""
        with self._lock:
            self.asked += 1
            status = 503 if self.asked % 2 else 200
            self.taken += status == 200
            return status


class _Hook(BaseHTTPRequestHandler):
    server: Hooks

    def do_POST(self) -> None:
        json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.server.next())
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *_: Any) -> None:
        """Say nothing."""


def test_notices_go_out_at_most_once_whatever_the_servers_do(
    undisturbed: Postgres, report: Report
) -> None:
    begun = time.monotonic()
    undisturbed.create_database("office", template="partygrid")
    pool, mailbox, port = create_engine(_driver(undisturbed.url("office"))), Moody(), free_port()
    with closing(_sender(pool, free_port())) as away:
        _enter_addresses(pool, port)
        first = away.send_due(MORNING)
        assert first.spread > 0
        assert first.sent == first.unknown == 0
        assert first.retried > 100
    with (
        mail_server(mailbox) as mail_port,
        hooks(port) as webhooks,
        closing(_sender(pool, mail_port)) as sender,
    ):
        rounds = [*_rounds(sender)]
    states = _states(pool)
    pool.dispose()

    assert not {"pending", "sending"} & {state for _, state in states}
    assert set(mailbox.kept.values()) == {1}
    assert mailbox.refused > 5
    unknown = {key for key, state in states if state == "unknown"}
    assert unknown == mailbox.unsaid
    assert len(unknown) > 10
    sent = {key for key, state in states if state == "sent"}
    assert mailbox.kept.keys() - mailbox.unsaid <= sent
    assert len(sent - mailbox.kept.keys()) == webhooks.taken > 5
    with (
        bootstrap.connected(undisturbed.url("partygrid")) as one,
        bootstrap.connected(undisturbed.url("office")) as other,
    ):
        assert rebuild.compare(one, other) == []
    report.add(
        Row(
            fault="mail server and webhooks down, then slow, hanging up and lying",
            load=f"{len(states)} sends of a day's notices, {len(rounds) + 1} rounds",
            fates=dict(Counter(state for _, state in states)),
            repeats=0,
            differences=0,
            seconds=round(time.monotonic() - begun, 1),
            checked="each mail kept once at most, unknown where the server did not say",
        )
    )


def _rounds(sender: Sender) -> Iterator[datetime]:
    """Send until nothing waits for a further try."""
    at = MORNING
    for _ in range(12):
        at += timedelta(hours=1)
        counts = sender.send_due(at)
        yield at
        if not (counts.sent or counts.retried or counts.failed or counts.unknown):
            return
    raise AssertionError("it never comes to rest")


def _sender(pool: Engine, mail_port: int) -> Sender:
    policy = bootstrap.policy_of(Settings())
    server = MailServer(host=LOOPBACK, port=mail_port, sender="grid@town.example", timeout=PATIENCE)
    outside = Outside(
        channels={ChannelName.MAIL: MailChannel(server, now=now), ChannelName.CHAT: ChatChannel()},
        book=AddressBook(CIPHER),
        vault=PaperVault(),
        letterhead=Letterhead(sender="综治中心"),
    )
    # One notice, one mail: so each can be told from the others by its id.
    rules = policy.notices.model_copy(update={"bundle_from": 1_000_000})
    return Sender(pool, outside, rules=rules, zone=ZoneInfo("Asia/Shanghai"))


CIPHER = MultiFernet([Fernet(Fernet.generate_key())])


def _enter_addresses(pool: Engine, port: int) -> None:
    """Give those who are told most an address."""
    book = AddressBook(CIPHER)
    with pool.begin() as connection:
        told = connection.execute(
            text(
                "SELECT addressee_kind, addressee FROM notices WHERE addressee_kind <> 'reporter'"
                " AND addressee <> '' GROUP BY 1, 2 ORDER BY count(*) DESC, 2"
            )
        ).fetchall()
        for number, (kind, owner) in enumerate(told[: MAILS + HOOKS]):
            channel, address = ChannelName.MAIL, f"p{number}@town.example"
            if number % (1 + MAILS // HOOKS) == 0:
                channel, address = ChannelName.CHAT, f"json://{LOOPBACK}:{port}/hook-{number}"
            whose = Owner(AddresseeKind(kind), owner)
            book.enter(connection, whose, channel, address, now=END, preferred=True)


def _states(pool: Engine) -> list[tuple[str, str]]:
    with pool.connect() as connection:
        rows = connection.execute(
            text("SELECT id::text, state FROM notice_sends WHERE channel IN ('mail', 'chat')")
        )
        return [(row[0], row[1]) for row in rows]


@contextmanager
def hooks(port: int) -> Iterator[Hooks]:
    with Hooks(port) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _content(envelope: Envelope) -> bytes:
    content = envelope.content or b""
    return content.encode() if isinstance(content, str) else content


def _driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)
