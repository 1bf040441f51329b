"""How a consultation ends, and where the case goes then: it never rests. Pure.

Too few is called again as often as policy says. When nobody concludes in time, the township gets
the case.
"""

from events.contract.assignment import AssignmentRequested
from events.contract.consultation import (
    ConsultationKind,
    ConsultationOutcome,
    ConsultationRequested,
)
from flows.decide.able import able
from flows.decide.consultation import TALK_CLOCKS, ask_convener, begin_stage
from flows.decide.consultation_rules import edit, resolving_body, rule_at, running
from flows.decide.decision import Firing
from flows.decide.draft import Detail, Draft, Refusal
from flows.decide.escalation import no_longer_needed, record_breach, rings
from flows.decide.places import org_at, role_at
from flows.decide.route import fires
from flows.decide.waiting import answer
from models.case import Owner
from models.clocks import ClockKind
from models.consulting import Consultation
from models.policy.actions import Action
from models.policy.people import OrgKind, Role
from models.values import CaseState, OrgId, RoleName, Step
from notifications.notice import NoticeKind, RoleAt

#: Outcomes in which nothing is decided, not even over a reserved matter.
REFERRING = (ConsultationOutcome.REFERRED, ConsultationOutcome.QUORUM_MISSED)
#: States in which the case waits for its consultation; elsewhere the outcome is only written down.
_WAITING = (CaseState.CONSULTING, CaseState.REGISTERED)


def finish(
    sheet: Draft,
    talk: Consultation,
    outcome: ConsultationOutcome,
    *,
    action: str = Action.CONSULTATION_CONCLUDE,
    reason: str = "ok",
    words: str = "",
    detail: Detail | None = None,
    evidence: tuple[str, ...] = (),
) -> None:
    """End the consultation and send the case on, so that it never rests.

    Agreed goes to the unit the list names, referred to the four deliberations, everything else to
    the township. A whistle after it is a person's act.
    """
    edit(
        sheet,
        talk,
        outcome=outcome,
        outcome_reason=words or (reason if reason != "ok" else ""),
        concluded_at=sheet.now,
        publicity="",
    )
    answer(sheet, *TALK_CLOCKS, ClockKind.OBJECTION_ANSWER)
    waits = sheet.case.state in _WAITING
    owner = _next_owner(sheet, outcome)
    if waits:
        sheet.own(owner.org, owner.role)
    sheet.move(
        CaseState.REGISTERED if waits else sheet.case.state,
        action,
        reason=reason,
        words=words,
        rule=f"consultation/bodies/{talk.body}",
        detail={"outcome": str(outcome), "body": talk.body, **(detail or {})},
        evidence=evidence,
    )
    if waits:
        _send_on(sheet, outcome)
    _tell_outcome(sheet, talk, outcome, owner)


def _next_owner(sheet: Draft, outcome: ConsultationOutcome) -> Owner:
    """Return with whom the case lies until the next step has it."""
    if outcome in REFERRING:
        found = able(sheet, Action.CONSULTATION_REQUEST, Role.VILLAGE_SECRETARY)
    else:
        found = able(sheet, Action.ASSIGNMENT_REQUEST, Role.DISPATCHER)
    return found or Owner(org=_township(sheet), role=Role.DISPATCHER)


def _township(sheet: Draft) -> str:
    township = org_at(sheet, OrgKind.TOWNSHIP) or org_at(sheet, OrgKind.COUNTY)
    return township.id if township is not None else sheet.case.township


def _send_on(sheet: Draft, outcome: ConsultationOutcome) -> None:
    if outcome is ConsultationOutcome.REFERRED:
        key = resolving_body(sheet)
        sheet.follow(ConsultationRequested(kind=ConsultationKind.FOUR_TWO, body=key))
    elif outcome is ConsultationOutcome.AGREED:
        sheet.follow(AssignmentRequested())
    elif outcome is ConsultationOutcome.QUORUM_MISSED:
        sheet.start(ClockKind.CONCLUDE, sheet.policy.deadlines.proposal)
    else:
        sheet.follow(AssignmentRequested(lead=_township(sheet)))


