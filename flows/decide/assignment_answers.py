"""Who is asked and what they say: confirmed, accepted, declined, not answered. Pure.

A person confirms whom to ask, and whoever is asked may say no without any consequence; then the
next candidate is asked.
"""

from msgspec.structs import replace

from events.contract.assignment import (
    AssigneeKind,
    AssignmentAccepted,
    AssignmentConfirmed,
    AssignmentDeclined,
)
from flows.decide.assignment import answers_for, asked, asked_one, search_of, secretary, with_search
from flows.decide.assignment_dispatch import Given, to_unit, unit_of
from flows.decide.assignment_offer import ask_next, fitting_kind, needed, offer
from flows.decide.assignment_unanswered import no_longer_needed
from flows.decide.decision import Firing
from flows.decide.draft import Draft, Refusal
from flows.decide.handled import own_handler, told
from flows.decide.route import fires, handles
from models.clocks import ClockKind
from models.handling import Assignment, AssignmentState
from models.policy.actions import Action
from models.values import CaseState, Step
from notifications.notice import NoticeKind

_CHOOSING = (AssignmentState.WAITING, AssignmentState.RECOMMENDED)


@handles(AssignmentConfirmed)
def confirm(sheet: Draft, data: AssignmentConfirmed) -> Refusal | None:
    """When the secretary says whom to ask: a candidate, anybody else who fits, or the unit."""
    work = sheet.case.assignment
    if work is None or search_of(work) not in _CHOOSING:
        return Refusal("nobody_to_choose")
    recused = tuple(dict.fromkeys((*work.recused, *data.recused)))
    work = replace(work, recused=recused, confirmed_by=sheet.acting.actor)
    sheet.done_by(Action.ASSIGNMENT_CONFIRM, sheet.acting.actor)
    if data.assignee == work.org:
        return _unit_itself(sheet, work, words=data.reason)
    kinds = {}
    for who in dict.fromkeys((data.assignee, *filter(None, (data.second,)))):
        kind = fitting_kind(sheet, work, who)
        if isinstance(kind, Refusal):
            return kind
        kinds[who] = kind
    group = kinds[data.assignee] is AssigneeKind.SOCIAL_ORGANISATION
    if len(kinds) < needed(sheet, work) and not group:
        return Refusal("second_person_needed")
    sheet.stop(ClockKind.CONFIRM)
    offer(sheet, work, tuple(kinds), kinds[data.assignee])
    sheet.record(
        Action.ASSIGNMENT_CONFIRM,
        words=data.reason,
        rule="matching/confirmed_by",
        detail={
            "first_choice": bool(work.candidates) and work.candidates[0].assignee == data.assignee,
            "recused": len(recused),
            "persons": len(kinds),
        },
    )
    return None


def _unit_itself(sheet: Draft, work: Assignment, *, words: str) -> Refusal | None:
    if work.aid is not None:
        sheet.change(assignment=replace(work, aid=None))
        sheet.stop(ClockKind.CONFIRM)
        sheet.record(Action.ASSIGNMENT_CONFIRM, reason="unit_takes_it", words=words)
        return None
    lead = unit_of(sheet, work.org)
    if isinstance(lead, Refusal):
        return lead
    to_unit(
        sheet,
        Given(lead, work.helpers, work.kept_out),
        Action.ASSIGNMENT_CONFIRM,
        words=words,
        reason="unit_takes_it",
    )
    return None


@handles(AssignmentAccepted)
def accept(sheet: Draft, data: AssignmentAccepted) -> Refusal | None:
    """When a member, a group or a unit takes the work. Of two who take it, one comes first."""
    work = sheet.case.assignment
    if work is None:
        return Refusal("nothing_offered")
    if search_of(work) is AssignmentState.OFFERED and (who := asked_one(sheet, work)):
        return _member_accepts(sheet, work, who, words=data.note)
    unit = work.kind == AssigneeKind.UNIT and work.state is AssignmentState.OFFERED
    if unit or work.state in _CHOOSING:
        return _unit_accepts(sheet, work, words=data.note)
    return Refusal("not_asked" if work.state is AssignmentState.OFFERED else "nothing_offered")


