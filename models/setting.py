"""What every batch of an engine is decided with: made once at start, passed down."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from msgspec import Struct

from models.calendar import WorkCalendar
from models.case import Case
from models.hashing import SHA256
from models.keys import PublicKey
from models.office import Office
from models.policy.schema import Policy
from partygrid.errors import Invalid

Kept = TypeVar("Kept")


class NotKept(Invalid):
    """These rules are not kept in this database. Bring its row back from a backup."""


class Shelf:
    """Packs and calendars: those in force, and those that older cases were registered under.

    What another engine began to decide with meanwhile is put on it as cases name it.
    """

    def __init__(
        self,
        current: Policy,
        older: Mapping[str, Policy] | None = None,
        calendar: WorkCalendar | None = None,
        calendars: Mapping[str, WorkCalendar] | None = None,
    ) -> None:
        """Take what is in force; without a calendar, what the libraries know today."""
        self.current = current
        self.calendar = calendar or WorkCalendar()
        self._packs = {**(older or {}), current.version: current}
        self._calendars = {**(calendars or {}), self.calendar.version: self.calendar}
        self._offices: dict[tuple[str, str], Office] = {}

    def pack(self, version: str) -> Policy:
        """Return the pack of a version. Raises `NotKept`."""
        return _kept(self._packs, version, "policy pack")

    def pack_of(self, case: Case) -> Policy:
        """Return the pack a case is decided by: the one it was registered under."""
        return self.pack(case.policy_version or self.current.version)

    def office(self, version: str, calendar: str = "") -> Office:
        """Return the office hours of a pack on a calendar, by default the one in force.

        Raises `NotKept`.
        """
        days = calendar or self.calendar.version
        if (version, days) not in self._offices:
            on = _kept(self._calendars, days, "calendar")
            self._offices[version, days] = Office(on, self.pack(version).calendar)
        return self._offices[version, days]

    def missing(
        self, cases: Iterable[Case], calendars: Iterable[str] = ()
    ) -> tuple[set[str], set[str]]:
        """Return versions of packs and calendars that are named and not here, empty ones aside."""
        packs, days = {""}, {"", *calendars}
        for case in cases:
            packs.add(case.policy_version)
            days.add(case.calendar_version)
        return packs - {"", *self._packs}, days - {"", *self._calendars}

    def put(self, packs: Mapping[str, Policy], calendars: Mapping[str, WorkCalendar]) -> None:
        """Put more on the shelf."""
        self._packs |= packs
        self._calendars |= calendars

    def as_of(self, version: str, calendar: str) -> "Shelf":
        """Return the same shelf as it was with these in force. Raises `NotKept`."""
        days = _kept(self._calendars, calendar, "calendar")
        return Shelf(self.pack(version), self._packs, days, self._calendars)

    def local_day(self, moment: datetime) -> str:
        """Return the day at the office, as case numbers write it."""
        return moment.astimezone(ZoneInfo(self.current.calendar.timezone)).strftime("%Y%m%d")


def _kept(known: Mapping[str, Kept], version: str, what: str) -> Kept:
    if version not in known:
        raise NotKept(f"The {what} {version!r} is not kept in this database. Bring its row back.")
    return known[version]


class Setting(Struct, frozen=True, kw_only=True):
    """Policy, keys and names of one engine."""

    shelf: Shelf
    #: number of partitions of every inbound topic
    partitions: int
    #: secret with which the installation vouches for its own events
    own_key: bytes
    #: secret behind the commitments to words
    text_key: bytes
    #: own keys of before: what they vouched for may still lie in the log
    older_own_keys: tuple[bytes, ...] = ()
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
