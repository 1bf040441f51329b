"""A consultation is asked for, convened, and heard: requests, notices, opinions, minutes. Pure.

`consultation_tally` counts, `consultation_outcome` ends it, `four_two` takes the ordered steps,
`publicity` hangs out what was resolved, `consultation_items` sees that it is done.
"""

from events.contract.consultation import (
    ConsultationInvited,
    ConsultationKind,
    ConsultationRequested,
    MinutesKept,
    OpinionGiven,
    Stage,
)
from flows.decide.consultation_roll import fix_roll, may_call, moved_only
from flows.decide.consultation_rules import (
    SittingRule,
    convener,
    edit,
    event_id,
    is_four_two,
    may_resolve,
    resolving_body,
    rule_at,
    running,
    seated,
    step_owner,
    steps,
)
from flows.decide.draft import Draft, Refusal
from flows.decide.late import acted_at
from flows.decide.route import handles
from flows.decide.waiting import answer
from models.case import Owner
from models.clocks import ClockKind
from models.consulting import Consultation, Opinion
from models.policy.actions import Action
from models.policy.consultation import Body
from models.values import SYSTEM_PREFIX, CaseState, Mark, OrgId, PersonId, RoleName
from notifications.notice import NoticeKind, Org, Person, Recipient, RoleAt, instant

#: Clocks of a consultation that still goes on.
TALK_CLOCKS = (ClockKind.CONVENE, ClockKind.CONCLUDE, ClockKind.PUBLICITY)


@handles(ConsultationRequested)
def request(sheet: Draft, data: ConsultationRequested) -> Refusal | None:
    """When a registered case needs deliberation, by policy or because somebody asks for it."""
    state = sheet.case.state
    if not sheet.policy.lifecycle.fits(state, Action.CONSULTATION_REQUEST):
        return Refusal("wrong_state", {"state": str(state)})
    if sheet.case.mark is Mark.BYPASS:
        return Refusal("bypass_not_consulted")
    if isinstance(running(sheet), Consultation):
        return Refusal("consultation_running")
    chosen = _choose(sheet, data)
    if isinstance(chosen, Refusal):
        return chosen
    kind, key = chosen
    _open(sheet, kind, key, words=data.reason, matter=data.matter or "")
    return None


def _choose(sheet: Draft, data: ConsultationRequested) -> tuple[ConsultationKind, str] | Refusal:
    """Return the form and the body; the body's form counts where the engine asks."""
    if data.body not in sheet.policy.consultation.bodies:
        return Refusal("unknown_body", {"body": data.body})
    key = seated(sheet, data.body)
    kind = ConsultationKind(sheet.policy.consultation.body(key).kind)
    if data.kind is ConsultationKind.FOUR_TWO or kind is ConsultationKind.FOUR_TWO:
        return _choose_four_two(sheet, key, data)
    by_engine = sheet.acting.actor.startswith(SYSTEM_PREFIX)
    if kind is not data.kind and key == data.body and not by_engine:
        return Refusal("kind_and_body_differ", {"body": key, "kind": str(kind)})
    return kind, key


def _choose_four_two(
    sheet: Draft, key: str, data: ConsultationRequested
) -> tuple[ConsultationKind, str] | Refusal:
    """Return who resolves: the body asked for where it may, for the engine else whoever may."""
    refusal = may_resolve(sheet, key)
    if refusal is None:
        return ConsultationKind.FOUR_TWO, key
    if sheet.acting.actor.startswith(SYSTEM_PREFIX) or data.kind is not ConsultationKind.FOUR_TWO:
        return ConsultationKind.FOUR_TWO, resolving_body(sheet)
    return refusal


