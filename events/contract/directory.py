"""Who is who, with dates: `grid.directory`, decided by directory.

Valid time is in the payload (`valid_from`, `valid_to`); recorded time is the journal's.
A change of an entry is a new event with the same id and a later `valid_from`.
"""

from enum import StrEnum

from events.contract.envelope import Code, Label, Moment, Part, Payload, Ref
from events.contract.registry import Topic, event_type
from models.policy.people import OrgKind


class GridKind(StrEnum):
    """Types of grid."""

    #: 综合网格
    COMPREHENSIVE = "comprehensive"
    #: 专属网格 park, school, market
    EXCLUSIVE = "exclusive"


@event_type(
    "grid.directory.org_set",
    Topic.DIRECTORY,
    action="directory.set_organisation",
    needs_subject=False,
)
class OrgSet(Payload, frozen=True, kw_only=True):
    """When an organisation is founded, renamed, moved or (with valid_to) dissolved."""

    org: Ref
    kind: OrgKind
    name: Label
    #: the organisation above it; empty for the county
    parent: str = ""
    #: statistical or grid code of the territory it covers
    code: Code
    #: for departments: key of policy's department kinds (`civil_affairs`, `fire`...)
    department: str = ""
    #: for Party organisations: the grid or village they are mapped to
    serves: str = ""
    grid_kind: GridKind | None = None
    households: int = 0
    #: outline as GeoJSON polygon coordinates (CGCS2000), outer ring first
    outline: tuple[tuple[tuple[float, float], ...], ...] = ()
    valid_from: Moment
    valid_to: Moment | None = None


class Availability(StrEnum):
    """Whether a Party member can be asked; never the reason."""

    AVAILABLE = "available"
    AWAY = "away"
    NOT_AVAILABLE = "not_available"


@event_type(
    "grid.directory.person_set", Topic.DIRECTORY, action="directory.set_person", needs_subject=False
)
class PersonSet(Payload, frozen=True, kw_only=True):
    """When a person who works in the system is entered or changes. The name goes to the vault."""

    person: Ref
    #: pseudonym under which the vault keeps name and telephone
    identity_ref: str = ""
    #: full member 正式党员, probationary 预备党员, or neither
    party_status: str = ""
    skills: tuple[Label, ...] = ()
    availability: Availability = Availability.AVAILABLE
    #: home grid or micro-grid
    grid: str = ""
    #: hub households or contact households looked after
    contact_households: int = 0
    #: 党员责任区 grid codes
    responsibility_area: tuple[Code, ...] = ()
    valid_from: Moment
    valid_to: Moment | None = None


@event_type(
    "grid.directory.role_set", Topic.DIRECTORY, action="directory.assign_role", needs_subject=False
)
class RoleSet(Payload, frozen=True, kw_only=True):
    """When a person takes or lays down a role at an organisation."""

    person: Ref
    role: Label
    org: Ref
    valid_from: Moment
    valid_to: Moment | None = None


class Shift(Part, frozen=True, kw_only=True):
    """One person's duty."""

    person: Ref
    starts_at: Moment
    ends_at: Moment


@event_type(
    "grid.directory.duty_set", Topic.DIRECTORY, action="directory.set_duty", needs_subject=False
)
class DutyRosterSet(Payload, frozen=True, kw_only=True):
    """值班表. When an organisation's duty roster is set; later ones replace overlapping shifts."""

    org: Ref
    #: `duty_leader` or `duty_supervisor`
    role: Label
    shifts: tuple[Shift, ...]


@event_type(
    "grid.directory.app_set", Topic.DIRECTORY, action="directory.register_app", needs_subject=False
)
class AppKeySet(Payload, frozen=True, kw_only=True):
    """When an app and its public key are registered, rotated or (with valid_to) withdrawn."""

    #: the CloudEvents source it may use
    source: Ref
    name: Label
    #: Ed25519 public key, base64
    public_key: Label
    #: codes of the territories it may speak for (prefixes)
    territories: tuple[str, ...]
    #: event type name patterns it may send (`grid.report.*`)
    event_types: tuple[Label, ...]
    #: may act on marked cases; to report one, every app may
    restricted: bool = False
    valid_from: Moment
    valid_to: Moment | None = None
