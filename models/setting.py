"""What every batch of an engine is decided with: made once at start, passed down."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from models.calendar import WorkCalendar
from models.hashing import SHA256
from models.keys import PublicKey
from models.office import Office
from models.policy.schema import Policy


class Shelf:
    """The policy packs: the one in force, and those that older cases were registered under."""

    def __init__(
        self,
        current: Policy,
        older: dict[str, Policy] | None = None,
        calendar: WorkCalendar | None = None,
    ) -> None:
        """Keep the packs and one office for each, on the same calendar."""
        self.current = current
        self.calendar = calendar or WorkCalendar()
        self._packs = {**(older or {}), current.version: current}
        self._offices = {
            version: Office(self.calendar, pack.calendar) for version, pack in self._packs.items()
        }

    def pack(self, version: str) -> Policy:
        """Return the pack of a version; the one in force where it is not kept."""
        return self._packs.get(version, self.current)

    def with_current(self, version: str) -> "Shelf":
        """Return the same shelf as it was while another pack was in force."""
        return Shelf(self.pack(version), self._packs, self.calendar)

    def office(self, version: str) -> Office:
        """Return the office that belongs to a pack."""
        return self._offices.get(version) or self._offices[self.current.version]

    def local_day(self, moment: datetime) -> str:
        """Return the day at the office, as case numbers write it."""
        return moment.astimezone(ZoneInfo(self.current.calendar.timezone)).strftime("%Y%m%d")


class Setting(Struct, frozen=True, kw_only=True):
    """Policy, keys and names of one engine."""

    shelf: Shelf
    #: number of partitions of every inbound topic
    partitions: int
    #: secret with which the installation vouches for its own events
    own_key: bytes
    #: secret behind the commitments to words
    text_key: bytes
    engine: str = "engine"
    #: keys of the sign-ins whose word on persons counts, by key id
    sign_ins: dict[str, PublicKey] = {}
    algorithm: str = SHA256
    #: a conductor releases the instants
    time_lapse: bool = False

    def __post_init__(self) -> None:
        """Refuse keys too short to be secrets."""
        if min(len(self.own_key), len(self.text_key)) < 16:
            raise ValueError("the installation's keys have at least 16 bytes")


Row = dict[str, Any]
