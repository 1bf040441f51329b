"""Mail over SMTP: one message per addressee, recognisable when it comes twice."""

import re
import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as CRLF
from email.utils import format_datetime
from enum import StrEnum

from msgspec import Struct

from notifications.channels import Failed, Outcome, Rendered, Sent, Unknown

_LEADING_DOT = re.compile(rb"(?m)^\.")


class Protection(StrEnum):
    """How the connection to the mail server is protected."""

    NONE = "none"  # a server on the same machine or network segment
    STARTTLS = "starttls"  # upgraded after the greeting, or not used at all
    SSL = "ssl"  # from the first byte


class MailServer(Struct, frozen=True, kw_only=True):
    """Where mail is handed over, and as whom. `timeout` in seconds, for each step."""

    host: str
    port: int
    sender: str
    protection: Protection = Protection.NONE
    user: str | None = None
    password: str | None = None
    timeout: float = 15.0


class MailChannel:
    """Sends each mail over a connection of its own, so that no addressee waits for another's."""

    def __init__(self, server: MailServer, *, now: Callable[[], datetime]) -> None:
        """Take the server and the clock that dates the messages."""
        self._server = server
        self._now = now

    def send(self, address: str, rendered: Rendered, *, key: str) -> Outcome:
        """Hand over one mail; an address with characters beyond ASCII is refused."""
        if not address.isascii():
            return Failed("bad_address", retry=False)
        try:
            payload = self._message(address, rendered, key=key).as_bytes(policy=CRLF)
        except ValueError:
            return Failed("bad_address", retry=False)
        try:
            smtp = self._connect()
        except smtplib.SMTPResponseException as refusal:
            return _refused(refusal.smtp_code)
        except smtplib.SMTPNotSupportedError:
            return Failed("not_supported_by_server", retry=False)
        except (OSError, smtplib.SMTPException) as error:
            return Failed(f"no_connection:{type(error).__name__}", retry=True)
        try:
            return _envelope(smtp, self._server.sender, address) or _content(smtp, payload)
        finally:
            _leave(smtp)

    def _message(self, address: str, rendered: Rendered, *, key: str) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._server.sender
        message["To"] = address
        message["Subject"] = rendered.subject
        message["Date"] = format_datetime(self._now())
        message["Message-ID"] = f"<{key}@{self._server.sender.rpartition('@')[2]}>"
        # Keeps out-of-office answers from coming back (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(rendered.text)
        message.add_alternative(rendered.html, subtype="html")
        return message

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        if server.protection is Protection.SSL:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host,
                server.port,
                timeout=server.timeout,
                context=ssl.create_default_context(),
            )
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=server.timeout)
        try:
            self._introduce(smtp)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _introduce(self, smtp: smtplib.SMTP) -> None:
        smtp.ehlo_or_helo_if_needed()
        if self._server.protection is Protection.STARTTLS:
            smtp.starttls(context=ssl.create_default_context())
        if self._server.user is not None:
            smtp.login(self._server.user, self._server.password or "")


def _envelope(smtp: smtplib.SMTP, sender: str, address: str) -> Failed | None:
    """Say from whom and to whom; what breaks here is safe to try again."""
    steps: tuple[tuple[Callable[[], tuple[int, bytes]], int], ...] = (
        (lambda: smtp.mail(sender), 2),
        (lambda: smtp.rcpt(address), 2),
        (lambda: smtp.docmd("DATA"), 3),
    )
    try:
        for say, wanted in steps:
            code, _ = say()
            if code // 100 != wanted:
                return _refused(code)
    except (OSError, smtplib.SMTPException) as error:
        return Failed(f"lost_before_data:{type(error).__name__}", retry=True)
    return None


def _content(smtp: smtplib.SMTP, payload: bytes) -> Outcome:
    """Say the content; from its first byte on only a clear answer tells what became of it."""
    try:
        smtp.send(_LEADING_DOT.sub(b"..", payload).rstrip(b"\r\n") + b"\r\n.\r\n")
        code, _ = smtp.getreply()
    except (OSError, smtplib.SMTPException) as error:
        return Unknown(f"lost_after_data:{type(error).__name__}")
    if code == 250:
        return Sent()
    return _refused(code) if 400 <= code < 600 else Unknown(f"smtp_{code}")


def _leave(smtp: smtplib.SMTP) -> None:
    """Say goodbye; how the server takes that changes nothing about the mail."""
    with suppress(OSError, smtplib.SMTPException):
        smtp.quit()
    smtp.close()


def _refused(code: int) -> Failed:
    """5xx is final (RFC 5321 §4.2.1), but a refused login or a missing one can be mended."""
    return Failed(f"smtp_{code}", retry=code < 500 or code in (530, 535))
