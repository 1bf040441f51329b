"""How a village task ends: taken back, or its last day is over; and reviews that are late. Pure."""

from datetime import date, datetime

from events.contract.tasks import TaskExpired, TaskWithdrawn
from flows.decide.admission_review import next_review
from flows.decide.admission_sheet import (
    LIVING,
    change,
    denied,
    end_of,
    open_task,
    record,
    rings,
    start,
    stop,
    tell_asker,
    tell_role,
    tell_villages,
)
from flows.decide.decision import Firing
from flows.decide.draft import Draft, Refusal, system
from flows.decide.route import fires, handles
from models.clocks import ClockKind
from models.policy.actions import Action
from models.values import Step
from models.village import TaskState, VillageTask
from notifications.notice import NoticeKind, instant


@handles(TaskWithdrawn)
def withdraw(sheet: Draft, data: TaskWithdrawn) -> Refusal | None:
    """撤回. When the department that asked takes its request back; admitted work may stop."""
    task = open_task(sheet, *LIVING)
    if isinstance(task, Refusal):
        return task
    action, before = Action.TASK_WITHDRAW, task.state
    if refusal := denied(sheet, action, code=task.township, asked_by=task.asked_by):
        return refusal
    if not _asked_below(sheet, task):
        return Refusal("not_the_asker")
    task = change(sheet, stop(sheet, task), state=TaskState.WITHDRAWN, decided_at=sheet.now)
    record(sheet, task, action, before=before, words=data.reason)
    if before is not TaskState.REQUESTED:
        tell_villages(sheet, task, NoticeKind.TASK_EXPIRED, until_at=instant(sheet.now))
    return None


def _asked_below(sheet: Draft, task: VillageTask) -> bool:
    """Tell whether the actor's organisation asked, or stands above the one that did."""
    above = sheet.facts.directory.above(task.asked_by, sheet.now)
    return any(org.id == sheet.acting.org for org in above)


@handles(TaskExpired)
def expire(sheet: Draft, data: TaskExpired) -> Refusal | None:
    """到期. When the engine's timer said that a task's last day is over: the work may stop."""
    task = open_task(sheet, TaskState.ADMITTED, TaskState.TEMPORARY)
    if isinstance(task, Refusal):
        return task
    renewed = task.clock(ClockKind.TASK_END) is not None
    if task.id != data.task or not task.ends_on or renewed:
        return Refusal("not_over_yet", {"ends_on": task.ends_on})
    before, until = task.state, instant(_end(sheet, task))
    task = change(sheet, stop(sheet, task), state=TaskState.EXPIRED)
    record(sheet, task, "task.expire", before=before, detail={"ends_on": task.ends_on})
    tell_asker(sheet, task, NoticeKind.TASK_EXPIRED, until_at=until)
    tell_villages(sheet, task, NoticeKind.TASK_EXPIRED, until_at=until)
    return None


def _end(sheet: Draft, task: VillageTask) -> datetime:
    return end_of(sheet, date.fromisoformat(task.ends_on))


@fires(Step.ADMISSION, ClockKind.TASK_REVIEW)
def review_late(sheet: Draft, firing: Firing) -> None:
    """When nobody reviewed in time: they and the approver are told, again and again."""
    task = rings(sheet, firing)
    if task is None:
        return
    rules = sheet.policy.admission
    role, span = next_review(rules, task)
    task = start(sheet, task, ClockKind.TASK_REVIEW, span, rang=firing.clock)
    record(
        sheet, task, f"timer:{firing.clock.kind}", reason="review_late", rule="admission/reviews"
    )
    for told in dict.fromkeys((role, rules.approver)):
        tell_role(sheet, task, NoticeKind.TASK_REVIEW_NEEDED, told)


@fires(Step.ADMISSION, ClockKind.TASK_EXPIRING)
def expiring(sheet: Draft, firing: Firing) -> None:
    """When the end is near: the department and the villages are told."""
    task = rings(sheet, firing)
    if task is None:
        return
    record(sheet, task, f"timer:{firing.clock.kind}", detail={"ends_on": task.ends_on})
    until = instant(_end(sheet, task))
    tell_asker(sheet, task, NoticeKind.TASK_EXPIRING, until_at=until)
    tell_villages(sheet, task, NoticeKind.TASK_EXPIRING, until_at=until)


@fires(Step.ADMISSION, ClockKind.TASK_END)
def last_day_over(sheet: Draft, firing: Firing) -> None:
    """When the last day is over: says so on the topic, which ends the task."""
    task = rings(sheet, firing)
    if task is None:
        return
    record(sheet, task, f"timer:{firing.clock.kind}", detail={"ends_on": task.ends_on})
    engine = system(Step.ADMISSION, task.township)
    sheet.follow(TaskExpired(task=task.id), subject=task.id, acting=engine)
