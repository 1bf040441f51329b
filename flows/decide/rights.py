"""Who may do what: by role, organisation and date. Pure."""

from datetime import datetime
from typing import NamedTuple

from events.contract.envelope import Acting
from models.case import Case
from models.directory import Directory, Org
from models.policy.actions import Action
from models.policy.people import Role, Scope
from models.policy.schema import Policy
from models.values import SYSTEM_PREFIX, Mark

_ROLES = frozenset(Role)


class Reach(NamedTuple):
    """What a right is asked about: a place, the organisations it lies with, the people on it."""

    #: grid, village, township or county code of the matter
    code: str
    #: organisations that have a part in it
    orgs: frozenset[str] = frozenset()
    #: persons it was given to, or who filed it
    persons: frozenset[str] = frozenset()
    mark: Mark = Mark.NONE
    #: organisations that may know of a marked matter
    circle: frozenset[str] = frozenset()


def reach_of(case: Case) -> Reach:
    """Return what a right on this case is asked about."""
    orgs, persons = set(case.circle), {case.filed_by}
    if case.owner is not None:
        orgs.add(case.owner.org)
        persons.add(case.owner.person)
    if case.assignment is not None:
        work = case.assignment
        orgs.update((work.org, *work.helpers))
        persons.update((work.assignee, work.second))
        if work.assignee:
            orgs.add(work.assignee)
    if case.whistle is not None:
        orgs.update(p.org for p in case.whistle.parties)
    return Reach(
        code=case.grid or case.village or case.township or case.county,
        orgs=frozenset(orgs - {""}),
        persons=frozenset(persons - {""}),
        mark=case.mark,
        circle=frozenset(case.circle),
    )


def why_not(
    acting: Acting,
    action: Action,
    reach: Reach,
    *,
    directory: Directory,
    policy: Policy,
    on: datetime,
) -> str:
    """Return the code of the reason why `acting` may not do `action`; empty where they may."""
    if acting.actor.startswith(SYSTEM_PREFIX):
        return ""
    if acting.role not in _ROLES:
        return "unknown_role"
    role = Role(acting.role)
    scopes = policy.roles.scopes(role, action)
    if not scopes:
        return "role_may_not"
    org = directory.org(acting.org, on)
    if org is None:
        return "unknown_organisation"
    if role is not Role.VILLAGER and not directory.holds(acting.actor, role, acting.org, on):
        return "role_not_held"
    if reach.mark is not Mark.NONE and not _in_circle(acting, role, reach, policy):
        return "outside_circle"
    if not any(_covers(scope, org, acting, reach, directory, on) for scope in scopes):
        return "outside_scope"
    return ""


def _in_circle(acting: Acting, role: Role, reach: Reach, policy: Policy) -> bool:
    rule = policy.roles.roles[role]
    if reach.mark is Mark.BYPASS:
        return rule.sees_bypass
    return rule.sees_confidential or acting.org in reach.circle or acting.actor in reach.persons


def _covers(
    scope: Scope, org: Org, acting: Acting, reach: Reach, directory: Directory, on: datetime
) -> bool:
    """Does a right held at `org` reach as far as the matter?"""
    match scope:
        case Scope.SELF | Scope.OWN_CASE:
            return acting.actor in reach.persons or (
                scope is Scope.OWN_CASE and acting.org in reach.orgs
            )
        case Scope.OWN_ORGANISATION | Scope.OWN_DEPARTMENT:
            return any(above.id in reach.orgs for above in directory.above(org.id, on)) or (
                scope is Scope.OWN_ORGANISATION and _territory(org, directory, on) == reach.code
            )
        case Scope.OWN_GRID:
            return _reaches(org, reach, directory, on, digits=15)
        case Scope.OWN_VILLAGE:
            return _reaches(org, reach, directory, on, digits=12)
        case Scope.OWN_TOWNSHIP:
            return _reaches(org, reach, directory, on, digits=9)
        case Scope.COUNTY:
            return _reaches(org, reach, directory, on, digits=6)


def _territory(org: Org, directory: Directory, on: datetime) -> str:
    """Return the code of the territory an organisation works in; Party units serve one."""
    if org.serves:
        served = directory.org(org.serves, on)
        return served.code if served is not None else org.code
    return org.code


def _reaches(org: Org, reach: Reach, directory: Directory, on: datetime, *, digits: int) -> bool:
    territory = _territory(org, directory, on)
    if len(territory) < digits:
        return False
    return reach.code[:digits] == territory[:digits]
