"""核实: somebody on the spot looks whether the matter exists. Pure."""

from events.contract.envelope import Acting
from events.contract.reports import ReportVerified, Verdict, VerificationRequested
from flows.decide.able import able
from flows.decide.decision import Firing
from flows.decide.draft import Draft, Refusal
from flows.decide.escalation import record_breach, rings
from flows.decide.handled import told
from flows.decide.intake_registering import go_to_registration, propose_registration
from flows.decide.route import fires, handles
from flows.decide.waiting import answer, waits_for
from models.case import Owner
from models.clocks import ClockKind
from models.policy.actions import Action
from models.policy.people import OrgKind, Role
from models.values import CaseState, Mark, Step
from notifications.notice import NoticeKind, instant


def verifier(sheet: Draft) -> Owner | None:
    """Return who looks on the spot: the micro-grid's or grid's own people, else the village's.

    None for marked cases: nobody outside their circle is sent to ask around.
    """
    if sheet.case.mark is not Mark.NONE:
        return None
    usual = (Role.GRID_MEMBER, Role.GRID_HEAD, Role.VILLAGE_SECRETARY, Role.VILLAGE_DIRECTOR)
    code = sheet.case.grid
    micro = sheet.facts.directory.by_code(code, OrgKind.MICRO_GRID, sheet.now)
    nearest = able(sheet, Action.REPORT_VERIFY, *usual, at=(micro.id,)) if micro else None
    return nearest or able(sheet, Action.REPORT_VERIFY, *usual)


def ask_verification(
    sheet: Draft, owner: Owner, *, acting: Acting | None = None, rule: str = "", words: str = ""
) -> None:
    """Send the report to be looked at, and set the clock of the answer."""
    answer(sheet, ClockKind.PROPOSAL)
    sheet.own(owner.org, owner.role, owner.person)
    deadline = sheet.start(ClockKind.VERIFY, sheet.policy.deadlines.verify)
    sheet.move(
        CaseState.VERIFYING,
        Action.REPORT_ASK_VERIFICATION,
        acting=acting,
        rule=rule,
        words=words,
    )
    sheet.notify(NoticeKind.VERIFICATION_REQUESTED, told(owner), due_at=instant(deadline.due_at))


@handles(VerificationRequested)
def request_verification(sheet: Draft, data: VerificationRequested) -> Refusal | None:
    """When the acceptor asks the grid to look whether it is so."""
    if sheet.case.mark is not Mark.NONE:
        return Refusal("marked_not_sent_round", {"mark": str(sheet.case.mark)})
    owner = verifier(sheet)
    if owner is None:
        return Refusal("nobody_to_verify")
    sheet.done_by(Action.REPORT_ASK_VERIFICATION, sheet.acting.actor)
    ask_verification(sheet, owner, words=data.reason)
    return None


@handles(ReportVerified)
def verify(sheet: Draft, data: ReportVerified) -> Refusal | None:
    """核实. When somebody looked: what exists goes on, of the rest a person decides.

    The report is back where it came from, so a person may also have it looked at once more.
    """
    if not waits_for(sheet, ClockKind.VERIFY):
        return Refusal("verified_already")
    answer(sheet, ClockKind.VERIFY)
    sheet.done_by(Action.REPORT_VERIFY, sheet.acting.actor)
    sheet.change(evidence=sheet.case.evidence + len(data.evidence))
    sheet.move(
        CaseState.REPORTED,
        Action.REPORT_VERIFY,
        reason=data.verdict.value,
        words=data.note,
        evidence=data.evidence,
    )
    undecided = sheet.case.merge_candidate or sheet.policy.category(sheet.case.category) is None
    if data.verdict is Verdict.EXISTS and not undecided:
        go_to_registration(sheet)
    else:
        propose_registration(sheet, reason=data.verdict.value)
    return None


@fires(Step.INTAKE, ClockKind.VERIFY)
def nobody_verified(sheet: Draft, firing: Firing) -> None:
    """When nobody looked in time: the ladder tells who stands above, until somebody does."""
    if rings(sheet, firing):
        record_breach(sheet, firing, firing.clock.kind)
