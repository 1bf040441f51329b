"""From what a directory event says to the directory's entries. Pure."""

import base64

from events.contract.directory import AppKeySet, DutyRosterSet, OrgSet, PersonSet, RoleSet
from events.contract.envelope import Payload
from models.directory import App, Duty, Org, Person, RoleHeld, Spell
from models.keys import PublicKey


def entries_of(data: Payload) -> list[Spell]:
    """Return the entries of a directory event; a roster has one for each shift."""
    match data:
        case OrgSet():
            return [
                Org(
                    id=data.org,
                    kind=str(data.kind),
                    name=data.name,
                    parent=data.parent,
                    code=data.code,
                    department=data.department,
                    serves=data.serves,
                    grid_kind=str(data.grid_kind or ""),
                    households=data.households,
                    outline=data.outline,
                    valid_from=data.valid_from,
                    valid_to=data.valid_to,
                )
            ]
        case PersonSet():
            return [
                Person(
                    id=data.person,
                    identity_ref=data.identity_ref,
                    party_status=data.party_status,
                    skills=data.skills,
                    availability=str(data.availability),
                    grid=data.grid,
                    contact_households=data.contact_households,
                    responsibility_area=data.responsibility_area,
                    valid_from=data.valid_from,
                    valid_to=data.valid_to,
                )
            ]
        case RoleSet():
            return [
                RoleHeld(
                    person=data.person,
                    role=data.role,
                    org=data.org,
                    valid_from=data.valid_from,
                    valid_to=data.valid_to,
                )
            ]
        case DutyRosterSet():
            return [
                Duty(
                    org=data.org,
                    role=data.role,
                    person=shift.person,
                    valid_from=shift.starts_at,
                    valid_to=shift.ends_at,
                )
                for shift in data.shifts
            ]
        case AppKeySet():
            return [
                App(
                    source=data.source,
                    key_id=PublicKey(base64.b64decode(data.public_key)).key_id,
                    name=data.name,
                    public_key=data.public_key,
                    territories=data.territories,
                    event_types=data.event_types,
                    restricted=data.restricted,
                    valid_from=data.valid_from,
                    valid_to=data.valid_to,
                )
            ]
    raise TypeError(f"{type(data).__name__} is no directory event")
