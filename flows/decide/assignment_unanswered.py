"""What happens when nobody answers: the next one up is told, and the clock is set again. Pure.

Nothing is decided by silence here, and nothing rests: each time it rings higher, until somebody
acts. How often it has rung stands behind the colon of the clock's key.
"""

from events.contract.assignment import AssigneeKind
from flows.decide.able import able
from flows.decide.assignment import own, urgency
from flows.decide.decision import Firing
from flows.decide.draft import Draft
from flows.decide.escalation_notices import listener, unit_name
from flows.decide.handled import handler_of, told
from flows.decide.route import fires
from models.clocks import ClockKind
from models.handling import AssignmentState
from models.policy.actions import Action
from models.policy.clocks import Told
from models.policy.people import OrgKind, Role
from models.policy.span import Span, SpanKind
from models.values import CaseState, Step
from notifications.notice import NoticeKind, RoleAt, instant


@fires(Step.ASSIGNMENT, ClockKind.SIGN)
def not_signed(sheet: Draft, firing: Firing) -> None:
    """When a unit has not signed in time: it and the township are told; the unit keeps it."""
    work = sheet.case.assignment
    waiting = work is not None and work.state is AssignmentState.OFFERED
    if work is None or not waiting or work.kind != AssigneeKind.UNIT:
        no_longer_needed(sheet, firing)
        return
    due_at, name = instant(firing.clock.due_at), unit_name(sheet, work.org)
    sheet.notify(
        NoticeKind.SIGN_OVERDUE,
        told(handler_of(sheet)),
        about=f"unit{rung(firing)}",
        unit=name,
        due_at=due_at,
    )
    who = next_up(sheet, firing)
    if who is not None:
        sheet.notify(
            NoticeKind.SIGN_OVERDUE, who, about=f"up{rung(firing)}", unit=name, due_at=due_at
        )
    ring_again(sheet, firing, sheet.policy.deadlines.accept[urgency(sheet.case)])
    record_unanswered(sheet, firing, who, rule="deadlines/accept")


@fires(Step.ASSIGNMENT, ClockKind.CONFIRM)
def not_confirmed(sheet: Draft, firing: Firing) -> None:
    """When nobody chose: it goes higher. The first candidate is never taken by the clock."""
    work = sheet.case.assignment
    open_states = (AssignmentState.PROPOSED, AssignmentState.RECOMMENDED)
    if work is None or not {work.state, work.aid} & set(open_states):
        no_longer_needed(sheet, firing)
        return
    proposed = work.state is AssignmentState.PROPOSED
    hand_up(
        sheet,
        firing,
        stage="dispatch" if proposed else "confirm",
        acts=(Action.ASSIGNMENT_REQUEST,)
        if proposed
        else (Action.ASSIGNMENT_CONFIRM, Action.ASSIGNMENT_REASSIGN),
        takes_over=work.aid is None,
        span=sheet.policy.deadlines.dispatch[urgency(sheet.case)],
        rule="deadlines/dispatch",
    )


@fires(Step.ASSIGNMENT, ClockKind.CHECK)
def not_checked(sheet: Draft, firing: Firing) -> None:
    """When handled work was not checked in time: it goes higher; it never passes by itself."""
    if sheet.case.state not in (CaseState.FEEDBACK, CaseState.CHECKING):
        no_longer_needed(sheet, firing)
        return
    hand_up(
        sheet,
        firing,
        stage="check",
        acts=(Action.ASSIGNMENT_CHECK,),
        takes_over=True,
        span=sheet.policy.deadlines.check,
        rule="deadlines/check",
    )


def hand_up(
    sheet: Draft,
    firing: Firing,
    *,
    stage: str,
    acts: tuple[Action, ...],
    takes_over: bool,
    span: Span,
    rule: str,
) -> None:
    """Tell the next one up; where they may do what is due, they own it from now on."""
    who, owner = next_up(sheet, firing), sheet.case.owner
    if who is not None:
        sheet.notify(
            NoticeKind.BREACHED,
            who,
            about=f"{firing.clock.key}{firing.clock.generation}",
            unit=unit_name(sheet, owner.org if owner else sheet.case.township),
            due_at=instant(firing.clock.due_at),
            stage=stage,
        )
        for act in acts if takes_over else ():
            found = able(sheet, act, Role(who.role), at=(who.org,))
            if found is not None and found.role == who.role:
                own(sheet, found)
                break
    ring_again(sheet, firing, span)
    record_unanswered(sheet, firing, who, rule=rule)


def next_up(sheet: Draft, firing: Firing) -> RoleAt | None:
    """Return who is told this time: dispatcher first, then policy's fallback and duty owners."""
    heard = _hearers(sheet)
    return heard[min(rung(firing), len(heard) - 1)] if heard else None


def _hearers(sheet: Draft) -> list[RoleAt]:
    ladders = sheet.policy.ladders
    chain = (
        Told(role=Role.DISPATCHER, level=OrgKind.TOWNSHIP),
        *ladders.fallback,
        *ladders.duty_owners,
    )
    found = (listener(sheet, step).who for step in chain)
    return list(dict.fromkeys(who for who in found if who is not None))


def rung(firing: Firing) -> int:
    """Return how often this clock has rung before."""
    return int(firing.clock.part or 0)


def ring_again(sheet: Draft, firing: Firing, span: Span) -> None:
    """Set the clock again: a stage's span while somebody is left above, then policy's repeat."""
    repeat = Span(SpanKind.CALENDAR, sheet.policy.ladders.repeat_last)
    last = rung(firing) + 1 >= len(_hearers(sheet))
    sheet.stop(firing.clock.kind)
    part = str(rung(firing) + 1)
    sheet.start(firing.clock.kind, repeat if last else span, part=part, rang=firing.clock)


def record_unanswered(sheet: Draft, firing: Firing, who: RoleAt | None, *, rule: str) -> None:
    """Write down that nobody answered and who was told."""
    sheet.record(
        f"timer:{firing.clock.kind}",
        reason="unanswered",
        rule=rule,
        detail={
            "due_at": instant(firing.clock.due_at),
            "told": f"{who.role}@{who.org}" if who is not None else "",
            "rung": rung(firing),
        },
    )


def no_longer_needed(sheet: Draft, firing: Firing) -> None:
    """Write down that a clock rang which nothing waits for any more, and stop it."""
    sheet.stop(firing.clock.kind, part=firing.clock.part)
    sheet.record(f"timer:{firing.clock.kind}", reason="no_longer_needed")