def _member_accepts(sheet: Draft, work: Assignment, who: str, *, words: str) -> Refusal | None:
    if who in work.accepted_by:
        return Refusal("already_accepted")
    work = replace(work, accepted_by=(*work.accepted_by, who))
    sheet.done_by(Action.ASSIGNMENT_ACCEPT, sheet.acting.actor)
    everybody = set(asked(work)) <= set(work.accepted_by)
    if not everybody:
        sheet.change(assignment=work)
        sheet.record(Action.ASSIGNMENT_ACCEPT, reason="second_awaited", words=words)
        return None
    sheet.change(
        assignment=replace(with_search(work, AssignmentState.ACCEPTED), accepted_at=sheet.now)
    )
    sheet.stop(ClockKind.ACCEPT)
    if work.aid is None:
        own_handler(sheet)
        sheet.move(CaseState.ACCEPTED, Action.ASSIGNMENT_ACCEPT, words=words)
    else:
        sheet.record(Action.ASSIGNMENT_ACCEPT, reason="helps_the_unit", words=words)
    sheet.notify(NoticeKind.ASSIGNMENT_ACCEPTED, told(secretary(sheet)), about=work.id)
    return None


def _unit_accepts(sheet: Draft, work: Assignment, *, words: str) -> Refusal | None:
    """When a unit signs, or does itself what a member was looked for."""
    if not answers_for(sheet, work.org):
        return Refusal("not_asked")
    instead = work.state in _CHOOSING
    sheet.change(
        assignment=replace(
            work,
            state=AssignmentState.ACCEPTED,
            kind=AssigneeKind.UNIT.value,
            accepted_at=sheet.now,
        )
    )
    sheet.done_by(Action.ASSIGNMENT_ACCEPT, sheet.acting.actor)
    sheet.stop(ClockKind.SIGN)
    if instead:
        sheet.stop(ClockKind.CONFIRM)
    own_handler(sheet)
    sheet.move(
        CaseState.ACCEPTED,
        Action.ASSIGNMENT_ACCEPT,
        words=words,
        reason="unit_takes_it" if instead else "ok",
    )
    return None


@handles(AssignmentDeclined)
def decline(sheet: Draft, data: AssignmentDeclined) -> Refusal | None:
    """When somebody who was asked says no, with a reason: the next is asked, nothing follows."""
    work = sheet.case.assignment
    if work is None or search_of(work) is not AssignmentState.OFFERED:
        return Refusal("nothing_offered")
    who = asked_one(sheet, work)
    if not who:
        unit = work.kind == AssigneeKind.UNIT and answers_for(sheet, work.org)
        return Refusal("units_return" if unit else "not_asked")
    sheet.done_by(Action.ASSIGNMENT_DECLINE, sheet.acting.actor)
    recused = (*work.recused, who) if data.recusal else work.recused
    ask_next(
        sheet,
        replace(work, recused=recused),
        (who,),
        Action.ASSIGNMENT_DECLINE,
        reason="member_recused" if data.recusal else "member_declined",
        words=data.reason,
    )
    return None


@fires(Step.ASSIGNMENT, ClockKind.ACCEPT)
def not_answered(sheet: Draft, firing: Firing) -> None:
    """When somebody who was asked has not answered in time: the next candidate is asked."""
    work = sheet.case.assignment
    if work is None or search_of(work) is not AssignmentState.OFFERED or not asked(work):
        no_longer_needed(sheet, firing)
        return
    silent = tuple(who for who in asked(work) if who not in work.accepted_by)
    ask_next(sheet, work, silent, f"timer:{ClockKind.ACCEPT}", reason="member_silent")
