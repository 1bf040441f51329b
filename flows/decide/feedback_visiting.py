"""回访: the villager is asked, by telephone, link or on foot (domain.md sections 2 and 3). Pure."""

import hashlib

from msgspec.structs import replace

from events.contract.feedback import VisitAnswered, VisitChannel, VisitRequested, VisitResult
from flows.decide.decision import Firing
from flows.decide.draft import Draft, Refusal, system
from flows.decide.escalation import record_breach, rings
from flows.decide.feedback_closing import go_to_closing
from flows.decide.feedback_reopening import reopen, too_often
from flows.decide.fitting import unfit
from flows.decide.handled import told
from flows.decide.intake_marks import hand_to
from flows.decide.route import fires, handles
from flows.decide.waiting import answer, waits_for
from models.case import Case
from models.clocks import ClockKind
from models.handling import Visit
from models.policy.actions import Action
from models.policy.people import Role
from models.policy.span import Span
from models.policy.work import NoAnswer
from models.values import SYSTEM_PREFIX, CaseState, Step
from notifications.notice import NoticeKind, Reporter, instant

_BUCKETS = 10_000


@handles(VisitRequested)
def request_visit(sheet: Draft, data: VisitRequested) -> Refusal | None:
    """回访. When checked work is to be asked about; where nobody is to be asked, it is closed.

    A person never passes the check over by it, but may choose another way of asking.
    """
    if refusal := unfit(sheet, Action.FEEDBACK_VISIT):
        return refusal
    by_engine = sheet.acting.actor.startswith(SYSTEM_PREFIX)
    if not by_engine and waits_for(sheet, ClockKind.CHECK):
        return Refusal("not_checked_yet")
    if not by_engine and (visit := _asked_otherwise(sheet, data.channel)) is not None:
        _change_channel(sheet, visit)
        return None
    if waits_for(sheet, ClockKind.VISIT) or waits_for(sheet, ClockKind.CLOSE):
        return Refusal("visit_asked_already")
    why_not = nobody_to_ask(sheet) or (not_drawn(sheet) if by_engine else "")
    if why_not and not by_engine:
        return Refusal(why_not)
    if why_not:
        sheet.move(CaseState.VISITING, Action.FEEDBACK_VISIT, reason=why_not, rule="feedback")
        go_to_closing(sheet, why_not)
    else:
        ask(sheet, usable_channel(sheet, data.channel), sheet.policy.deadlines.visit)
    return None


def _asked_otherwise(sheet: Draft, wanted: VisitChannel) -> Visit | None:
    """Return the visit by another channel, where it is still to be asked and nobody has tried."""
    visit, channel = sheet.case.visit, usable_channel(sheet, wanted)
    if visit is None or not waits_for(sheet, ClockKind.VISIT):
        return None
    if visit.attempts or visit.channel == channel.value:
        return None
    return replace(visit, channel=channel.value)


def _change_channel(sheet: Draft, visit: Visit) -> None:
    """Ask in another way; the clock of the visit runs on."""
    sheet.change(visit=visit)
    sheet.record(Action.FEEDBACK_VISIT, reason="asked_otherwise", detail={"channel": visit.channel})
    clock = sheet.case.clock(ClockKind.VISIT)
    _send_link(sheet, visit, instant(clock.due_at if clock is not None else sheet.now))


def _send_link(sheet: Draft, visit: Visit, due_at: str) -> None:
    """Send the reporter the link, where that is how they are asked."""
    if visit.channel == VisitChannel.LINK.value and sheet.case.reporter_ref:
        sheet.notify(
            NoticeKind.EVALUATION_ASKED,
            Reporter(sheet.case.reporter_ref),
            about=visit.id,
            due_at=due_at,
            link_code=visit.id,
        )


def nobody_to_ask(sheet: Draft) -> str:
    """Return why nobody can be asked: what was reported without a name, or found on patrol."""
    asks = sheet.case.reporter_ref or sheet.policy.feedback.visit_anonymous
    return "" if asks else "nobody_to_visit"


def not_drawn(sheet: Draft) -> str:
    """Return why this case is not visited where policy visits a share: by a hash of its id."""
    digest = hashlib.sha256(f"visit|{sheet.case.id}".encode()).digest()
    drawn = int.from_bytes(digest[:8]) % _BUCKETS < sheet.policy.feedback.visited_share * _BUCKETS
    return "" if drawn else "not_drawn"


def usable_channel(sheet: Draft, wanted: VisitChannel) -> VisitChannel:
    """Return the wanted channel, or the policy's first where policy does not have it."""
    known = sheet.policy.feedback.channels
    return wanted if wanted.value in known else VisitChannel(known[0])


def ask(sheet: Draft, channel: VisitChannel, within: Span, *, disputed: str = "") -> None:
    """Begin a round of asking. `disputed`: whose record is contested, and who stays out of it."""
    visit = Visit(
        id=sheet.new_id("visit"),
        requested_at=sheet.now,
        channel=channel.value,
        visitor=disputed,
        disputed=bool(disputed),
    )
    sheet.change(visit=visit)
    owner = hand_to(sheet, Action.FEEDBACK_VISIT, Role.VISITOR)
    deadline = sheet.start(ClockKind.VISIT, within)
    sheet.move(
        CaseState.VISITING,
        Action.FEEDBACK_VISIT,
        reason="visit_asked",
        acting=system(Step.FEEDBACK, sheet.case.township),
        detail={"channel": channel.value, "due_at": instant(deadline.due_at)},
    )
    due_at = instant(deadline.due_at)
    sheet.notify(NoticeKind.VISIT_REQUESTED, told(owner), about=visit.id, due_at=due_at)
    _send_link(sheet, visit, due_at)


