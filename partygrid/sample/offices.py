"""County, departments, township offices and organs: who sits where (domain.md §§1 to 5)."""

from collections.abc import Mapping

from models.policy.people import DepartmentRule, OrgKind, Role
from models.policy.schema import Policy
from partygrid.sample.party import committee_of
from partygrid.sample.places import COUNTY, COUNTY_NAME, Township
from partygrid.sample.register import Register
from partygrid.sample.village_people import volunteer

#: how many persons hold a role; nobody in one of these offices holds two
_AT_COUNTY: Mapping[Role, int] = {
    Role.ACCEPTOR: 1,
    Role.DISPATCHER: 1,
    Role.CHECKER: 1,
    Role.VISITOR: 1,
    Role.WHISTLE_OFFICE: 2,
    Role.STAFFING_JUSTICE_OFFICE: 2,
    Role.COUNTY_LEADER: 2,
    Role.COUNTY_SUPERVISOR: 3,
    Role.COUNTY_DUTY_LEADER: 3,
    Role.ADMISSION_REVIEWER: 1,
    Role.HOTLINE_OPERATOR: 3,
    Role.DIRECTORY_ADMIN: 2,
    Role.POLICY_ADMIN: 1,
    Role.AUDITOR: 2,
    Role.OPERATOR: 2,
}
_AT_TOWNSHIP: Mapping[Role, int] = {
    Role.TOWNSHIP_PRINCIPAL: 1,
    Role.DUTY_LEADER: 4,
    Role.DUTY_SUPERVISOR: 3,
    Role.ACCEPTOR: 2,
    Role.DISPATCHER: 2,
    Role.CHECKER: 2,
    Role.VISITOR: 2,
    Role.WHISTLE_OFFICE: 1,
    Role.TOWNSHIP_HANDLER: 3,
    Role.DIRECTORY_ADMIN: 1,
    Role.HOTLINE_OPERATOR: 1,
}
_AT_ORGAN = 2
_AT_DEPARTMENT: Mapping[Role, int] = {Role.DEPARTMENT_LEAD: 1, Role.DEPARTMENT_HANDLER: 3}
#: what only some departments have besides: reviewers of village tasks, adjudicators, discipline
_SPECIAL: Mapping[str, tuple[Role, int]] = {
    "organisation": (Role.ADMISSION_REVIEWER, 1),
    "agriculture": (Role.ADMISSION_REVIEWER, 1),
    "civil_affairs": (Role.ADMISSION_REVIEWER, 1),
    "staffing": (Role.STAFFING_JUSTICE_OFFICE, 1),
    "justice": (Role.STAFFING_JUSTICE_OFFICE, 1),
    "discipline": (Role.DISCIPLINE_OFFICER, 3),
}
#: what township organs are called; others by their kind's name
_ORGANS = {
    "public_security": "派出所",
    "justice": "司法所",
    "health": "卫生院",
    "enforcement": "综合行政执法队",
    "agriculture": "农业农村办公室",
    "emergency": "应急管理办公室",
    "civil_affairs": "民政办公室",
}
#: names of departments that say already what kind of body it is
_WHOLE_NAMES = ("部", "委", "办", "联", "商")
_SOCIAL = ("社会工作服务中心", "老年协会", "调解协会", "应急救援队")
_IN_SOCIAL = 5


def department_id(kind: str) -> str:
    """Return the id of the county department of a kind."""
    return f"d-{COUNTY}-{kind}"


def organ_id(township: str, kind: str) -> str:
    """Return the id of the township organ of a kind."""
    return f"o-{township}-{kind}"


def staff_county(register: Register, policy: Policy) -> None:
    """Enter the county's offices and every department that policy knows."""
    for role, count in _AT_COUNTY.items():
        register.staff(role, COUNTY, count)
    for kind, rule in policy.organisation.departments.items():
        org = register.org(
            department_id(kind),
            OrgKind.DEPARTMENT,
            _department_name(rule),
            code=COUNTY,
            parent=COUNTY,
            department=kind,
        )
        for role, count in _AT_DEPARTMENT.items():
            register.staff(role, org, count)
        if kind in _SPECIAL:
            register.staff(*_in(org, _SPECIAL[kind]))


def _in(org: str, special: tuple[Role, int]) -> tuple[Role, str, int]:
    role, count = special
    return role, org, count


def _department_name(rule: DepartmentRule) -> str:
    name = rule.name.zh
    if name.endswith(_WHOLE_NAMES):
        return f"{COUNTY_NAME}{name}"
    return f"{COUNTY_NAME}{name}{'公司' if rule.utility else '局'}"


def staff_township(
    register: Register, township: Township, policy: Policy, skills: tuple[str, ...]
) -> None:
    """Enter a township's offices and organs, its cadres in the villages, a social organisation."""
    for role, count in _AT_TOWNSHIP.items():
        register.staff(role, township.code, count)
    secretary = register.person(Role.TOWNSHIP_SECRETARY, township.code)
    for org in (township.code, committee_of(township.code)):
        register.give(secretary, Role.TOWNSHIP_SECRETARY, org)
    for kind in organ_kinds(policy):
        org = register.org(
            organ_id(township.code, kind),
            OrgKind.TOWNSHIP_ORGAN,
            f"{township.name}{_organ_name(kind, policy)}",
            code=township.code,
            parent=township.code,
            department=kind,
        )
        register.staff(Role.TOWNSHIP_HANDLER, org, _AT_ORGAN)
    for village in township.villages:
        cadre = register.person(Role.INSTRUCTOR, village.code)
        for grid in village.grids:
            register.give(cadre, Role.INSTRUCTOR, grid.code)
    _social(register, township, skills)


def organ_kinds(policy: Policy) -> tuple[str, ...]:
    """Return the kinds of organs a township has: by policy's word, or because cases go there."""
    routed = {
        unit.kind
        for route in policy.routes.values()
        for unit in (route.owner, *route.helpers)
        if unit.level is OrgKind.TOWNSHIP_ORGAN
    }
    return tuple(
        kind
        for kind, rule in policy.organisation.departments.items()
        if rule.at_township or kind in routed
    )


def _organ_name(kind: str, policy: Policy) -> str:
    return _ORGANS.get(kind, f"{policy.organisation.departments[kind].name.zh}所")


def _social(register: Register, township: Township, skills: tuple[str, ...]) -> None:
    name = _SOCIAL[int(township.code[-1]) % len(_SOCIAL)]
    org = register.org(
        f"so-{township.code}",
        OrgKind.SOCIAL_ORGANISATION,
        f"{township.name}{name}",
        code=township.code,
        parent=township.code,
    )
    for number in range(_IN_SOCIAL):
        grid = township.villages[number].grids[0].code
        person = volunteer(register, org, number, grid=grid, skills=skills)
        register.give(person, Role.VOLUNTEER, org)
