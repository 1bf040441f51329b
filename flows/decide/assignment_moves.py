"""退单 and 改派: a unit says it is not theirs, a supervisor gives it to another. Pure."""

from msgspec.structs import replace

from events.contract.assignment import (
    AssigneeKind,
    AssignmentReassigned,
    AssignmentReturned,
    ReturnAdjudicated,
)
from flows.decide.able import able
from flows.decide.assignment import (
    GROUPS,
    answers_for,
    asked,
    asked_one,
    begin,
    end_help,
    own,
    secretary,
    urgency,
)
from flows.decide.assignment_dispatch import Given, to_unit, unit_of
from flows.decide.assignment_offer import fitting_kind, needed, offer
from flows.decide.assignment_unanswered import no_longer_needed
from flows.decide.assignment_waiting import enlist
from flows.decide.decision import Firing
from flows.decide.draft import Draft, Refusal
from flows.decide.escalation_notices import unit_name
from flows.decide.handled import handler_of, own_handler, told
from flows.decide.route import fires, handles
from models.case import Ask, AskKind, Owner
from models.clocks import ClockKind
from models.handling import Assignment, AssignmentState
from models.policy.actions import Action
from models.policy.people import Role
from models.values import CaseState, Step
from notifications.notice import NoticeKind, instant

#: Assignments that were looking for a member when the unit returned the case.
_LOOKING = (AssignmentState.WAITING, AssignmentState.RECOMMENDED)


@handles(AssignmentReturned)
def give_back(sheet: Draft, data: AssignmentReturned) -> Refusal | None:
    """When a unit says the case is not theirs: so often as policy lets, citing item or law.

    The clocks run on meanwhile; somebody else decides.
    """
    work, case = sheet.case.assignment, sheet.case
    if work is None or not answers_for(sheet, work.org):
        declines = work is not None and bool(asked_one(sheet, work))
        return Refusal("members_decline" if declines else "not_asked")
    if case.returns >= sheet.policy.deadlines.returns:
        return Refusal("return_used", {"returns": case.returns})
    if not data.legal_basis.strip():
        return Refusal("legal_basis_missing")
    actor = sheet.acting.actor
    sheet.done_by(Action.ASSIGNMENT_RETURN, actor)
    end_help(sheet)
    sheet.change(
        returns=case.returns + 1,
        ask=Ask(
            kind=AskKind.RETURN, asked_by=actor, asked_at=sheet.now, legal_basis=data.legal_basis
        ),
    )
    sheet.stop(ClockKind.ACCEPT, ClockKind.CONFIRM, ClockKind.GRANT)
    found = able(sheet, Action.ASSIGNMENT_ADJUDICATE_RETURN, Role.DISPATCHER, Role.DUTY_SUPERVISOR)
    owner = found or Owner(org=case.township or case.county, role=Role.DISPATCHER)
    own(sheet, owner)
    deadline = begin(sheet, ClockKind.RETURN, sheet.policy.deadlines.adjudicate_return)
    sheet.move(
        CaseState.RETURN_REQUESTED,
        Action.ASSIGNMENT_RETURN,
        words=data.reason,
        rule="deadlines/returns",
        detail={"legal_basis": data.legal_basis, "unit": work.org},
    )
    sheet.notify(
        NoticeKind.CASE_RETURNED,
        told(owner),
        about=work.id,
        unit=unit_name(sheet, work.org),
        due_at=instant(deadline.due_at),
        reason="return_asked",
    )
    return None


@handles(ReturnAdjudicated)
def adjudicate(sheet: Draft, data: ReturnAdjudicated) -> Refusal | None:
    """When somebody other than the asker decides: upheld names the new lead; else it stays."""
    work, ask = sheet.case.assignment, sheet.case.ask
    if work is None or ask is None or ask.kind is not AskKind.RETURN:
        return Refusal("nothing_asked")
    if sheet.acting.actor == ask.asked_by:
        return Refusal("same_person", {"did": str(Action.ASSIGNMENT_RETURN)})
    action = Action.ASSIGNMENT_ADJUDICATE_RETURN
    sheet.done_by(action, sheet.acting.actor)
    if not data.upheld:
        _stays(sheet, work, action, reason="return_rejected", words=data.reason)
        return None
    if data.new_lead in ("", work.org):
        return Refusal("new_lead_missing")
    lead = unit_of(sheet, data.new_lead)
    if isinstance(lead, Refusal):
        return lead
    _tell_adjudicated(sheet, work, "upheld")
    sheet.stop(ClockKind.RETURN)
    helpers = tuple(org for org in work.helpers if org != lead.id)
    given = Given(lead, helpers, work.kept_out)
    to_unit(sheet, given, action, words=data.reason, reason="return_upheld")
    return None


