"""What is still to happen, and when: the calendar of a played week. Pure."""

import heapq
from datetime import datetime, timedelta

from msgspec import Struct

from events.outgoing_event import Outgoing
from flows.conductor import Outbound
from models.keys import SigningKey

#: People act on full ticks: what happens within one happens at its end. Where it is an emergency
#: ticks are short; else they are longer, so that a week has fewer instants.
TICK, LONG_TICK = timedelta(minutes=5), timedelta(minutes=15)


class Said(Struct, frozen=True, kw_only=True):
    """An event that an app sends, signed when its time has come."""

    made: Outgoing
    #: its case is marked: it travels on the restricted twin
    restricted: bool = False


class Rotated(Struct, frozen=True, kw_only=True):
    """An app signs with another key from now on."""

    source: str
    key: SigningKey


class Unsendable(Struct, frozen=True, kw_only=True):
    """An outbox row that no broker takes."""

    source: str
    event_id: str
    township: str
    value: bytes


#: What can stand on the calendar; a record stands ready as it is.
Entry = Said | Outbound | Rotated | Unsendable


class Agenda:
    """Entries by tick; of one tick in the order of their keys, then as they were put."""

    def __init__(self, end: datetime) -> None:
        """Take nothing that would happen after `end`."""
        self._end = end
        self._due: list[tuple[datetime, str, int]] = []
        self._entries: list[Entry] = []

    def put(self, at: datetime, entry: Entry, *, order: str = "", step: timedelta = TICK) -> None:
        """Put an entry on the first tick of `step` at or after `at`."""
        tick = next_tick(at, step)
        if tick <= self._end:
            heapq.heappush(self._due, (tick, order, len(self._entries)))
            self._entries.append(entry)

    @property
    def next(self) -> datetime | None:
        """The next tick at which something happens."""
        return self._due[0][0] if self._due else None

    def take(self, instant: datetime) -> list[Entry]:
        """Take what has come due."""
        taken = []
        while self._due and self._due[0][0] <= instant:
            _, _, at = heapq.heappop(self._due)
            taken.append(self._entries[at])
        return taken


def next_tick(moment: datetime, step: timedelta = TICK) -> datetime:
    """Return the first tick of `step` at or after `moment`."""
    length, seconds = int(step.total_seconds()), int(moment.timestamp())
    if moment.microsecond:
        seconds += 1
    return datetime.fromtimestamp(-(-seconds // length) * length, moment.tzinfo)
