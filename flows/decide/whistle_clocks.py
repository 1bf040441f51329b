"""What happens when nobody answered a whistle's clock: on record per unit, told, sent up. Pure."""

from msgspec.structs import replace

from events.contract.escalation import CaseBreached
from flows.decide.decision import Firing
from flows.decide.draft import Draft
from flows.decide.escalation import limit_of, no_longer_needed, rings
from flows.decide.escalation_accountability import next_proposal, propose_measure
from flows.decide.escalation_notices import (
    in_circle,
    listener,
    tell_role,
    tell_unit,
    unit_name,
)
from flows.decide.ladder import start_ladder
from flows.decide.route import fires
from flows.decide.whistle import ask_approver, ask_confirmer, running_whistle, tell_requester
from flows.decide.whistle_calls import granted, make_urgent, rule_of, whistle_of
from flows.decide.whistle_parties import lead_of, parties, set_party
from models.case import Rung
from models.clocks import ClockKind
from models.deadlines import Deadline, extend
from models.handling import Party, Whistle, WhistleState
from models.policy.actions import Action
from models.policy.people import OrgKind, Role
from models.values import OrgId, RoleName, Step
from notifications.notice import NoticeKind, RoleAt, instant

_OVERDUE = {
    ClockKind.WHISTLE_SIGN: NoticeKind.SIGN_OVERDUE,
    ClockKind.WHISTLE_ARRIVE: NoticeKind.ARRIVAL_OVERDUE,
    ClockKind.WHISTLE_PLAN: NoticeKind.PLAN_OVERDUE,
}


@fires(Step.ESCALATION, ClockKind.WHISTLE_APPROVAL)
def approval_unanswered(sheet: Draft, firing: Firing) -> None:
    """When the principal has not answered: told one level higher each time, and still asked."""
    if not rings(sheet, firing):
        return
    whistle = running_whistle(sheet, WhistleState.REQUESTED)
    if whistle is None:
        no_longer_needed(sheet, firing)
        return
    lifecycle, state = sheet.policy.lifecycle, sheet.case.state
    if not lifecycle.may_fit_later(state, Action.ESCALATION_WHISTLE_APPROVE) and not lifecycle.fits(
        state, Action.ESCALATION_WHISTLE_APPROVE
    ):
        sheet.change(whistle=replace(whistle, state=WhistleState.ENDED))
        sheet.record(f"timer:{firing.clock.kind}", reason="case_moved_on")
        tell_requester(sheet, whistle, "case_moved_on")
        return
    rule = rule_of(sheet, whistle)
    sheet.start(ClockKind.WHISTLE_APPROVAL, rule.approve_within, rang=firing.clock)
    turn = send_up(sheet, firing, whistle.org)
    ask_approver(sheet, whistle, about=f"{whistle.id}-{turn}")


@fires(Step.ESCALATION, ClockKind.WHISTLE_CONFIRM)
def confirmation_unanswered(sheet: Draft, firing: Firing) -> None:
    """When an emergency whistle was not confirmed: told higher, still asked; the work goes on.

    The word is owed though the case be closed meanwhile.
    """
    if not rings(sheet, firing, settled_too=True):
        return
    whistle = running_whistle(sheet, WhistleState.BLOWN, WhistleState.FINISHED)
    if whistle is None or whistle.confirmed is not None:
        no_longer_needed(sheet, firing)
        return
    turn = send_up(sheet, firing, whistle.org)
    ask_confirmer(sheet, whistle, about=f"{whistle.id}-{turn}", rang=firing.clock)


@fires(Step.ESCALATION, ClockKind.WHISTLE_SIGN, ClockKind.WHISTLE_ARRIVE, ClockKind.WHISTLE_PLAN)
def party_unanswered(sheet: Draft, firing: Firing) -> None:
    """When a unit has not signed, come or planned in time; a no-show climbs the ladder."""
    if not rings(sheet, firing):
        return
    party = _party(sheet, firing)
    whistle = sheet.case.whistle
    if party is None or whistle is None:
        no_longer_needed(sheet, firing)
        return
    kind = firing.clock.kind
    _be_late(sheet, firing, party)
    told = len(sheet.notices)
    _tell_both(sheet, _OVERDUE[kind], party, limit_of(sheet, firing))
    make_urgent(sheet, whistle, told)
    if kind is ClockKind.WHISTLE_ARRIVE:
        start_ladder(sheet, firing.clock.key, limit_of(sheet, firing))


@fires(Step.ESCALATION, ClockKind.WHISTLE_FINISH)
def finish_unanswered(sheet: Draft, firing: Firing) -> None:
    """When a unit has not finished in time; later on, when a consequence is to be proposed."""
    if not rings(sheet, firing):
        return
    party = _party(sheet, firing)
    whistle = sheet.case.whistle
    if party is None or whistle is None or party.done_at is not None:
        no_longer_needed(sheet, firing)
        return
    if ClockKind.WHISTLE_FINISH in party.late:
        party = propose_measure(sheet, party)
        set_party(sheet, party)
    elif party.lead and (later := _extended(sheet, whistle)) is not None:
        _run_until(sheet, firing, party, later)
        return
    else:
        party = _be_late(sheet, firing, party)
        _tell_unfinished(sheet, firing, party)
    _propose_later(sheet, party)


def send_up(sheet: Draft, firing: Firing, org: str) -> int:
    """Tell the next level above the township that a person's answer is missing; return the turn.

    Each turn tells one higher, the last one again and again: it stays asked until it is answered.
    """
    limit = firing.clock.key
    turn = sum(rung.limit == limit for rung in sheet.case.rungs)
    who = _above_township(sheet, turn)
    due_at = instant(firing.clock.due_at)
    for one in who:
        sheet.notify(
            NoticeKind.BREACHED,
            one,
            about=f"{limit}-{turn}",
            unit=unit_name(sheet, org),
            due_at=due_at,
            stage=firing.clock.kind,
        )
    _note(sheet, firing, who, turn=turn)
    return turn


