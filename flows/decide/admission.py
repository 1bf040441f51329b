"""准入: work that departments want to put on villages: request, reviews, decision. Pure.

Listed, funded and within the list's figures it is admitted by itself, where policy says so. Else it
passes the reviews in order and the approver. Unlisted and urgent: only with the villages' consent
and an end date. A refusal carries a reason and no penalty: nothing else follows from it.
"""

from events.contract.envelope import Event
from events.contract.tasks import (
    TaskAdmitted,
    TaskAdmittedTemporarily,
    TaskRefused,
    TaskRequested,
    TaskReviewed,
)
from flows.decide.admission_list import findings, not_stated
from flows.decide.admission_sheet import (
    change,
    denied,
    end_of,
    local_day,
    open_task,
    place_of,
    record,
    run_until,
    start,
    stop,
    tell_asker,
    tell_role,
    tell_villages,
)
from flows.decide.draft import Draft, Refusal, system
from flows.decide.fitting import event_of
from flows.decide.route import handles
from models.case import ClockKind, TaskReview, TaskState, VillageTask, task_id_of
from models.directory import Org
from models.policy.actions import Action
from models.policy.people import Role
from models.policy.responsibility import AdmissionRules
from models.policy.span import Span
from models.values import SYSTEM_PREFIX, Step
from notifications.notice import NoticeKind, instant

# --- the request ---------------------------------------------------------------------------------


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
    stub = VillageTask(id=task_id_of(event.source, event.id), version=1)
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
        listed="unlisted" not in against,
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
        _admit(sheet, task)
        record(
            sheet,
            sheet.task or task,
            Action.TASK_ADMIT,
            before=TaskState.REQUESTED,
            rule=f"admission/listed/{task.item}",
            acting=engine,
        )
    else:
        _ask_next(sheet, task)


def _admit(sheet: Draft, task: VillageTask) -> VillageTask:
    """Let it onto the list, until its last day where it has one."""
    task = stop(sheet, task)
    task = change(sheet, task, state=TaskState.ADMITTED, decided_at=sheet.now)
    if task.ends_on:
        task = run_until(sheet, task, local_date(task.ends_on))
    tell_asker(sheet, task, NoticeKind.TASK_ADMITTED)
    tell_villages(sheet, task, NoticeKind.TASK_ADMITTED)
    return task


# --- reviews and the decision --------------------------------------------------------------------


def next_review(rules: AdmissionRules, task: VillageTask) -> tuple[Role, Span]:
    """Return whose word is wanted now and until when: the next reviewer's, then the approver's.

    The approver has as long as the last reviewer had.
    """
    behind = len(task.reviews)
    if behind < len(rules.reviews):
        return rules.reviews[behind].role, rules.reviews[behind].limit
    return rules.approver, rules.reviews[-1].limit


def _ask_next(sheet: Draft, task: VillageTask) -> VillageTask:
    role, span = next_review(sheet.policy.admission, task)
    task = start(sheet, task, ClockKind.TASK_REVIEW, span)
    tell_role(sheet, task, NoticeKind.TASK_REVIEW_NEEDED, role)
    return task


def _acting_on(sheet: Draft, action: Action, *states: TaskState) -> VillageTask | Refusal:
    """Return the task if the actor may do `action` on it now."""
    task = open_task(sheet, *states)
    if isinstance(task, Refusal):
        return task
    return denied(sheet, action, code=task.township, asked_by=task.asked_by) or task


@handles(TaskReviewed)
def review(sheet: Draft, data: TaskReviewed) -> Refusal | None:
    """When the reviewer whose turn it is passes the task on; each review by another person."""
    task = _acting_on(sheet, Action.TASK_ADMIT, TaskState.REQUESTED)
    if isinstance(task, Refusal):
        return task
    rules, acting = sheet.policy.admission, sheet.acting
    if len(task.reviews) >= len(rules.reviews):
        return Refusal("reviews_over")
    role, _ = next_review(rules, task)
    if acting.role != role:
        return Refusal("not_your_review", {"role": str(role)})
    if any(passed.by == acting.actor for passed in task.reviews):
        return Refusal("same_person", {"did": "review"})
    passed = TaskReview(role=role, by=acting.actor, at=sheet.now)
    task = change(sheet, task, reviews=(*task.reviews, passed))
    record(
        sheet,
        task,
        Action.TASK_ADMIT,
        reason="review_passed",
        words=data.reason,
        rule=f"admission/reviews/{len(task.reviews)}",
    )
    _ask_next(sheet, task)
    return None


