"""审核: reviews in order, the approver, and the temporary admission of what is urgent. Pure.

Unlisted and urgent: only with the villages' consent and an end date. A refusal carries a reason
and no penalty: nothing else follows from it.
"""

from datetime import date

from events.contract.tasks import (
    TaskAdmitted,
    TaskAdmittedTemporarily,
    TaskRefused,
    TaskReviewed,
)
from flows.decide.admission_sheet import (
    change,
    denied,
    end_of,
    local_day,
    open_task,
    record,
    run_until,
    start,
    stop,
    tell_asker,
    tell_role,
    tell_villages,
)
from flows.decide.draft import Draft, Refusal
from flows.decide.route import handles
from models.clocks import ClockKind
from models.policy.actions import Action
from models.policy.people import Role
from models.policy.responsibility import AdmissionRules
from models.policy.span import Span
from models.values import SYSTEM_PREFIX
from models.village import TaskReview, TaskState, VillageTask
from notifications.notice import NoticeKind, instant


def let_on(sheet: Draft, task: VillageTask) -> VillageTask:
    """Let it onto the list, until its last day where it has one."""
    task = stop(sheet, task)
    task = change(sheet, task, state=TaskState.ADMITTED, decided_at=sheet.now)
    if task.ends_on:
        task = run_until(sheet, task, date.fromisoformat(task.ends_on))
    tell_asker(sheet, task, NoticeKind.TASK_ADMITTED)
    tell_villages(sheet, task, NoticeKind.TASK_ADMITTED)
    return task


def next_review(rules: AdmissionRules, task: VillageTask) -> tuple[Role, Span]:
    """Return whose word is wanted now and until when: the next reviewer's, then the approver's.

    The approver has as long as the last reviewer had.
    """
    behind = len(task.reviews)
    if behind < len(rules.reviews):
        return rules.reviews[behind].role, rules.reviews[behind].limit
    return rules.approver, rules.reviews[-1].limit


def ask_next(sheet: Draft, task: VillageTask) -> VillageTask:
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
    ask_next(sheet, task)
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
        return Refusal("not_admission_approver", {"role": str(rules.approver)})
    if any(passed.by == sheet.acting.actor for passed in task.reviews):
        return Refusal("same_person", {"did": "review"})
    task = let_on(sheet, task)
    record(sheet, task, Action.TASK_ADMIT, before=TaskState.REQUESTED, words=data.reason)
    return None


@handles(TaskAdmittedTemporarily)
def admit_temporarily(sheet: Draft, data: TaskAdmittedTemporarily) -> Refusal | None:
    """临时准入. When an urgent unlisted task is let through, or one is renewed before its end."""
    action = Action.TASK_ADMIT_TEMPORARILY
    task = _acting_on(sheet, action, TaskState.REQUESTED, TaskState.TEMPORARY)
    if isinstance(task, Refusal):
        return task
    if refusal := _not_temporary(sheet, task, data):
        return refusal
    before, renewing = task.state, task.state is TaskState.TEMPORARY
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


def _not_temporary(
    sheet: Draft, task: VillageTask, data: TaskAdmittedTemporarily
) -> Refusal | None:
    """Return why it cannot be: listed, not urgent, without consent, too often, or until when."""
    rules, today = sheet.policy.admission, local_day(sheet)
    if task.listed or not task.urgent:
        return Refusal("listed_already" if task.listed else "not_urgent")
    if silent := tuple(code for code in task.villages if code not in data.consents):
        return Refusal("consent_missing", {"villages": ",".join(silent)})
    if data.ends_on < today:
        return Refusal("ends_before_today")
    latest = today + rules.temporary_at_most
    if data.ends_on > latest:
        return Refusal("ends_too_late", {"latest": latest.isoformat()})
    if task.state is TaskState.TEMPORARY:
        if task.renewals >= rules.renewals:
            return Refusal("renewals_used", {"renewals": rules.renewals})
        if data.ends_on <= date.fromisoformat(task.ends_on):
            return Refusal("no_longer_end", {"ends_on": task.ends_on})
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
