"""A small county for tests of deciding: two townships, villages, grids, departments, people.

Person ids say what they are: `p-<role>-<org>`; Party members are `p-m1-<grid>` to `p-m4-<grid>`.
"""

from datetime import UTC, datetime
from functools import cache

from events.contract.directory import OrgSet, PersonSet, RoleSet
from events.contract.envelope import Acting, Payload
from models.directory import App, Directory, Duty, Org, Person, RoleHeld
from models.policy.people import OrgKind, Role

COUNTY = "330281"
TOWNSHIPS = ("330281101", "330281102")
VILLAGES = ("330281101201", "330281101202", "330281102201")
GRIDS = tuple(f"{village}{n:03}" for village in VILLAGES for n in (1, 2))
GRID = GRIDS[0]
VILLAGE = VILLAGES[0]
TOWNSHIP = TOWNSHIPS[0]
SINCE = datetime(2024, 1, 1, tzinfo=UTC)
#: A Tuesday, 09:00 in Shanghai.
NOW = datetime(2026, 3, 10, 1, 0, tzinfo=UTC)
APP_SOURCE = "app/test"
APP_KEY = "testkey"

_TERRITORY_ROLES: dict[OrgKind, tuple[Role, ...]] = {
    OrgKind.GRID: (Role.GRID_HEAD, Role.GRID_MEMBER),
    OrgKind.VILLAGE: (
        Role.VILLAGE_SECRETARY,
        Role.VILLAGE_DIRECTOR,
        Role.TWO_COMMITTEES_MEMBER,
        Role.VILLAGE_REPRESENTATIVE,
        Role.SUPERVISION_COMMITTEE_MEMBER,
        Role.CHILDREN_DIRECTOR,
        Role.VILLAGER,
    ),
    OrgKind.TOWNSHIP: (
        Role.ACCEPTOR,
        Role.DISPATCHER,
        Role.DUTY_SUPERVISOR,
        Role.DUTY_LEADER,
        Role.TOWNSHIP_PRINCIPAL,
        Role.TOWNSHIP_SECRETARY,
        Role.TOWNSHIP_HANDLER,
        Role.CHECKER,
        Role.VISITOR,
        Role.WHISTLE_OFFICE,
    ),
    OrgKind.COUNTY: (
        Role.STAFFING_JUSTICE_OFFICE,
        Role.COUNTY_LEADER,
        Role.COUNTY_SUPERVISOR,
        Role.COUNTY_DUTY_LEADER,
        Role.ADMISSION_REVIEWER,
        Role.HOTLINE_OPERATOR,
        Role.DIRECTORY_ADMIN,
        Role.AUDITOR,
        Role.OPERATOR,
    ),
}


def person(role: Role | str, org: str) -> str:
    """Return the id of the person who holds `role` at `org`."""
    return f"p-{role}-{org}"


def acting(role: Role | str, org: str, *, actor: str = "") -> Acting:
    """Return that person acting in that role."""
    return Acting(actor=actor or person(role, org), role=str(role), org=org)


def branch_of(grid: str) -> str:
    """Return the id of the grid's Party branch."""
    return f"b-{grid}"


def _orgs(departments: tuple[str, ...]) -> list[Org]:
    orgs = [Org(id=COUNTY, kind="county", name="样例县", code=COUNTY, valid_from=SINCE)]
    for code, kind, parent in (
        *((t, OrgKind.TOWNSHIP, COUNTY) for t in TOWNSHIPS),
        *((v, OrgKind.VILLAGE, v[:9]) for v in VILLAGES),
        *((g, OrgKind.GRID, g[:12]) for g in GRIDS),
    ):
        orgs.append(
            Org(
                id=code, kind=kind, name=f"{kind}{code}", parent=parent, code=code, valid_from=SINCE
            )
        )
    orgs += [
        Org(
            id=branch_of(grid),
            kind=OrgKind.GRID_BRANCH,
            name=f"支部{grid}",
            parent=grid,
            code=grid,
            serves=grid,
            valid_from=SINCE,
        )
        for grid in GRIDS
    ]
    orgs += [
        Org(
            id=f"d-{name}",
            kind=OrgKind.DEPARTMENT,
            name=f"部门{name}",
            parent=COUNTY,
            code=COUNTY,
            department=name,
            valid_from=SINCE,
        )
        for name in departments
    ]
    return orgs


def _roles(orgs: list[Org]) -> list[RoleHeld]:
    roles = []
    for org in orgs:
        held: tuple[Role, ...] = _TERRITORY_ROLES.get(OrgKind(org.kind), ())
        if org.kind == OrgKind.DEPARTMENT:
            held = (Role.DEPARTMENT_LEAD, Role.DEPARTMENT_HANDLER)
            if org.department == "discipline":
                held = (*held, Role.DISCIPLINE_OFFICER)
        if org.kind == OrgKind.GRID_BRANCH:
            held = (Role.BRANCH_SECRETARY,)
        roles += [
            RoleHeld(person=person(role, org.id), role=role, org=org.id, valid_from=SINCE)
            for role in held
        ]
    for grid in GRIDS:
        roles += [
            RoleHeld(
                person=f"p-m{n}-{grid}",
                role=Role.PARTY_MEMBER,
                org=branch_of(grid),
                valid_from=SINCE,
            )
            for n in range(1, 5)
        ]
    return roles


def _persons(roles: list[RoleHeld]) -> list[Person]:
    ids = dict.fromkeys((role.person, role.org.removeprefix("b-")) for role in roles)
    skills = {"p-m1": ("mediation",), "p-m2": ("electrician",)}
    return [
        Person(
            id=person_id,
            party_status="full" if person_id.startswith("p-m") else "",
            grid=org if org in GRIDS else "",
            skills=skills.get(person_id[:4], ()),
            valid_from=SINCE,
        )
        for person_id, org in ids
    ]


@cache
def directory(departments: tuple[str, ...]) -> Directory:
    """Return the county with these kinds of departments."""
    orgs = _orgs(departments)
    roles = _roles(orgs)
    duty = [
        Duty(
            org=township,
            role=Role.DUTY_LEADER,
            person=person(Role.DUTY_LEADER, township),
            valid_from=SINCE,
        )
        for township in TOWNSHIPS
    ]
    apps = [
        App(
            source=APP_SOURCE,
            key_id=APP_KEY,
            name="test",
            public_key="",
            territories=(COUNTY,),
            event_types=("*",),
            restricted=True,
            valid_from=SINCE,
        )
    ]
    return Directory(revision=1, entries=[*orgs, *_persons(roles), *roles, *duty, *apps])


def directory_events(departments: tuple[str, ...]) -> list[Payload]:
    """Return the same county as the events that make it, those first that others need."""
    orgs = _orgs(departments)
    roles = _roles(orgs)
    made: list[Payload] = [
        OrgSet(
            org=org.id,
            kind=OrgKind(org.kind),
            name=org.name,
            parent=org.parent,
            code=org.code,
            department=org.department,
            serves=org.serves,
            valid_from=SINCE,
        )
        for org in orgs
    ]
    made += [
        PersonSet(
            person=one.id,
            party_status=one.party_status,
            skills=one.skills,
            grid=one.grid,
            valid_from=SINCE,
        )
        for one in _persons(roles)
    ]
    made += [
        RoleSet(person=one.person, role=one.role, org=one.org, valid_from=SINCE) for one in roles
    ]
    return made