@handles(TaskAdmitted)
def admit(sheet: Draft, data: TaskAdmitted) -> Refusal | None:
    """准入. When the approver lets the task onto the list, the reviews being behind it."""
    task = _acting_on(sheet, Action.TASK_ADMIT, TaskState.REQUESTED)
    if isinstance(task, Refusal):
        return task
    rules = sheet.policy.admission
    if len(task.reviews) < len(rules.reviews):
        role, _ = next_review(rules, task)
        return Refusal("review_missing", {"role": str(role)})
    if sheet.acting.role != rules.approver:
        return Refusal("not_the_approver", {"role": str(rules.approver)})
    if any(passed.by == sheet.acting.actor for passed in task.reviews):
        return Refusal("same_person", {"did": "review"})
    task = _admit(sheet, task)
    record(sheet, task, Action.TASK_ADMIT, before=TaskState.REQUESTED, words=data.reason)
    return None


@handles(TaskAdmittedTemporarily)
def admit_temporarily(sheet: Draft, data: TaskAdmittedTemporarily) -> Refusal | None:
    """临时准入. When an urgent unlisted task is let through, or one is renewed before its end."""
    action, rules = Action.TASK_ADMIT_TEMPORARILY, sheet.policy.admission
    task = _acting_on(sheet, action, TaskState.REQUESTED, TaskState.TEMPORARY)
    if isinstance(task, Refusal):
        return task
    before, renewing = task.state, task.state is TaskState.TEMPORARY
    if task.listed or not task.urgent:
        return Refusal("listed_already" if task.listed else "not_urgent")
    if renewing and task.renewals >= rules.renewals:
        return Refusal("renewals_used", {"renewals": rules.renewals})
    if silent := tuple(code for code in task.villages if code not in data.consents):
        return Refusal("consent_missing", {"villages": ",".join(silent)})
    today = local_day(sheet)
    if data.ends_on < today or (renewing and data.ends_on <= local_date(task.ends_on)):
        return Refusal("ends_before_today")
    if data.ends_on > today + rules.temporary_at_most:
        latest = (today + rules.temporary_at_most).isoformat()
        return Refusal("ends_too_late", {"latest": latest})
    task = change(
        sheet,
        stop(sheet, task, ClockKind.TASK_REVIEW),
        state=TaskState.TEMPORARY,
        decided_at=sheet.now,
        consents=tuple(dict.fromkeys(data.consents)),
        renewals=task.renewals + renewing,
    )
    task = run_until(sheet, task, data.ends_on)
    record(
        sheet,
        task,
        action,
        before=before,
        reason="renewed" if renewing else "ok",
        words=data.reason,
        rule="admission/temporary_at_most",
        detail={"ends_on": task.ends_on, "renewals": task.renewals},
    )
    until = instant(end_of(sheet, data.ends_on))
    tell_asker(sheet, task, NoticeKind.TASK_TEMPORARY, until_at=until)
    tell_villages(sheet, task, NoticeKind.TASK_TEMPORARY, until_at=until)
    return None


@handles(TaskRefused)
def refuse(sheet: Draft, data: TaskRefused) -> Refusal | None:
    """不予准入. When the reviewer whose turn it is, or the approver, refuses, with the reason."""
    task = _acting_on(sheet, Action.TASK_REFUSE, TaskState.REQUESTED)
    if isinstance(task, Refusal):
        return task
    rules, acting = sheet.policy.admission, sheet.acting
    role, _ = next_review(rules, task)
    by_engine = acting.actor.startswith(SYSTEM_PREFIX)
    if not by_engine and acting.role not in (role, rules.approver):
        return Refusal("not_your_review", {"role": str(role)})
    if not data.reason:
        return Refusal("reason_missing")
    task = change(sheet, stop(sheet, task), state=TaskState.REFUSED, decided_at=sheet.now)
    record(sheet, task, Action.TASK_REFUSE, before=TaskState.REQUESTED, words=data.reason)
    tell_asker(sheet, task, NoticeKind.TASK_REFUSED, reason="task_refused")
    return None
