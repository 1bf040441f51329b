"""What becomes of a report that is in: the way from filing to registration. Pure."""

from flows.decide.able import able
from flows.decide.decision import Neighbour
from flows.decide.draft import Draft, system
from flows.decide.handled import told
from flows.decide.intake_duplicates import likely_same
from flows.decide.intake_marks import hand_to
from flows.decide.intake_registering import (
    ask_decision,
    go_to_registration,
    register,
)
from flows.decide.intake_verifying import ask_verification, verifier
from models.policy.actions import Action
from models.policy.people import Role
from models.values import Step
from notifications.notice import NoticeKind


def take_on(sheet: Draft) -> None:
    """Let the classified report go where it has to go next.

    Emergencies are registered at once. What nobody classified waits for the acceptor, what seems
    to repeat another case for the supervisor; what the public told is looked at on the spot first.
    """
    candidate = likely_same(sheet)
    if sheet.case.emergency_level:
        engine = system(Step.INTAKE, sheet.case.township)
        register(sheet, acting=engine, rule="intake/emergency")
        if candidate is not None:
            _name_candidate(sheet, candidate)
    elif sheet.policy.category(sheet.case.category) is None:
        _ask_category(sheet)
    elif candidate is not None:
        _name_candidate(sheet, candidate)
        hand_to(sheet, Action.REPORT_MERGE, Role.DUTY_SUPERVISOR)
        ask_decision(sheet, reason="seems_to_repeat", rule="intake/duplicates")
    else:
        go_on(sheet)


def go_on(sheet: Draft) -> None:
    """Go on with a classified report that repeats no other: look at it, else register it."""
    owner = verifier(sheet) if _to_be_verified(sheet) else None
    if owner is None:
        go_to_registration(sheet)
    else:
        engine = system(Step.INTAKE, sheet.case.township)
        ask_verification(sheet, owner, acting=engine, rule="intake/verified_sources")


def _to_be_verified(sheet: Draft) -> bool:
    return (
        sheet.case.source in sheet.policy.intake.verified_sources
        and Action.REPORT_VERIFY not in sheet.case.deeds
    )


def _ask_category(sheet: Draft) -> None:
    """Put an unclassified report before the acceptor."""
    owner = hand_to(sheet, Action.REPORT_RECLASSIFY, Role.ACCEPTOR)
    ask_decision(sheet, reason="category_missing")
    sheet.notify(NoticeKind.REGISTRATION_PROPOSED, told(owner), reason="category_missing")


def _name_candidate(sheet: Draft, candidate: Neighbour) -> None:
    """Say which case this one seems to repeat; whether it does is the supervisor's to decide."""
    sheet.change(merge_candidate=candidate.case_id)
    who = able(sheet, Action.REPORT_MERGE, Role.DUTY_SUPERVISOR)
    if who is not None:
        sheet.notify(NoticeKind.MERGE_PROPOSED, told(who), other_number=candidate.number)
