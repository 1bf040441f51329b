"""挂账: a case rests for a granted while, its limit stands still, and goes on. Pure."""

from datetime import datetime

from events.contract.assignment import Grant, HandlingResumed, SuspensionAnswered, SuspensionAsked
from flows.decide.able import able
from flows.decide.assignment import does_the_work, end_help
from flows.decide.assignment_asks import answered, may_not_answer, may_not_ask, put, refuse
from flows.decide.assignment_unanswered import no_longer_needed
from flows.decide.decision import Firing
from flows.decide.draft import Draft, Refusal
from flows.decide.handled import own_handler, told
from flows.decide.limits import run_case_limit, stop_case_limit
from flows.decide.route import fires, handles
from models.case import Ask, AskKind
from models.clocks import ClockKind
from models.deadlines import Deadline, resume
from models.policy.actions import Action
from models.policy.people import Role
from models.values import CaseState, PersonId, Step
from notifications.notice import NoticeKind, Person, instant


@handles(SuspensionAsked)
def ask_suspension(sheet: Draft, data: SuspensionAsked) -> Refusal | None:
    """When the handler asks to let the case rest, before expiry and within policy's cap."""
    case, rules = sheet.case, sheet.policy.deadlines
    refused = may_not_ask(sheet)
    if refused is not None:
        return refused
    if case.suspensions >= rules.suspensions:
        return Refusal("suspension_cap", {"suspensions": case.suspensions})
    if wrong := _wrong_end(sheet, data.until):
        return wrong
    actor = sheet.acting.actor
    ask = Ask(kind=AskKind.SUSPENSION, asked_by=actor, asked_at=sheet.now, until=data.until)
    put(sheet, ask, Action.ASSIGNMENT_ASK_SUSPENSION, words=data.reason)
    return None


def _wrong_end(sheet: Draft, until: datetime) -> Refusal | None:
    longest = sheet.policy.deadlines.suspension_at_most
    if until <= sheet.now:
        return Refusal("until_past")
    if until > sheet.now + longest:
        return Refusal("suspension_too_long", {"days": longest.days})
    return None


@handles(SuspensionAnswered)
def answer_suspension(sheet: Draft, data: SuspensionAnswered) -> Refusal | None:
    """When somebody other than the asker lets the case rest, or not."""
    ask, due = sheet.case.ask, sheet.case.due
    refused = may_not_answer(sheet, AskKind.SUSPENSION)
    if refused is not None or ask is None or due is None:
        return refused or Refusal("nothing_asked")
    action = Action.ASSIGNMENT_GRANT_SUSPENSION
    if data.answer is Grant.REFUSED:
        refuse(sheet, ask, action, reason="request_refused", words=data.reason)
        return None
    until = data.until or ask.until
    if until is None:
        return Refusal("until_past")
    if sheet.case.breached_at is not None or sheet.now >= due.due_at:
        return Refusal("already_expired", {"due_at": instant(due.due_at)})
    if wrong := _wrong_end(sheet, until):
        return wrong
    _suspend(sheet, ask, until, words=data.reason)
    return None


def _suspend(sheet: Draft, ask: Ask, until: datetime, *, words: str) -> None:
    """Let the case rest: its limit stands still until it is resumed, at the latest at `until`."""
    action = Action.ASSIGNMENT_GRANT_SUSPENSION
    answered(sheet, action)
    sheet.change(suspended_at=sheet.now, suspensions=sheet.case.suspensions + 1)
    stop_case_limit(sheet)
    end_help(sheet)
    own_handler(sheet)
    sheet.start_until(ClockKind.SUSPENSION_END, until)
    sheet.move(
        CaseState.SUSPENDED,
        action,
        reason="request_granted",
        words=words,
        rule="deadlines/suspensions",
        detail={"until": instant(until)},
    )
    sheet.notify(
        NoticeKind.SUSPENSION_GRANTED,
        Person(id=PersonId(ask.asked_by)),
        about=sheet.cause,
        until_at=instant(until),
    )


@handles(HandlingResumed)
def resume_work(sheet: Draft, data: HandlingResumed) -> Refusal | None:
    """When a resting case goes on before its time; the limit runs again."""
    work = sheet.case.assignment
    if sheet.case.suspended_at is None or work is None:
        return Refusal("not_suspended")
    grants = sheet.policy.roles.holders[Action.ASSIGNMENT_GRANT_SUSPENSION]
    if sheet.acting.role not in grants and not does_the_work(sheet, work):
        return Refusal("not_handler")
    sheet.done_by(Action.ASSIGNMENT_RESUME, sheet.acting.actor)
    _go_on(sheet, Action.ASSIGNMENT_RESUME, NoticeKind.CASE_RESUMED, words=data.reason)
    return None


@fires(Step.ASSIGNMENT, ClockKind.SUSPENSION_END)
def suspension_over(sheet: Draft, firing: Firing) -> None:
    """When a suspension ends: the work goes on by itself, and handler and supervisor hear it."""
    if sheet.case.suspended_at is None or sheet.case.state is not CaseState.SUSPENDED:
        no_longer_needed(sheet, firing)
        return
    kind = NoticeKind.SUSPENSION_EXPIRED
    _go_on(sheet, f"timer:{ClockKind.SUSPENSION_END}", kind, reason="suspension_over")
    owner = able(sheet, Action.ASSIGNMENT_GRANT_SUSPENSION, Role.DUTY_SUPERVISOR)
    if owner is not None and sheet.case.due is not None:
        due_at = instant(sheet.case.due.due_at)
        sheet.notify(kind, told(owner), about=f"supervisor{sheet.cause}", due_at=due_at)


def _go_on(
    sheet: Draft, action: str, kind: NoticeKind, *, reason: str = "ok", words: str = ""
) -> None:
    due = _resumed_limit(sheet)
    sheet.change(suspended_at=None)
    sheet.stop(ClockKind.SUSPENSION_END)
    if due is not None:
        run_case_limit(sheet, due)
    owner = own_handler(sheet)
    due_at = instant(due.due_at if due is not None else sheet.now)
    sheet.move(CaseState.HANDLING, action, reason=reason, words=words, detail={"due_at": due_at})
    sheet.notify(kind, told(owner), about=sheet.cause, due_at=due_at)


def _resumed_limit(sheet: Draft) -> Deadline | None:
    """Return the case's limit with the rest given back."""
    case = sheet.case
    if case.due is None or case.suspended_at is None:
        return case.due
    return resume(
        case.due,
        paused_at=case.suspended_at,
        resumed_at=sheet.now,
        office=sheet.facts.office,
    )
