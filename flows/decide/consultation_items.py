"""议定事项: tasks from a sitting, each with an owner and a clear-off (销号) date. Pure.

They outlive the consultation and the case's closing; clearing late is on record. What a resolution
still owes the village, publishing its results (⑥), is kept as such an item.
"""

from datetime import datetime

from msgspec.structs import replace

from events.contract.consultation import ActionItemCleared, ActionItemSet, Stage
from flows.decide.consultation_rules import edit, event_id, happened_at, steps
from flows.decide.decision import Firing
from flows.decide.draft import Draft, Refusal
from flows.decide.escalation import no_longer_needed, rings
from flows.decide.late import in_time
from flows.decide.places import org_at, role_at
from flows.decide.route import fires, handles
from models.clocks import ClockKind
from models.consulting import ActionItem, Consultation
from models.policy.actions import Action
from models.policy.people import OrgKind, Role
from models.values import OrgId, PersonId, Step, derived_id
from notifications.notice import NoticeKind, Org, Person, Recipient, instant


@handles(ActionItemSet)
def set_item(sheet: Draft, data: ActionItemSet) -> Refusal | None:
    """When a sitting gives somebody a task, until a date or within policy's span."""
    talk = sheet.case.consultation
    if talk is None:
        return Refusal("no_consultation")
    if _recipient(sheet, data.owner) is None:
        return Refusal("unknown_owner")
    if any(item.id == event_id(sheet) for item in talk.items):
        return Refusal("item_known")
    default = sheet.limit(sheet.policy.consultation.action_item)
    due_at = data.due_at or default.due_at
    if due_at <= sheet.now:
        return Refusal("due_in_past")
    _add(sheet, talk, ActionItem(id=event_id(sheet), owner=data.owner, due_at=due_at))
    sheet.record(
        Action.CONSULTATION_ACTION_ITEM_SET,
        words=data.item,
        rule="" if data.due_at else "consultation/action_item",
        detail={"item": event_id(sheet), "due_at": instant(due_at)},
    )
    return None


def _add(sheet: Draft, talk: Consultation, item: ActionItem) -> Consultation:
    sheet.start_until(ClockKind.ACTION_ITEM, item.due_at, part=item.id)
    return edit(sheet, talk, items=(*talk.items, item))


def _recipient(sheet: Draft, owner: str) -> Recipient | None:
    """Return whom an item's owner is: a person or an organisation of the directory."""
    if sheet.facts.directory.person(owner, sheet.now) is not None:
        return Person(id=PersonId(owner))
    if sheet.facts.directory.org(owner, sheet.now) is not None:
        return Org(id=OrgId(owner))
    return None


@handles(ActionItemCleared)
def clear_item(sheet: Draft, data: ActionItemCleared) -> Refusal | None:
    """销号. When an action item is done; after its date that is on record as late."""
    talk = sheet.case.consultation
    item = next((i for i in talk.items if i.id == data.item), None) if talk else None
    if talk is None or item is None:
        return Refusal("unknown_item")
    if item.cleared_at is not None:
        return Refusal("cleared_already")
    late = _clear(sheet, talk, item)
    sheet.record(
        Action.CONSULTATION_ACTION_ITEM_CLEAR,
        reason="cleared_late" if late else "ok",
        words=data.note,
        evidence=data.evidence,
        detail={"item": item.id, "due_at": instant(item.due_at), "late": late},
    )
    return None


def _clear(sheet: Draft, talk: Consultation, item: ActionItem) -> bool:
    """Clear the item off; return whether that was late. Done offline in time counts as in time."""
    late = sheet.now > item.due_at and not in_time(sheet, item.due_at)
    done = replace(item, cleared_at=happened_at(sheet), late=late)
    edit(sheet, talk, items=tuple(done if i.id == item.id else i for i in talk.items))
    sheet.stop(ClockKind.ACTION_ITEM, part=item.id)
    return late


@fires(Step.CONSULTATION, ClockKind.ACTION_ITEM)
def item_due(sheet: Draft, firing: Firing) -> None:
    """When an item's date is over and it is not cleared off: its owner and the secretary hear."""
    if not rings(sheet, firing, settled_too=True):
        return
    part, talk = firing.clock.part, sheet.case.consultation
    item = next((i for i in talk.items if i.id == part), None) if talk else None
    if talk is None or item is None or item.cleared_at is not None:
        no_longer_needed(sheet, firing)
        return
    late = tuple(replace(i, late=True) if i.id == part else i for i in talk.items)
    edit(sheet, talk, items=late)
    sheet.record(f"timer:{firing.clock.kind}", reason="item_late", detail={"item": part})
    number = next(n for n, i in enumerate(talk.items, start=1) if i.id == part)
    secretary = role_at(sheet, Role.VILLAGE_SECRETARY, OrgKind.VILLAGE)
    for recipient in dict.fromkeys((_recipient(sheet, item.owner), secretary)):
        if recipient is not None:
            sheet.notify(
                NoticeKind.ACTION_ITEM_DUE,
                recipient,
                about=part,
                item=str(number),
                due_at=instant(item.due_at),
            )


def results_item(talk: Consultation) -> str:
    """Return the id of the item that stands for publishing a resolution's results."""
    return derived_id("results", talk.id)


def owe_results(sheet: Draft, talk: Consultation) -> Consultation:
    """Keep that the results are to be published: within the step's limit after the case's own."""
    case_due = sheet.case.due.due_at if sheet.case.due is not None else sheet.now
    span = steps(sheet)[Stage.PUBLISH_RESULT].limit
    due_at: datetime = sheet.limit(span, start=max(case_due, sheet.now)).due_at
    village = org_at(sheet, OrgKind.VILLAGE) or org_at(sheet, OrgKind.TOWNSHIP)
    owner = village.id if village is not None else sheet.case.township
    known = results_item(talk)
    others = tuple(item for item in talk.items if item.id != known)
    talk = edit(sheet, talk, items=others)
    return _add(sheet, talk, ActionItem(id=known, owner=owner, due_at=due_at))


def clear_results(sheet: Draft) -> None:
    """Clear that item off: the results are published."""
    talk = sheet.case.consultation
    item = next((i for i in talk.items if i.id == results_item(talk)), None) if talk else None
    if talk is not None and item is not None and item.cleared_at is None:
        _clear(sheet, talk, item)
