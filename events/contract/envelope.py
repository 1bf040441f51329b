"""The envelope every event travels in: CloudEvents 1.0 attributes and this project's extensions."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

#: Longest erasable text in characters.
TEXT_LIMIT = 4000

#: Marks a field as erasable free text: its words leave the event before it is decided.
Text = Annotated[
    str, Meta(max_length=TEXT_LIMIT, extra_json_schema={"x-erasable": True}, extra={"erasable": 1})
]
#: SHA-256 of an evidence file, in hex.
EvidenceHash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
#: An id from the directory or of the engine.
Ref = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\w:.\-/]+$")]
#: A grid or micro-grid code; its shape is policy, only its characters are fixed here.
Code = Annotated[str, Meta(min_length=6, max_length=20, pattern="^[0-9]+$")]
#: A short name or label that is not personal data.
Label = Annotated[str, Meta(min_length=1, max_length=120)]
#: An instant with its offset; one without would mean another time on every machine.
Moment = Annotated[datetime, Meta(tz=True)]
#: A count of people, forms, votes...
Count = Annotated[int, Meta(ge=0, le=10_000_000)]
#: A score from 0 to 100.
Score = Annotated[int, Meta(ge=0, le=100)]


class Payload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The data of one event type. Unknown fields are refused."""


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A piece of a payload."""


class Acting(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who acted, and in which role."""

    #: the person, `system:<step>` for the engine, or an app's own name
    actor: str
    #: the role acted in
    role: str
    #: the organisation the role is held at
    org: str
    #: on whose behalf, where somebody acted for another
    on_behalf_of: str = ""
    #: who wrote it down, where that was somebody else
    recorded_by: str = ""
    #: `app`, `person` (a signed-in person's assertion came with it) or `system`
    asserted_by: str = "app"


class Event(Struct, frozen=True, kw_only=True):
    """One decoded event. `data` is typed by `type`; its texts are tokens once it was admitted."""

    #: unique within the source
    id: str
    #: the app, e.g. `app/branch-330281001`
    source: str
    #: e.g. `grid.report.filed.v1`
    type: str
    #: when the app says it happened: evidence, never the deciding clock
    time: datetime
    #: the township (nine digits) or county (six digits) whose shard decides it
    township: str
    #: the case, task or consultation it is about; empty for what opens one
    subject: str = ""
    acting: Acting
    data: Payload
    #: the app's own running number, for gaps and late arrivals; -1 where it has none
    sequence: int = -1
    #: the case version the actor looked at; -1 where not told
    case_version: int = -1
    #: key id of the signature; empty for the engine's own
    key_id: str = ""
    #: SHA-256 over the signed input, hex
    content_hash: str = ""
    #: id of the journal entry or event that caused it; empty for external events
    cause: str = ""
    #: how many follow-ups stand between it and something from outside; 0 for external events
    wave: int = 0
    #: id of the dead-lettered event in whose place an operator sent it; else empty
    replay_of: str = ""
    #: what its app told before shows that `time` is not when it happened; set by the engine
    out_of_order: bool = False

    @property
    def known_as(self) -> str:
        """The id under which its app, and whoever refers to what it opened, knows it."""
        return self.replay_of or self.id
