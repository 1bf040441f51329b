"""延期: more time, asked before expiry, granted by somebody else, within policy's caps. Pure."""

from datetime import timedelta

from events.contract.assignment import ExtensionAnswered, ExtensionAsked, Grant
from flows.decide.assignment_asks import answered, may_not_answer, may_not_ask, put, refuse
from flows.decide.draft import Draft, Refusal
from flows.decide.limits import run_case_limit
from flows.decide.route import handles
from models.case import Ask, AskKind
from models.deadlines import extend
from models.policy.actions import Action
from models.policy.span import Span, SpanKind
from models.values import PersonId
from notifications.notice import NoticeKind, Person, instant

_DAY = timedelta(days=1)


@handles(ExtensionAsked)
def ask_extension(sheet: Draft, data: ExtensionAsked) -> Refusal | None:
    """When the handler asks for more time, before expiry and within policy's cap."""
    case, rules = sheet.case, sheet.policy.deadlines
    refused = may_not_ask(sheet)
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
    put(sheet, ask, Action.ASSIGNMENT_ASK_EXTENSION, words=data.reason)
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


@handles(ExtensionAnswered)
def answer_extension(sheet: Draft, data: ExtensionAnswered) -> Refusal | None:
    """When somebody other than the asker grants or refuses more time. A breach stays one."""
    ask, due = sheet.case.ask, sheet.case.due
    refused = may_not_answer(sheet, AskKind.EXTENSION)
    if refused is not None or ask is None or due is None:
        return refused or Refusal("nothing_asked")
    action = Action.ASSIGNMENT_GRANT_EXTENSION
    if data.answer is Grant.REFUSED:
        refuse(sheet, ask, action, reason="request_refused", words=data.reason)
        return None
    days = data.working_days or ask.working_days
    if too_long := _too_many_days(sheet, days):
        return too_long
    longer = extend(due, Span(SpanKind.WORKING_DAYS, days * _DAY), office=sheet.facts.office)
    answered(sheet, action)
    sheet.change(extensions=sheet.case.extensions + 1)
    run_case_limit(sheet, longer)
    sheet.record(
        action,
        reason="request_granted",
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
