"""准入: a department asks to put work on villages; what needs no person is decided at once. Pure.

Listed, funded and within the list's figures it is admitted by itself, where policy says so; without
funding it is refused (费随事转). Else it passes the reviews (`admission_review`).
"""

from events.contract.envelope import Event
from events.contract.tasks import TaskRequested
from flows.decide.admission_list import findings, not_stated
from flows.decide.admission_review import ask_next, let_on
from flows.decide.admission_sheet import (
    change,
    denied,
    local_day,
    place_of,
    record,
    tell_asker,
)
from flows.decide.draft import Draft, Refusal, system
from flows.decide.fitting import event_of
from flows.decide.route import handles
from models.directory import Org
from models.policy.actions import Action
from models.policy.responsibility import AdmissionRules
from models.values import Step
from models.village import TaskState, VillageTask, task_id_of
from notifications.notice import NoticeKind


@handles(TaskRequested)
def request(sheet: Draft, data: TaskRequested) -> Refusal | None:
    """When a department asks villages to do something; what it must state, it states itself."""
    event, rules = event_of(sheet), sheet.policy.admission
    if sheet.task is not None and sheet.task.version > 0:
        return Refusal("task_known")
    asker = sheet.facts.directory.org(sheet.acting.org, sheet.now)
    refusal = denied(
        sheet, Action.TASK_REQUEST, code=event.township, asked_by=sheet.acting.org
    ) or _misplaced(sheet, data, asker, event.township)
    if refusal is not None or asker is None:
        return refusal or Refusal("unknown_organisation")
    if missing := not_stated(rules, data):
        return Refusal("not_stated", {"missing": ",".join(missing)})
    if data.ends_on is not None and data.ends_on < local_day(sheet):
        return Refusal("ends_before_today")
    task = _opened(sheet, event, data, findings(rules, data, asker))
    record(
        sheet,
        task,
        Action.TASK_REQUEST,
        words=data.reason,
        rule=f"admission/listed/{data.item}" if task.listed else "admission/listed",
        detail={"item": data.item, "findings": ",".join(task.findings)},
    )
    tell_asker(sheet, task, NoticeKind.TASK_REQUEST_RECEIVED)
    _begin(sheet, task, rules)
    return None


def _misplaced(
    sheet: Draft, data: TaskRequested, asker: Org | None, township: str
) -> Refusal | None:
    """Return which place is wrong: the asker's county, a village elsewhere or unknown."""
    if asker is not None and not township.startswith(asker.code[:6]):
        return Refusal("outside_scope", {"role": sheet.acting.role})
    if not data.villages:
        return Refusal("no_village")
    for code in data.villages:
        if not code.startswith(township):
            return Refusal("village_outside", {"village": code})
        if place_of(sheet, code) is None:
            return Refusal("unknown_village", {"village": code})
    return None


def _opened(
    sheet: Draft, event: Event, data: TaskRequested, against: tuple[str, ...]
) -> VillageTask:
    stub = VillageTask(id=task_id_of(event.source, event.known_as), version=1)
    return change(
        sheet,
        stub,
        township=event.township,
        title=data.title,
        item=data.item,
        asked_by=sheet.acting.org,
        villages=tuple(dict.fromkeys(data.villages)),
        legal_basis=data.legal_basis or "",
        forms=data.forms or 0,
        ledgers=data.ledgers or 0,
        meetings=data.meetings or 0,
        inspections=data.inspections or 0,
        systems=data.systems or (),
        funding=str(data.funding or ""),
        off_hours=data.off_hours,
        urgent=data.urgent,
        listed=set(against) <= {"unfunded"},
        findings=against,
        ends_on=data.ends_on.isoformat() if data.ends_on else "",
        requested_at=sheet.now,
        policy_version=sheet.policy.version,
    )


def _begin(sheet: Draft, task: VillageTask, rules: AdmissionRules) -> None:
    """Decide what needs no person, by the engine and with the rule's name; else ask the reviews."""
    engine = system(Step.ADMISSION, task.township)
    if "unfunded" in task.findings and rules.unfunded_refused:
        task = change(sheet, task, state=TaskState.REFUSED, decided_at=sheet.now)
        record(
            sheet,
            task,
            Action.TASK_REFUSE,
            before=TaskState.REQUESTED,
            reason="unfunded",
            rule="admission/unfunded_refused",
            acting=engine,
        )
        tell_asker(sheet, task, NoticeKind.TASK_REFUSED, reason="unfunded")
    elif not task.findings and rules.listed_by_itself:
        task = let_on(sheet, task)
        record(
            sheet,
            task,
            Action.TASK_ADMIT,
            before=TaskState.REQUESTED,
            rule=f"admission/listed/{task.item}",
            acting=engine,
        )
    else:
        ask_next(sheet, task)
