"""The work itself: progress, done, checked, sent back (domain.md section 2). Pure."""

from msgspec.structs import replace

from events.contract.assignment import (
    AssignmentHandled,
    HandlingChecked,
    ProgressReported,
    ReworkOrdered,
)
from events.contract.reports import OutcomeEvidence
from flows.decide.assignment import does_the_work
from flows.decide.draft import Draft, Refusal
from flows.decide.escalation_notices import unit_name
from flows.decide.handled import (
    handler_of,
    missing_helpers,
    own_handler,
    pass_check,
    say_handled,
    send_back,
    sign_off,
    told,
)
from flows.decide.route import handles
from models.handling import Assignment, AssignmentState
from models.policy.actions import Action
from models.values import CaseState
from notifications.notice import NoticeKind

#: Evidence that is a file; a statement or a witness is none. No photo is ever demanded.
_FILES = frozenset({OutcomeEvidence.PHOTO, OutcomeEvidence.DOCUMENT})


@handles(ProgressReported)
def progress(sheet: Draft, data: ProgressReported) -> Refusal | None:
    """When the handler, a helper or a called department tells how it goes. Restarts no clock."""
    work = sheet.case.assignment
    if work is None or not _has_a_part(sheet, work):
        return Refusal("not_handler")
    sheet.change(assignment=replace(work, progress=work.progress + 1))
    detail = {"progress": work.progress + 1}
    if sheet.case.state is CaseState.ACCEPTED:
        own_handler(sheet)
        sheet.move(
            CaseState.HANDLING,
            Action.ASSIGNMENT_PROGRESS,
            words=data.note,
            evidence=data.evidence,
            detail={**detail},
        )
    else:
        sheet.record(
            Action.ASSIGNMENT_PROGRESS,
            words=data.note,
            evidence=data.evidence,
            detail={**detail},
        )
    return None


def _has_a_part(sheet: Draft, work: Assignment) -> bool:
    called = sheet.case.whistle.parties if sheet.case.whistle else ()
    units = {*work.helpers, *(party.org for party in called)}
    return does_the_work(sheet, work) or sheet.acting.org in units


@handles(AssignmentHandled)
def handle(sheet: Draft, data: AssignmentHandled) -> Refusal | None:
    """When the handler says it is done; a helping unit that says so signs its own part off."""
    work = sheet.case.assignment
    if work is None or work.state is not AssignmentState.ACCEPTED:
        return Refusal("nothing_to_handle")
    if data.shown_by in _FILES and not data.evidence:
        return Refusal("evidence_missing", {"shown_by": str(data.shown_by)})
    if not does_the_work(sheet, work):
        if sheet.acting.org in work.helpers:
            return _helper_done(sheet, work, data)
        return Refusal("not_handler")
    missing = missing_helpers(work)
    if missing and not data.without_helpers.strip():
        return Refusal("helpers_missing", {"missing": len(missing)})
    say_handled(
        sheet,
        Action.ASSIGNMENT_HANDLE,
        words=data.opinion,
        evidence=data.evidence,
        detail={
            "shown_by": str(data.shown_by),
            "without_helpers": len(missing),
            "without_helpers_because": data.without_helpers,
        },
    )
    return None


def _helper_done(sheet: Draft, work: Assignment, data: AssignmentHandled) -> Refusal | None:
    org = sheet.acting.org
    if org in work.helpers_done:
        return Refusal("already_signed_off")
    sign_off(sheet, org)
    sheet.done_by(Action.ASSIGNMENT_HANDLE, sheet.acting.actor)
    sheet.record(
        Action.ASSIGNMENT_HANDLE,
        reason="helper_done",
        words=data.opinion,
        evidence=data.evidence,
        detail={"unit": org, "shown_by": str(data.shown_by)},
    )
    sheet.notify(
        NoticeKind.HELPER_DONE,
        told(handler_of(sheet)),
        about=org,
        unit=unit_name(sheet, org),
    )
    return None


@handles(HandlingChecked)
def check(sheet: Draft, data: HandlingChecked) -> Refusal | None:
    """When somebody other than the handler looked at the result: on to the villager, or back."""
    work = sheet.case.assignment
    if work is None or work.state is not AssignmentState.HANDLED:
        return Refusal("nothing_to_check")
    if sheet.acting.actor in (work.handled_by, work.assignee, work.second):
        return Refusal("same_person", {"did": str(Action.ASSIGNMENT_HANDLE)})
    if data.passed:
        pass_check(sheet, words=data.note, evidence=data.evidence)
    else:
        send_back(
            sheet,
            Action.ASSIGNMENT_CHECK,
            reason="check_failed",
            words=data.note,
            evidence=data.evidence,
        )
    return None


@handles(ReworkOrdered)
def rework(sheet: Draft, data: ReworkOrdered) -> Refusal | None:
    """When a supervisor sends handled work back without a new check."""
    if sheet.case.assignment is None:
        return Refusal("nothing_to_check")
    send_back(sheet, Action.ASSIGNMENT_REWORK, reason="rework_ordered", words=data.reason)
    return None
