"""立案: a report becomes a file with an owner and a limit, or is turned down. Pure."""

from datetime import datetime

from msgspec.structs import replace

from events.contract.assignment import AssignmentRequested
from events.contract.consultation import ConsultationKind, ConsultationRequested
from events.contract.envelope import Acting as Actor
from events.contract.reports import ReportRegistered, ReportRejected
from flows.decide.decision import Firing
from flows.decide.draft import Draft, Refusal, system
from flows.decide.escalation import record_breach, rings
from flows.decide.fitting import unfit
from flows.decide.handled import told
from flows.decide.intake_emergency import sound_alarm
from flows.decide.intake_marks import hand_to, put_mark, strongest
from flows.decide.intake_routing import TIERS, routing
from flows.decide.limits import set_case_limit
from flows.decide.route import fires, handles
from flows.decide.waiting import answer
from models.clocks import ClockKind
from models.handling import AssignmentState
from models.policy.actions import Action
from models.policy.categories import Category, Urgency
from models.policy.people import Role
from models.policy.span import Span
from models.policy.work import Acting
from models.values import CaseState, Mark, Step
from notifications.notice import NoticeKind, Reporter, instant

#: Clocks of consulting, giving and taking the work: a fresh dispatch answers them all.
_GETTING_IT_DONE = (
    ClockKind.PROPOSAL,
    ClockKind.CONVENE,
    ClockKind.CONCLUDE,
    ClockKind.SIGN,
    ClockKind.ACCEPT,
    ClockKind.CONFIRM,
    ClockKind.RETURN,
    ClockKind.GRANT,
)


def classify(sheet: Draft, code: str, *, tier: int = 0) -> None:
    """Put the case into a category: tier, urgency, rule, and a mark that only grows stricter.

    `code` may be empty: then nothing but the lead's rule is known yet.
    """
    category = sheet.policy.category(code)
    sheet.change(category=code)
    if category is not None:
        urgent = Urgency.EMERGENCY if sheet.case.emergency_level else category.urgency
        sheet.change(tier=tier or category.handling_tier, urgency=urgent.value)
        put_mark(sheet, strongest(sheet.case.mark, category.mark))
    else:
        put_mark(sheet, sheet.case.mark)
    sheet.change(rule=routing(sheet).rule)


def go_to_registration(sheet: Draft) -> None:
    """Register by itself where the policy lets the engine; else put it before a person.

    A marked case is always a person's to register, whatever the policy says of its category.
    """
    acting, rule = sheet.policy.acting(sheet.case.category, Action.REPORT_REGISTER)
    if acting is Acting.BY_ITSELF and sheet.case.mark is Mark.NONE:
        engine = system(Step.INTAKE, sheet.case.township)
        register(sheet, acting=engine, rule=f"intake/{rule}")
    else:
        propose_registration(sheet, rule=f"intake/{rule}" if rule else "")


def propose_registration(sheet: Draft, *, rule: str = "", reason: str = "proposed") -> None:
    """Put the report before whoever registers, with a clock that is never lost."""
    owner = hand_to(sheet, Action.REPORT_REGISTER, Role.DUTY_SUPERVISOR)
    ask_decision(sheet, reason=reason, rule=rule)
    sheet.notify(
        NoticeKind.REGISTRATION_PROPOSED, told(owner), about=sheet.new_id("proposal"), reason=reason
    )


def ask_decision(sheet: Draft, *, reason: str, rule: str = "") -> None:
    """Start the clock of a person's decision on a proposal, and write down what is proposed."""
    deadline = sheet.start(ClockKind.PROPOSAL, _patience(sheet, rule))
    sheet.record(
        f"propose:{Action.REPORT_REGISTER}",
        reason=reason,
        rule=rule,
        acting=system(Step.INTAKE, sheet.case.township),
        detail={"due_at": instant(deadline.due_at)},
    )


def _patience(sheet: Draft, rule: str) -> Span:
    """Return how long a decision may take: the proposal's time, or by hand the urgency's."""
    limits = sheet.policy.deadlines
    if rule or not sheet.case.urgency:
        return limits.proposal
    return limits.register_within[Urgency(sheet.case.urgency)]


def register(sheet: Draft, *, acting: Actor | None = None, rule: str = "", words: str = "") -> None:
    """Open the file of the classified case, and send it on to consultation or dispatch.

    An emergency's alarm sounds here too, where its category only now makes it one.
    """
    category = sheet.policy.category(sheet.case.category)
    if category is not None and category.on_site and not sheet.case.emergency_level:
        sound_alarm(sheet)
    answer(sheet, ClockKind.VERIFY, ClockKind.PROPOSAL)
    _settle_candidate(sheet)
    due_at = set_case_limit(sheet, work_limit(sheet, category)).due_at
    sheet.change(registered_at=sheet.now)
    hand_to(sheet, Action.ASSIGNMENT_REQUEST, Role.DISPATCHER)
    sheet.move(
        CaseState.REGISTERED,
        Action.REPORT_REGISTER,
        acting=acting,
        rule=rule or sheet.case.rule,
        words=words,
        detail={"category": sheet.case.category, "tier": sheet.case.tier, "rule": sheet.case.rule},
    )
    _tell_reporter_registered(sheet, due_at)
    send_on(sheet)


