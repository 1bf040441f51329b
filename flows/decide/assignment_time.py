"""延期 and 挂账: more time, or a rest, asked before expiry and granted by somebody else. Pure."""

from datetime import datetime, timedelta

from events.contract.assignment import (
    ExtensionAnswered,
    ExtensionAsked,
    Grant,
    HandlingResumed,
    SuspensionAnswered,
    SuspensionAsked,
)
from flows.decide.able import able
from flows.decide.assignment import begin, does_the_work
from flows.decide.assignment_unanswered import no_longer_needed
from flows.decide.decision import Firing
from flows.decide.draft import Draft, Refusal
from flows.decide.escalation_notices import unit_name
from flows.decide.handled import own_handler, told
from flows.decide.late import in_time
from flows.decide.limits import run_case_limit, stop_case_limit
from flows.decide.route import fires, handles
from models.case import Ask, AskKind, ClockKind
from models.deadlines import Deadline, extend, resume
from models.policy.actions import Action
from models.policy.people import Role
from models.policy.span import Span, SpanKind
from models.values import CaseState, PersonId, Step
from notifications.notice import NoticeKind, Person, instant

_DAY = timedelta(days=1)


@handles(ExtensionAsked)
def ask_extension(sheet: Draft, data: ExtensionAsked) -> Refusal | None:
    """When the handler asks for more time, before expiry and within policy's cap."""
    case, rules = sheet.case, sheet.policy.deadlines
    refused = _may_not_ask(sheet)
    if refused is not None:
        return refused
    if case.extensions >= rules.extensions:
        return Refusal("extension_cap", {"extensions": case.extensions})
    if too_long := _too_many_days(sheet, data.working_days):
        return too_long
    actor = sheet.acting.actor
    ask = Ask(
        kind=AskKind.EXTENSION,
        asked_by=actor,
        asked_at=sheet.now,
        working_days=data.working_days,
    )
    _ask(sheet, ask, Action.ASSIGNMENT_ASK_EXTENSION, words=data.reason)
    return None


@handles(SuspensionAsked)
def ask_suspension(sheet: Draft, data: SuspensionAsked) -> Refusal | None:
    """When the handler asks to let the case rest, before expiry and within policy's cap."""
    case, rules = sheet.case, sheet.policy.deadlines
    refused = _may_not_ask(sheet)
    if refused is not None:
        return refused
    if case.suspensions >= rules.suspensions:
        return Refusal("suspension_cap", {"suspensions": case.suspensions})
    if wrong := _wrong_end(sheet, data.until):
        return wrong
    actor = sheet.acting.actor
    ask = Ask(kind=AskKind.SUSPENSION, asked_by=actor, asked_at=sheet.now, until=data.until)
    _ask(sheet, ask, Action.ASSIGNMENT_ASK_SUSPENSION, words=data.reason)
    return None


def _may_not_ask(sheet: Draft) -> Refusal | None:
    case = sheet.case
    if case.assignment is None or not does_the_work(sheet, case.assignment):
        return Refusal("not_handler")
    if case.ask is not None:
        return Refusal("ask_pending", {"asked": str(case.ask.kind)})
    if case.due is None:
        return Refusal("no_limit")
    if sheet.now >= case.due.due_at and not in_time(sheet, case.due.due_at):
        return Refusal("already_expired", {"due_at": instant(case.due.due_at)})
    return None


