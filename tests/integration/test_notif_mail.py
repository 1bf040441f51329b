"""Mail, against a real server that takes it, refuses it, hangs up or keeps silent."""

from email import message_from_bytes
from email.policy import default

import pytest

from notifications.channels import Failed, Rendered, Sent, Unknown
from notifications.mail import MailChannel, MailServer, Protection
from notifications.render import render
from notifications.wording import Language
from partygrid.embedded.ports import free_port
from tests.integration.notif_servers import Mailbox, mail_server
from tests.notifying import LETTERHEAD, NOON, notice

SAID = render(notice(), Language.ZH, letterhead=LETTERHEAD)


def channel(
    port: int, *, timeout: float = 5, protection: Protection = Protection.NONE
) -> MailChannel:
    server = MailServer(
        host="127.0.0.1",
        port=port,
        sender="grid@town.example",
        protection=protection,
        timeout=timeout,
    )
    return MailChannel(server, now=lambda: NOON)


def test_a_mail_arrives_whole_and_recognisable() -> None:
    mailbox = Mailbox()
    with mail_server(mailbox) as port:
        outcomes = [channel(port).send("office@town.example", SAID, key="send-1") for _ in range(2)]
    assert outcomes == [Sent(), Sent()]
    first, again = (
        message_from_bytes(mail.original_content or b"", policy=default) for mail in mailbox.mails
    )
    assert first["Message-ID"] == again["Message-ID"] == "<send-1@town.example>"
    assert first["To"] == "office@town.example"
    assert first["Subject"] == SAID.subject
    assert first["Auto-Submitted"] == "auto-generated"
    text, html = first.iter_parts()
    assert text.get_content().replace("\r\n", "\n") == SAID.text
    assert html.get_content().replace("\r\n", "\n").strip() == SAID.html.strip()


def test_a_line_with_a_dot_survives() -> None:
    dotted = Rendered(kind="k", subject="s", text=".\n..\nend\n", html="<p>.</p>", sms="s")
    mailbox = Mailbox()
    with mail_server(mailbox) as port:
        assert channel(port).send("a@town.example", dotted, key="k") == Sent()
    parts = message_from_bytes(mailbox.mails[0].original_content or b"", policy=default)
    assert next(parts.iter_parts()).get_content().replace("\r\n", "\n") == ".\n..\nend\n"


@pytest.mark.parametrize(
    ("mailbox", "outcome"),
    [
        pytest.param(Mailbox(rcpt="550 no"), Failed("smtp_550", retry=False), id="no such person"),
        pytest.param(Mailbox(rcpt="451 later"), Failed("smtp_451", retry=True), id="greylisted"),
        pytest.param(Mailbox(data="554 spam"), Failed("smtp_554", retry=False), id="not wanted"),
        pytest.param(Mailbox(data="452 full"), Failed("smtp_452", retry=True), id="disk full"),
    ],
)
def test_a_refusal_is_a_failure(mailbox: Mailbox, outcome: Failed) -> None:
    with mail_server(mailbox) as port:
        assert channel(port).send("a@town.example", SAID, key="k") == outcome


def test_a_connection_lost_after_the_content_is_unknown() -> None:
    mailbox = Mailbox()
    mailbox.hang_up = True
    with mail_server(mailbox) as port:
        outcome = channel(port).send("a@town.example", SAID, key="k")
    assert isinstance(outcome, Unknown)
    assert outcome.reason.startswith("lost_after_data")
    assert len(mailbox.mails) == 1


def test_silence_after_the_content_is_unknown() -> None:
    mailbox = Mailbox()
    mailbox.answer.clear()
    with mail_server(mailbox) as port:
        outcome = channel(port, timeout=0.2).send("a@town.example", SAID, key="k")
    assert isinstance(outcome, Unknown)


def test_no_server_is_a_failure_that_may_pass() -> None:
    outcome = channel(free_port(), timeout=1).send("a@town.example", SAID, key="k")
    assert outcome == Failed("no_connection:ConnectionRefusedError", retry=True)


def test_a_server_without_encryption_gets_nothing_where_encryption_is_asked_for() -> None:
    mailbox = Mailbox()
    with mail_server(mailbox) as port:
        outcome = channel(port, protection=Protection.STARTTLS).send(
            "a@town.example", SAID, key="k"
        )
    assert outcome == Failed("not_supported_by_server", retry=False)
    assert mailbox.mails == []


@pytest.mark.parametrize("address", ["值班@town.example", "a@town.example\r\nBcc: b@x.example"])
def test_an_address_cannot_smuggle_anything(address: str) -> None:
    mailbox = Mailbox()
    with mail_server(mailbox) as port:
        outcome = channel(port).send(address, SAID, key="k")
    assert outcome == Failed("bad_address", retry=False)
    assert mailbox.mails == []
