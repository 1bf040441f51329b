"""Which unit leads a case and which help, by the responsibility lists. Pure."""

from typing import NamedTuple

from flows.decide.draft import Draft
from flows.decide.places import org_at, unit
from models.policy.categories import Owner as UnitName
from models.policy.people import OrgKind, Role
from models.policy.schema import Route
from models.values import Mark

#: handling tier → level of the unit that handles (domain.md section 2)
_LEVEL = {1: OrgKind.GRID, 2: OrgKind.VILLAGE, 3: OrgKind.TOWNSHIP, 4: OrgKind.COUNTY}
TIERS = frozenset(_LEVEL)
#: May help in a confidential case; a whole township or village would be no circle.
_NARROW = frozenset({OrgKind.DEPARTMENT, OrgKind.TOWNSHIP_ORGAN})


class Routing(NamedTuple):
    """Who handles: organisations of the directory, and the rule that says so."""

    lead: str
    helpers: tuple[str, ...]
    rule: str


def routing(sheet: Draft) -> Routing:
    """Return who leads and helps in the case as it is classified and marked now."""
    case = sheet.case
    if case.mark is Mark.BYPASS:
        return Routing(discipline_office(sheet), (), "marks/bypass")
    route = sheet.policy.routes.get(case.category)
    if route is None:
        return Routing(_id(sheet, sheet.policy.responsibility.backstop), (), _BACKSTOP)
    moved = case.tier in TIERS and case.tier != route.tier
    lead = _id(sheet, _of_tier(case.tier, route) if moved else route.owner)
    names = [name for name in route.helpers if case.mark is Mark.NONE or name.level in _NARROW]
    helpers = dict.fromkeys(_known(sheet, name) for name in names)
    rule = f"responsibility/{route.item_id}" if route.item_id else _BACKSTOP
    return Routing(lead, tuple(org for org in helpers if org and org != lead), rule)


_BACKSTOP = "responsibility/backstop"


def discipline_office(sheet: Draft) -> str:
    """Return the organisation that owns bypass cases: where the county's officer is.

    Where the directory knows none, it is the county itself: neither village nor township.
    """
    county = org_at(sheet, OrgKind.COUNTY)
    if county is None:
        return sheet.case.county
    directory, on = sheet.facts.directory, sheet.now
    for org in directory.orgs(on, kind=OrgKind.DEPARTMENT, parent=county.id):
        if directory.holders(Role.DISCIPLINE_OFFICER, org.id, on):
            return org.id
    return county.id


def _of_tier(tier: int, route: Route) -> UnitName:
    """Return who handles at a tier that a person chose instead of the list's."""
    level = _LEVEL[tier]
    departments = [
        name for name in (route.owner, *route.helpers) if name.level is OrgKind.DEPARTMENT
    ]
    if level is OrgKind.COUNTY and departments:
        return departments[0]
    return UnitName(level)


def _known(sheet: Draft, name: UnitName) -> str:
    org = unit(sheet, name)
    return org.id if org is not None else ""


def _id(sheet: Draft, name: UnitName) -> str:
    """Return the unit, else the backstop's, else the township's: a case always has a lead."""
    return (
        _known(sheet, name)
        or _known(sheet, sheet.policy.responsibility.backstop)
        or _known(sheet, UnitName(OrgKind.TOWNSHIP))
        or sheet.case.township
    )
