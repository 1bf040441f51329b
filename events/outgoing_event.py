"""An event on its way to the engine that nobody has signed yet: made here, sent by others. Pure.

What makes events (the sample, directory files, case logs, the simulation) says what, about where,
when and by whom; who sends them adds the key: a door's, the conductor's or an app's.
"""

from datetime import datetime

from msgspec import Struct

from events.codec import data_of, type_name
from events.contract.envelope import Acting, Event, Payload
from models.values import SYSTEM_PREFIX, Step, derived_id


class Outgoing(Struct, frozen=True, kw_only=True):
    """One event to be sent."""

    #: unique within the source, and the same whenever the same is made again
    id: str
    #: CloudEvents source it will bear
    source: str
    data: Payload
    #: township (nine digits) or county (six digits) whose shard decides it; also the record key
    township: str
    #: when it happened
    time: datetime
    acting: Acting
    #: the case or task it is about; empty where it follows from the data
    subject: str = ""

    def event(self, key_id: str, *, sequence: int = -1) -> Event:
        """Return the event as it is signed with the key `key_id` names."""
        return Event(
            id=self.id,
            source=self.source,
            type=type_name(self.data),
            time=self.time,
            township=self.township,
            subject=self.subject,
            acting=self.acting,
            data=self.data,
            key_id=key_id,
            sequence=sequence,
        )


def directory_founder(county: str) -> Acting:
    """Return who enters the first lines of an empty directory, before anybody has a role."""
    return Acting(
        actor=f"{SYSTEM_PREFIX}{Step.DIRECTORY}", role="system", org=county, asserted_by="system"
    )


def directory_event(
    data: Payload, *, county: str, source: str, at: datetime, acting: Acting | None = None
) -> Outgoing:
    """Return a change of the directory, made at `at`; without `acting` by the founder.

    All changes of a county travel under the county's key, so that one shard decides them in the
    order in which they were sent: a parent is never read after its children. The same change at
    the same `at` has the same id; a later one of equal words has another, so that a correction
    can be taken back.
    """
    told = data_of(data).decode()
    return Outgoing(
        id=derived_id("directory", source, at.isoformat(), type_name(data), told),
        source=source,
        data=data,
        township=county,
        time=at,
        acting=acting or directory_founder(county),
    )
