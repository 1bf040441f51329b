"""What comes in from a meeting: votes of persons, and the signed sheet. Pure."""

from events.contract.consultation import TallyEntered, VoteCast
from flows.decide.consultation_rules import (
    SittingRule,
    edit,
    happened_at,
    is_four_two,
    rule_at,
    running,
)
from flows.decide.consultation_tally import enter, entered, writer
from flows.decide.draft import Draft, Refusal
from flows.decide.four_two_meetings import SHEET_STAGES, decide_sheet
from flows.decide.route import handles
from models.consulting import Consultation, Sitting, Vote
from models.policy.actions import Action


def sitting_now(sheet: Draft, stage: str) -> tuple[Consultation, SittingRule] | Refusal:
    """Return the consultation and the rule of its sitting, if that is at `stage`."""
    talk = running(sheet)
    if isinstance(talk, Refusal):
        return talk
    if stage != talk.stage:
        return Refusal("step_out_of_order", {"expected": talk.stage, "got": stage})
    rule = rule_at(sheet, talk)
    return Refusal("nobody_sits", {"stage": stage}) if rule is None else (talk, rule)


@handles(VoteCast)
def vote(sheet: Draft, data: VoteCast) -> Refusal | None:
    """When somebody on the roll votes in person, once the meeting has begun."""
    now = sitting_now(sheet, data.stage)
    if isinstance(now, Refusal):
        return now
    talk, rule = now
    if refusal := _may_vote(sheet, talk, rule):
        return refusal
    cast = Vote(person=sheet.acting.actor, stance=data.stance, stage=data.stage, at=sheet.now)
    edit(sheet, talk, votes=(*talk.votes, cast))
    sheet.record(Action.CONSULTATION_VOTE, detail={"stage": talk.stage, "stance": str(data.stance)})
    return None


def _may_vote(sheet: Draft, talk: Consultation, rule: SittingRule) -> Refusal | None:
    if rule.passing is None:
        return Refusal("no_vote_asked")
    if sheet.acting.on_behalf_of not in ("", sheet.acting.actor):
        return Refusal("vote_by_proxy")
    if talk.meets_at is None or sheet.now < talk.meets_at:
        return Refusal("meeting_not_yet")
    person = sheet.acting.actor
    seat = next((s for s in talk.roll if s.stage == talk.stage and s.person == person), None)
    if seat is None:
        return Refusal("not_on_roll")
    if seat.struck:
        return Refusal("struck_from_roll", {"rule": seat.struck})
    if not seat.votes:
        return Refusal("seat_without_vote")
    if any(v.person == person and v.stage == talk.stage for v in talk.votes):
        return Refusal("voted_already")
    if entered(talk) is not None:
        return Refusal("tally_begun")
    return None


@handles(TallyEntered)
def enter_tally(sheet: Draft, data: TallyEntered) -> Refusal | None:
    """When one of those who enter the signed sheet does so."""
    now = sitting_now(sheet, data.stage)
    if isinstance(now, Refusal):
        return now
    talk, _ = now
    if is_four_two(talk) and talk.stage not in SHEET_STAGES:
        return Refusal("no_vote_asked")
    sitting = Sitting(
        stage=talk.stage,
        eligible=data.eligible,
        present=data.present,
        in_favour=data.in_favour,
        against=data.against,
        abstained=data.abstained,
        entered_by=(writer(sheet),),
        at=happened_at(sheet),
    )
    refusal = enter(
        sheet,
        talk,
        sitting,
        action=Action.CONSULTATION_TALLY,
        attendee=data.township_attendee,
        evidence=data.sheet,
    )
    if refusal is None and is_four_two(talk):
        decide_sheet(sheet, Action.CONSULTATION_TALLY)
    return refusal
