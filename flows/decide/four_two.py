"""四议: the four deliberations, in order, none skipped, each by its own thresholds. Pure.

① the branch committee proposes, ② the two committees deliberate, ③ the Party members' meeting
reviews, ④ villagers or representatives resolve; ⑤ and ⑥ stand in `publicity`. Rules: domain.md
section 4; every figure is policy's. Which threshold failed is kept with base, count and share.
"""

from datetime import datetime

from events.contract.consultation import (
    ConsultationOutcome,
    FourTwoDeliberated,
    FourTwoMembersMet,
    FourTwoProposed,
    FourTwoResolved,
    Stage,
)
from events.contract.envelope import EvidenceHash
from flows.decide.consultation import ask_convener, begin_stage
from flows.decide.consultation_end import finish, miss_quorum
from flows.decide.consultation_figures import (
    Figures,
    figures_of,
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
    may_resolve,
    rule_at,
    running,
    steps,
)
from flows.decide.consultation_tally import enter, entered, writer
from flows.decide.draft import Detail, Draft, Refusal
from flows.decide.places import org_at
from flows.decide.route import handles
from models.case import Consultation, Passed, Sitting
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


def _passed(sheet: Draft, talk: Consultation) -> Consultation:
    """Put the present step behind and go to the next, for which notice has to be given anew."""
    step = Passed(stage=talk.stage, at=happened_at(sheet), event=event_id(sheet))
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
    words: str = "",
    detail: Detail | None = None,
    evidence: tuple[EvidenceHash, ...] = (),
) -> Consultation:
    """Put the present step behind, write it down, and ask for the next."""
    rule = rule_at(sheet, talk)
    talk = _passed(sheet, talk)
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


@handles(FourTwoMembersMet)
def members_met(sheet: Draft, data: FourTwoMembersMet) -> Refusal | None:
    """③ When the Party members' meeting reviewed the draft sent ahead."""
    action = Action.CONSULTATION_STEP_MEMBERS_MEETING
    talk = at_step(sheet, action)
    if isinstance(talk, Refusal):
        return talk
    return _voted(
        sheet,
        talk,
        _read(sheet, talk, data, notice_at=data.draft_sent_at),
        action,
        attendee=data.township_attendee,
        evidence=data.sheet,
    )


@handles(FourTwoResolved)
def resolve(sheet: Draft, data: FourTwoResolved) -> Refusal | None:
    """④ When the villagers' or representatives' meeting, or the collective's assembly, voted."""
    action = Action.CONSULTATION_STEP_RESOLVE
    talk = at_step(sheet, action)
    if isinstance(talk, Refusal):
        return talk
    if refusal := may_resolve(sheet, data.body):
        return refusal
    if talk.meets_at is not None and data.body != talk.body:
        return Refusal("other_body_convened", {"convened": talk.body, "told": data.body})
    rule = rule_at(sheet, talk, body=data.body)
    if data.counted is not None and rule is not None and data.counted not in rule.rolls:
        return Refusal("roll_not_of_body", {"counted": str(data.counted)})
    if talk.meets_at is None:
        told = str(data.counted) if data.counted else talk.counted
        talk = edit(sheet, talk, counted=told)
    return _voted(
        sheet,
        talk,
        _read(sheet, talk, data, notice_at=data.notice_given_at, body=data.body),
        action,
        attendee=data.township_attendee,
        evidence=data.sheet,
        members=data.members,
    )


def _read(
    sheet: Draft,
    talk: Consultation,
    data: FourTwoMembersMet | FourTwoResolved,
    *,
    notice_at: datetime,
    body: str = "",
) -> Sitting:
    return Sitting(
        stage=talk.stage,
        eligible=data.eligible,
        present=data.present,
        in_favour=data.in_favour,
        against=data.against,
        abstained=data.abstained,
        entered_by=(writer(sheet),),
        at=happened_at(sheet),
        met_at=data.met_at,
        notice_at=notice_at,
        body=body,
    )


def _voted(
    sheet: Draft,
    talk: Consultation,
    sitting: Sitting,
    action: Action,
    *,
    attendee: str,
    evidence: tuple[EvidenceHash, ...],
    members: int = 0,
) -> Refusal | None:
    """Enter the sheet; once enough persons agree on it, the step is decided by it."""
    if refusal := _bad_notice(sheet, talk, sitting):
        return refusal
    refusal = enter(
        sheet, talk, sitting, action=action, attendee=attendee, evidence=evidence, members=members
    )
    return refusal or decide_sheet(sheet, action)
