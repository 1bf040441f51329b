"""How simulated people's events reach the broker: signed by the app they use, numbered by it."""

from collections import defaultdict
from datetime import datetime

from events.codec import attributes_of, data_of, encode
from events.contract.envelope import Event
from events.contract.registry import RESTRICTED_PREFIX, TYPE_OF_PAYLOAD
from events.outgoing_event import Outgoing
from events.signing import sign_event
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
    if role in _COUNTY_ROLES or len(township) != 9:
        return apps.CENTRE
    return apps.branch_app(township)


class Post:
    """Signs with the apps' keys, each app counting its own events."""

    def __init__(self, keys: dict[str, SigningKey]) -> None:
        """Begin every app's count."""
        self._keys = keys
        self.signed_out: dict[str, int] = defaultdict(int)

    def sign(self, made: Outgoing, *, restricted: bool = False) -> Outbound:
        """Return the record of an event, signed by the app that is its source."""
        key = self._keys[made.source]
        event = made.event(key.key_id, sequence=self.signed_out[made.source])
        self.signed_out[made.source] += 1
        return self.record(event, key, restricted=restricted)

    def record(self, event: Event, key: SigningKey, *, restricted: bool = False) -> Outbound:
        """Return the record of an event as `key` signs it."""
        signature = sign_event(key, attributes_of(event), data_of(event.data))
        encoded = encode(event, signature=signature)
        topic = str(TYPE_OF_PAYLOAD[type(event.data)].topic)
        return Outbound(
            topic=RESTRICTED_PREFIX + topic if restricted else topic,
            key=event.township,
            headers=encoded.headers,
            value=encoded.value,
        )

    def key(self, source: str) -> SigningKey:
        """Return an app's key."""
        return self._keys[source]


def next_tick(moment: datetime, tick_minutes: int) -> datetime:
    """Return the first tick at or after `moment`."""
    seconds = int(moment.timestamp())
    if moment.microsecond:
        seconds += 1
    step = tick_minutes * 60
    return datetime.fromtimestamp(-(-seconds // step) * step, moment.tzinfo)
