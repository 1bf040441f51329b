"""更正, 补充, 改类: what is told or put right later. None of it restarts a deadline. Pure."""

from msgspec.structs import replace

from events.contract.consultation import ConsultationOutcome
from events.contract.reports import ReportAmended, ReportReclassified, ReportSupplemented
from flows.decide.draft import Draft, Refusal, system
from flows.decide.handled import told
from flows.decide.intake import take_on
from flows.decide.intake_emergency import sound_alarm
from flows.decide.intake_filing import known_grid, position
from flows.decide.intake_marking import keep_within_circle
from flows.decide.intake_registering import classify, register, take_back, work_limit
from flows.decide.intake_routing import routing
from flows.decide.intake_verifying import verifier
from flows.decide.limits import run_case_limit
from flows.decide.route import handles
from flows.decide.waiting import answer, waits_for
from models.clocks import ClockKind
from models.deadlines import Deadline
from models.policy.actions import Action
from models.values import CaseState, Step
from notifications.notice import NoticeKind, instant

#: Not registered yet: the category decides what becomes of it.
_BEFORE = frozenset({CaseState.REPORTED, CaseState.VERIFYING})
#: Registered, but talked over or waiting for a dispatcher: an emergency has no time for that.
_NOT_OUT = frozenset({CaseState.REGISTERED, CaseState.CONSULTING})
#: The work is out with a unit, which may turn out to be the wrong one.
_OUT = frozenset(
    {
        CaseState.REGISTERED,
        CaseState.DISPATCHED,
        CaseState.ACCEPTED,
        CaseState.HANDLING,
        CaseState.REOPENED,
    }
)


@handles(ReportAmended)
def amend(sheet: Draft, data: ReportAmended) -> Refusal | None:
    """更正. When what was reported is put right before it is registered."""
    named = ("grid", "place", "title", "description")
    changed = [name for name in named if getattr(data, name) is not None]
    if not changed:
        return Refusal("nothing_amended")
    if data.grid is not None and (refusal := known_grid(sheet, data.grid)):
        return refusal
    where = position(data.place)
    if data.place is not None:
        sheet.change(lon=where.lon, lat=where.lat)
    before = sheet.case.grid
    if data.grid is not None:
        sheet.change(grid=data.grid, village=data.grid[:12])
        classify(sheet, sheet.case.category, tier=sheet.case.tier)
    sheet.record(
        Action.REPORT_AMEND,
        words=data.reason,
        detail={
            "changed": ",".join(changed),
            "grid_before": before,
            "grid": sheet.case.grid,
            "position": where.dropped,
        },
    )
    if data.grid is not None and data.grid != before:
        _send_to_the_right_grid(sheet)
    return None


def _send_to_the_right_grid(sheet: Draft) -> None:
    """Let the people of the right place look; their clock is the one that already runs."""
    if sheet.case.state is not CaseState.VERIFYING or not waits_for(sheet, ClockKind.VERIFY):
        return
    owner, clock = verifier(sheet), sheet.case.clock(ClockKind.VERIFY)
    if owner is None:
        return
    sheet.own(owner.org, owner.role, owner.person)
    sheet.notify(
        NoticeKind.VERIFICATION_REQUESTED,
        told(owner),
        about=sheet.case.grid,
        due_at=instant(clock.due_at if clock is not None else sheet.now),
    )


@handles(ReportSupplemented)
def supplement(sheet: Draft, data: ReportSupplemented) -> Refusal | None:
    """补充. When more is told or shown. From who keeps the file it is an emergency's 补录."""
    if not data.description and not data.evidence:
        return Refusal("nothing_supplemented")
    keeps_file = sheet.acting.role in sheet.policy.roles.holders[Action.REPORT_RECLASSIFY]
    filed = keeps_file and waits_for(sheet, ClockKind.RETROACTIVE_FILING)
    if filed:
        answer(sheet, ClockKind.RETROACTIVE_FILING)
    sheet.change(evidence=sheet.case.evidence + len(data.evidence))
    sheet.record(
        Action.REPORT_SUPPLEMENT,
        reason="filed_afterwards" if filed else "ok",
        words=data.description,
        evidence=data.evidence,
    )
    return None


@handles(ReportReclassified)
def reclassify(sheet: Draft, data: ReportReclassified) -> Refusal | None:
    """改类. When the category is another one: the lead may change, the limit only grows shorter."""
    category = sheet.policy.category(data.category)
    if category is None:
        return Refusal("unknown_category", {"category": data.category})
    if data.category == sheet.case.category:
        return Refusal("same_category")
    before, mark, lead = sheet.case.category, sheet.case.mark, routing(sheet).lead
    classify(sheet, data.category)
    sheet.record(
        Action.REPORT_RECLASSIFY,
        words=data.reason,
        rule=sheet.case.rule,
        detail={"from": before, "to": data.category, "lead": routing(sheet).lead},
    )
    alarm = category.on_site and not sheet.case.emergency_level
    if alarm:
        sound_alarm(sheet)
    shorten(sheet, sheet.limit(work_limit(sheet, category)))
    if alarm:
        hurry(sheet)
    elif sheet.case.mark is not mark:
        keep_within_circle(sheet, mark, Action.REPORT_RECLASSIFY)
    elif sheet.case.state in _BEFORE:
        _go_on(sheet, before)
    elif routing(sheet).lead != lead and sheet.case.state in _OUT:
        take_back(sheet, Action.REPORT_RECLASSIFY, "reclassified")
    return None


def _go_on(sheet: Draft, before: str) -> None:
    """Let a report that nobody had classified go where its category sends it."""
    if not before and sheet.case.state is CaseState.REPORTED and not sheet.case.merge_candidate:
        answer(sheet, ClockKind.PROPOSAL)
        take_on(sheet)


def shorten(sheet: Draft, wanted: Deadline) -> None:
    """Let a limit run that begins now, if it ends before the one that runs; never lengthen it."""
    running = sheet.case.due
    if sheet.case.state is CaseState.SUSPENDED or running is None:
        return
    if wanted.due_at < running.due_at:
        run_case_limit(sheet, wanted)


def hurry(sheet: Draft) -> None:
    """Let a case that just became an emergency go out at once, on an emergency's limit.

    What is not registered is registered now; what is talked over or waits for a dispatcher is
    dispatched; whoever has the work keeps it.
    """
    if sheet.case.state in _BEFORE:
        register(sheet, acting=system(Step.INTAKE, sheet.case.township), rule="intake/emergency")
        return
    shorten(sheet, sheet.limit(sheet.policy.deadlines.emergency_finish))
    if sheet.case.state not in _NOT_OUT:
        return
    talk = sheet.case.consultation
    if talk is not None and not talk.outcome:
        ended = replace(
            talk,
            outcome=ConsultationOutcome.ESCALATED.value,
            outcome_reason="emergency",
            concluded_at=sheet.now,
        )
        sheet.change(consultation=ended)
    take_back(sheet, Action.ESCALATION_DECLARE_EMERGENCY, "emergency")
