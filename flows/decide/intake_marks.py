"""Who may know of a case: the bypass and the confidential mark, and their circles. Pure.

Bypass (domain.md section 10): neither village nor township sees it, the county's discipline office
owns it. Confidential: named handlers only; a matter about a minor always is.
"""

from flows.decide.able import able
from flows.decide.draft import Draft
from flows.decide.intake_routing import discipline_office, routing
from flows.decide.places import holder_org, org_at
from models.case import Owner
from models.policy.actions import Action
from models.policy.people import OrgKind, Role
from models.values import Mark

_STRENGTH = (Mark.NONE, Mark.CONFIDENTIAL, Mark.BYPASS)


def strongest(*marks: Mark) -> Mark:
    """Return the mark that keeps the most people out."""
    return max(marks, key=_STRENGTH.index)


def put_mark(sheet: Draft, mark: Mark) -> None:
    """Mark the case and draw its circle: who leads and helps; for a bypass nobody else."""
    sheet.change(mark=mark)
    if mark is Mark.NONE:
        sheet.change(circle=())
        return
    route, work = routing(sheet), sheet.case.assignment
    circle = (route.lead, *route.helpers)
    if mark is Mark.CONFIDENTIAL and work is not None:
        circle = (*circle, work.org, *work.helpers)
    sheet.change(circle=tuple(dict.fromkeys(org for org in circle if org)))


def hand_to(sheet: Draft, action: Action, *preferred: Role) -> Owner:
    """Make those who may do `action` the owner of the next step, and return them.

    In a confidential case where nobody of the circle may, one holder is named, who so comes to be
    of the circle. Where the directory knows nobody at all, the role is owner all the same: its
    ladder then tells who stands above.
    """
    owner = (
        able(sheet, action, *preferred) or _named(sheet, *preferred) or _vacant(sheet, preferred)
    )
    sheet.own(owner.org, owner.role, owner.person)
    return owner


def _named(sheet: Draft, *preferred: Role) -> Owner | None:
    if sheet.case.mark is not Mark.CONFIDENTIAL:
        return None
    did = {person for persons in sheet.case.deeds.values() for person in persons}
    start = org_at(sheet, OrgKind.GRID)
    if start is None:
        return None
    for role in preferred:
        org, persons = sheet.facts.directory.find_holder(role, start.id, sheet.now)
        for person in persons:
            if person not in did:
                return Owner(org=org, role=role, person=person)
    return None


def _vacant(sheet: Draft, preferred: tuple[Role, ...]) -> Owner:
    if sheet.case.mark is Mark.BYPASS:
        return Owner(org=discipline_office(sheet), role=Role.DISCIPLINE_OFFICER)
    role = preferred[0]
    return Owner(org=holder_org(sheet, role) or sheet.case.township, role=role)
