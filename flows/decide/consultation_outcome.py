"""A person states how a sitting ended: as its body may end, and true to the figures. Pure."""

from events.contract.consultation import ConsultationConcluded, ConsultationOutcome, Stage
from flows.decide.consultation_end import REFERRING, finish, miss_quorum
from flows.decide.consultation_figures import Check, passing_check, quorum_check
from flows.decide.consultation_rules import (
    SittingRule,
    is_four_two,
    lets,
    reserved_from,
    rule_at,
    running,
)
from flows.decide.consultation_tally import counted
from flows.decide.draft import Detail, Draft, Refusal
from flows.decide.route import handles
from models.consulting import Consultation
from models.policy.actions import Action
from models.policy.consultation import Body, Outcome

#: What a body must be allowed to reach for an outcome to be stated; the others are facts.
_ASKS: dict[ConsultationOutcome, tuple[Outcome, ...]] = {
    ConsultationOutcome.AGREED: (Outcome.AGREED, Outcome.PASSED),
    ConsultationOutcome.REFERRED: (Outcome.REFERRED,),
    ConsultationOutcome.ESCALATED: (Outcome.ESCALATED,),
    ConsultationOutcome.NO_AGREEMENT: (Outcome.NO_AGREEMENT,),
    ConsultationOutcome.REJECTED: (Outcome.FAILED,),
}
#: Outcomes with which the six ordered steps may be given up before the villagers have resolved.
_GIVING_UP = (ConsultationOutcome.ESCALATED, ConsultationOutcome.NO_AGREEMENT)


@handles(ConsultationConcluded)
def conclude(sheet: Draft, data: ConsultationConcluded) -> Refusal | None:
    """When the convener states the outcome of a sitting."""
    talk = running(sheet)
    if isinstance(talk, Refusal):
        return talk
    rule = rule_at(sheet, talk)
    detail: Detail = {}
    if is_four_two(talk) or rule is None:
        refusal = _may_give_up(talk, data.outcome)
    else:
        refusal, detail = _may_state(sheet, talk, rule, data.outcome)
    if refusal is not None:
        return refusal
    if data.outcome is ConsultationOutcome.QUORUM_MISSED:
        miss_quorum(sheet, talk, Action.CONSULTATION_CONCLUDE, detail, words=data.reason)
    else:
        finish(sheet, talk, data.outcome, words=data.reason, detail=detail)
    return None


def _may_give_up(talk: Consultation, outcome: ConsultationOutcome) -> Refusal | None:
    """The steps themselves say how the six end; before the villagers resolved they may be left."""
    if outcome not in _GIVING_UP:
        return Refusal("step_out_of_order", {"expected": talk.stage, "got": str(outcome)})
    if any(passed.stage == Stage.RESOLVE for passed in talk.passed):
        return Refusal("resolution_stands")
    return None


def _may_state(
    sheet: Draft, talk: Consultation, rule: SittingRule, outcome: ConsultationOutcome
) -> tuple[Refusal | None, Detail]:
    """Return why the outcome may not be stated, or what was counted for it."""
    refusal = _beyond(sheet, talk, rule.body, outcome)
    if refusal is None and talk.meets_at is not None and sheet.now < talk.meets_at:
        refusal = Refusal("meeting_not_yet")
    if refusal is not None or not (rule.quorums or rule.passing):
        return refusal, {}
    return _against_figures(sheet, talk, rule, outcome)


def _beyond(
    sheet: Draft, talk: Consultation, body: Body, outcome: ConsultationOutcome
) -> Refusal | None:
    """Return why a body of this kind cannot end so, whatever was counted."""
    matter = reserved_from(sheet, body)
    if matter and outcome not in REFERRING:
        return Refusal("reserved_matter", {"matter": matter, "body": talk.body})
    if outcome is ConsultationOutcome.QUORUM_MISSED:
        return None if body.quorums else Refusal("no_quorum_asked")
    if matter and outcome is ConsultationOutcome.REFERRED:
        return None
    if not lets(body, *_ASKS.get(outcome, ())):
        return Refusal("outcome_not_of_body", {"outcome": str(outcome), "body": talk.body})
    return None


def _against_figures(
    sheet: Draft, talk: Consultation, rule: SittingRule, outcome: ConsultationOutcome
) -> tuple[Refusal | None, Detail]:
    """Hold the stated outcome against quorum and vote."""
    if talk.meets_at is None:
        return Refusal("not_convened"), {}
    figures = counted(sheet, talk)
    if isinstance(figures, Refusal):
        return figures, {}
    quorum = quorum_check(figures, rule.quorum(talk.counted))
    passing = passing_check(figures, rule.passing)
    if outcome is ConsultationOutcome.QUORUM_MISSED:
        missed = quorum is not None and not quorum.met
        detail = quorum.detail if quorum else {}
        return (None if missed else Refusal("quorum_met", detail)), detail
    if quorum is not None and not quorum.met:
        return Refusal("quorum_missed", quorum.detail), {}
    return _against_vote(rule, passing, outcome, voted=figures.voted > 0)


def _against_vote(
    rule: SittingRule, passing: Check | None, outcome: ConsultationOutcome, *, voted: bool
) -> tuple[Refusal | None, Detail]:
    if passing is None:
        return None, {}
    detail = passing.detail
    unanimous = rule.body.consensus and not voted
    if outcome is ConsultationOutcome.AGREED and not (passing.met or unanimous):
        return Refusal("vote_failed", detail), {}
    against = (ConsultationOutcome.REJECTED, ConsultationOutcome.NO_AGREEMENT)
    if outcome in against and passing.met:
        return Refusal("vote_passed", detail), {}
    return None, {"consensus": True} if unanimous else detail
