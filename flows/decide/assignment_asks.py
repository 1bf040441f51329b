"""What a handler asks for and somebody else answers: put, refused, not answered. Pure."""

from flows.decide.able import able
from flows.decide.assignment import begin, does_the_work
from flows.decide.assignment_unanswered import no_longer_needed
from flows.decide.decision import Firing
from flows.decide.draft import Draft, Refusal
from flows.decide.escalation_notices import unit_name
from flows.decide.handled import told
from flows.decide.late import in_time
from flows.decide.route import fires
from models.case import Ask, AskKind
from models.clocks import ClockKind
from models.policy.actions import Action
from models.policy.people import Role
from models.values import PersonId, Step
from notifications.notice import NoticeKind, Person, instant


def may_not_ask(sheet: Draft) -> Refusal | None:
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


def put(sheet: Draft, ask: Ask, action: Action, *, words: str) -> None:
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


def may_not_answer(sheet: Draft, kind: AskKind) -> Refusal | None:
    ask = sheet.case.ask
    if ask is None or ask.kind is not kind:
        return Refusal("nothing_asked")
    if sheet.acting.actor == ask.asked_by:
        return Refusal("same_person", {"did": f"ask_{kind}"})
    return None


def answered(sheet: Draft, action: Action) -> None:
    sheet.done_by(action, sheet.acting.actor)
    sheet.change(ask=None)
    sheet.stop(ClockKind.GRANT)


def refuse(sheet: Draft, ask: Ask, action: str, *, reason: str, words: str = "") -> None:
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
    refuse(sheet, ask, f"timer:{ClockKind.GRANT}", reason="request_unanswered")
