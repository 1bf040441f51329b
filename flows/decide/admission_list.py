"""清单核对: is it listed, asked for by who may ask, within the list's figures. Pure."""

from events.contract.tasks import Funding, TaskRequested
from models.directory import Org
from models.policy.categories import Owner
from models.policy.people import OrgKind
from models.policy.responsibility import AdmissionRules, AdmissionScope, ListedMatter

#: Characters of a grid's code; a village's has fewer.
GRID_DIGITS = 15


def not_stated(rules: AdmissionRules, data: TaskRequested) -> tuple[str, ...]:
    """Return what the asking department left unsaid of what policy wants it to state itself.

    Nought forms and no systems are statements; nothing at all is not.
    """
    return tuple(name for name in rules.stated if getattr(data, name, None) in (None, ""))


def findings(rules: AdmissionRules, data: TaskRequested, asker: Org) -> tuple[str, ...]:
    """Return what speaks against the task, as codes in a fixed order; nothing: it is listed."""
    matter = rules.listed.get(data.item)
    paid = data.funding in (Funding.DEPARTMENT, Funding.TOWNSHIP)
    owed = rules.unfunded_refused if matter is None else matter.funding_required
    unfunded = ("unfunded",) if owed and not paid else ()
    if matter is None:
        return ("unlisted", *unfunded)
    against = {
        "asked_by_another": not any(asks_as(asker, owner) for owner in matter.asked_by),
        "wrong_level": not _in_scope(matter, data),
        "above_figures": _above(matter, data),
    }
    return (*unfunded, *(code for code, holds in against.items() if holds))


def asks_as(asker: Org, owner: Owner) -> bool:
    """Tell whether the asking organisation is the one the list names.

    A township asks through its organs too.
    """
    if owner.level is OrgKind.TOWNSHIP and not owner.kind:
        return asker.kind in (OrgKind.TOWNSHIP, OrgKind.TOWNSHIP_ORGAN)
    return asker.kind == owner.level and asker.department == owner.kind


def _in_scope(matter: ListedMatter, data: TaskRequested) -> bool:
    """Village work goes to villages; grid work to grids, or to all grids of a village."""
    if matter.scope is AdmissionScope.GRID:
        return True
    return all(len(code) < GRID_DIGITS for code in data.villages)


def _above(matter: ListedMatter, data: TaskRequested) -> bool:
    return (
        (data.forms or 0) > matter.forms
        or (data.meetings or 0) > matter.meetings
        or len(data.systems or ()) > matter.systems
    )
