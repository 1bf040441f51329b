"""The Party tree beside the territory, and its members (domain.md §§1 and 6).

County committee, township committees, village general branches; in each grid a branch or, in the
smallest, a Party group; hub households beneath. Mapped to the territory, not merged with it.
"""

from collections.abc import Mapping

from msgspec import Struct

from events.contract.directory import Availability
from models.policy.people import OrgKind, Role
from partygrid.sample.places import COUNTY, COUNTY_NAME, Grid, Township, Village
from partygrid.sample.register import Register

#: members of a grid with a branch, and of one with a group only
_IN_BRANCH, _IN_GROUP = 9, 8
#: the first of each unit are full members, so that every branch has the three it needs
_SURELY_FULL = 5
_PROBATIONARY = 0.12
_AWAY, _NOT_AVAILABLE = 0.10, 0.04
#: how many of ten members can do something; a skill policy adds is as rare as the rare ones
_SKILLED = {
    "errands": 0.40,
    "cleaning": 0.45,
    "policy": 0.30,
    "farming": 0.30,
    "mediation": 0.25,
    "care": 0.20,
    "fire_safety": 0.12,
    "rescue": 0.10,
    "law": 0.08,
    "electrician": 0.08,
}
_RARE = 0.08
#: contact households of a member: one linked member looks after 8 to 10
_CONTACTS = (8, 10)
_WITH_CONTACTS = 0.6
_WITH_AREA = 0.7


class Unit(Struct, frozen=True, kw_only=True):
    """A grid's branch or Party group, and who is in it."""

    org: str
    grid: Grid
    members: tuple[str, ...]

    @property
    def secretary(self) -> str:
        """Who leads the unit; the first member is kept for the village's offices."""
        return self.members[1]


Units = Mapping[str, Unit]


def found_party(
    register: Register, townships: tuple[Township, ...], skills: tuple[str, ...]
) -> Units:
    """Enter the Party organisations and members; return the units by their grid's code."""
    county = register.org(
        f"pc-{COUNTY}",
        OrgKind.PARTY_COMMITTEE,
        f"中共{COUNTY_NAME}委员会",
        code=COUNTY,
        parent=COUNTY,
    )
    units = {}
    for township in townships:
        committee = register.org(
            committee_of(township.code),
            OrgKind.PARTY_COMMITTEE,
            f"{township.name}党委",
            code=township.code,
            parent=county,
            serves=township.code,
        )
        for village in township.villages:
            for unit in _village_units(register, committee, village, skills):
                units[unit.grid.code] = unit
    return units


def committee_of(township: str) -> str:
    """Return the id of a township's Party committee."""
    return f"pc-{township}"


def general_branch_of(village: str) -> str:
    """Return the id of a village's Party organisation."""
    return f"pv-{village}"


def hub_of(grid: str) -> str:
    """Return the id of a grid's hub household."""
    return f"ph-{grid}"


def _village_units(
    register: Register, committee: str, village: Village, skills: tuple[str, ...]
) -> list[Unit]:
    general = register.org(
        general_branch_of(village.code),
        OrgKind.PARTY_GENERAL_BRANCH,
        f"{village.name}党总支",
        code=village.code,
        parent=committee,
        serves=village.code,
    )
    last = village.comprehensive[-1]
    return [
        _unit(register, general, grid, skills, branch=grid is not last)
        for grid in village.comprehensive
    ]


def _unit(
    register: Register, general: str, grid: Grid, skills: tuple[str, ...], *, branch: bool
) -> Unit:
    kind = OrgKind.GRID_BRANCH if branch else OrgKind.PARTY_GROUP
    org = register.org(
        f"{'pb' if branch else 'pg'}-{grid.code}",
        kind,
        f"{grid.name}{'党支部' if branch else '党小组'}",
        code=grid.code,
        parent=general,
        serves=grid.code,
    )
    hub = register.org(
        hub_of(grid.code),
        OrgKind.HUB_HOUSEHOLD,
        f"{grid.name}党员中心户",
        code=grid.code,
        parent=org,
        serves=grid.code,
        households=register.draw.between(6, 14, "hub", grid.code),
    )
    count = _IN_BRANCH if branch else _IN_GROUP
    members = tuple(_member(register, org, grid, skills, number) for number in range(count))
    unit = Unit(org=org, grid=grid, members=members)
    register.give(unit.secretary, Role.BRANCH_SECRETARY, org)
    register.give(members[-1], Role.HUB_KEEPER, hub)
    return unit


def _member(register: Register, org: str, grid: Grid, skills: tuple[str, ...], number: int) -> str:
    draw, what = register.draw, ("member", grid.code, number)
    officer = number < _SURELY_FULL
    contacts = draw.happens(_WITH_CONTACTS, "contacts", *what)
    person = register.person(
        *what,
        grid=grid.code,
        party_status=(
            "probationary" if not officer and draw.happens(_PROBATIONARY, *what) else "full"
        ),
        skills=tuple(
            skill
            for skill in skills
            if draw.happens(_SKILLED.get(skill, _RARE), "skill", skill, *what)
        ),
        availability=Availability.AVAILABLE if officer else _availability(register, *what),
        contact_households=draw.between(*_CONTACTS, "count", *what) if contacts else 0,
        responsibility_area=_area(register, grid, *what),
    )
    register.give(person, Role.PARTY_MEMBER, org)
    return person


def _availability(register: Register, *what: str | int) -> Availability:
    share = register.draw.share("availability", *what)
    if share < _AWAY:
        return Availability.AWAY
    if share < _AWAY + _NOT_AVAILABLE:
        return Availability.NOT_AVAILABLE
    return Availability.AVAILABLE


def _area(register: Register, grid: Grid, *what: str | int) -> tuple[str, ...]:
    """Draw a responsibility area: the home grid, or one of its micro-grids."""
    if not register.draw.happens(_WITH_AREA, "area", *what):
        return ()
    places = (grid.code, *grid.micro_grids)
    return (places[register.draw.between(0, len(places) - 1, "area at", *what)],)
