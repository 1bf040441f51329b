"""`decide`: the one function that turns an input into a decision. Pure.

What every input must pass stands here, in order; what is special to a type stands in its step.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from events.contract.envelope import Event, Payload
from events.contract.registry import TYPE_OF_PAYLOAD, EventType, Origin
from flows.decide.app_reach import beyond_app
from flows.decide.decision import Audit, Decision, Facts, Firing, Input
from flows.decide.draft import Draft, Refusal
from flows.decide.late import count_as_on_time
from flows.decide.rights import reach_of, why_not
from models.case import Case
from models.clocks import ClockKind
from models.policy.actions import Action
from models.policy.schema import Policy
from models.values import SYSTEM_PREFIX, CaseState, Fate, Step
from models.village import Township, VillageTask

#: Refused because the case is handled under another; the answer names that one.
CASE_MERGED = "case_merged"
#: A handler writes on the sheet and returns None, or says why not.
EventHandler = Callable[[Draft, Any], Refusal | None]
TimerHandler = Callable[[Draft, Firing], Refusal | None]

HANDLERS: dict[type[Payload], EventHandler] = {}
TIMERS: dict[ClockKind, TimerHandler] = {}
#: Which step decides a firing.
STEP_OF_CLOCK: dict[ClockKind, Step] = {}


def handles(payload: type[Payload]) -> Callable[[EventHandler], EventHandler]:
    """Enter the decorated function as the one that decides this type."""

    def enter(handler: EventHandler) -> EventHandler:
        if payload in HANDLERS:
            raise ValueError(f"{payload.__name__} has two handlers")
        HANDLERS[payload] = handler
        return handler

    return enter


def fires(step: Step, *kinds: ClockKind) -> Callable[[TimerHandler], TimerHandler]:
    """Enter the decorated function as the one that decides these clocks."""

    def enter(handler: TimerHandler) -> TimerHandler:
        for kind in kinds:
            if kind in TIMERS:
                raise ValueError(f"{kind} has two handlers")
            TIMERS[kind], STEP_OF_CLOCK[kind] = handler, step
        return handler

    return enter


def decide(
    case: Case,
    facts: Facts,
    event: Input,
    policy: Policy,
    now: datetime,
    *,
    task: VillageTask | None = None,
    township: Township | None = None,
) -> Decision:
    """Decide one input. `case` is a stub (version 0) where it is not known yet.

    `now` is the decision time: the record's append time, for a firing its due time.
    """
    if isinstance(event, Firing):
        return _decide_firing(case, facts, event, policy, now, task, township)
    kind = TYPE_OF_PAYLOAD[type(event.data)]
    if kind.step is None:
        raise ValueError(f"{kind.full_name} is outgoing: nobody decides it")
    sheet = Draft(
        step=kind.step,
        input=event,
        facts=facts,
        policy=policy,
        now=now,
        case=case,
        task=task,
        township=township,
        other=facts.other,
    )
    fate, refusal = _admit(sheet, event, kind)
    if refusal is None:
        refusal = HANDLERS[type(event.data)](sheet, event.data)
    if refusal is not None:
        return _denied(sheet, fate, refusal, kind.action or kind.name, case)
    count_as_on_time(sheet, case, task)
    return _applied(sheet, case)


def _admit(sheet: Draft, event: Event, kind: EventType) -> tuple[Fate, Refusal | None]:
    """Check what every type must pass: the subject is there, the right, the state, the person."""
    case = sheet.case
    if kind.step is Step.ADMISSION and sheet.task is not None:
        elsewhere = _elsewhere(event, sheet.task.township)
        return Fate.REFUSED, elsewhere or beyond_app(sheet, event, *sheet.task.villages)
    if kind.step in (Step.DIRECTORY, Step.ADMISSION) or not kind.needs_subject:
        return Fate.REFUSED, None
    if case.version == 0:
        return Fate.PARKED, Refusal("case_unknown")
    reach = reach_of(case)
    if refusal := _elsewhere(event, case.township) or beyond_app(
        sheet, event, reach.code, mark=case.mark
    ):
        return Fate.REFUSED, refusal
    if event.case_version > case.version and case.state is not CaseState.MERGED:
        return Fate.PARKED, Refusal("version_ahead", {"version": case.version})
    if kind.origin is Origin.ENGINE or event.acting.actor.startswith(SYSTEM_PREFIX):
        return Fate.REFUSED, None
    action = Action(kind.action)
    if reason := why_not(
        event.acting,
        action,
        reach,
        directory=sheet.facts.directory,
        policy=sheet.policy,
        on=sheet.now,
    ):
        return Fate.REFUSED, Refusal(reason, {"role": event.acting.role})
    return _fits(sheet, event, action)


def _elsewhere(event: Event, township: str) -> Refusal | None:
    """Refuse an event that names another township than its case or task lies in.

    Its app's territory was checked by the township it names; the county may act in all of its.
    """
    if township.startswith(event.township):
        return None
    return Refusal("other_township", {"township": event.township})


def _fits(sheet: Draft, event: Event, action: Action) -> tuple[Fate, Refusal | None]:
    lifecycle, state = sheet.policy.lifecycle, sheet.case.state
    if not lifecycle.fits(state, action):
        if state is CaseState.MERGED:
            return Fate.REFUSED, _merged(sheet)
        ahead = lifecycle.may_fit_later(state, action)
        return (
            Fate.PARKED if ahead else Fate.REFUSED,
            Refusal("state_not_reached" if ahead else "wrong_state", {"state": str(state)}),
        )
    for barred in sheet.policy.roles.barred_by[action]:
        if event.acting.actor in sheet.case.deeds.get(barred, ()):
            return Fate.REFUSED, Refusal("same_person", {"did": str(barred)})
    return Fate.REFUSED, None


def _merged(sheet: Draft) -> Refusal:
    """Say on which case to act instead: nothing more happens on this one."""
    main, into = sheet.facts.main, sheet.case.merged_into
    number = main.number if main is not None else ""
    return Refusal(CASE_MERGED, {"into": main.id if main else into, "into_number": number})


def _decide_firing(
    case: Case,
    facts: Facts,
    firing: Firing,
    policy: Policy,
    now: datetime,
    task: VillageTask | None,
    township: Township | None,
) -> Decision:
    kind = firing.clock.kind
    sheet = Draft(
        step=STEP_OF_CLOCK[kind],
        input=firing,
        facts=facts,
        policy=policy,
        now=now,
        case=case,
        task=task,
        township=township,
    )
    refusal = TIMERS[kind](sheet, firing)
    if refusal is not None:
        raise ValueError(f"a timer cannot be refused: {kind} {refusal}")
    return _applied(sheet, case)


def _denied(sheet: Draft, fate: Fate, refusal: Refusal, action: str, before: Case) -> Decision:
    """Throw away what was written; keep that it was asked, by whom, and why not."""
    audit = Audit(
        action=action,
        acting=sheet.acting,
        before=str(before.state) if before.version else "",
        after=str(before.state) if before.version else "",
        reason=refusal.code,
        detail=refusal.detail,
    )
    recorded = (audit,) if fate is Fate.REFUSED else ()
    return Decision(fate=fate, reason=refusal.code, audit=recorded)


def _applied(sheet: Draft, before: Case) -> Decision:
    """Count the case's version up and hand everything over."""
    case = sheet.case if sheet.case is not before else None
    if case is not None:
        case = replace(case, version=before.version + 1)
    return Decision(
        fate=Fate.APPLIED,
        case=case,
        other=sheet.other if sheet.other is not sheet.facts.other else None,
        task=sheet.task,
        township=sheet.township,
        entries=tuple(sheet.entries),
        audit=tuple(sheet.audits),
        follow_ups=tuple(sheet.follow_ups),
        notices=tuple(sheet.notices),
    )
