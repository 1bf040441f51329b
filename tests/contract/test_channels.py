"""Ways out to people: what became of a sending is told truly, and no reason repeats an address."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import NamedTuple

import pytest

from notifications.channels import Channel, Failed, Outcome, Rendered, Sent, Unknown
from notifications.chat import ChatChannel
from notifications.mail import MailChannel, MailServer
from notifications.sms import SmsChannel, SmsGateway
from partygrid.embedded.ports import free_port
from tests.integration.notif_servers import Answer, Mailbox, gateway, mail_server
from tests.notifying import NOON

SAID = Rendered(kind="k", subject="待核查", text="请核查。\n", html="<p>请核查。</p>", sms="请核查")


class Manner(Enum):
    """How the other side behaves."""

    #: says yes
    TAKES = auto()
    #: says no, and repeats the address while doing so; it may say yes later
    NOT_NOW = auto()
    #: says no for good, or must not be asked at all
    NEVER = auto()
    #: takes all of it and hangs up without a word
    HANGS_UP = auto()
    #: is not there
    AWAY = auto()


class Counterpart(NamedTuple):
    """A channel, an address on it, and what arrived there."""

    channel: Channel
    address: str
    arrived: list[object]

    def send(self) -> Outcome:
        return self.channel.send(self.address, SAID, key="send-1")


class ChannelContract:
    """What the sender relies on when it decides whether to try again."""

    @contextmanager
    def counterpart(self, manner: Manner) -> Iterator[Counterpart]:
        """Give the channel with the other side behaving so."""
        raise NotImplementedError
        yield

    def test_what_is_taken_is_sent_once(self) -> None:
        with self.counterpart(Manner.TAKES) as there:
            assert isinstance(there.send(), Sent)
        assert len(there.arrived) == 1

    @pytest.mark.parametrize("manner", [Manner.NOT_NOW, Manner.AWAY])
    def test_what_was_certainly_not_taken_may_be_tried_again(self, manner: Manner) -> None:
        with self.counterpart(manner) as there:
            outcome = there.send()
        assert isinstance(outcome, Failed)
        assert outcome.retry

    def test_what_can_never_be_taken_is_not_tried_again(self) -> None:
        with self.counterpart(Manner.NEVER) as there:
            outcome = there.send()
        assert isinstance(outcome, Failed)
        assert not outcome.retry

    def test_what_may_have_arrived_is_not_told_twice(self) -> None:
        with self.counterpart(Manner.HANGS_UP) as there:
            assert isinstance(there.send(), Unknown)
        assert len(there.arrived) == 1

    @pytest.mark.parametrize("manner", list(Manner)[1:], ids=lambda one: one.name)
    def test_no_reason_repeats_the_address(self, manner: Manner) -> None:
        with self.counterpart(manner) as there:
            outcome = there.send()
        assert not isinstance(outcome, Sent)
        assert "13800000000" not in outcome.reason
        assert len(outcome.reason) <= 60


class TestMail(ChannelContract):
    """Over SMTP."""

    @contextmanager
    def counterpart(self, manner: Manner) -> Iterator[Counterpart]:
        address = "13800000000@town.example"
        answers = {Manner.NOT_NOW: f"451 {address} later", Manner.NEVER: f"550 no {address}"}
        mailbox = Mailbox(rcpt=answers.get(manner))
        mailbox.hang_up = manner is Manner.HANGS_UP
        with mail_server(mailbox) as port:
            there = free_port() if manner is Manner.AWAY else port
            server = MailServer(host="127.0.0.1", port=there, sender="g@town.example", timeout=5)
            channel = MailChannel(server, now=lambda: NOON)
            yield Counterpart(channel, address, mailbox.mails)  # type: ignore[arg-type]


class TestSms(ChannelContract):
    """Through a gateway over HTTP."""

    @contextmanager
    def counterpart(self, manner: Manner) -> Iterator[Counterpart]:
        with gateway(*_answers(manner, "13800000000")) as server:
            url = f"http://127.0.0.1:{free_port()}/" if manner is Manner.AWAY else server.url
            channel = SmsChannel(SmsGateway(url=url, signature="青山镇", timeout=5))
            yield Counterpart(channel, "13800000000", server.requests)  # type: ignore[arg-type]
            channel.close()


# Python's own module, which apprise only tries to import.
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
class TestChat(ChannelContract):
    """Groups and webhooks, through apprise."""

    @contextmanager
    def counterpart(self, manner: Manner) -> Iterator[Counterpart]:
        with gateway(*_answers(manner, "13800000000")) as server:
            port = free_port() if manner is Manner.AWAY else server.server_port
            service = "syslog" if manner is Manner.NEVER else "json"
            address = f"{service}://127.0.0.1:{port}/13800000000"
            yield Counterpart(ChatChannel(), address, server.requests)  # type: ignore[arg-type]

    def test_what_may_have_arrived_is_not_told_twice(self) -> None:
        """apprise cannot keep this: it says yes or no, and a lost answer is a no.

        A group may see the same thing twice; that is told where the channel is chosen.
        """
        with self.counterpart(Manner.HANGS_UP) as there:
            assert there.send() == Failed("not_taken", retry=True)


def _answers(manner: Manner, address: str) -> tuple[Answer, ...]:
    match manner:
        case Manner.NOT_NOW:
            return (Answer(503, f"{address}: later".encode()),)
        case Manner.NEVER:
            return (Answer(400, f"{address} is no number".encode()),)
        case Manner.HANGS_UP:
            return (Answer(hang_up=True),)
    return ()
