"""How simulated people's events reach the broker: signed by the app they use, numbered by it."""

from collections import Counter
from collections.abc import Mapping

from events.codec import attributes_of, data_of, encode
from events.contract.envelope import Event
from events.contract.registry import TYPE_OF_PAYLOAD
from events.outgoing_event import Outgoing
from events.signing import sign_event
from events.topics import inbound_topic, says_marked
from flows.conductor import Outbound
from models.keys import SigningKey
from models.policy.people import Role
from partygrid.sample import apps

_COUNTY_ROLES = frozenset(
    {
        Role.COUNTY_LEADER,
        Role.COUNTY_SUPERVISOR,
        Role.COUNTY_DUTY_LEADER,
        Role.STAFFING_JUSTICE_OFFICE,
        Role.ADMISSION_REVIEWER,
        Role.WHISTLE_OFFICE,
    }
)


def app_of(role: str, township: str) -> str:
    """Return the source of the app that somebody in this role uses."""
    match role:
        case Role.VILLAGER:
            return apps.VILLAGERS
        case Role.HOTLINE_OPERATOR:
            return apps.HOTLINE
        case Role.DEPARTMENT_LEAD | Role.DEPARTMENT_HANDLER:
            return apps.DEPARTMENTS
        case Role.DISCIPLINE_OFFICER:
            return apps.DISCIPLINE
        case Role.DIRECTORY_ADMIN:
            return apps.DIRECTORY
    if role in _COUNTY_ROLES or len(township) != 9:
        return apps.CENTRE
    return apps.branch_app(township)


class Post:
    """Signs with the apps' keys, each app counting its own events."""

    def __init__(self, keys: Mapping[str, SigningKey]) -> None:
        """Begin every app's count."""
        self._keys = dict(keys)
        #: source → the last number given out
        self.signed_out: Counter[str] = Counter()

    def sign(self, made: Outgoing, *, restricted: bool = False) -> Outbound:
        """Return the record of an event, signed by the app that is its source.

        What says itself that few may know of its case travels on the twin, whatever is asked for.
        """
        key = self._keys[made.source]
        self.signed_out[made.source] += 1
        event = made.event(key.key_id, sequence=self.signed_out[made.source])
        return record_of(event, key, restricted=restricted or says_marked(made.data))

    def key(self, source: str) -> SigningKey:
        """Return an app's key."""
        return self._keys[source]

    def rotate(self, source: str, key: SigningKey) -> None:
        """Let an app sign with another key from now on."""
        self._keys[source] = key


def record_of(event: Event, key: SigningKey, *, restricted: bool = False) -> Outbound:
    """Return the record of an event as `key` signs it, on the topic of its type."""
    signature = sign_event(key, attributes_of(event), data_of(event.data))
    encoded = encode(event, signature=signature)
    return Outbound(
        topic=inbound_topic(event.data, marked=restricted),
        key=event.township,
        headers=encoded.headers,
        value=encoded.value,
    )


def topic_of(event: Event) -> str:
    """Return the topic an event belongs on."""
    return str(TYPE_OF_PAYLOAD[type(event.data)].topic)