@fires(Step.ASSIGNMENT, ClockKind.RETURN)
def not_adjudicated(sheet: Draft, firing: Firing) -> None:
    """When nobody decided on a return in time: the present lead keeps the case."""
    work, ask = sheet.case.assignment, sheet.case.ask
    if work is None or ask is None or sheet.case.state is not CaseState.RETURN_REQUESTED:
        no_longer_needed(sheet, firing)
        return
    _stays(sheet, work, f"timer:{ClockKind.RETURN}", reason="return_undecided")


def _stays(sheet: Draft, work: Assignment, action: str, *, reason: str, words: str = "") -> None:
    """Leave the case where it was; a signing clock that ran on is left as it runs."""
    sheet.change(ask=None)
    sheet.stop(ClockKind.RETURN)
    if work.kind == AssigneeKind.UNIT and work.state not in _LOOKING:
        own_handler(sheet)
        if not any(clock.kind is ClockKind.SIGN for clock in sheet.case.clocks):
            begin(sheet, ClockKind.SIGN, sheet.policy.deadlines.accept[urgency(sheet.case)])
        sheet.move(CaseState.DISPATCHED, action, reason=reason, words=words)
    else:
        waiting = replace(work, state=AssignmentState.WAITING, kind=AssigneeKind.UNIT.value)
        sheet.change(assignment=replace(waiting, assignee="", second="", accepted_by=()))
        own(sheet, secretary(sheet))
        enlist(sheet)
        sheet.move(CaseState.DISPATCHED, action, reason=reason, words=words)
    outcome = "no_decision" if reason == "return_undecided" else "rejected"
    _tell_adjudicated(sheet, work, outcome)


def _tell_adjudicated(sheet: Draft, work: Assignment, outcome: str) -> None:
    sheet.notify(
        NoticeKind.RETURN_ADJUDICATED,
        told(handler_of(sheet, replace(work, kind=AssigneeKind.UNIT.value))),
        about=work.id,
        unit=unit_name(sheet, work.org),
        outcome=outcome,
    )


@handles(AssignmentReassigned)
def reassign(sheet: Draft, data: AssignmentReassigned) -> Refusal | None:
    """When a supervisor gives the case to another unit, group or person; they are asked anew."""
    work = sheet.case.assignment
    if work is None:
        return Refusal("nothing_offered")
    unit_has_it = work.kind == AssigneeKind.UNIT and work.state not in _LOOKING
    if (unit_has_it and data.to == work.org) or data.to in asked(work)[:1]:
        return Refusal("already_there")
    before = handler_of(sheet)
    org = sheet.facts.directory.org(data.to, sheet.now)
    if org is not None and org.kind not in GROUPS:
        refused = _to_other_unit(sheet, work, data)
    else:
        refused = _to_person(sheet, work, data)
    if refused is None:
        sheet.notify(
            NoticeKind.CASE_REASSIGNED,
            told(before),
            about=sheet.new_id("reassigned"),
            unit=unit_name(sheet, org.id if org is not None else work.org),
        )
    return refused


def _to_other_unit(sheet: Draft, work: Assignment, data: AssignmentReassigned) -> Refusal | None:
    lead = unit_of(sheet, data.to)
    if isinstance(lead, Refusal):
        return lead
    helpers = tuple(org for org in work.helpers if org != lead.id)
    given = Given(lead, helpers, work.kept_out)
    to_unit(sheet, given, Action.ASSIGNMENT_REASSIGN, words=data.reason, reason="reassigned")
    return None


def _to_person(sheet: Draft, work: Assignment, data: AssignmentReassigned) -> Refusal | None:
    """Give it to a person or group; where two are sent, the other one stays."""
    kind = fitting_kind(sheet, work, data.to)
    if isinstance(kind, Refusal):
        return kind
    work = replace(work, aid=None)
    other = tuple(who for who in (work.second, work.assignee) if who and who != data.to)[:1]
    alone = kind is AssigneeKind.SOCIAL_ORGANISATION or needed(sheet, work) == 1
    if not alone and not other:
        return Refusal("second_person_needed")
    sheet.change(ask=None)
    sheet.stop(ClockKind.SIGN, ClockKind.CONFIRM, ClockKind.GRANT)
    offer(sheet, work, (data.to, *(() if alone else other)), kind)
    sheet.done_by(Action.ASSIGNMENT_REASSIGN, sheet.acting.actor)
    sheet.move(
        CaseState.DISPATCHED,
        Action.ASSIGNMENT_REASSIGN,
        reason="reassigned",
        words=data.reason,
        detail={"persons": len(asked(work))},
    )
    return None