def work_limit(sheet: Draft, category: Category | None) -> Span:
    """Return the limit of the whole work; an emergency's category limits only the response."""
    if sheet.case.emergency_level or category is None:
        return sheet.policy.deadlines.emergency_finish
    return category.limit


def _settle_candidate(sheet: Draft) -> None:
    """Registering an unmarked candidate says that it is a matter of its own; an alarm leaves it."""
    case = sheet.case
    if case.merge_candidate and not case.emergency_level:
        sheet.change(not_same=(*case.not_same, case.merge_candidate), merge_candidate="")


def _tell_reporter_registered(sheet: Draft, due_at: datetime) -> None:
    ref = sheet.case.reporter_ref
    if ref:
        sheet.notify(NoticeKind.CASE_REGISTERED, Reporter(ref), due_at=instant(due_at))


def send_on(sheet: Draft) -> None:
    """Ask for the consultation the case needs, else for its dispatch.

    Emergencies are acted on first; marked cases are not talked over outside their circle.
    """
    body = consulting_body(sheet)
    if body and not sheet.case.emergency_level and sheet.case.mark is Mark.NONE:
        kind = ConsultationKind(sheet.policy.consultation.body(body).kind)
        category = sheet.policy.category(sheet.case.category)
        reserved = category.reserved if category is not None else None
        sheet.follow(
            ConsultationRequested(
                kind=kind, body=body, matter=reserved.value if reserved is not None else None
            )
        )
    else:
        ask_dispatch(sheet)


def ask_dispatch(sheet: Draft) -> None:
    """Ask that the unit of the list, or the one that the tier or mark names, gets the case."""
    route = routing(sheet)
    sheet.follow(AssignmentRequested(lead=route.lead, helpers=route.helpers))


def take_back(sheet: Draft, action: Action, why: str) -> None:
    """Take the work back from whoever has it, and ask for its dispatch anew.

    The case's own limit runs on; the state is REGISTERED, as before the first dispatch.
    """
    work = sheet.case.assignment
    if work is not None and work.state is not AssignmentState.ENDED:
        sheet.change(assignment=replace(work, state=AssignmentState.ENDED, aid=None, ended=why))
    answer(sheet, *_GETTING_IT_DONE)
    sheet.change(ask=None)
    hand_to(sheet, Action.ASSIGNMENT_REQUEST, Role.DISPATCHER)
    if sheet.case.state is not CaseState.REGISTERED:
        sheet.move(
            CaseState.REGISTERED,
            action,
            reason=why,
            acting=system(Step.INTAKE, sheet.case.township),
            rule=sheet.case.rule,
        )
    ask_dispatch(sheet)


def consulting_body(sheet: Draft) -> str:
    """Return the body that has to deliberate first; empty where nobody has to, or it is done."""
    case, rules = sheet.case, sheet.policy.consultation
    category = sheet.policy.category(case.category)
    if category is None or case.consultation is not None:
        return ""
    if case.public_interest or category.public_interest:
        return category.body or rules.default_body
    if case.joint or category.joint or case.disputed or category.disputed:
        return category.body or rules.joint_body
    return ""


@handles(ReportRegistered)
def register_by_person(sheet: Draft, data: ReportRegistered) -> Refusal | None:
    """立案. When the duty supervisor files the case, as proposed or otherwise classified."""
    if refusal := unfit(sheet, Action.REPORT_REGISTER):
        return refusal
    code = data.category or sheet.case.category
    if not code:
        return Refusal("category_missing")
    if sheet.policy.category(code) is None:
        return Refusal("unknown_category", {"category": code})
    if data.tier not in TIERS | {0}:
        return Refusal("unknown_tier", {"tier": data.tier})
    classify(sheet, code, tier=data.tier)
    sheet.done_by(Action.REPORT_REGISTER, sheet.acting.actor)
    register(sheet, words=data.reason)
    return None


@handles(ReportRejected)
def reject(sheet: Draft, data: ReportRejected) -> Refusal | None:
    """不予受理. When the matter is turned down; the reporter hears why and where to turn."""
    if not data.reason:
        return Refusal("reason_missing")
    sheet.done_by(Action.REPORT_REJECT, sheet.acting.actor)
    sheet.stop_all()
    sheet.change(owner=None, merge_candidate="")
    sheet.move(
        CaseState.REJECTED,
        Action.REPORT_REJECT,
        reason="turned_down",
        words=data.reason,
        detail={"turn_to": data.turn_to},
    )
    if sheet.case.reporter_ref:
        sheet.notify(
            NoticeKind.REPORT_REJECTED,
            Reporter(sheet.case.reporter_ref),
            reason="turned_down_elsewhere" if data.turn_to else "turned_down",
            turn_to=data.turn_to or "",
        )
    return None


@fires(Step.INTAKE, ClockKind.PROPOSAL)
def nobody_decided(sheet: Draft, firing: Firing) -> None:
    """When a proposal waited too long: its ladder tells who stands above, until somebody acts."""
    if rings(sheet, firing):
        record_breach(sheet, firing, firing.clock.kind)
