"""What the sample enters into the directory, collected in an order in which parents come first."""

from collections.abc import Iterator
from datetime import datetime

from events.contract.directory import (
    AppKeySet,
    Availability,
    DutyRosterSet,
    GridKind,
    OrgSet,
    PersonSet,
    RoleSet,
    Shift,
)
from events.contract.envelope import Payload
from models.policy.people import OrgKind, Role
from partygrid.directory_files.identity import Identity, identity_ref_of
from partygrid.sample.draw import Draw
from partygrid.sample.outlines import Ring


class Register:
    """Collects organisations, persons, roles, rosters and apps."""

    def __init__(self, draw: Draw, since: datetime) -> None:
        self.draw, self.since = draw, since
        self.orgs: list[OrgSet] = []
        self.persons: dict[str, PersonSet] = {}
        self.roles: dict[tuple[str, Role, str], RoleSet] = {}
        self.rosters: list[DutyRosterSet] = []
        self.apps: list[AppKeySet] = []
        self.identities: list[Identity] = []

    def org(
        self,
        org: str,
        kind: OrgKind,
        name: str,
        *,
        code: str,
        parent: str = "",
        department: str = "",
        serves: str = "",
        grid_kind: GridKind | None = None,
        households: int = 0,
        ring: Ring = (),
    ) -> str:
        """Enter an organisation and return its id."""
        self.orgs.append(
            OrgSet(
                org=org,
                kind=kind,
                name=name,
                parent=parent,
                code=code,
                department=department,
                serves=serves,
                grid_kind=grid_kind,
                households=households,
                outline=(ring,) if ring else (),
                valid_from=self.since,
            )
        )
        return org

    def person(
        self,
        *what: str | int,
        grid: str = "",
        party_status: str = "",
        skills: tuple[str, ...] = (),
        availability: Availability = Availability.AVAILABLE,
        contact_households: int = 0,
        responsibility_area: tuple[str, ...] = (),
    ) -> str:
        """Enter a new person and return the pseudonym; `what` is what the draw is about."""
        person = f"p-{self.draw.digest('person', *what).hex()[:10]}"
        ref = identity_ref_of(person)
        if person in self.persons:
            raise ValueError(f"{person} was drawn twice; say more about whom it is for")
        self.persons[person] = PersonSet(
            person=person,
            identity_ref=ref,
            grid=grid,
            party_status=party_status,
            skills=skills,
            availability=availability,
            contact_households=contact_households,
            responsibility_area=responsibility_area,
            valid_from=self.since,
        )
        number = len(self.persons)
        self.identities.append(
            Identity(
                ref=ref,
                person=person,
                name=f"样例人员{number:05}",
                # No network has numbers that begin with four noughts.
                mobile=f"0000{number:07}",
                mail=f"person{number:05}@sample.invalid",
            )
        )
        return person

    def give(self, person: str, role: Role, org: str) -> None:
        """Let the person hold the role there."""
        self.roles[person, role, org] = RoleSet(
            person=person, role=role, org=org, valid_from=self.since
        )

    def holders(self, role: Role, org: str) -> tuple[str, ...]:
        """Return who holds the role there, in the order in which they were entered."""
        return tuple(person for person, held, at in self.roles if (held, at) == (role, org))

    def staff(self, role: Role, org: str, count: int, *what: str | int) -> list[str]:
        """Let `count` new persons hold the role there and return them."""
        persons = [self.person(role, org, *what, number) for number in range(count)]
        for person in persons:
            self.give(person, role, org)
        return persons

    def roster(self, org: str, role: Role, shifts: list[Shift]) -> None:
        """Enter a duty roster."""
        self.rosters.append(DutyRosterSet(org=org, role=role, shifts=tuple(shifts)))

    def entries(self) -> Iterator[Payload]:
        """Yield everything: parents before children, what is named before what names it."""
        yield from self.orgs
        yield from self.persons.values()
        yield from self.roles.values()
        yield from self.rosters
        yield from self.apps
