"""Who does what in a village: committees, representatives, grid heads and members, volunteers."""

from models.policy.people import OrgKind, Role
from partygrid.sample.party import Unit, Units, general_branch_of
from partygrid.sample.places import Grid, Village
from partygrid.sample.register import Register

#: representatives that each grid's villagers' groups elect: of them Party members
_REPRESENTATIVES, _OF_THEM_MEMBERS = 6, 2
#: volunteers of a village's team: of them Party members
_VOLUNTEERS, _OF_THEM_PARTY = 6, 3
#: villages in which secretary and director are one person, and with a registered collective
_ONE_HEAD, _WITH_COLLECTIVE = 0.3, 0.75


def people_village(
    register: Register, village: Village, units: Units, skills: tuple[str, ...]
) -> None:
    """Enter the people of a village and what they do there."""
    own = [units[grid.code] for grid in village.comprehensive]
    committee = _committees(register, village, own)
    representatives = _representatives(register, village, own)
    _supervision(register, village, own, representatives)
    for at, unit in enumerate(own):
        _grid(register, unit.grid, head=committee[at], helpers=unit.members[2:4])
    for grid in village.grids:
        if grid.exclusive:
            _exclusive(register, grid)
    _volunteers(register, village, own, skills)


def _committees(register: Register, village: Village, own: list[Unit]) -> list[str]:
    """Enter secretary, director and the members of the two committees; return the grid heads.

    The first of each grid's members sits on a committee, and a women's director who is in no
    Party unit looks after the children.
    """
    secretary, *others = [unit.members[0] for unit in own]
    women = register.person("women", village.code, grid=own[0].grid.code)
    one_head = register.draw.happens(_ONE_HEAD, "one head", village.code)
    register.give(secretary, Role.VILLAGE_SECRETARY, village.code)
    register.give(secretary, Role.VILLAGE_SECRETARY, general_branch_of(village.code))
    register.give(secretary if one_head else others[0], Role.VILLAGE_DIRECTOR, village.code)
    for person in (secretary, *others, women):
        register.give(person, Role.TWO_COMMITTEES_MEMBER, village.code)
    register.give(women, Role.CHILDREN_DIRECTOR, village.code)
    if register.draw.happens(_WITH_COLLECTIVE, "collective", village.code):
        register.give(secretary, Role.COLLECTIVE_DIRECTOR, village.code)
    return [women, *others]


def _representatives(register: Register, village: Village, own: list[Unit]) -> list[str]:
    elected: list[str] = []
    for unit in own:
        members = unit.members[4 : 4 + _OF_THEM_MEMBERS]
        others = [
            register.person("representative", unit.grid.code, number, grid=unit.grid.code)
            for number in range(_REPRESENTATIVES - _OF_THEM_MEMBERS)
        ]
        elected += [*others, *members]
    for person in elected:
        register.give(person, Role.VILLAGE_REPRESENTATIVE, village.code)
    return elected


def _supervision(
    register: Register, village: Village, own: list[Unit], representatives: list[str]
) -> None:
    """Enter the supervision committee, of people who sit on no other; liaison and supervisor."""
    for person in (own[0].members[2], representatives[0], representatives[_REPRESENTATIVES]):
        register.give(person, Role.SUPERVISION_COMMITTEE_MEMBER, village.code)
    register.give(representatives[1], Role.LIAISON, village.code)
    register.give(representatives[2], Role.SUPERVISOR_VOLUNTEER, village.code)


def _grid(register: Register, grid: Grid, *, head: str, helpers: tuple[str, ...]) -> None:
    """Enter the grid's head, its full-time member, and a part-time one for each micro-grid."""
    register.give(head, Role.GRID_HEAD, grid.code)
    full_time = register.person("full time", grid.code, grid=grid.code)
    register.give(full_time, Role.GRID_MEMBER, grid.code)
    for person, micro_grid in zip(helpers, grid.micro_grids, strict=True):
        register.give(person, Role.GRID_MEMBER, micro_grid)


def _exclusive(register: Register, grid: Grid) -> None:
    """Let the market, school or park put up the grid's head and member."""
    for role in (Role.GRID_HEAD, Role.GRID_MEMBER):
        register.give(register.person(role, grid.code, grid=grid.code), role, grid.code)


def _volunteers(
    register: Register, village: Village, own: list[Unit], skills: tuple[str, ...]
) -> None:
    team = register.org(
        f"vt-{village.code}",
        OrgKind.VOLUNTEER_TEAM,
        f"{village.name}志愿服务队",
        code=village.code,
        parent=village.code,
    )
    for number in range(_VOLUNTEERS):
        unit = own[number % len(own)]
        if number < _OF_THEM_PARTY:
            person = unit.members[6]
        else:
            person = volunteer(register, team, number, grid=unit.grid.code, skills=skills)
        register.give(person, Role.VOLUNTEER, team)


def volunteer(
    register: Register, team: str, number: int, *, grid: str, skills: tuple[str, ...]
) -> str:
    """Enter a new volunteer who can do one or two things, and return the pseudonym."""
    known = register.draw.some(skills, 1 + number % 2, "volunteer", team, number)
    return register.person("volunteer", team, number, grid=grid, skills=tuple(known))
