"""Who enters what a file says: a directory administrator, or the founder while there is none."""

from datetime import datetime

from events.contract.envelope import Acting
from models.directory import Directory
from models.policy.people import Role
from partygrid.errors import Refused


class NotAnAdministrator(Refused):
    """This person is no directory administrator now."""


class AdministratorNeeded(Refused):
    """The directory has administrators: say with --by which of them enters this."""


def acting_of(directory: Directory, person: str, now: datetime) -> Acting:
    """Return in which capacity an administrator acts: the widest territory, of several.

    Raises `NotAnAdministrator`.
    """
    held = [role for role in directory.roles_of(person, now) if role.role == Role.DIRECTORY_ADMIN]
    orgs = (directory.org(role.org, now) for role in held)
    widest = min(((len(org.code), org.id) for org in orgs if org is not None), default=None)
    if widest is None:
        raise NotAnAdministrator(person=person)
    return Acting(actor=person, role=Role.DIRECTORY_ADMIN, org=widest[1])


def refuse_founder(directory: Directory, now: datetime) -> None:
    """Raise `AdministratorNeeded` where somebody can answer for a change."""
    for org in directory.orgs(now):
        if directory.holders(Role.DIRECTORY_ADMIN, org.id, now):
            raise AdministratorNeeded
