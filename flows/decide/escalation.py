"""It is late: warning, breach, the rungs, and people who urge or supervise. Pure."""

from msgspec.structs import replace

from events.contract.escalation import (
    CaseBreached,
    CaseSupervised,
    CaseUrged,
    CaseWarned,
    DeadlineRecomputed,
)
from flows.decide.decision import Firing
from flows.decide.draft import Draft, Refusal
from flows.decide.escalation_notices import owner_unit, tell_owner, tell_role
from flows.decide.ladder import climb, start_ladder
from flows.decide.limits import run_case_limit
from flows.decide.route import fires, handles
from models.clocks import Clock, ClockKind
from models.deadlines import Deadline, recompute, warning_at
from models.policy.actions import Action
from models.policy.people import Role
from models.values import Step
from notifications.notice import NoticeKind, instant


def rings(sheet: Draft, firing: Firing, *, settled_too: bool = False) -> bool:
    """Take the clock that rang off the case; False where it is no longer wanted, which is recorded.

    A timer of an older generation has nothing to ring for, and one of a settled case only where
    it outlives the case.
    """
    running = sheet.case.clock(firing.clock.key)
    stale = running is None or running.generation != firing.clock.generation
    if not stale:
        sheet.stop(firing.clock.kind, part=firing.clock.part)
    if stale or not (sheet.case.is_open or settled_too):
        no_longer_needed(sheet, firing)
        return False
    return True


def no_longer_needed(sheet: Draft, firing: Firing) -> None:
    """Write down that a clock rang for nothing."""
    sheet.record(f"timer:{firing.clock.kind}", reason="no_longer_needed")


def limit_of(sheet: Draft, firing: Firing) -> Deadline:
    """Return the limit a clock stands for; where it carries none, the case's own."""
    deadline = firing.clock.deadline or sheet.case.due
    if deadline is None:
        raise ValueError(f"clock {firing.clock.key} carries no limit")
    return deadline


@fires(Step.ESCALATION, ClockKind.CASE_WARNING)
def warn(sheet: Draft, firing: Firing) -> None:
    """预警. When the policy's share of the case's limit has passed."""
    if not rings(sheet, firing) or sheet.case.due is None:
        return
    due_at = instant(sheet.case.due.due_at)
    sheet.record(
        f"timer:{firing.clock.kind}",
        rule="deadlines/warning",
        detail={"limit": ClockKind.CASE_DUE, "due_at": due_at, "stalled": firing.stalled},
    )
    sheet.follow(CaseWarned(clock=ClockKind.CASE_DUE))
    tell_owner(sheet, NoticeKind.DUE_SOON, about=due_at, due_at=due_at, stage=ClockKind.CASE_DUE)


@fires(Step.ESCALATION, ClockKind.CASE_DUE)
def breach(sheet: Draft, firing: Firing) -> None:
    """超期. When the case's limit is over; it is on record once, and the ladder begins."""
    if not rings(sheet, firing):
        return
    if sheet.case.breached_at is not None:
        sheet.record(f"timer:{firing.clock.kind}", reason="already_breached")
        return
    sheet.change(breached_at=firing.clock.due_at)
    record_breach(sheet, firing, ClockKind.CASE_DUE)


def record_breach(sheet: Draft, firing: Firing, limit: str) -> None:
    """Write down, announce and tell that a limit ran out unanswered, and begin its ladder."""
    deadline = limit_of(sheet, firing)
    due_at = instant(deadline.due_at)
    sheet.record(
        f"timer:{firing.clock.kind}",
        rule=f"ladders/{limit}",
        detail={
            "limit": limit,
            "due_at": due_at,
            "span": str(deadline.span),
            "unowned": sheet.case.owner is None,
            "stalled": firing.stalled,
        },
    )
    sheet.follow(CaseBreached(clock=limit))
    told = {"due_at": due_at, "stage": str(limit), "unit": owner_unit(sheet)}
    tell_owner(sheet, NoticeKind.BREACHED, about=str(limit), **told)
    if sheet.case.owner is None or sheet.case.owner.role != Role.DUTY_SUPERVISOR:
        tell_role(sheet, NoticeKind.BREACHED, Role.DUTY_SUPERVISOR, about=str(limit), **told)
    start_ladder(sheet, limit, deadline)


@fires(Step.ESCALATION, ClockKind.RUNG)
def climb_rung(sheet: Draft, firing: Firing) -> None:
    """升级. When the next rung of the ladder is due."""
    if rings(sheet, firing):
        climb(sheet, firing)