def _tell_outcome(
    sheet: Draft, talk: Consultation, outcome: ConsultationOutcome, owner: Owner
) -> None:
    body = sheet.policy.consultation.body(talk.body).name.zh
    late = outcome is ConsultationOutcome.TIMED_OUT
    told = [RoleAt(role=RoleName(owner.role), org=OrgId(owner.org))]
    if late:
        told.append(RoleAt(role=RoleName(Role.VILLAGE_SECRETARY), org=OrgId(talk.org)))
    if outcome is ConsultationOutcome.ESCALATED:
        principal = role_at(sheet, Role.TOWNSHIP_PRINCIPAL, OrgKind.TOWNSHIP)
        told += [principal] if principal is not None else []
    for recipient in dict.fromkeys(told):
        if late:
            sheet.notify(NoticeKind.CONSULTATION_TIMED_OUT, recipient, about=talk.id, body=body)
        else:
            sheet.notify(
                NoticeKind.CONSULTATION_CONCLUDED,
                recipient,
                about=talk.id,
                body=body,
                outcome=str(outcome),
            )


def miss_quorum(
    sheet: Draft,
    talk: Consultation,
    action: str,
    detail: Detail,
    *,
    words: str = "",
    evidence: tuple[str, ...] = (),
) -> None:
    """Call the body again, with a new notice and roll, as often as policy says; then go back.

    Back is to the village secretary, who asks for another body or sends the case on; when nobody
    does within a proposal's limit, the township gets it.
    """
    outcome = ConsultationOutcome.QUORUM_MISSED
    if talk.recalls >= sheet.policy.consultation.recalls:
        finish(
            sheet,
            talk,
            outcome,
            action=action,
            reason="quorum_missed",
            words=words,
            detail=detail,
            evidence=evidence,
        )
        return
    fresh = {"meets_at": None, "eligible": 0, "members": 0, "counted": ""}
    talk = edit(sheet, talk, recalls=talk.recalls + 1, **_without_stage(talk), **fresh)
    owner = begin_stage(sheet, talk)
    sheet.record(
        action,
        reason="quorum_missed",
        words=words,
        rule="consultation/recalls",
        detail={"stage": talk.stage, "recalls": talk.recalls, **detail},
        evidence=evidence,
    )
    rule = rule_at(sheet, talk)
    body = rule.body if rule else sheet.policy.consultation.body(talk.body)
    ask_convener(sheet, talk, body, owner)


def _without_stage(talk: Consultation) -> dict[str, object]:
    """Return roll, votes and sheets without those of the present stage; the audit keeps them."""
    return {
        "roll": tuple(seat for seat in talk.roll if seat.stage != talk.stage),
        "votes": tuple(vote for vote in talk.votes if vote.stage != talk.stage),
        "sittings": tuple(sheet for sheet in talk.sittings if sheet.stage != talk.stage),
    }


@fires(Step.CONSULTATION, ClockKind.CONVENE)
def urge_convener(sheet: Draft, firing: Firing) -> None:
    """When nobody convened, or took the step, in its time: a breach, and its ladder begins."""
    if not rings(sheet, firing):
        return
    if isinstance(running(sheet), Refusal):
        no_longer_needed(sheet, firing)
        return
    record_breach(sheet, firing, ClockKind.CONVENE)


@fires(Step.CONSULTATION, ClockKind.CONCLUDE)
def time_out(sheet: Draft, firing: Firing) -> None:
    """When nobody concluded, or the secretary sent nothing on: the township gets the case."""
    if not rings(sheet, firing):
        return
    action, talk = f"timer:{firing.clock.kind}", running(sheet)
    if isinstance(talk, Consultation):
        detail: Detail = {"stage": talk.stage}
        outcome = ConsultationOutcome.TIMED_OUT
        finish(sheet, talk, outcome, action=action, reason="concluded_late", detail=detail)
    elif sheet.case.state is CaseState.REGISTERED:
        sheet.record(action, reason="sent_on_late")
        sheet.follow(AssignmentRequested(lead=_township(sheet)))
    else:
        no_longer_needed(sheet, firing)
