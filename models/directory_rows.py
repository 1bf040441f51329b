"""The directory, bitemporal: valid time in each row, recorded time as a gapless revision.

Rows are never changed: what corrects one is a row with the same key and a later revision.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import PrimaryKeyConstraint
from sqlmodel import Field

from models.columns import big, json, moment
from models.table import Table


class DirectoryClock(Table, table=True):
    """The one row that serialises changes of the directory, so that revision is commit order."""

    __tablename__ = "directory_clock"
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    revision: int = big(default=0)


class OrgRows(Table, table=True):
    """Organisations."""

    __tablename__ = "orgs"
    __table_args__ = (PrimaryKeyConstraint("revision", "id"),)
    revision: int = big()
    recorded_at: datetime = moment()
    id: str = Field(index=True)
    kind: str
    name: str
    parent: str = ""
    code: str = ""
    department: str = ""
    serves: str = ""
    grid_kind: str = ""
    households: int = 0
    outline: Any = json("[]")
    valid_from: datetime = moment()
    valid_to: datetime | None = moment(nullable=True)


class PersonRows(Table, table=True):
    """People who work in the system, by pseudonym."""

    __tablename__ = "persons"
    __table_args__ = (PrimaryKeyConstraint("revision", "id"),)
    revision: int = big()
    recorded_at: datetime = moment()
    id: str = Field(index=True)
    identity_ref: str = ""
    party_status: str = ""
    skills: Any = json("[]")
    availability: str = "available"
    grid: str = ""
    contact_households: int = 0
    responsibility_area: Any = json("[]")
    valid_from: datetime = moment()
    valid_to: datetime | None = moment(nullable=True)


class RoleRows(Table, table=True):
    """Roles held."""

    __tablename__ = "roles_held"
    __table_args__ = (PrimaryKeyConstraint("revision", "person", "role", "org"),)
    revision: int = big()
    recorded_at: datetime = moment()
    person: str = Field(index=True)
    role: str
    org: str
    valid_from: datetime = moment()
    valid_to: datetime | None = moment(nullable=True)


class DutyRows(Table, table=True):
    """Duty shifts."""

    __tablename__ = "duties"
    __table_args__ = (PrimaryKeyConstraint("revision", "org", "role", "person", "valid_from"),)
    revision: int = big()
    recorded_at: datetime = moment()
    org: str
    role: str
    person: str
    valid_from: datetime = moment()
    valid_to: datetime | None = moment(nullable=True)


class AppRows(Table, table=True):
    """Apps and their public keys."""

    __tablename__ = "apps"
    __table_args__ = (PrimaryKeyConstraint("revision", "key_id"),)
    revision: int = big()
    recorded_at: datetime = moment()
    source: str
    key_id: str
    name: str
    public_key: str
    territories: Any = json("[]")
    event_types: Any = json("[]")
    restricted: bool = False
    valid_from: datetime = moment()
    valid_to: datetime | None = moment(nullable=True)
