"""Organisations, roles, and what a role may do where (domain.md sections 1 and 2)."""

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, Field

from models.policy.actions import Action
from models.policy.span import Count, Duration, Name, Part, every


class OrgKind(StrEnum):
    """What kind of organisation something is: the territory, the Party, and those who help."""

    #: 县
    COUNTY = "county"
    #: 乡镇
    TOWNSHIP = "township"
    #: 行政村
    VILLAGE = "village"
    #: 网格
    GRID = "grid"
    #: 微网格
    MICRO_GRID = "micro_grid"
    #: 县直部门, utilities among them
    DEPARTMENT = "department"
    #: 站所 an organ at the township: police post, justice office, enforcement team
    TOWNSHIP_ORGAN = "township_organ"
    #: 党委
    PARTY_COMMITTEE = "party_committee"
    #: 党总支 or the village's Party branch
    PARTY_GENERAL_BRANCH = "party_general_branch"
    #: 网格党支部
    GRID_BRANCH = "grid_branch"
    #: 党小组
    PARTY_GROUP = "party_group"
    #: 党员中心户
    HUB_HOUSEHOLD = "hub_household"
    #: 志愿服务队
    VOLUNTEER_TEAM = "volunteer_team"
    #: 社会组织
    SOCIAL_ORGANISATION = "social_organisation"


class Role(StrEnum):
    """In which capacity somebody acts. One person holds many; the audit keeps the one acted in."""

    #: 村民
    VILLAGER = "villager"
    #: 网格长
    GRID_HEAD = "grid_head"
    #: 网格员
    GRID_MEMBER = "grid_member"
    #: 网格指导员, a township cadre
    INSTRUCTOR = "instructor"
    #: 联络员
    LIAISON = "liaison"
    #: 监督员
    SUPERVISOR_VOLUNTEER = "supervisor_volunteer"
    #: 志愿者
    VOLUNTEER = "volunteer"
    #: 村党组织书记
    VILLAGE_SECRETARY = "village_secretary"
    #: 村委会主任
    VILLAGE_DIRECTOR = "village_director"
    #: 两委成员
    TWO_COMMITTEES_MEMBER = "two_committees_member"
    #: 村民代表
    VILLAGE_REPRESENTATIVE = "village_representative"
    #: 村务监督委员会成员
    SUPERVISION_COMMITTEE_MEMBER = "supervision_committee_member"
    #: 村儿童主任
    CHILDREN_DIRECTOR = "children_director"
    #: 集体经济组织理事
    COLLECTIVE_DIRECTOR = "collective_director"
    #: 党支部书记
    BRANCH_SECRETARY = "branch_secretary"
    #: 党员
    PARTY_MEMBER = "party_member"
    #: 党员中心户
    HUB_KEEPER = "hub_keeper"
    #: 受理员
    ACCEPTOR = "acceptor"
    #: 派遣员
    DISPATCHER = "dispatcher"
    #: 值班长, files and closes
    DUTY_SUPERVISOR = "duty_supervisor"
    #: 值班领导, the township's leader on duty
    DUTY_LEADER = "duty_leader"
    #: 乡镇主要负责人, approves whistles
    TOWNSHIP_PRINCIPAL = "township_principal"
    #: 乡镇党委书记
    TOWNSHIP_SECRETARY = "township_secretary"
    #: 乡镇承办人, handles what a township organ was given
    TOWNSHIP_HANDLER = "township_handler"
    #: 考核员 (checks, never what he handled)
    CHECKER = "checker"
    #: 回访员
    VISITOR = "visitor"
    #: 部门负责人
    DEPARTMENT_LEAD = "department_lead"
    #: 部门承办人
    DEPARTMENT_HANDLER = "department_handler"
    #: 吹哨办, objections level 1
    WHISTLE_OFFICE = "whistle_office"
    #: 编办+司法, objections level 2
    STAFFING_JUSTICE_OFFICE = "staffing_justice_office"
    #: 县领导, objections level 3, final
    COUNTY_LEADER = "county_leader"
    #: 县综治中心
    COUNTY_SUPERVISOR = "county_supervisor"
    #: 县值班领导, where every ladder ends
    COUNTY_DUTY_LEADER = "county_duty_leader"
    #: 准入审核 (组织部, 农办, 民政)
    ADMISSION_REVIEWER = "admission_reviewer"
    #: 纪委监委, owns bypass cases
    DISCIPLINE_OFFICER = "discipline_officer"
    #: 热线受理员
    HOTLINE_OPERATOR = "hotline_operator"
    #: 目录管理员
    DIRECTORY_ADMIN = "directory_admin"
    #: 策略管理员
    POLICY_ADMIN = "policy_admin"
    #: 审计员, never an administrator
    AUDITOR = "auditor"
    #: 运维员
    OPERATOR = "operator"
    #: the engine itself
    SYSTEM = "system"


