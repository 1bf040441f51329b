"""Organisations: where each kind hangs, which code it has, and what it covers. Pure."""

import re

from events.contract.directory import GridKind, OrgSet
from flows.decide.directory import enter, reversed_dates
from flows.decide.directory_outlines import outline_fault
from flows.decide.directory_rights import may_change
from flows.decide.directory_rules import branch_warning
from flows.decide.draft import Detail, Draft, Refusal
from flows.decide.route import handles
from models.directory import Org
from models.policy.actions import Action
from models.policy.people import CodeRule, OrgKind

#: Kinds that are the territory itself: their code says exactly which.
TERRITORY = (
    OrgKind.COUNTY,
    OrgKind.TOWNSHIP,
    OrgKind.VILLAGE,
    OrgKind.GRID,
    OrgKind.MICRO_GRID,
)
#: What a Party organisation can be mapped to.
_SERVED = frozenset({OrgKind.TOWNSHIP, OrgKind.VILLAGE, OrgKind.GRID, OrgKind.MICRO_GRID})
_WITH_DEPARTMENT = frozenset({OrgKind.DEPARTMENT, OrgKind.TOWNSHIP_ORGAN})


@handles(OrgSet)
def set_org(sheet: Draft, data: OrgSet) -> Refusal | None:
    """When an organisation is founded, renamed, moved or dissolved."""
    known = sheet.facts.directory.org(data.org, data.valid_from)
    if refused := reversed_dates(data.valid_from, data.valid_to):
        return refused
    codes = (data.code, known.code if known is not None else "")
    if refused := may_change(sheet, Action.DIRECTORY_SET_ORGANISATION, codes):
        return refused
    for check in (_parent_refused, _code_refused, _kind_refused, _outline_refused, _end_refused):
        if refused := check(sheet, data, known):
            return refused
    enter(
        sheet,
        data,
        Action.DIRECTORY_SET_ORGANISATION,
        {
            "org": data.org,
            "kind": str(data.kind),
            "new": known is None,
            "ends": data.valid_to is not None,
            **_warnings(sheet, data),
        },
    )
    return None


def _parent_refused(sheet: Draft, data: OrgSet, known: Org | None) -> Refusal | None:
    if known is not None and known.kind != data.kind:
        return Refusal("kind_changed", {"kind": known.kind})
    allowed = sheet.policy.organisation.kinds[data.kind].parents
    if not allowed:
        return Refusal("parent_not_fitting", {"parent": data.parent}) if data.parent else None
    directory = sheet.facts.directory
    parent = directory.org(data.parent, data.valid_from)
    if parent is None:
        return Refusal("unknown_parent", {"parent": data.parent})
    if parent.kind not in allowed:
        return Refusal("parent_not_fitting", {"parent": data.parent, "kind": parent.kind})
    if any(above.id == data.org for above in directory.above(parent.id, data.valid_from)):
        return Refusal("parent_not_fitting", {"parent": data.parent})
    if not data.code.startswith(parent.code):
        return Refusal("code_outside_parent", {"code": data.code, "parent": parent.code})
    return None


def _code_refused(sheet: Draft, data: OrgSet, _known: Org | None) -> Refusal | None:
    codes = sheet.policy.organisation.codes
    if data.kind not in TERRITORY:
        fits = any(re.fullmatch(getattr(codes, kind.value), data.code) for kind in TERRITORY)
        return None if fits else Refusal("code_shape", {"code": data.code})
    if not re.fullmatch(_shape(codes, data.kind), data.code):
        return Refusal("code_shape", {"code": data.code})
    holder = sheet.facts.directory.by_code(data.code, data.kind, data.valid_from)
    if holder is not None and holder.id != data.org:
        return Refusal("code_taken", {"code": data.code, "org": holder.id})
    return None


def _shape(codes: CodeRule, kind: OrgKind) -> str:
    return str(getattr(codes, kind.value))


def _kind_refused(sheet: Draft, data: OrgSet, _known: Org | None) -> Refusal | None:
    """Check what only some kinds have: type of grid, kind of department, served territory."""
    rules, directory = sheet.policy.organisation, sheet.facts.directory
    parent = directory.org(data.parent, data.valid_from)
    if data.kind is OrgKind.GRID:
        in_village = parent is not None and parent.kind == OrgKind.VILLAGE
        if data.grid_kind is not GridKind.EXCLUSIVE and not in_village:
            return Refusal("grid_needs_village", {"parent": data.parent})
    elif data.grid_kind is not None:
        return Refusal("field_not_for_kind", {"field": "grid_kind"})
    if (data.kind in _WITH_DEPARTMENT) != bool(data.department):
        return Refusal("field_not_for_kind", {"field": "department"})
    if data.department and data.department not in rules.departments:
        return Refusal("unknown_department", {"department": data.department})
    return _served_refused(sheet, data)


def _served_refused(sheet: Draft, data: OrgSet) -> Refusal | None:
    if not data.serves:
        return None
    if not sheet.policy.organisation.kinds[data.kind].party:
        return Refusal("field_not_for_kind", {"field": "serves"})
    served = sheet.facts.directory.org(data.serves, data.valid_from)
    if served is None or served.kind not in _SERVED:
        return Refusal("unknown_territory", {"serves": data.serves})
    if served.code != data.code:
        return Refusal("code_not_of_served", {"code": data.code, "serves": served.code})
    return None


def _outline_refused(_sheet: Draft, data: OrgSet, _known: Org | None) -> Refusal | None:
    fault = outline_fault(data.outline) if data.outline else ""
    return Refusal("outline_faulty", {"fault": fault}) if fault else None


def _end_refused(sheet: Draft, data: OrgSet, _known: Org | None) -> Refusal | None:
    """Refuse to dissolve what others still hang on."""
    if data.valid_to is None:
        return None
    parts = sheet.facts.directory.orgs(data.valid_to, parent=data.org)
    return Refusal("still_has_parts", {"parts": len(parts)}) if parts else None


def _warnings(sheet: Draft, data: OrgSet) -> Detail:
    """Return what is odd and worth a look: too few or many households, too few full members."""
    rule = sheet.policy.organisation.kinds[data.kind]
    found: Detail = {}
    if rule.households and data.households:
        low, high = rule.households
        if not low <= data.households <= high:
            found["warning"] = "households_out_of_range"
    return found | branch_warning(sheet, data.org, data.kind, at=data.valid_from)
