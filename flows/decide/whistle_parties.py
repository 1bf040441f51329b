"""报到: what a called unit does. Each act answers its own clock of its own unit, no other. Pure."""

from datetime import datetime

from msgspec.structs import replace

from events.contract.escalation import (
    DepartmentArrived,
    HelperDone,
    PlanSubmitted,
    WhistleFinished,
    WhistleSigned,
)
from flows.decide.draft import Draft, Refusal
from flows.decide.escalation_notices import tell_role, tell_unit, unit_name
from flows.decide.handled import say_handled, sign_off
from flows.decide.ladder import stop_ladder
from flows.decide.late import in_time
from flows.decide.route import handles
from flows.decide.waiting import answer as answered
from flows.decide.waiting import waits_for
from flows.decide.whistle import running_whistle
from flows.decide.whistle_calls import PARTY_CLOCKS, rule_of, whistle_of
from flows.decide.whistle_ratings import ask_ratings
from models.clocks import ClockKind
from models.deadlines import warning_at
from models.handling import Party, Whistle, WhistleState
from models.policy.actions import Action
from models.policy.people import Role
from models.policy.span import Span
from notifications.notice import NoticeKind


@handles(WhistleSigned)
def sign(sheet: Draft, data: WhistleSigned) -> Refusal | None:
    """签收. When a called unit signs for the whistle."""
    found = acting_party(sheet)
    if isinstance(found, Refusal):
        return found
    if found.signed_at is not None:
        return Refusal("already_done")
    party = answer(sheet, replace(found, signed_at=sheet.now), ClockKind.WHISTLE_SIGN)
    _record(sheet, Action.ESCALATION_SIGN, party, ClockKind.WHISTLE_SIGN, words=data.note)
    return None


@handles(DepartmentArrived)
def arrive(sheet: Draft, data: DepartmentArrived) -> Refusal | None:
    """报到. When a called unit is on site, or somebody is the first at an emergency."""
    first = waits_for(sheet, ClockKind.ON_SITE)
    found = acting_party(sheet)
    if isinstance(found, Refusal):
        return _first_on_site(sheet, data) if first else found
    if found.arrived_at is not None:
        return Refusal("already_done")
    answered(sheet, ClockKind.ON_SITE)
    party = answer(sheet, replace(found, arrived_at=sheet.now), ClockKind.WHISTLE_ARRIVE)
    stop_ladder(sheet, f"{ClockKind.WHISTLE_ARRIVE}:{party.org}")
    _record(
        sheet,
        Action.ESCALATION_ARRIVE,
        party,
        ClockKind.WHISTLE_ARRIVE,
        words=data.note,
        evidence=data.evidence,
    )
    return None


@handles(PlanSubmitted)
def plan(sheet: Draft, data: PlanSubmitted) -> Refusal | None:
    """方案. When the lead says how and until when it will be solved."""
    found = acting_party(sheet)
    if isinstance(found, Refusal):
        return found
    if not found.lead:
        return Refusal("not_the_lead")
    if found.planned_at is not None:
        return Refusal("already_done")
    party = answer(sheet, replace(found, planned_at=sheet.now), ClockKind.WHISTLE_PLAN)
    _record(sheet, Action.ESCALATION_PLAN, party, ClockKind.WHISTLE_PLAN, words=data.plan)
    return None


@handles(HelperDone)
def helper_done(sheet: Draft, data: HelperDone) -> Refusal | None:
    """协办办结. When a helping unit has done its part, of a whistle or of an assignment."""
    if running_whistle(sheet, WhistleState.BLOWN) is None:
        return _assignment_helper_done(sheet, data)
    found = acting_party(sheet)
    if isinstance(found, Refusal):
        return found
    if found.lead:
        return Refusal("not_a_helper")
    if found.done_at is not None:
        return Refusal("already_done")
    party = answer(sheet, replace(found, done_at=sheet.now), ClockKind.WHISTLE_FINISH)
    _nothing_more_from(sheet, party.org)
    _record(
        sheet,
        Action.ESCALATION_HELPER_DONE,
        party,
        ClockKind.WHISTLE_FINISH,
        words=data.note,
        evidence=data.evidence,
    )
    lead = lead_of(sheet)
    if lead is not None:
        name = unit_name(sheet, party.org)
        tell_unit(sheet, NoticeKind.HELPER_DONE, lead.org, about=party.org, unit=name)
    return None


@handles(WhistleFinished)
def finish(sheet: Draft, data: WhistleFinished) -> Refusal | None:
    """哨单办结. When the lead finished and every helper is done, or it says why not.

    What follows is what follows any handled work; both sides are asked to rate each other.
    """
    found = acting_party(sheet)
    if isinstance(found, Refusal):
        return found
    if not found.lead:
        return Refusal("not_the_lead")
    if not data.opinion and not data.evidence:
        return Refusal("nothing_shown")
    missing = [p.org for p in parties(sheet) if not p.lead and p.done_at is None]
    if missing and not data.without_helpers:
        return Refusal("helpers_not_done", {"missing": len(missing)})
    if missing:
        sheet.record(
            Action.ESCALATION_HELPER_DONE,
            reason="without_helpers",
            words=data.without_helpers,
            detail={"missing": ",".join(missing)},
        )
    party = answer(sheet, replace(found, done_at=sheet.now), ClockKind.WHISTLE_FINISH)
    _close(sheet)
    say_handled(
        sheet,
        Action.ESCALATION_WHISTLE_FINISH,
        org=party.org,
        words=data.opinion,
        evidence=data.evidence,
        detail=_told_late(party, ClockKind.WHISTLE_FINISH),
    )
    return None