class Scope(StrEnum):
    """How far a right reaches, seen from the organisation in which the role is held."""

    #: one's own reports, votes, availability
    SELF = "self"
    #: cases and tasks that were given to oneself
    OWN_CASE = "own_case"
    #: the organisation itself (a branch, a team, a committee)
    OWN_ORGANISATION = "own_organisation"
    #: the grid
    OWN_GRID = "own_grid"
    #: the village
    OWN_VILLAGE = "own_village"
    #: the township
    OWN_TOWNSHIP = "own_township"
    #: cases in which one's department or organ is lead or helper
    OWN_DEPARTMENT = "own_department"
    #: the county
    COUNTY = "county"


class OrgRule(Part):
    """One kind of organisation: what it is called, where it hangs, and when its size is odd."""

    name: Name
    parents: tuple[OrgKind, ...] = ()
    #: Party organisations are mapped to territory, never merged with it
    party: bool = False
    #: households; outside of it the directory warns
    households: tuple[Count, Count] | None = None
    #: fewest full members for a Party branch
    full_members: Count = 0


class DepartmentRule(Part):
    """One kind of department or township organ; `owners` of categories name it as `dept:<kind>`."""

    name: Name
    #: a supply company or carrier, not an organ of the state
    utility: bool = False
    #: the township has an organ of its own of this kind
    at_township: bool = False


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)]


class CodeRule(Part):
    """Shapes of the codes. Regular expressions, so a county can use its own."""

    county: Pattern
    township: Pattern
    village: Pattern
    grid: Pattern
    micro_grid: Pattern


class RoleRule(Part):
    """A role: where it is held, and what it may do how far."""

    name: Name
    at: tuple[OrgKind, ...]
    may: Mapping[Scope, frozenset[Action]] = Field(default_factory=dict)
    #: how many at least should hold it in every organisation of its kind (0: no matter)
    wanted: Count = 0
    #: may be told of confidential cases beyond the named handlers
    sees_confidential: bool = False
    #: belongs to the circle of bypass cases
    sees_bypass: bool = False

    @cached_property
    def actions(self) -> frozenset[Action]:
        """All it may do, at whatever scope."""
        return frozenset().union(*self.may.values())

    def scopes(self, action: Action) -> tuple[Scope, ...]:
        """Return how far it may do `action`; empty where it may not."""
        return tuple(scope for scope, actions in self.may.items() if action in actions)


class Separation(Part):
    """Who did `first` on a case may not do `then` on the same case."""

    first: Action
    then: Action
    reason: Name


class IncompatibleRoles(Part):
    """One person never holds both."""

    one: Role
    other: Role
    reason: Name


class Organisation(Part):
    """The organisation model (organisation.yaml)."""

    kinds: Annotated[Mapping[OrgKind, OrgRule], every(OrgKind)]
    departments: Mapping[str, DepartmentRule]
    codes: CodeRule


class People(Part):
    """Roles and rights (roles.yaml)."""

    roles: Annotated[Mapping[Role, RoleRule], every(Role)]
    separations: tuple[Separation, ...]
    incompatible: tuple[IncompatibleRoles, ...]
    #: need the person's own assertion; without one the audit says "asserted by app"
    personal: frozenset[Action]
    #: how long an assertion from the sign-in is good for
    assertion_life: Duration = timedelta(minutes=15)

    @cached_property
    def holders(self) -> Mapping[Action, frozenset[Role]]:
        """Which roles may do an action at all."""
        return {
            action: frozenset(role for role, rule in self.roles.items() if action in rule.actions)
            for action in Action
        }

    @cached_property
    def _scopes(self) -> Mapping[tuple[Role, Action], tuple[Scope, ...]]:
        return {
            (role, action): rule.scopes(action)
            for role, rule in self.roles.items()
            for action in rule.actions
        }

    def scopes(self, role: Role, action: Action) -> tuple[Scope, ...]:
        """Return how far `role` may do `action`; empty where it may not."""
        return self._scopes.get((role, action), ())

    @cached_property
    def barred_by(self) -> Mapping[Action, frozenset[Action]]:
        """For each action: having done one of these on the case forbids it."""
        return {
            action: frozenset(rule.first for rule in self.separations if rule.then is action)
            for action in Action
        }
