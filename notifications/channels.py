"""The ways out of the system: what a channel promises, and what became of one sending."""

from typing import Protocol

from msgspec import Struct


class Rendered(Struct, frozen=True, kw_only=True):
    """A notice in the words of one language, in every form a channel may need."""

    kind: str
    subject: str
    text: str
    html: str
    sms: str


class Sent(Struct, frozen=True):
    """The other side took it; `provider_ref` is its own number for it, where it gives one."""

    provider_ref: str | None = None


class Failed(Struct, frozen=True):
    """The other side certainly did not take it. `retry`: another attempt may go better."""

    reason: str
    retry: bool


class Unknown(Struct, frozen=True):
    """It may have arrived. Sending again could tell somebody the same thing twice."""

    reason: str


Outcome = Sent | Failed | Unknown


class Channel(Protocol):
    """One way out. Answers within its own time limit and never raises for what a server does.

    Reasons are codes or the server's status, never its free text: servers repeat addresses there.
    """

    def send(self, address: str, rendered: Rendered, *, key: str) -> Outcome:
        """Send to one address. The same `key` is always the same notice to the same addressee."""
        ...
