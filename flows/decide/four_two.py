"""四议两公开: six steps in order, none skipped; here the order and steps ① and ②. Pure.

① the branch committee proposes, ② the two committees deliberate, ③ the Party members' meeting
reviews and ④ villagers or representatives resolve (`four_two_meetings`), ⑤ and ⑥ publish
(`publicity`). Rules: domain.md section 4; every figure is policy's.
"""

from datetime import datetime

from events.contract.consultation import (
    ConsultationOutcome,
    FourTwoDeliberated,
    FourTwoProposed,
    Stage,
)
from events.contract.envelope import EvidenceHash
from flows.decide.consultation import ask_convener, begin_stage
from flows.decide.consultation_end import finish
from flows.decide.consultation_figures import (
    Figures,
    impossible,
    passing_check,
    quorum_check,
)
from flows.decide.consultation_rules import (
    STAGE_OF,
    SittingRule,
    edit,
    event_id,
    happened_at,
    is_four_two,
    rule_at,
    running,
    steps,
)
from flows.decide.draft import Detail, Draft, Refusal
from flows.decide.places import org_at
from flows.decide.route import handles
from models.consulting import Consultation, Passed
from models.policy.actions import Action
from models.policy.people import OrgKind, Role
from notifications.notice import instant


def at_step(sheet: Draft, action: Action) -> Consultation | Refusal:
    """Return the consultation if `action` is the step that comes now, else why not.

    Where secretary and director are one person, policy may let step one merge into step two: then
    step one is passed along the way.
    """
    talk = running(sheet)
    if isinstance(talk, Refusal):
        return talk
    if not is_four_two(talk):
        return Refusal("not_four_two", {"kind": talk.kind})
    wanted = STAGE_OF[action]
    if talk.stage != wanted and _merges(sheet, talk, wanted):
        talk = _passed(sheet, talk)
    if talk.stage != wanted:
        return Refusal("step_out_of_order", {"expected": talk.stage, "got": str(wanted)})
    if talk.passed and happened_at(sheet) < talk.passed[-1].at:
        return Refusal("step_before_last", {"last": instant(talk.passed[-1].at)})
    return talk


def _merges(sheet: Draft, talk: Consultation, wanted: Stage) -> bool:
    step = steps(sheet)[Stage(talk.stage)]
    return step.merges_with_next and _next(sheet, talk) == wanted and _one_head(sheet)


def _one_head(sheet: Draft) -> bool:
    """Tell whether the village's Party secretary and its director are one person."""
    village, directory = org_at(sheet, OrgKind.VILLAGE), sheet.facts.directory
    if village is None:
        return False
    for person in directory.holders(Role.VILLAGE_DIRECTOR, village.id, sheet.now):
        for held in directory.roles_of(person, sheet.now):
            org = directory.org(held.org, sheet.now)
            here = org is not None and village.id in (org.id, org.serves, org.parent)
            if held.role == Role.VILLAGE_SECRETARY and here:
                return True
    return False


def _next(sheet: Draft, talk: Consultation) -> Stage:
    """Return the step behind the present one; the last has none and stays."""
    order = tuple(steps(sheet))
    at = order.index(Stage(talk.stage))
    return order[min(at + 1, len(order) - 1)]


def _passed(sheet: Draft, talk: Consultation, at: datetime | None = None) -> Consultation:
    """Put the present step behind and go to the next, for which notice has to be given anew."""
    step = Passed(stage=talk.stage, at=at or happened_at(sheet), event=event_id(sheet))
    return edit(
        sheet,
        talk,
        passed=(*talk.passed, step),
        stage=_next(sheet, talk),
        meets_at=None,
        eligible=0,
        members=0,
        counted="",
        recalls=0,
    )


def pass_step(
    sheet: Draft,
    talk: Consultation,
    action: Action,
    *,
    at: datetime | None = None,
    words: str = "",
    detail: Detail | None = None,
    evidence: tuple[EvidenceHash, ...] = (),
) -> Consultation:
    """Put the present step behind, write it down, and ask for the next."""
    rule = rule_at(sheet, talk)
    talk = _passed(sheet, talk, at)
    owner = begin_stage(sheet, talk)
    sheet.record(
        action,
        words=words,
        rule=f"consultation/steps/{action}",
        detail={
            "passed": talk.passed[-1].stage,
            "merged": len(talk.passed) > 1 and talk.passed[-2].event == event_id(sheet),
            **(detail or {}),
        },
        evidence=evidence,
    )
    following = rule_at(sheet, talk) or rule
    if following is not None:
        ask_convener(sheet, talk, following.body, owner)
    return talk


@handles(FourTwoProposed)
def propose(sheet: Draft, data: FourTwoProposed) -> Refusal | None:
    """① When the village Party branch committee puts the proposal."""
    action = Action.CONSULTATION_STEP_PROPOSE
    talk = at_step(sheet, action)
    if isinstance(talk, Refusal):
        return talk
    pass_step(sheet, talk, action, words=data.proposal, evidence=data.evidence)
    return None


@handles(FourTwoDeliberated)
def deliberate(sheet: Draft, data: FourTwoDeliberated) -> Refusal | None:
    """② When the two committees deliberated; figures where they were split, else of one mind."""
    action = Action.CONSULTATION_STEP_DELIBERATE
    talk = at_step(sheet, action)
    if isinstance(talk, Refusal):
        return talk
    rule = rule_at(sheet, talk)
    refusal, detail = _two_committees(talk, rule, data) if rule else (None, {})
    if refusal is not None:
        return refusal
    if data.agreed:
        pass_step(sheet, talk, action, words=data.note, detail=detail)
    else:
        outcome = ConsultationOutcome.REJECTED
        reason = "two_committees_disagreed"
        finish(sheet, talk, outcome, action=action, reason=reason, words=data.note, detail=detail)
    return None


def _two_committees(
    talk: Consultation, rule: SittingRule, data: FourTwoDeliberated
) -> tuple[Refusal | None, Detail]:
    """Hold what they say against their figures, where they told any."""
    if not (data.eligible or data.present or data.in_favour):
        return None, {}
    members = max(talk.members, data.eligible)
    figures = Figures(data.eligible, data.present, data.in_favour, 0, 0, members)
    if refusal := impossible(figures):
        return refusal, {}
    if talk.meets_at is not None and talk.eligible and data.eligible != talk.eligible:
        return Refusal("eligible_differs", {"roll": talk.eligible, "told": data.eligible}), {}
    quorum = quorum_check(figures, rule.quorum(talk.counted))
    passing = passing_check(figures, rule.passing)
    if quorum is not None and not quorum.met:
        return Refusal("quorum_missed", quorum.detail), {}
    if passing is not None and passing.met is not data.agreed:
        return Refusal("vote_passed" if passing.met else "vote_failed", passing.detail), {}
    return None, passing.detail if passing else {}