@handles(CaseUrged)
def urge(sheet: Draft, data: CaseUrged) -> Refusal | None:
    """催办. When a person asks who holds the case to hurry. Moves no deadline."""
    sheet.change(urged=sheet.case.urged + 1)
    count = sheet.case.urged
    sheet.record(Action.ESCALATION_URGE, words=data.reason, detail={"count": count})
    tell_owner(sheet, NoticeKind.CASE_URGED, about=f"by-{count}", count=count)
    return None


@handles(CaseSupervised)
def supervise(sheet: Draft, data: CaseSupervised) -> Refusal | None:
    """督办. When a leader puts the case under supervision. Moves no deadline."""
    before = sheet.case.supervised
    sheet.change(supervised=data.kind.value)
    sheet.record(
        Action.ESCALATION_SUPERVISE,
        words=data.reason,
        detail={"kind": data.kind.value, "before": before},
    )
    tell_owner(
        sheet, NoticeKind.CASE_SUPERVISED, about=sheet.new_id("told"), supervision=data.kind.value
    )
    return None


@handles(DeadlineRecomputed)
def recompute_deadline(sheet: Draft, data: DeadlineRecomputed) -> Refusal | None:
    """重算时限. When the calendar's data changed: every open limit by the present calendar.

    A breach stays on record; a limit that would now lie in the past rings at once. From here on
    the case keeps the present calendar.
    """
    case = sheet.case
    sheet.facts = replace(sheet.facts, office=sheet.facts.newest or sheet.facts.office)
    if not case.is_open:
        return Refusal("wrong_state", {"state": str(case.state)})
    if case.due is None:
        return Refusal("no_deadline")
    old, new = case.due, recompute(case.due, office=sheet.facts.office)
    moved = _recompute_others(sheet)
    sheet.change(due=new, calendar_version=sheet.facts.office.calendar.version)
    if case.clock(ClockKind.CASE_DUE) is not None or case.clock(ClockKind.CASE_WARNING) is not None:
        _run_again(sheet, new)
    sheet.record(
        Action.ESCALATION_RECOMPUTE_DEADLINE,
        reason="ok" if old.due_at != new.due_at else "same_deadline",
        words=data.reason,
        detail={
            "old_due_at": instant(old.due_at),
            "due_at": instant(new.due_at),
            "old_calendar": old.calendar_version,
            "calendar": new.calendar_version,
            "asked_calendar": data.calendar_version,
            "provisional": new.provisional,
            "other_clocks_moved": moved,
        },
    )
    if old.due_at != new.due_at:
        tell_owner(
            sheet,
            NoticeKind.DEADLINE_RECOMPUTED,
            about=instant(new.due_at),
            due_at=instant(new.due_at),
            old_due_at=instant(old.due_at),
            reason="calendar_changed",
        )
    return None


def _run_again(sheet: Draft, deadline: Deadline) -> None:
    sheet.stop(ClockKind.CASE_WARNING)
    run_case_limit(sheet, deadline)
    if sheet.case.breached_at is None and deadline.due_at < sheet.now:
        sheet.start_until(ClockKind.CASE_DUE, sheet.now, deadline=deadline)


def _recompute_others(sheet: Draft) -> int:
    """Compute the clocks of the steps again; what a ladder counts from stays as it was."""
    kept, moved = [], 0
    for clock in sheet.case.clocks:
        again = _again(sheet, clock)
        moved += again.due_at != clock.due_at
        kept.append(again)
    sheet.change(clocks=tuple(kept))
    whistle = sheet.case.whistle
    if whistle is not None and whistle.due is not None:
        again_due = recompute(whistle.due, office=sheet.facts.office)
        sheet.change(whistle=replace(whistle, due=again_due))
    return moved


def _again(sheet: Draft, clock: Clock) -> Clock:
    own = (ClockKind.CASE_WARNING, ClockKind.CASE_DUE, ClockKind.RUNG)
    if clock.deadline is None or clock.kind in own:
        return clock
    new = recompute(clock.deadline, office=sheet.facts.office)
    at = new.due_at
    if clock.due_at != clock.deadline.due_at:
        share = sheet.policy.whistles.helper_share
        at = warning_at(new, share, office=sheet.facts.office)
    if at == clock.due_at:
        return clock
    generation = sheet.case.version + 1
    return replace(clock, generation=generation, due_at=max(at, sheet.now), deadline=new)