def _above_township(sheet: Draft, turn: int) -> tuple[RoleAt, ...]:
    ladders = sheet.policy.ladders
    height = ladders.rank[OrgKind.TOWNSHIP]
    named = [
        who
        for told in (*ladders.fallback, *ladders.duty_owners)
        if ladders.rank[told.level] > height and (who := listener(sheet, told).who) is not None
    ]
    levels = list(dict.fromkeys(named))
    return (levels[min(turn, len(levels) - 1)],) if levels else ()


def _note(sheet: Draft, firing: Firing, who: tuple[RoleAt, ...], *, turn: int) -> None:
    """Put the unanswered clock on record beside the rungs, announce and audit it."""
    told = ",".join(f"{one.role}@{one.org}" for one in who)
    entry = Rung(
        name=firing.clock.kind,
        at=sheet.now,
        told=told,
        skipped="" if who else "held_by_nobody",
        limit=firing.clock.key,
        policy_version=sheet.policy.version,
    )
    sheet.change(rungs=(*sheet.case.rungs, entry))
    sheet.record(
        f"timer:{firing.clock.kind}",
        reason="unanswered",
        detail={
            "limit": firing.clock.key,
            "due_at": instant(firing.clock.due_at),
            "told": told,
            "turn": turn,
            "stalled": firing.stalled,
        },
    )
    sheet.follow(CaseBreached(clock=firing.clock.key))


def _party(sheet: Draft, firing: Firing) -> Party | None:
    if running_whistle(sheet, WhistleState.BLOWN) is None:
        return None
    return next((one for one in parties(sheet) if one.org == firing.clock.part), None)


def _be_late(sheet: Draft, firing: Firing, party: Party) -> Party:
    party = replace(party, late=(*party.late, str(firing.clock.kind)))
    set_party(sheet, party)
    supervisor = _supervisor(sheet)
    _note(sheet, firing, (supervisor,) if supervisor else (), turn=0)
    return party


def _supervisor(sheet: Draft) -> RoleAt | None:
    whistle = sheet.case.whistle
    org = whistle.org if whistle is not None else sheet.case.township
    who = RoleAt(RoleName(Role.DUTY_SUPERVISOR), OrgId(org))
    return who if in_circle(sheet, who) else None


def _tell_both(sheet: Draft, kind: NoticeKind, party: Party, limit: Deadline) -> None:
    """Tell the late unit and the township that waits for it."""
    params = {"unit": unit_name(sheet, party.org), "due_at": instant(limit.due_at)}
    tell_unit(sheet, kind, party.org, about=party.org, **params)
    tell_role(sheet, kind, Role.DUTY_SUPERVISOR, about=party.org, **params)


def _tell_unfinished(sheet: Draft, firing: Firing, party: Party) -> None:
    due_at = instant(firing.clock.due_at)
    told: dict[str, str] = {
        "unit": unit_name(sheet, party.org),
        "due_at": due_at,
        "stage": firing.clock.kind,
    }
    tell_unit(sheet, NoticeKind.BREACHED, party.org, about=firing.clock.key, **told)
    if party.lead:
        about = firing.clock.key
        tell_role(sheet, NoticeKind.BREACHED, Role.DUTY_SUPERVISOR, about=about, **told)
        return
    helpers = [one for one in parties(sheet) if not one.lead and one.done_at is None]
    count = sum(ClockKind.WHISTLE_FINISH in one.late for one in helpers)
    lead = lead_of(sheet)
    if lead is not None:
        tell_unit(
            sheet, NoticeKind.HELPERS_LATE, lead.org, about=str(count), count=count, due_at=due_at
        )
    tell_role(
        sheet,
        NoticeKind.HELPERS_LATE,
        Role.DUTY_SUPERVISOR,
        about=str(count),
        count=count,
        due_at=due_at,
    )


def _extended(sheet: Draft, whistle: Whistle) -> Deadline | None:
    """Return the lead's limit with what was granted on the case since it was called; else None.

    The lead's limit is the case's: it grows with it, up to the length to which policy lets a
    whistle of this kind be extended.
    """
    new, most = granted(sheet)[whistle.extensions :], rule_of(sheet, whistle).extendable_to
    lead, later = lead_of(sheet), whistle.due
    if not new or most is None or lead is None or later is None:
        return None
    for span in new:
        later = extend(later, span, office=sheet.facts.office)
    longest = sheet.limit(most, start=lead.called_at)
    later = min(later, longest, key=lambda limit: limit.due_at)
    return later if later.due_at > sheet.now else None


def _run_until(sheet: Draft, firing: Firing, party: Party, later: Deadline) -> None:
    whistle = whistle_of(sheet)
    sheet.change(whistle=replace(whistle, due=later, extensions=len(granted(sheet))))
    sheet.start_until(ClockKind.WHISTLE_FINISH, later.due_at, part=party.org, deadline=later)
    sheet.record(
        f"timer:{firing.clock.kind}",
        reason="extended",
        rule=f"whistles/{whistle.kind}/extendable_to",
        detail={"unit": party.org, "due_at": instant(later.due_at)},
    )


def _propose_later(sheet: Draft, party: Party) -> None:
    at = next_proposal(sheet, party)
    if at is not None:
        sheet.start_until(ClockKind.WHISTLE_FINISH, at, part=party.org)