@handles(VisitAnswered)
def answer_visit(sheet: Draft, data: VisitAnswered) -> Refusal | None:
    """When the visitor records what the villager said, or that nobody answered."""
    visit = sheet.case.visit
    if visit is None or not waits_for(sheet, ClockKind.VISIT):
        return Refusal("no_visit_asked")
    if visit.disputed and sheet.acting.actor == visit.visitor:
        return Refusal("same_person", {"did": str(Action.FEEDBACK_VISIT)})
    if data.result is VisitResult.ANSWERED and data.satisfaction is None:
        return Refusal("satisfaction_missing")
    sheet.done_by(Action.FEEDBACK_VISIT, sheet.acting.actor)
    _note(sheet, visit, data)
    match data.result:
        case VisitResult.ANSWERED if good(sheet):
            go_to_closing(sheet, "solved")
        case VisitResult.ANSWERED:
            _not_good(sheet)
        case VisitResult.NOBODY:
            _try_again(sheet)
        case VisitResult.UNREACHABLE:
            _rest_of_rules(sheet, unreachable=True)
    return None


def _note(sheet: Draft, visit: Visit, data: VisitAnswered) -> None:
    """Write the attempt on the visit; only an answer says anything of the matter."""
    answered = data.result is VisitResult.ANSWERED
    sheet.change(
        visit=replace(
            visit,
            channel=data.channel.value,
            attempts=visit.attempts + 1,
            result=data.result.value,
            contacted=answered and data.contacted,
            solved=data.solved if answered else None,
            satisfaction=data.satisfaction.value if answered and data.satisfaction else "",
            visitor=sheet.acting.actor,
            disputed=False,
            answered_at=sheet.now if answered else None,
        )
    )
    sheet.record(
        Action.FEEDBACK_VISIT,
        reason=data.result.value,
        words=data.comment,
        detail={
            "channel": data.channel.value,
            "attempt": visit.attempts + 1,
            "contacted": answered and data.contacted,
            "solved": data.solved if answered else None,
            "satisfaction": data.satisfaction.value if data.satisfaction else None,
        },
    )


def good(sheet: Draft) -> bool:
    """Tell whether the last answer lets the case be closed: solved, and not what policy reopens."""
    visit = sheet.case.visit
    reopening = sheet.policy.feedback.reopening
    return visit is not None and bool(visit.solved) and visit.satisfaction not in reopening


def _not_good(sheet: Draft) -> None:
    """Open the case again; above the cap a person has to say what becomes of it."""
    answer(sheet, ClockKind.VISIT)
    if capped := too_often(sheet):
        go_to_closing(sheet, capped.code, reviewed=True)
    else:
        solved = sheet.case.visit is not None and sheet.case.visit.solved
        reason = "dissatisfied" if solved else "not_solved"
        reopen(sheet, reason=reason, acting=system(Step.FEEDBACK, sheet.case.township))


def _try_again(sheet: Draft) -> None:
    """Nobody answered: ask again after the policy's pause, then by its rules, in order."""
    rules, case = sheet.policy.feedback, sheet.case
    if attempts(case) >= rules.attempts:
        _rest_of_rules(sheet, unreachable=False)
        return
    answer(sheet, ClockKind.VISIT)
    sheet.start(ClockKind.VISIT, rules.attempt_every)
    _tell_no_answer(sheet)


def attempts(case: Case) -> int:
    """Return how often somebody tried in this round."""
    return case.visit.attempts if case.visit is not None else 0


def _rest_of_rules(sheet: Draft, *, unreachable: bool) -> None:
    """Follow the policy's rules for nobody reached, in order: on foot once, then closed.

    Who can never be reached leaves the rates' denominator, so a person looks at that.
    """
    visit = sheet.case.visit
    for rule in sheet.policy.feedback.no_answer:
        if rule is NoAnswer.CLOSE_UNREACHED:
            go_to_closing(
                sheet, "unreachable" if unreachable else "not_reached", reviewed=unreachable
            )
            return
        if visit is not None and _on_foot_left(sheet, visit):
            answer(sheet, ClockKind.VISIT)
            sheet.change(visit=replace(visit, channel=VisitChannel.VISIT.value))
            sheet.start(ClockKind.VISIT, sheet.policy.deadlines.visit)
            _tell_no_answer(sheet)
            return
    go_to_closing(sheet, "not_reached", reviewed=True)


def _on_foot_left(sheet: Draft, visit: Visit) -> bool:
    on_foot = visit.channel == VisitChannel.VISIT
    return not on_foot and visit.attempts <= sheet.policy.feedback.attempts


def _tell_no_answer(sheet: Draft) -> None:
    owner = hand_to(sheet, Action.FEEDBACK_VISIT, Role.VISITOR)
    count = attempts(sheet.case)
    sheet.notify(NoticeKind.VISIT_NO_ANSWER, told(owner), about=str(count), count=count)


@fires(Step.FEEDBACK, ClockKind.VISIT)
def nobody_asked(sheet: Draft, firing: Firing) -> None:
    """When nobody asked the villager in time: the ladder tells who stands above."""
    if rings(sheet, firing):
        record_breach(sheet, firing, firing.clock.kind)