def _open(
    sheet: Draft, kind: ConsultationKind, key: str, *, words: str = "", matter: str = ""
) -> None:
    """Open the consultation; items of an earlier one that are not cleared off come along."""
    earlier = sheet.case.consultation
    body = sheet.policy.consultation.body(key)
    first = next(iter(steps(sheet))) if kind is ConsultationKind.FOUR_TWO else Stage.SITTING
    talk = Consultation(
        id=sheet.new_id("consultation"),
        kind=kind,
        body=key,
        org="",
        stage=first,
        opened_at=sheet.now,
        items=tuple(i for i in earlier.items if i.cleared_at is None) if earlier else (),
    )
    # A proposed dispatch waits with the case: nobody is to be asked for it meanwhile.
    answer(sheet, *TALK_CLOCKS, ClockKind.OBJECTION_ANSWER, ClockKind.CONFIRM)
    sheet.move(
        CaseState.CONSULTING,
        Action.CONSULTATION_REQUEST,
        words=words,
        rule=f"consultation/bodies/{key}",
        detail={"kind": str(kind), "body": key, "stage": str(first), "matter": matter},
    )
    owner = begin_stage(sheet, talk)
    ask_convener(sheet, edit(sheet, talk, org=owner.org), body, owner)


def begin_stage(sheet: Draft, talk: Consultation) -> Owner:
    """Set owner and clocks of the present stage: urged when late, ended when nobody acts at all.

    A single sitting is convened within a proposal's limit and ends within the consultation's.
    A step has its own limit and, after the urging, as long again as a consultation may take.
    """
    limits = sheet.policy.deadlines
    answer(sheet, ClockKind.CONVENE)
    if is_four_two(talk):
        step = steps(sheet)[Stage(talk.stage)]
        owner = step_owner(sheet, step)
        first = sheet.start(ClockKind.CONVENE, step.limit)
        last = sheet.limit(limits.consultation, start=first.due_at)
    else:
        owner = convener(sheet, sheet.policy.consultation.body(talk.body))
        sheet.start(ClockKind.CONVENE, limits.proposal)
        last = sheet.limit(limits.consultation)
    sheet.start_until(ClockKind.CONCLUDE, last.due_at, deadline=last)
    sheet.own(owner.org, owner.role)
    return owner


def ask_convener(
    sheet: Draft, talk: Consultation, body: Body, owner: Owner, *, about: str = ""
) -> None:
    """Tell who must convene, or take the next step."""
    sheet.notify(
        NoticeKind.CONSULTATION_REQUESTED,
        RoleAt(role=RoleName(owner.role), org=OrgId(owner.org)),
        about=f"{talk.id}|{talk.stage}|{talk.recalls}|{about}",
        body=body.name.zh,
    )


@handles(ConsultationInvited)
def invite(sheet: Draft, data: ConsultationInvited) -> Refusal | None:
    """When the convener names time and place; with the first notice the roll is fixed."""
    talk = running(sheet)
    if isinstance(talk, Refusal):
        return talk
    if data.stage != talk.stage:
        return Refusal("step_out_of_order", {"expected": talk.stage, "got": str(data.stage)})
    if refusal := _body_closed(sheet, talk, data):
        return refusal
    rule = rule_at(sheet, talk, body=data.body)
    if rule is None:
        return Refusal("nobody_sits", {"stage": talk.stage})
    moving = talk.meets_at is not None
    refusal = may_call(rule.body, sheet.acting.role, data) or _bad_time(sheet, talk, rule, data)
    if refusal is None and moving:
        refusal = moved_only(talk, data)
    if refusal is not None:
        return refusal
    fixed = talk if moving else fix_roll(sheet, talk, rule, data)
    if isinstance(fixed, Refusal):
        return fixed
    talk = edit(sheet, fixed, meets_at=data.meets_at)
    _set_clocks(sheet, talk, moving=moving)
    _tell_members(sheet, talk, rule, data)
    return None


def _body_closed(sheet: Draft, talk: Consultation, data: ConsultationInvited) -> Refusal | None:
    """Return why another body cannot be convened: only who resolves is left open, by rule."""
    if not data.body:
        return None
    if not is_four_two(talk) or talk.stage != Stage.RESOLVE:
        return Refusal("body_not_open", {"stage": talk.stage})
    return may_resolve(sheet, data.body)


