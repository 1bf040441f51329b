"""The sheet of a village task: its fields, clocks, rights, audit and notices. Pure."""

from datetime import date, datetime, timedelta

from msgspec.structs import replace

from events.contract.envelope import Acting
from flows.decide.decision import Audit, Firing
from flows.decide.draft import Detail, Draft, Refusal, system, with_clock
from flows.decide.rights import Reach, why_not
from models.clocks import Clock, ClockKind
from models.directory import Org as DirectoryOrg
from models.policy.actions import Action
from models.policy.people import OrgKind, Role
from models.policy.span import Span
from models.values import OrgId, RoleName, Step
from models.village import TaskState, VillageTask
from notifications.notice import Notice, NoticeKind, Org, Recipient, RoleAt, Urgency

_DAY = timedelta(days=1)
_MIDNIGHT = datetime.min.time()
#: States in which somebody still has to do something, or may still have to.
LIVING = (TaskState.REQUESTED, TaskState.ADMITTED, TaskState.TEMPORARY)


def open_task(sheet: Draft, *states: TaskState) -> VillageTask | Refusal:
    """Return the task for changing, counted up, if it is in one of the states; else why not."""
    task = sheet.task
    if task is None or task.version == 0:
        return Refusal("task_unknown")
    if task.state not in states:
        return Refusal("task_decided", {"state": str(task.state)})
    return change(sheet, task, version=task.version + 1)


def change(sheet: Draft, task: VillageTask, **fields: object) -> VillageTask:
    """Set fields of the task and return it."""
    changed: VillageTask = replace(task, **fields)
    sheet.task = changed
    return changed


def denied(sheet: Draft, action: Action, *, code: str, asked_by: str) -> Refusal | None:
    """Return why the actor may not do `action` on a task of this territory and department."""
    acting = sheet.acting
    reason = why_not(
        acting,
        action,
        Reach(code=code, orgs=frozenset({asked_by})),
        directory=sheet.facts.directory,
        policy=sheet.policy,
        on=sheet.now,
    )
    return Refusal(reason, {"role": acting.role}) if reason else None


def start(
    sheet: Draft, task: VillageTask, kind: ClockKind, span: Span, *, rang: Clock | None = None
) -> VillageTask:
    """Set a clock of the task that runs for `span` from now.

    `rang` is the one before it, which nobody answered, where the same answer is waited for.
    """
    deadline = sheet.limit(span)
    clock = Clock(
        key=str(kind),
        generation=task.version,
        due_at=deadline.due_at,
        deadline=deadline,
        missed_at=rang.ran_out_at if rang is not None else None,
    )
    return change(sheet, task, clocks=with_clock(task.clocks, clock))


def start_until(sheet: Draft, task: VillageTask, kind: ClockKind, due_at: datetime) -> VillageTask:
    """Set a clock of the task that rings at `due_at`."""
    clock = Clock(key=str(kind), generation=task.version, due_at=due_at)
    return change(sheet, task, clocks=with_clock(task.clocks, clock))


def stop(sheet: Draft, task: VillageTask, *kinds: ClockKind) -> VillageTask:
    """Stop clocks of the task; all of them where none is named."""
    kept = tuple(clock for clock in task.clocks if kinds and clock.kind not in kinds)
    return change(sheet, task, clocks=kept)


def run_until(sheet: Draft, task: VillageTask, last_day: date) -> VillageTask:
    """Let the task end when its last day is over, and be told of policy's notice before that."""
    task = stop(sheet, task, ClockKind.TASK_EXPIRING, ClockKind.TASK_END)
    end = end_of(sheet, last_day)
    warned = end - sheet.policy.admission.expiry_notice
    task = start_until(sheet, task, ClockKind.TASK_END, end)
    if warned > sheet.now:
        task = start_until(sheet, task, ClockKind.TASK_EXPIRING, warned)
    return change(sheet, task, ends_on=last_day.isoformat())


def end_of(sheet: Draft, last_day: date) -> datetime:
    """Return the instant at which a local day is over."""
    return sheet.facts.office.utc(datetime.combine(last_day + _DAY, _MIDNIGHT))


def local_day(sheet: Draft) -> date:
    """Return the day it is at the office."""
    return sheet.facts.office.local(sheet.now).date()


def rings(sheet: Draft, firing: Firing) -> VillageTask | None:
    """Take the clock that rang off the task and return it; None, recorded, for a stale one."""
    task = sheet.task
    if task is None:
        return None
    running = task.clock(firing.clock.key)
    stale = running is None or running.generation != firing.clock.generation
    task = change(sheet, task, version=task.version + 1)
    if stale or task.state not in LIVING:
        record(sheet, task, f"timer:{firing.clock.kind}", reason="no_longer_needed")
        return None
    return stop(sheet, task, firing.clock.kind)


def record(
    sheet: Draft,
    task: VillageTask,
    action: str,
    *,
    before: TaskState | None = None,
    reason: str = "ok",
    words: str = "",
    rule: str = "",
    acting: Acting | None = None,
    detail: Detail | None = None,
) -> None:
    """Write one audit record of the task; `before` is the state it came from."""
    firing = isinstance(sheet.input, Firing)
    by_engine = system(Step.ADMISSION, task.township)
    sheet.audits.append(
        Audit(
            action=action,
            acting=acting or (by_engine if firing else sheet.acting),
            before=str(before if before is not None else task.state),
            after=str(task.state),
            reason=reason,
            words=words,
            rule=rule,
            org=task.asked_by,
            detail=detail or {},
        )
    )


def tell(
    sheet: Draft,
    task: VillageTask,
    kind: NoticeKind,
    recipient: Recipient,
    *,
    about: str = "",
    **params: str,
) -> None:
    """Tell somebody of the task: its title, and the unit that asks."""
    urgent = kind in sheet.policy.notices.urgent_kinds or task.urgent
    asker = sheet.facts.directory.org(task.asked_by, sheet.now)
    unit = asker.name if asker is not None else task.asked_by
    sheet.notices.append(
        Notice(
            kind=kind,
            recipient=recipient,
            urgency=Urgency.URGENT if urgent else Urgency.NORMAL,
            dedup_key=f"{kind}|{task.id}|{about or task.version}",
            params={"title": task.title, "unit": unit, **params},
        )
    )


def tell_asker(sheet: Draft, task: VillageTask, kind: NoticeKind, **params: str) -> None:
    """Tell the department that asked."""
    tell(sheet, task, kind, Org(id=OrgId(task.asked_by)), **params)


def tell_villages(sheet: Draft, task: VillageTask, kind: NoticeKind, **params: str) -> None:
    """Tell every village or grid the task is put on."""
    for code in task.villages:
        place = place_of(sheet, code)
        if place is not None:
            tell(sheet, task, kind, Org(id=OrgId(place.id)), **params)


def tell_role(sheet: Draft, task: VillageTask, kind: NoticeKind, role: Role) -> None:
    """Tell the holders of a role at the task's township or above it."""
    code = task.township
    place = sheet.facts.directory.by_code(code[:9], OrgKind.TOWNSHIP, sheet.now)
    place = place or sheet.facts.directory.by_code(code[:6], OrgKind.COUNTY, sheet.now)
    org = place.id if place is not None else code
    tell(sheet, task, kind, RoleAt(role=RoleName(role), org=OrgId(org)))


def place_of(sheet: Draft, code: str) -> DirectoryOrg | None:
    """Return the village or grid of a code."""
    directory, on = sheet.facts.directory, sheet.now
    return directory.by_code(code, OrgKind.VILLAGE, on) or directory.by_code(code, OrgKind.GRID, on)
