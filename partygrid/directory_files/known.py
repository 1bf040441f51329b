"""What the directory knows, compared with what a file says. Pure."""

from events.contract.directory import GridKind, OrgSet
from events.contract.envelope import Payload
from flows.entries import entries_of
from models.directory import App, Directory, Duty, Org, Person, RoleHeld, Spell
from models.policy.people import OrgKind
from partygrid.errors import Invalid


def org_set_of(org: Org) -> OrgSet:
    """Return the event that says again what is known of an organisation."""
    return OrgSet(
        org=org.id,
        kind=OrgKind(org.kind),
        name=org.name,
        parent=org.parent,
        code=org.code,
        department=org.department,
        serves=org.serves,
        grid_kind=GridKind(org.grid_kind) if org.grid_kind else None,
        households=org.households,
        outline=org.outline,
        valid_from=org.valid_from,
        valid_to=org.valid_to,
    )


def is_known(directory: Directory, data: Payload) -> bool:
    """Does the directory say exactly this already?"""
    try:
        entries = entries_of(data)
    except (ValueError, Invalid):  # a key that is none: the decision says so
        return False
    return all(_knows(directory, entry) for entry in entries)


def _knows(directory: Directory, entry: Spell) -> bool:
    match entry:
        case Org():
            return directory.org(entry.id, entry.valid_from) == entry
        case Person():
            return directory.person(entry.id, entry.valid_from) == entry
        case App():
            return directory.app(entry.key_id, entry.valid_from) == entry
        case RoleHeld():
            return entry in directory.role_spells(entry.person)
        case Duty():
            return entry in directory.duty_spells(entry.org, entry.role)
    return False