def _bad_time(
    sheet: Draft, talk: Consultation, rule: SittingRule, data: ConsultationInvited
) -> Refusal | None:
    """Hold the meeting's time against the days of notice and against when it must be over."""
    earliest = acted_at(sheet) + rule.notice if rule.notice else talk.opened_at
    if data.meets_at < earliest:
        return Refusal("notice_too_short", {"earliest": instant(earliest)})
    clock = sheet.case.clock(ClockKind.CONCLUDE)
    if clock is not None and (is_four_two(talk) or talk.meets_at is not None):
        latest = clock.due_at
    else:
        span = sheet.policy.deadlines.consultation
        latest = sheet.limit(span, start=max(earliest, sheet.now)).due_at
    if data.meets_at > latest:
        return Refusal("meeting_too_late", {"latest": instant(latest)})
    return None


def _set_clocks(sheet: Draft, talk: Consultation, *, moving: bool) -> None:
    """Answer the convening; the time to conclude runs from the meeting, once.

    A step of the four deliberations keeps its limit: it is answered by the step itself.
    """
    if not is_four_two(talk) and talk.meets_at is not None:
        answer(sheet, ClockKind.CONVENE)
        if not moving:
            start = max(talk.meets_at, sheet.now)
            limit = sheet.limit(sheet.policy.deadlines.consultation, start=start)
            sheet.start_until(ClockKind.CONCLUDE, limit.due_at, deadline=limit)
    sheet.record(
        Action.CONSULTATION_INVITE,
        reason="meeting_moved" if moving else "ok",
        rule=f"consultation/bodies/{talk.body}",
        detail={
            "stage": talk.stage,
            "meets_at": instant(talk.meets_at or sheet.now),
            "counted": talk.counted,
            "eligible": talk.eligible,
            "members": talk.members,
            "struck": talk.members - talk.eligible,
        },
    )


def _tell_members(
    sheet: Draft, talk: Consultation, rule: SittingRule, data: ConsultationInvited
) -> None:
    """Tell everybody on the roll who is not struck; without a roll, the organisation it sits in."""
    decides = bool(rule.quorums or rule.passing)
    seats = [seat for seat in talk.roll if seat.stage == talk.stage and not seat.struck]
    told: list[Recipient] = [Person(id=PersonId(seat.person)) for seat in seats]
    for recipient in told or [Org(id=OrgId(talk.org))]:
        sheet.notify(
            NoticeKind.MEETING_NOTICE if decides else NoticeKind.CONSULTATION_INVITED,
            recipient,
            about=f"{talk.id}|{talk.stage}|{instant(data.meets_at)}",
            body=rule.body.name.zh,
            meeting_at=instant(data.meets_at),
            venue=data.place or "",
        )


@handles(OpinionGiven)
def opine(sheet: Draft, data: OpinionGiven) -> Refusal | None:
    """When a participant says what they think; it decides nothing and stops no clock."""
    talk = running(sheet)
    if isinstance(talk, Refusal):
        return talk
    if data.stage != talk.stage:
        return Refusal("step_out_of_order", {"expected": talk.stage, "got": str(data.stage)})
    opinion = Opinion(
        id=event_id(sheet),
        person=sheet.acting.actor,
        stance=data.stance,
        opinion=data.opinion,
        stage=data.stage,
        at=sheet.now,
    )
    edit(sheet, talk, opinions=(*talk.opinions, opinion))
    sheet.record(Action.CONSULTATION_OPINE, words=data.opinion, detail={"stage": str(data.stage)})
    return None


@handles(MinutesKept)
def keep_minutes(sheet: Draft, data: MinutesKept) -> Refusal | None:
    """When the minutes of a sitting are filed, of the present one or of one behind it."""
    talk = sheet.case.consultation
    if talk is None:
        return Refusal("no_consultation")
    behind = {passed.stage for passed in talk.passed}
    if data.stage != talk.stage and data.stage not in behind:
        return Refusal("step_out_of_order", {"expected": talk.stage, "got": str(data.stage)})
    edit(sheet, talk, minutes=(*talk.minutes, data.minutes))
    sheet.record(
        Action.CONSULTATION_MINUTES,
        words=data.minutes,
        evidence=data.evidence,
        detail={"stage": str(data.stage), "consultation": talk.id},
    )
    return None
