"""重办: what was not solved is opened again (domain.md section 2). Pure."""

from datetime import datetime

from events.contract.assignment import AssignmentRequested
from events.contract.envelope import Acting
from events.contract.feedback import CaseReopened
from flows.decide.draft import Draft, Refusal
from flows.decide.fitting import unfit
from flows.decide.handled import told
from flows.decide.intake_marks import hand_to
from flows.decide.intake_registering import classify, work_limit
from flows.decide.intake_routing import routing
from flows.decide.ladder import keep_ladder
from flows.decide.late import in_time
from flows.decide.limits import set_case_limit
from flows.decide.route import handles
from flows.decide.waiting import answer
from models.clocks import ClockKind
from models.policy.actions import Action
from models.policy.people import Role
from models.values import CaseState, OrgId
from notifications.notice import NoticeKind, Org, Reporter, instant


def reopen(
    sheet: Draft,
    *,
    reason: str,
    acting: Acting | None = None,
    words: str = "",
    evidence: tuple[str, ...] = (),
) -> None:
    """Open the case again, on a limit of its own and with a fresh assignment.

    What was breached stays on record. Whoever led last leads again; a wrong lead is returned or
    put right like in any other case.
    """
    case = sheet.case
    sheet.change(
        reopened=case.reopened + 1,
        closed_at=None,
        grade="",
        evidence=case.evidence + len(evidence),
    )
    answer(sheet, ClockKind.VISIT, ClockKind.CLOSE, ClockKind.EVALUATE, ClockKind.ARCHIVE)
    if case.registered_at is None:
        classify(sheet, case.category, tier=case.tier)
        sheet.change(registered_at=sheet.now)
    owner = hand_to(sheet, Action.ASSIGNMENT_REASSIGN, Role.DUTY_SUPERVISOR)
    limit = work_limit(sheet, sheet.policy.category(case.category))
    due_at = set_case_limit(sheet, limit).due_at
    sheet.move(
        CaseState.REOPENED,
        Action.FEEDBACK_REOPEN,
        reason=reason,
        acting=acting,
        words=words,
        evidence=evidence,
        detail={"times": sheet.case.reopened, "due_at": instant(due_at)},
    )
    keep_ladder(sheet)
    lead, helpers = _lead(sheet)
    sheet.follow(AssignmentRequested(lead=lead, helpers=helpers))
    about = str(sheet.case.reopened)
    recipients = [told(owner), Org(OrgId(lead))]
    if case.reporter_ref:
        recipients.append(Reporter(case.reporter_ref))
    for who in recipients:
        sheet.notify(NoticeKind.CASE_REOPENED, who, about=about, due_at=instant(due_at))


def _lead(sheet: Draft) -> tuple[str, tuple[str, ...]]:
    """Return who led last, where that unit still exists and may know; else whom the list names."""
    route = routing(sheet)
    last = sheet.case.leads[-1] if sheet.case.leads else route.lead
    known = sheet.facts.directory.org(last, sheet.now) is not None
    if not known or (sheet.case.circle and last not in sheet.case.circle):
        return route.lead, route.helpers
    return last, tuple(org for org in route.helpers if org != last)


@handles(CaseReopened)
def reopen_by_person(sheet: Draft, data: CaseReopened) -> Refusal | None:
    """重办. When a villager or supervisor says within the window that it is not solved."""
    if refusal := unfit(sheet, Action.FEEDBACK_REOPEN) or _too_late(sheet) or too_often(sheet):
        return refusal
    sheet.done_by(Action.FEEDBACK_REOPEN, sheet.acting.actor)
    reopen(sheet, reason="not_solved", words=data.reason, evidence=data.evidence)
    return None


def _too_late(sheet: Draft) -> Refusal | None:
    """Return a refusal after the window; its last instant still counts, said offline too."""
    ends = window_ends(sheet)
    if ends is None or sheet.now <= ends or in_time(sheet, ends):
        return None
    return Refusal("reopen_window_over", {"ended": instant(ends)})


def window_ends(sheet: Draft) -> datetime | None:
    """Return the last instant at which the case may be reopened; None where it is not closed."""
    closed = sheet.case.closed_at
    return closed + sheet.policy.deadlines.reopen if closed is not None else None


def too_often(sheet: Draft) -> Refusal | None:
    """Return a refusal where the cap of reopenings is reached."""
    cap = sheet.policy.deadlines.reopenings
    if sheet.case.reopened < cap:
        return None
    return Refusal("reopened_too_often", {"times": sheet.case.reopened, "cap": cap})
