"""公示异议: a villager objects, the two committees answer, the supervision committee checks. Pure.

Upheld, or the answer not agreed to: what hangs out is taken down. A resolution goes back to the
step policy names, a result is put up anew. Else the answer stands. No objection moves the end of
the period and none counts after it, so one person cannot block for ever.
"""

from msgspec.structs import replace

from events.contract.consultation import (
    AnswerChecked,
    ConsultationOutcome,
    PublicityAnswered,
    PublicityObjected,
    Stage,
)
from flows.decide.consultation import begin_stage
from flows.decide.consultation_end import finish
from flows.decide.consultation_items import owe_results
from flows.decide.consultation_rules import STAGE_OF, edit, event_id, steps
from flows.decide.decision import Firing
from flows.decide.draft import Draft, Refusal
from flows.decide.escalation import no_longer_needed, rings
from flows.decide.publicity import end_publicity, tell_village, unsettled
from flows.decide.route import fires, handles
from models.clocks import Clock, ClockKind
from models.consulting import Consultation, Objection
from models.policy.actions import Action
from models.policy.people import Role
from models.values import Step
from notifications.notice import NoticeKind, instant


@handles(PublicityObjected)
def object_publicly(sheet: Draft, data: PublicityObjected) -> Refusal | None:
    """When a villager objects while it hangs out."""
    talk = sheet.case.consultation
    if talk is None or not talk.publicity:
        return Refusal("nothing_published")
    if sheet.case.clock(f"{ClockKind.PUBLICITY}:{talk.publicity}") is None:
        return Refusal("publicity_closed")
    known = event_id(sheet)
    if any(objection.id == known for objection in talk.objections):
        return Refusal("objection_known")
    objection = Objection(id=known, at=sheet.now, stage=talk.publicity)
    edit(sheet, talk, objections=(*talk.objections, objection))
    _await_answer(sheet, talk, known, NoticeKind.PUBLICITY_OBJECTION_RECEIVED)
    sheet.record(
        Action.CONSULTATION_PUBLICITY_OBJECT, words=data.objection, detail={"stage": talk.publicity}
    )
    return None


def _await_answer(
    sheet: Draft, talk: Consultation, known: str, kind: NoticeKind, *, rang: Clock | None = None
) -> None:
    rules = sheet.policy.consultation.publicity
    deadline = sheet.start(ClockKind.OBJECTION_ANSWER, rules.answer, part=known, rang=rang)
    for role in rules.answered_by:
        tell_village(sheet, talk, kind, role, f"{known}|{kind}", due_at=instant(deadline.due_at))


@handles(PublicityAnswered)
def answer_objection(sheet: Draft, data: PublicityAnswered) -> Refusal | None:
    """When the two committees answer an objection: upheld goes back, else it is to be checked."""
    talk, objection = sheet.case.consultation, open_objection(sheet, data.objection)
    if talk is None or objection is None:
        return Refusal("unknown_objection")
    if objection.answered:
        return Refusal("answered_already")
    action = Action.CONSULTATION_PUBLICITY_ANSWER
    sheet.done_by(action, sheet.acting.actor)
    talk = _set(sheet, talk, replace(objection, answered=True))
    if data.upheld:
        _uphold(sheet, talk, objection, action, words=data.answer)
        return None
    rules = sheet.policy.consultation.publicity
    deadline = sheet.start(ClockKind.OBJECTION_ANSWER, rules.check, part=objection.id)
    sheet.record(action, words=data.answer, detail={"upheld": False, "objection": objection.id})
    for role in rules.checked_by:
        about = f"{objection.id}|check"
        due_at = instant(deadline.due_at)
        tell_village(sheet, talk, NoticeKind.OBJECTION_ANSWER_DUE, role, about, due_at=due_at)
    return None


@handles(AnswerChecked)
def check_answer(sheet: Draft, data: AnswerChecked) -> Refusal | None:
    """When the supervision committee checked an answer: agreed to, it stands."""
    talk, objection = sheet.case.consultation, open_objection(sheet, data.objection)
    if talk is None or objection is None:
        return Refusal("unknown_objection")
    if not objection.answered:
        return Refusal("not_answered_yet")
    action = Action.CONSULTATION_PUBLICITY_CHECK
    if not data.agrees:
        _uphold(sheet, talk, objection, action, words=data.note)
        return None
    sheet.record(action, words=data.note, detail={"agrees": True, "objection": objection.id})
    _settle(sheet, talk, objection, "checked", action)
    return None


def open_objection(sheet: Draft, known: str) -> Objection | None:
    """Return the objection of that id, if nothing has settled it yet."""
    talk = sheet.case.consultation
    return next((o for o in unsettled(talk) if o.id == known), None) if talk else None


