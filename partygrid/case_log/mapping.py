"""The mapping file: which column of a log says what, and where its cases are put.

One YAML file a log, so that another system's log needs no code.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta, Struct

from models.policy.people import OrgKind, Role
from models.values import derived_id
from partygrid.errors import Invalid

_Code = Annotated[str, Meta(pattern="^[0-9]{6,20}$")]
_Name = Annotated[str, Meta(min_length=1, max_length=120)]
_Slug = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,39}$")]
#: What may stand in an id as it is; a space becomes a hyphen, so a hyphen itself may not.
_PLAIN = re.compile(r"\w[\w.]*( [\w.]+)*")
_ID_LIMIT = 64


class MappingInvalid(Invalid):
    """The mapping file cannot be used."""


class Names(StrEnum):
    """What the log's names of persons are."""

    #: invented by whoever gave the log away: kept as ids
    PSEUDONYMS = "pseudonyms"
    #: real ones: replaced by ids, the names go to the vault
    REAL = "real"


class _Piece(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A piece of the mapping file; unknown keys are refused."""


class Columns(_Piece, frozen=True, kw_only=True):
    """Names of columns (CSV) or attributes (XES; those of the trace begin with `case:`)."""

    case: _Name
    activity: _Name
    time: _Name
    person: _Name
    group: str = ""
    #: id of the row in the log; without it the number of the row
    instance: str = ""
    #: start, complete ...: with it rows of one instance are told apart
    transition: str = ""
    channel: str = ""
    started: str = ""
    planned_end: str = ""
    ended: str = ""
    #: person, unit and group responsible for the whole case
    responsible: str = ""
    department: str = ""
    responsible_group: str = ""


class Territory(_Piece, frozen=True, kw_only=True):
    """A place of the county that is made for the log."""

    code: _Code
    name: _Name


class Places(_Piece, frozen=True, kw_only=True):
    """The county, township, village and grid in which the log's cases lie."""

    county: Territory
    township: Territory
    village: Territory
    grid: Territory


class Group(_Piece, frozen=True, kw_only=True):
    """What is special about one group of the log."""

    name: _Name | None = None
    role: Role | None = None


class Groups(_Piece, frozen=True, kw_only=True):
    """What the log's groups become."""

    kind: OrgKind = OrgKind.DEPARTMENT
    #: kind of department, of policy's; empty for kinds that are no department
    department: str = ""
    #: role in which the log's persons act there
    role: Role = Role.DEPARTMENT_HANDLER
    #: groups that need a name or role of their own
    special: Mapping[str, Group] = {}


class Left(_Piece, frozen=True, kw_only=True):
    """Stands in for what a row does not say; without it such a row is a fault."""

    person: str = ""
    group: str = ""


class LogMapping(_Piece, frozen=True, kw_only=True):
    """One log's mapping."""

    #: name of the log: its cases and rows are known under it for ever
    log: _Slug
    #: put before the ids of its persons and groups
    prefix: _Slug
    #: of times that carry no offset
    time_zone: str
    #: shape of times (`%d.%m.%Y %H:%M`); empty: ISO 8601
    time_format: str = ""
    #: character that parts the columns of a CSV file
    delimiter: Annotated[str, Meta(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8-sig"
    names: Names
    columns: Columns
    places: Places
    groups: Groups
    #: what to put where a row says nothing
    missing: Left = Left()
    #: transitions that are read; the others are counted as left out. Empty: all
    transitions: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """CloudEvents source of the log's rows."""
        return f"import/{self.log}"

    @property
    def zone(self) -> ZoneInfo:
        """Zone of times that carry no offset."""
        return ZoneInfo(self.time_zone)

    def person_id(self, name: str) -> str:
        """Return the id of a person of the log."""
        return self._id("person", name, plain=self.names is Names.PSEUDONYMS)

    def group_id(self, name: str) -> str:
        """Return the id of the organisation that a group of the log becomes."""
        return self._id("group", name, plain=True)

    def role_in(self, group: str) -> Role:
        """Return the role in which the log's persons act in a group."""
        special = self.groups.special.get(group)
        return (special.role if special else None) or self.groups.role

    def name_of(self, group: str) -> str:
        """Return what a group is called."""
        special = self.groups.special.get(group)
        return (special.name if special else None) or group

    def moment(self, text: str) -> datetime:
        """Return the instant a text of the log means. Raises ValueError."""
        if self.time_format:
            moment = datetime.strptime(text, self.time_format)  # noqa: DTZ007  zoned below
        else:
            moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=self.zone)).astimezone(UTC)

    def _id(self, kind: str, name: str, *, plain: bool) -> str:
        readable = f"{self.prefix}-{name.replace(' ', '-')}"
        if plain and _PLAIN.fullmatch(name) and len(readable) <= _ID_LIMIT:
            return readable
        return f"{self.prefix}-{derived_id(kind, self.log, name)[:13]}"


#: Mappings that are shipped.
SHIPPED = Path(__file__).parent / "mappings"


def find_mapping(named: str) -> Path:
    """Return the file at a path, or the shipped one of this name. Raises `MappingInvalid`."""
    path = Path(named)
    shipped = SHIPPED / f"{named.replace('-', '_')}.yaml"
    found = next((one for one in (path, shipped) if one.is_file()), None)
    if found is None:
        names = ", ".join(sorted(one.stem.replace("_", "-") for one in SHIPPED.glob("*.yaml")))
        raise MappingInvalid(f"There is no mapping file {named}; shipped are: {names}.")
    return found


def read_mapping(path: Path) -> LogMapping:
    """Return the mapping in a file. Raises `MappingInvalid`, which says what is wrong where."""
    try:
        mapping = msgspec.yaml.decode(path.read_bytes(), type=LogMapping)
    except (OSError, msgspec.DecodeError) as wrong:
        raise MappingInvalid(f"{path.name}: {wrong}") from wrong
    for fault in _faults(mapping):
        raise MappingInvalid(f"{path.name}: {fault}")
    return mapping


def _faults(mapping: LogMapping) -> list[str]:
    places = mapping.places
    chain = (places.county, places.township, places.village, places.grid)
    faults = [
        f"{lower.code} does not begin with {upper.code}"
        for upper, lower in pairwise(chain)
        if not lower.code.startswith(upper.code) or len(lower.code) <= len(upper.code)
    ]
    try:
        ZoneInfo(mapping.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        faults.append(f"there is no time zone {mapping.time_zone}")
    if mapping.transitions and not mapping.columns.transition:
        faults.append("`transitions` needs the column `transition`")
    if not (mapping.columns.group or mapping.missing.group):
        faults.append("name the column `group`, or what to put in its place")
    return faults
