"""Records that can never be applied: one maker for each reason. Pure.

Each maker takes a good event and returns what became of it on the way. None of them uses one of
the app's numbers, so no number is missed.
"""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from events.codec import Headers, attributes_of, data_of, encode, headers_of
from events.contract.assignment import AssignmentAccepted
from events.contract.envelope import Event
from events.contract.registry import Topic
from events.contract.reports import ReportFiled
from events.signing import sign_event
from flows.conductor import Outbound
from models.keys import SigningKey
from models.policy.schema import Policy
from models.values import DeadLetterReason, derived_id
from partygrid.simulation.post import record_of, topic_of


class Good(Struct, frozen=True, kw_only=True):
    """A report as it should be, its app's key, another app's, and the pack it is held against."""

    event: Event
    data: ReportFiled
    key: SigningKey
    #: a key that no app was registered with
    stranger: SigningKey
    policy: Policy

    def changed(self, **fields: object) -> Event:
        """Return the event with other attributes or data."""
        return replace(self.event, **fields)


Spoiler = Callable[[Good], Outbound]


def _signed(good: Good, attributes: dict[str, str], value: bytes) -> Outbound:
    """Sign whatever it is, as the app does."""
    signature = sign_event(good.key, attributes, value)
    headers = headers_of({**attributes, "signature": signature})
    return _record(good, headers, value)


def _record(good: Good, headers: Headers, value: bytes, topic: str = "") -> Outbound:
    return Outbound(
        topic=topic or topic_of(good.event),
        key=good.event.township,
        headers=list(headers),
        value=value,
    )


def malformed(good: Good) -> Outbound:
    """A client cut the record off in the middle."""
    whole = json.dumps({"specversion": "1.0", "id": good.event.id, "source": good.event.source})
    return _record(good, [], whole.encode()[:-9])


def unknown_type(good: Good) -> Outbound:
    """An app of somebody else's system writes here."""
    attributes = attributes_of(good.event) | {"type": "city.parking.reported.v1"}
    return _signed(good, attributes, data_of(good.data))


def unknown_version(good: Good) -> Outbound:
    """An app is newer than the engine."""
    kind = good.event.type.rpartition(".v")[0] + ".v9"
    return _signed(good, attributes_of(good.event) | {"type": kind}, data_of(good.data))


def invalid_data(good: Good) -> Outbound:
    """An app sends a field that the type does not have, and leaves one out."""
    return _signed(good, attributes_of(good.event), b'{"source": "grid_member", "mood": "good"}')


def too_large(good: Good) -> Outbound:
    """An app put a picture into the words."""
    picture = "9" * good.policy.limits.event_bytes
    data = json.loads(data_of(good.data)) | {"description": picture}
    return _signed(good, attributes_of(good.event), json.dumps(data).encode())


def unsigned(good: Good) -> Outbound:
    """An app forgot to sign."""
    encoded = encode(good.event)
    return _record(good, encoded.headers, encoded.value)


def bad_signature(good: Good) -> Outbound:
    """Somebody changed the words on the way."""
    record = record_of(good.event, good.key)
    other = replace(good.data, title=f"{good.data.title}（改）")
    return _record(good, record.headers, data_of(other))


def unknown_key(good: Good) -> Outbound:
    """A phone signs with a key that was never registered."""
    event = good.changed(key_id=good.stranger.key_id)
    return record_of(event, good.stranger)


def out_of_scope(good: Good) -> Outbound:
    """A township's app speaks for another township."""
    township = good.event.township
    neighbour = f"{township[:-1]}{(int(township[-1]) % 4) + 1}"
    return record_of(good.changed(township=neighbour), good.key)


def wrong_topic(good: Good) -> Outbound:
    """An app was set up with the topics exchanged."""
    record = record_of(good.event, good.key)
    return _record(good, record.headers, record.value, str(Topic.FEEDBACK))


def from_the_future(good: Good) -> Outbound:
    """A phone's clock is a day ahead."""
    return record_of(good.changed(time=good.event.time + timedelta(days=1)), good.key)


def from_long_ago(good: Good) -> Outbound:
    """A phone's clock stands at some old date."""
    ago = good.policy.deadlines.occurred_at_most_before + timedelta(days=1)
    return record_of(good.changed(time=good.event.time - ago), good.key)


def unknown_place(good: Good) -> Outbound:
    """Nobody has drawn such a grid."""
    data = replace(good.data, grid=f"{good.data.grid[:12]}987")
    return record_of(good.changed(data=data), good.key)


def for_nobody(good: Good) -> Outbound:
    """An answer to a case whose report never comes: it waits until its patience is over."""
    event = good.changed(
        type="grid.assignment.accepted.v1",
        subject=derived_id("never reported", good.event.id),
        data=AssignmentAccepted(),
    )
    return record_of(event, good.key)


#: Reason → how a record comes to it. What needs more than one record, or a fault, is not here.
SPOILERS: Mapping[DeadLetterReason, tuple[Spoiler, ...]] = {
    DeadLetterReason.MALFORMED: (malformed,),
    DeadLetterReason.UNKNOWN_TYPE: (unknown_type,),
    DeadLetterReason.UNKNOWN_VERSION: (unknown_version,),
    DeadLetterReason.INVALID_DATA: (invalid_data,),
    DeadLetterReason.TOO_LARGE: (too_large,),
    DeadLetterReason.UNSIGNED: (unsigned,),
    DeadLetterReason.BAD_SIGNATURE: (bad_signature,),
    DeadLetterReason.UNKNOWN_KEY: (unknown_key,),
    DeadLetterReason.OUT_OF_SCOPE: (out_of_scope,),
    DeadLetterReason.WRONG_TOPIC: (wrong_topic,),
    DeadLetterReason.IMPLAUSIBLE_TIME: (from_the_future, from_long_ago),
    DeadLetterReason.UNKNOWN_PLACE: (unknown_place,),
    DeadLetterReason.PARKED_TOO_LONG: (for_nobody,),
}
