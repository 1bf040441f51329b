"""③ and ④: the meetings whose signed sheet decides, by base, share and notice of policy. Pure.

Which threshold failed is kept with what was counted against what.
"""

from datetime import datetime

from msgspec.structs import replace

from events.contract.consultation import (
    ConsultationOutcome,
    FourTwoMembersMet,
    FourTwoResolved,
    Stage,
)
from events.contract.envelope import EvidenceHash
from flows.decide.consultation_end import finish, miss_quorum
from flows.decide.consultation_figures import figures_of, passing_check, quorum_check
from flows.decide.consultation_rules import edit, happened_at, may_resolve, rule_at
from flows.decide.consultation_tally import enter, entered, writer
from flows.decide.draft import Draft, Refusal
from flows.decide.four_two import at_step, pass_step
from flows.decide.route import handles
from models.consulting import Consultation, Sitting
from models.policy.actions import Action
from notifications.notice import instant

#: Steps that are decided by a signed sheet.
SHEET_STAGES = (Stage.MEMBERS_MEETING, Stage.RESOLVE)


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
    return _voted(
        sheet,
        talk,
        _read(sheet, talk, data, notice_at=data.notice_given_at),
        action,
        attendee=data.township_attendee,
        evidence=data.sheet,
    )


def _read(
    sheet: Draft,
    talk: Consultation,
    data: FourTwoMembersMet | FourTwoResolved,
    *,
    notice_at: datetime,
) -> Sitting:
    sitting = Sitting(
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
    )
    if isinstance(data, FourTwoMembersMet):
        return sitting
    roll = str(data.counted) if data.counted else ""
    return replace(sitting, body=data.body, counted=roll, members=data.members)


def _voted(
    sheet: Draft,
    talk: Consultation,
    sitting: Sitting,
    action: Action,
    *,
    attendee: str,
    evidence: tuple[EvidenceHash, ...],
) -> Refusal | None:
    """Enter the sheet; once enough persons agree on it, the step is decided by it."""
    if refusal := _bad_notice(sheet, talk, sitting):
        return refusal
    refusal = enter(sheet, talk, sitting, action=action, attendee=attendee, evidence=evidence)
    if refusal is None:
        decide_sheet(sheet, action)
    return refusal


def _bad_notice(sheet: Draft, talk: Consultation, sitting: Sitting) -> Refusal | None:
    """Hold when it met, and the notice before it, against policy and against the step before."""
    rule = rule_at(sheet, talk, body=sitting.body)
    met, sent = sitting.met_at or sitting.at, sitting.notice_at
    last = talk.passed[-1].at if talk.passed else talk.opened_at
    if met > sheet.now:
        return Refusal("meeting_not_yet")
    if met < last:
        return Refusal("step_before_last", {"last": instant(last)})
    if rule is None or rule.notice is None or sent is None:
        return None
    if sent < last:
        return Refusal("notice_before_step", {"last": instant(last)})
    if met - sent < rule.notice:
        return Refusal("notice_too_short", {"earliest": instant(sent + rule.notice)})
    return None


def decide_sheet(sheet: Draft, action: Action) -> None:
    """Let the sheet decide the step, if enough persons agree on it and its notice is known.

    Too few: called again. Voted down: it ends, with the threshold that failed. Else the next step.
    """
    talk = sheet.case.consultation
    sitting = entered(talk) if talk is not None else None
    enough = sheet.policy.consultation.tally_entries
    if talk is None or sitting is None or sitting.notice_at is None:
        return
    rule = rule_at(sheet, talk, body=sitting.body)
    if rule is None or len(sitting.entered_by) < enough:
        return
    figures = figures_of(sitting, talk.members)
    quorum = quorum_check(figures, rule.quorum(talk.counted or sitting.counted))
    passing = passing_check(figures, rule.passing)
    if sitting.body:
        talk = edit(sheet, talk, body=sitting.body)
    if quorum is not None and not quorum.met:
        miss_quorum(sheet, talk, action, quorum.detail)
    elif passing is not None and not passing.met:
        outcome = ConsultationOutcome.REJECTED
        finish(sheet, talk, outcome, action=action, reason="vote_failed", detail=passing.detail)
    else:
        at, detail = sitting.met_at or sitting.at, passing.detail if passing else {}
        pass_step(sheet, talk, action, at=at, detail=detail)