def acting_party(sheet: Draft) -> Party | Refusal:
    """Return the called unit in whose name somebody acts, or why there is none."""
    if running_whistle(sheet, WhistleState.BLOWN) is None:
        return Refusal("no_whistle_blown")
    mine = {org.id for org in sheet.facts.directory.above(sheet.acting.org, sheet.now)}
    found = [party for party in _all(sheet) if party.org in mine]
    if not found:
        return Refusal("not_called")
    return found[0] if not found[0].released else Refusal("released")


def parties(sheet: Draft) -> tuple[Party, ...]:
    """Return the units that are called and have not been released."""
    return tuple(party for party in _all(sheet) if not party.released)


def lead_of(sheet: Draft) -> Party | None:
    """Return the unit that leads the whistle."""
    return next((party for party in parties(sheet) if party.lead), None)


def set_party(sheet: Draft, party: Party) -> None:
    """Put a party's new facts in the place of its old ones."""
    whistle = whistle_of(sheet)
    changed = tuple(party if one.org == party.org else one for one in whistle.parties)
    sheet.change(whistle=replace(whistle, parties=changed))


def answer(sheet: Draft, party: Party, kind: ClockKind) -> Party:
    """Stop the clock this act answers; done in time and heard late, it counts as on time."""
    sheet.stop(kind, part=party.org)
    if kind in party.late and in_time(sheet, party_due(sheet, party, kind)):
        party = replace(party, late_received=(*party.late_received, str(kind)))
    set_party(sheet, party)
    return party


def party_due(sheet: Draft, party: Party, kind: ClockKind) -> datetime:
    """Return when a party's clock of a kind was due, counted from its calling."""
    whistle = whistle_of(sheet)
    if kind is ClockKind.WHISTLE_FINISH and party.lead and whistle.due is not None:
        return whistle.due.due_at
    rule = rule_of(sheet, whistle)
    spans: dict[ClockKind, Span | None] = {
        ClockKind.WHISTLE_SIGN: rule.sign,
        ClockKind.WHISTLE_ARRIVE: rule.arrive,
        ClockKind.WHISTLE_PLAN: rule.plan,
        ClockKind.WHISTLE_FINISH: rule.finish,
    }
    span = spans[kind]
    if span is None:
        return party.called_at
    limit = sheet.limit(span, start=party.called_at)
    if kind is ClockKind.WHISTLE_FINISH:
        share = sheet.policy.whistles.helper_share
        return warning_at(limit, share, office=sheet.facts.office)
    return limit.due_at


def _all(sheet: Draft) -> tuple[Party, ...]:
    whistle = sheet.case.whistle
    return whistle.parties if whistle is not None else ()


def _nothing_more_from(sheet: Draft, org: str) -> None:
    """A unit that is done owes nothing more: neither signature nor arrival."""
    sheet.stop(*PARTY_CLOCKS, part=org)
    stop_ladder(sheet, f"{ClockKind.WHISTLE_ARRIVE}:{org}")


def _close(sheet: Draft) -> None:
    """End the whistle: nobody owes anything to it any more; an open objection is overtaken."""
    whistle = whistle_of(sheet)
    for party in whistle.parties:
        _nothing_more_from(sheet, party.org)
    sheet.stop(ClockKind.WHISTLE_OBJECTION)
    objections = tuple(
        one if one.decided_at else replace(one, decided_at=sheet.now, outcome="overtaken")
        for one in whistle.objections
    )
    ended: Whistle = replace(
        whistle, state=WhistleState.FINISHED, finished_at=sheet.now, objections=objections
    )
    sheet.change(whistle=ended)
    tell_role(
        sheet,
        NoticeKind.WHISTLE_FINISHED,
        Role.DUTY_SUPERVISOR,
        about=whistle.id,
        whistle=whistle.kind,
        unit=unit_name(sheet, sheet.case.owner.org if sheet.case.owner else whistle.org),
    )
    ask_ratings(sheet)


def _record(
    sheet: Draft,
    action: Action,
    party: Party,
    kind: ClockKind,
    *,
    words: str = "",
    evidence: tuple[str, ...] = (),
) -> None:
    detail = _told_late(party, kind)
    reason = "late_received" if kind in party.late_received else "ok"
    sheet.record(action, reason=reason, words=words, evidence=evidence, detail=detail)


def _told_late(party: Party, kind: ClockKind) -> dict[str, str | int | bool | None]:
    return {
        "unit": party.org,
        "lead": party.lead,
        "late": kind in party.late,
        "late_received": kind in party.late_received,
    }


def _first_on_site(sheet: Draft, data: DepartmentArrived) -> Refusal | None:
    """Note the first response on the spot by somebody who was not called by whistle."""
    answered(sheet, ClockKind.ON_SITE)
    sheet.record(
        Action.ESCALATION_ARRIVE,
        words=data.note,
        evidence=data.evidence,
        detail={"unit": sheet.acting.org, "first": True},
    )
    return None


def _assignment_helper_done(sheet: Draft, data: HelperDone) -> Refusal | None:
    work = sheet.case.assignment
    mine = {org.id for org in sheet.facts.directory.above(sheet.acting.org, sheet.now)}
    helping = [org for org in work.helpers if org in mine] if work is not None else []
    if work is None or not helping:
        return Refusal("not_a_helper")
    if helping[0] in work.helpers_done:
        return Refusal("already_done")
    sign_off(sheet, helping[0])
    sheet.record(
        Action.ESCALATION_HELPER_DONE,
        words=data.note,
        evidence=data.evidence,
        detail={"unit": helping[0]},
    )
    return None
