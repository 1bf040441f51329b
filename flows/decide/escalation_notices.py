"""Whom an escalation tells: who holds the case, who supervises it, whoever a ladder names. Pure.

Nobody outside the circle of a marked case is told, whatever a ladder says.
"""

from typing import NamedTuple

from flows.decide.draft import Draft
from flows.decide.places import org_at, role_at
from models.directory import Org
from models.policy.clocks import Told
from models.policy.people import OrgKind, Role
from models.values import Mark, OrgId, PersonId, RoleName
from notifications.notice import NoticeKind, Person, Recipient, RoleAt
from notifications.notice import Org as Office

#: Who answers for a unit of a kind: the one who works on it first, then the one above.
UNIT_ROLES: dict[OrgKind, tuple[Role, ...]] = {
    OrgKind.DEPARTMENT: (Role.DEPARTMENT_HANDLER, Role.DEPARTMENT_LEAD),
    OrgKind.TOWNSHIP_ORGAN: (Role.TOWNSHIP_HANDLER,),
    OrgKind.TOWNSHIP: (Role.TOWNSHIP_HANDLER, Role.DUTY_SUPERVISOR),
    OrgKind.VILLAGE: (Role.VILLAGE_SECRETARY,),
    OrgKind.GRID: (Role.GRID_HEAD,),
}
#: A township that has no organ of a kind does the organ's work itself.
_STANDS_FOR = {OrgKind.TOWNSHIP_ORGAN: (OrgKind.TOWNSHIP_ORGAN, OrgKind.TOWNSHIP)}
_PARTY_KINDS = frozenset(
    {OrgKind.PARTY_COMMITTEE, OrgKind.PARTY_GENERAL_BRANCH, OrgKind.GRID_BRANCH}
)


class Listener(NamedTuple):
    """Who is to be told, or why nobody is."""

    who: RoleAt | None
    why_not: str = ""


def listener(sheet: Draft, told: Told, unit: Org | None = None) -> Listener:
    """Return who holds the role at the level for this case, or why nobody can be told.

    Departments and township organs are meant as far as they work on it: `unit`, or who leads.
    """
    found = _holder(sheet, told, unit)
    if found.who is not None and not in_circle(sheet, found.who):
        return Listener(None, "outside_circle")
    return found


def in_circle(sheet: Draft, who: RoleAt) -> bool:
    """May this role at this organisation hear of the case at all?"""
    if sheet.case.mark is Mark.NONE:
        return True
    rule = sheet.policy.roles.roles.get(Role(who.role))
    if sheet.case.mark is Mark.BYPASS:
        return rule is not None and rule.sees_bypass
    return who.org in sheet.case.circle or (rule is not None and rule.sees_confidential)


def unit_in_charge(sheet: Draft) -> Org | None:
    """Return the unit that works on the case: called lead, assigned unit, else the owner's."""
    case = sheet.case
    whistle, work, owner = case.whistle, case.assignment, case.owner
    lead = whistle and next((p.org for p in whistle.parties if p.lead and not p.released), "")
    for org_id in (
        lead if whistle and whistle.finished_at is None else "",
        work.org if work is not None else "",
        owner.org if owner is not None else "",
    ):
        org = sheet.facts.directory.org(org_id, sheet.now) if org_id else None
        if org is not None:
            return org
    return None


def unit_name(sheet: Draft, org_id: str) -> str:
    """Return what the directory calls the unit; its id where it is not known."""
    org = sheet.facts.directory.org(org_id, sheet.now)
    return org.name if org is not None else org_id


def owner_unit(sheet: Draft) -> str:
    """Return the name of who holds the case; the township where nobody does."""
    owner = sheet.case.owner
    return unit_name(sheet, owner.org if owner is not None else sheet.case.township)


def owning(sheet: Draft) -> Recipient | None:
    """Return who must act now; None where nobody owns the case."""
    owner = sheet.case.owner
    if owner is None:
        return None
    if owner.person:
        return Person(PersonId(owner.person))
    if owner.role:
        return RoleAt(RoleName(owner.role), OrgId(owner.org))
    return Office(OrgId(owner.org))


def tell_owner(sheet: Draft, kind: NoticeKind, *, about: str = "", **params: str | int) -> None:
    """Tell who holds the case; a case nobody holds is the duty supervisor's to hear of."""
    who = owning(sheet)
    if who is None:
        tell_role(sheet, kind, Role.DUTY_SUPERVISOR, about=about, **params)
    else:
        sheet.notify(kind, who, about=about, **params)


def tell_role(
    sheet: Draft, kind: NoticeKind, role: Role, *, about: str = "", **params: str | int
) -> None:
    """Tell whoever holds `role` at the case's township or above, if they may hear of it."""
    who = role_at(sheet, role, OrgKind.TOWNSHIP)
    if who is not None and in_circle(sheet, who):
        sheet.notify(kind, who, about=about, **params)


def tell_unit(
    sheet: Draft, kind: NoticeKind, org_id: str, *, about: str = "", **params: str | int
) -> None:
    """Tell those who answer for a unit that has a part in the case."""
    org = sheet.facts.directory.org(org_id, sheet.now)
    roles = UNIT_ROLES.get(OrgKind(org.kind), ()) if org is not None else ()
    held = [role for role in roles if sheet.facts.directory.holders(role, org_id, sheet.now)]
    for role in held:
        sheet.notify(kind, RoleAt(RoleName(role), OrgId(org_id)), about=about, **params)
    if not held:
        sheet.notify(kind, Office(OrgId(org_id)), about=about, **params)


def handler_role(org: Org) -> Role:
    """Return the role that works on what a unit was given."""
    return UNIT_ROLES.get(OrgKind(org.kind), (Role.DEPARTMENT_HANDLER,))[0]


def _holder(sheet: Draft, told: Told, unit: Org | None) -> Listener:
    if told.level in (OrgKind.DEPARTMENT, OrgKind.TOWNSHIP_ORGAN):
        org = unit or unit_in_charge(sheet)
        if org is None or org.kind not in _STANDS_FOR.get(told.level, (told.level,)):
            return Listener(None, "level_not_involved")
        return _at(sheet, told.role, org)
    if told.level in _PARTY_KINDS:
        org = _serving(sheet, told.level)
        return _at(sheet, told.role, org) if org else Listener(None, "level_not_involved")
    if org_at(sheet, told.level) is None:
        return Listener(None, "level_not_involved")
    who = role_at(sheet, told.role, told.level)
    return Listener(who, "" if who is not None else "held_by_nobody")


def _at(sheet: Draft, role: Role, org: Org) -> Listener:
    if not sheet.facts.directory.holders(role, org.id, sheet.now):
        return Listener(None, "held_by_nobody")
    return Listener(RoleAt(RoleName(role), OrgId(org.id)))


def _serving(sheet: Draft, kind: OrgKind) -> Org | None:
    """Return the Party organisation of `kind` that belongs to the case's place."""
    for level in (OrgKind.GRID, OrgKind.VILLAGE, OrgKind.TOWNSHIP):
        place = org_at(sheet, level)
        for org in sheet.facts.directory.serving(place.id, sheet.now) if place else ():
            if org.kind == kind:
                return org
    return None
