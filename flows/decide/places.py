"""Which organisation is meant: the levels above a case, and the units that policy names. Pure."""

from flows.decide.draft import Draft
from models.directory import Org
from models.policy.categories import Owner as UnitName
from models.policy.people import OrgKind, Role
from models.values import OrgId, RoleName
from notifications.notice import RoleAt

_DIGITS = {
    OrgKind.GRID: 15,
    OrgKind.VILLAGE: 12,
    OrgKind.TOWNSHIP: 9,
    OrgKind.COUNTY: 6,
}


def org_at(sheet: Draft, level: OrgKind) -> Org | None:
    """Return the case's grid, village, township or county, or None where it has none."""
    digits = _DIGITS.get(level)
    code = sheet.case.grid or sheet.case.village or sheet.case.township or sheet.case.county
    if digits is None or len(code) < digits:
        return None
    return sheet.facts.directory.by_code(code[:digits], level, sheet.now)


def unit(sheet: Draft, name: UnitName) -> Org | None:
    """Return the unit that policy names (`village`, `dept:water`, `township:justice`) for the case.

    A township organ that the township does not have is the county department of that kind, and
    where that is missing too, the township itself.
    """
    directory, on = sheet.facts.directory, sheet.now
    if name.level is OrgKind.TOWNSHIP_ORGAN:
        township = org_at(sheet, OrgKind.TOWNSHIP)
        if township is not None:
            for org in directory.orgs(on, kind=OrgKind.TOWNSHIP_ORGAN, parent=township.id):
                if org.department == name.kind:
                    return org
        return directory.department(sheet.case.county, name.kind, on) or township
    if name.level is OrgKind.DEPARTMENT:
        return directory.department(sheet.case.county, name.kind, on)
    return org_at(sheet, name.level)


def role_at(sheet: Draft, role: Role, level: OrgKind) -> RoleAt | None:
    """Return the role's holders at the case's organisation of `level`, or above it, to be told.

    None where nobody holds the role from there up to the county.
    """
    start = org_at(sheet, level)
    if start is None:
        return None
    org, _ = sheet.facts.directory.find_holder(role, start.id, sheet.now)
    return RoleAt(role=RoleName(role), org=OrgId(org)) if org else None


def holder_org(sheet: Draft, role: Role) -> str:
    """Return the organisation at or above the case's place where `role` is held; else the county's.

    Empty only where the directory knows no county for the case.
    """
    for level in (OrgKind.GRID, OrgKind.VILLAGE, OrgKind.TOWNSHIP, OrgKind.COUNTY):
        start = org_at(sheet, level)
        if start is not None:
            org, _ = sheet.facts.directory.find_holder(role, start.id, sheet.now)
            if org:
                return org
    county = org_at(sheet, OrgKind.COUNTY)
    return county.id if county is not None else ""