def _set(sheet: Draft, talk: Consultation, objection: Objection) -> Consultation:
    changed = tuple(objection if o.id == objection.id else o for o in talk.objections)
    return edit(sheet, talk, objections=changed)


def _settle(sheet: Draft, talk: Consultation, objection: Objection, how: str, action: str) -> None:
    """End an objection without effect; the last one after the period ends the publicity."""
    talk = _set(sheet, talk, replace(objection, settled=how))
    sheet.stop(ClockKind.OBJECTION_ANSWER, part=objection.id)
    hangs = sheet.case.clock(f"{ClockKind.PUBLICITY}:{talk.publicity}") is not None
    if talk.publicity and not hangs and not unsettled(talk):
        end_publicity(sheet, talk, action)


def _uphold(
    sheet: Draft, talk: Consultation, objection: Objection, action: Action, *, words: str
) -> None:
    """Take the publication down and say from which step it goes on."""
    resolution = talk.publicity == Stage.PUBLISH_RESOLUTION
    back = STAGE_OF[sheet.policy.consultation.publicity.back_to]
    to = back if resolution else Stage.PUBLISH_RESULT
    talk = _taken_down(sheet, talk, to, settled=_settled(talk, objection, "upheld"))
    sheet.stop(ClockKind.PUBLICITY, ClockKind.OBJECTION_ANSWER)
    if resolution:
        begin_stage(sheet, talk)
    else:
        owe_results(sheet, talk)
    sheet.record(
        action,
        reason="objection_upheld",
        words=words,
        rule="consultation/publicity",
        detail={"back_to": str(to), "objection": objection.id},
    )
    about, told = f"{objection.id}|upheld", NoticeKind.CONSULTATION_REQUESTED
    tell_village(sheet, talk, told, Role.VILLAGE_SECRETARY, about)


def _taken_down(
    sheet: Draft, talk: Consultation, to: Stage, *, settled: tuple[Objection, ...]
) -> Consultation:
    """Return the consultation as it stands at `to`, without what came after it."""
    order = tuple(steps(sheet))
    gone = order[order.index(to) :]
    return edit(
        sheet,
        talk,
        stage=to,
        publicity="",
        objections=settled,
        passed=tuple(passed for passed in talk.passed if passed.stage not in gone),
        roll=tuple(seat for seat in talk.roll if seat.stage not in gone),
        votes=tuple(vote for vote in talk.votes if vote.stage not in gone),
        sittings=tuple(sitting for sitting in talk.sittings if sitting.stage not in gone),
    )


def _settled(talk: Consultation, objection: Objection, how: str) -> tuple[Objection, ...]:
    """Return the objections with this one settled so, and the others that were open moot."""
    return tuple(
        other
        if other.settled
        else replace(other, settled=how if other.id == objection.id else "moot")
        for other in talk.objections
    )


@fires(Step.CONSULTATION, ClockKind.OBJECTION_ANSWER)
def answer_late(sheet: Draft, firing: Firing) -> None:
    """When an objection is not answered, or the answer not checked, in its time.

    Unanswered: urged once, then the resolution does not stand and the township gets the case.
    Unchecked: the answer stands as it is, and that nobody checked it is on record.
    """
    if not rings(sheet, firing, settled_too=True):
        return
    part, action = firing.clock.part, f"timer:{firing.clock.kind}"
    talk, objection = sheet.case.consultation, open_objection(sheet, part)
    if talk is None or objection is None:
        no_longer_needed(sheet, firing)
    elif objection.answered:
        sheet.record(action, reason="answer_unchecked", detail={"objection": part})
        _settle(sheet, talk, objection, "unchecked", action)
    elif not objection.urged:
        talk = _set(sheet, talk, replace(objection, urged=True))
        sheet.record(action, reason="answer_late", detail={"objection": part})
        _await_answer(sheet, talk, part, NoticeKind.OBJECTION_ANSWER_DUE, rang=firing.clock)
    else:
        _unanswered(sheet, talk, objection, action)


def _unanswered(sheet: Draft, talk: Consultation, objection: Objection, action: str) -> None:
    reason = "objection_unanswered"
    if talk.publicity == Stage.PUBLISH_RESOLUTION:
        talk = edit(sheet, talk, objections=_settled(talk, objection, "unanswered"))
        finish(sheet, talk, ConsultationOutcome.TIMED_OUT, action=action, reason=reason)
    else:
        sheet.record(action, reason=reason, detail={"objection": objection.id})
        _settle(sheet, talk, objection, "unanswered", action)