def _too_many_days(sheet: Draft, days: int) -> Refusal | None:
    """Compare with policy's share of the limit, in working days; one day may always be asked."""
    due = sheet.case.due
    span = due.span if due is not None else Span(SpanKind.WORKING_DAYS, _DAY)
    share = sheet.policy.deadlines.extension_share
    whole = span.days if span.kind is SpanKind.WORKING_DAYS else -(-span.value // _DAY)
    cap = max(1, int(share * whole + 1e-9))
    if 1 <= days <= cap:
        return None
    return Refusal("extension_too_long", {"working_days": days, "cap": cap})


def _wrong_end(sheet: Draft, until: datetime) -> Refusal | None:
    longest = sheet.policy.deadlines.suspension_at_most
    if until <= sheet.now:
        return Refusal("until_past")
    if until > sheet.now + longest:
        return Refusal("suspension_too_long", {"days": longest.days})
    return None


def _ask(sheet: Draft, ask: Ask, action: Action, *, words: str) -> None:
    """Put a request before whoever may grant it; the case stays with its handler."""
    extension = ask.kind is AskKind.EXTENSION
    sheet.done_by(action, ask.asked_by)
    sheet.change(ask=ask)
    deadline = begin(sheet, ClockKind.GRANT, sheet.policy.deadlines.application)
    sheet.record(
        action,
        words=words,
        rule="deadlines/extensions" if extension else "deadlines/suspensions",
        detail={
            "working_days": ask.working_days,
            "until": instant(ask.until) if ask.until is not None else "",
        },
    )
    grant = Action.ASSIGNMENT_GRANT_EXTENSION if extension else Action.ASSIGNMENT_GRANT_SUSPENSION
    owner = able(sheet, grant, Role.DUTY_SUPERVISOR, Role.TOWNSHIP_PRINCIPAL)
    if owner is None:
        return
    work = sheet.case.assignment
    unit = unit_name(sheet, work.org if work is not None else owner.org)
    if extension:
        sheet.notify(
            NoticeKind.EXTENSION_ASKED,
            told(owner),
            about=sheet.cause,
            unit=unit,
            due_at=instant(deadline.due_at),
            reason="extension_asked",
        )
    else:
        sheet.notify(
            NoticeKind.SUSPENSION_ASKED,
            told(owner),
            about=sheet.cause,
            unit=unit,
            reason="suspension_asked",
        )


@handles(ExtensionAnswered)
def answer_extension(sheet: Draft, data: ExtensionAnswered) -> Refusal | None:
    """When somebody other than the asker grants or refuses more time. A breach stays one."""
    ask, due = sheet.case.ask, sheet.case.due
    refused = _may_not_answer(sheet, AskKind.EXTENSION)
    if refused is not None or ask is None or due is None:
        return refused or Refusal("nothing_asked")
    action = Action.ASSIGNMENT_GRANT_EXTENSION
    if data.answer is Grant.REFUSED:
        _refuse(sheet, ask, action, reason="refused", words=data.reason)
        return None
    days = data.working_days or ask.working_days
    if too_long := _too_many_days(sheet, days):
        return too_long
    longer = extend(due, Span(SpanKind.WORKING_DAYS, days * _DAY), office=sheet.facts.office)
    _answered(sheet, action)
    sheet.change(extensions=sheet.case.extensions + 1)
    run_case_limit(sheet, longer)
    sheet.record(
        action,
        reason="granted",
        words=data.reason,
        rule="deadlines/extensions",
        detail={
            "working_days": days,
            "was_due_at": instant(due.due_at),
            "due_at": instant(longer.due_at),
        },
    )
    sheet.notify(
        NoticeKind.EXTENSION_GRANTED,
        Person(id=PersonId(ask.asked_by)),
        about=sheet.cause,
        due_at=instant(longer.due_at),
    )
    return None


@handles(SuspensionAnswered)
def answer_suspension(sheet: Draft, data: SuspensionAnswered) -> Refusal | None:
    """When somebody other than the asker lets the case rest, or not."""
    ask, due = sheet.case.ask, sheet.case.due
    refused = _may_not_answer(sheet, AskKind.SUSPENSION)
    if refused is not None or ask is None or due is None:
        return refused or Refusal("nothing_asked")
    action = Action.ASSIGNMENT_GRANT_SUSPENSION
    if data.answer is Grant.REFUSED:
        _refuse(sheet, ask, action, reason="refused", words=data.reason)
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
    _answered(sheet, action)
    sheet.change(suspended_at=sheet.now, suspensions=sheet.case.suspensions + 1)
    stop_case_limit(sheet)
    own_handler(sheet)
    sheet.start_until(ClockKind.SUSPENSION_END, until)
    sheet.move(
        CaseState.SUSPENDED,
        action,
        reason="granted",
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


def _may_not_answer(sheet: Draft, kind: AskKind) -> Refusal | None:
    ask = sheet.case.ask
    if ask is None or ask.kind is not kind:
        return Refusal("nothing_asked")
    if sheet.acting.actor == ask.asked_by:
        return Refusal("same_person", {"did": f"ask_{kind}"})
    return None


def _answered(sheet: Draft, action: Action) -> None:
    sheet.done_by(action, sheet.acting.actor)
    sheet.change(ask=None)
    sheet.stop(ClockKind.GRANT)


def _refuse(sheet: Draft, ask: Ask, action: str, *, reason: str, words: str = "") -> None:
    """Leave the limit as it is and tell who asked."""
    sheet.change(ask=None)
    sheet.stop(ClockKind.GRANT)
    sheet.record(action, reason=reason, words=words, rule="deadlines/application")
    extension = ask.kind is AskKind.EXTENSION
    due = sheet.case.due
    sheet.notify(
        NoticeKind.EXTENSION_REFUSED if extension else NoticeKind.SUSPENSION_REFUSED,
        Person(id=PersonId(ask.asked_by)),
        about=sheet.cause,
        due_at=instant(due.due_at if due is not None else sheet.now),
    )


@fires(Step.ASSIGNMENT, ClockKind.GRANT)
def not_granted(sheet: Draft, firing: Firing) -> None:
    """When nobody answered a request in time: that is a refusal."""
    ask = sheet.case.ask
    if ask is None or ask.kind is AskKind.RETURN:
        no_longer_needed(sheet, firing)
        return
    _refuse(sheet, ask, f"timer:{ClockKind.GRANT}", reason="unanswered")


@handles(HandlingResumed)
def resume_work(sheet: Draft, data: HandlingResumed) -> Refusal | None:
    """When a resting case goes on before its time; the limit runs again."""
    if sheet.case.suspended_at is None:
        return Refusal("not_suspended")
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
