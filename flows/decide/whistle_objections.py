"""异议: a called unit says it is not its duty; level by level somebody else decides. Pure.

The work goes on meanwhile: the first unit leads until a decision, and when none comes in time.
"""

from msgspec.structs import replace

from events.contract.escalation import ObjectionAdjudicated, WhistleObjected
from flows.decide.decision import Firing
from flows.decide.draft import Draft, Refusal
from flows.decide.escalation import no_longer_needed, rings
from flows.decide.escalation_notices import in_circle, tell_role, tell_unit, unit_name
from flows.decide.ladder import stop_ladder
from flows.decide.late import in_time
from flows.decide.route import fires, handles
from flows.decide.whistle import running_whistle
from flows.decide.whistle_calls import (
    call,
    granted,
    lead_with,
    release,
    rule_of,
    whistle_of,
    why_not_callable,
)
from flows.decide.whistle_clocks import send_up
from flows.decide.whistle_parties import acting_party
from models.clocks import ClockKind
from models.handling import Party, Whistle, WhistleObjection, WhistleState
from models.policy.actions import Action
from models.policy.people import OrgKind, Role
from models.policy.whistle import ObjectionLevel
from models.values import OrgId, RoleName, Step
from notifications.notice import NoticeKind, RoleAt, instant


@handles(WhistleObjected)
def object_to(sheet: Draft, data: WhistleObjected) -> Refusal | None:
    """异议. When a called unit objects, once; or takes a rejection to the next level.

    Within policy's time from being called, or from the rejection; never against an emergency.
    """
    found, whistle = acting_party(sheet), running_whistle(sheet, WhistleState.BLOWN)
    if isinstance(found, Refusal) or whistle is None:
        return found if isinstance(found, Refusal) else Refusal("no_whistle_blown")
    if not rule_of(sheet, whistle).objection:
        return Refusal("act_first")
    mine = [one for one in whistle.objections if one.by == found.org]
    again = _taken_higher(sheet, mine[-1], data.cites) if mine else None
    if mine and again is None and len(mine) >= sheet.policy.whistles.objections:
        return Refusal("objected_already")
    since = found.called_at if again is None else (mine[-1].decided_at or sheet.now)
    until = sheet.limit(sheet.policy.whistles.object_within, start=since).due_at
    if sheet.now > until and not in_time(sheet, until):
        return Refusal("objection_too_late", {"until": instant(until)})
    objection = again or WhistleObjection(by=found.org, cites=data.cites, level=1, at=sheet.now)
    kept = tuple(one for one in whistle.objections if again is None or one is not mine[-1])
    sheet.change(whistle=replace(whistle, objections=(*kept, objection)))
    sheet.done_by(Action.ESCALATION_OBJECT, sheet.acting.actor)
    sheet.record(
        Action.ESCALATION_OBJECT,
        words=data.reason,
        rule="whistles/object_within",
        detail={"unit": found.org, "cites": data.cites, "level": objection.level},
    )
    _ask_level(sheet, whistle, objection)
    return None


@handles(ObjectionAdjudicated)
def adjudicate(sheet: Draft, data: ObjectionAdjudicated) -> Refusal | None:
    """裁定. When the level in charge decides; upheld, another unit is called in its place."""
    whistle = running_whistle(sheet, WhistleState.BLOWN)
    if whistle is None:
        return Refusal("no_whistle_blown")
    found = _asked_about(whistle, data)
    if isinstance(found, Refusal):
        return found
    if refusal := _why_not_judge(sheet, found):
        return refusal
    party = _party(sheet, found.by)
    if data.upheld and (refusal := _why_not_successor(sheet, party, data.new_lead)):
        return refusal
    sheet.stop(ClockKind.WHISTLE_OBJECTION, part=found.by)
    _decide(sheet, found, "upheld" if data.upheld else "rejected")
    sheet.done_by(Action.ESCALATION_ADJUDICATE, sheet.acting.actor)
    if data.upheld:
        _replace(sheet, party, data.new_lead)
    sheet.record(
        Action.ESCALATION_ADJUDICATE,
        reason="upheld" if data.upheld else "rejected",
        words=data.reason,
        detail={
            "unit": found.by,
            "level": found.level,
            "cites": found.cites,
            "new_lead": data.new_lead,
            **_precedent(sheet, data),
        },
    )
    _tell_decided(sheet, found, "upheld" if data.upheld else "rejected")
    return None


@fires(Step.ESCALATION, ClockKind.WHISTLE_OBJECTION)
def objection_undecided(sheet: Draft, firing: Firing) -> None:
    """When a level has not decided in time: it goes up; past the last, the present lead stays."""
    if not rings(sheet, firing):
        return
    whistle = running_whistle(sheet, WhistleState.BLOWN)
    found = next((o for o in _open(whistle) if o.by == firing.clock.part), None)
    if whistle is None or found is None:
        no_longer_needed(sheet, firing)
        return
    send_up(sheet, firing, whistle.org)
    if _is_last(sheet, found):
        _decide(sheet, found, "no_decision")
        sheet.record(
            f"timer:{firing.clock.kind}",
            reason="no_decision",
            rule="whistles/first_unit_leads",
            detail={"unit": found.by, "level": found.level},
        )
        _tell_decided(sheet, found, "no_decision")
        return
    higher = replace(found, level=found.level + 1)
    _put(sheet, found, higher)
    _ask_level(sheet, whistle, higher)


def _open(whistle: Whistle | None) -> tuple[WhistleObjection, ...]:
    return tuple(o for o in whistle.objections if o.decided_at is None) if whistle else ()


def _level(sheet: Draft, objection: WhistleObjection) -> ObjectionLevel:
    levels = sheet.policy.whistles.levels
    return levels[min(objection.level, len(levels)) - 1]


def _is_last(sheet: Draft, objection: WhistleObjection) -> bool:
    levels = sheet.policy.whistles.levels
    return _level(sheet, objection).final or objection.level >= len(levels)


def _taken_higher(sheet: Draft, last: WhistleObjection, cites: str) -> WhistleObjection | None:
    """Return the rejected objection one level higher; None where it cannot be taken there."""
    if last.outcome != "rejected" or _is_last(sheet, last):
        return None
    return replace(last, cites=cites, level=last.level + 1, decided_at=None, outcome="")


def _ask_level(sheet: Draft, whistle: Whistle, objection: WhistleObjection) -> None:
    """Ask the level in charge and set its clock."""
    level = _level(sheet, objection)
    deadline = sheet.start(ClockKind.WHISTLE_OBJECTION, level.limit, part=objection.by)
    who = _judges(sheet, whistle, level)
    if in_circle(sheet, who):
        sheet.notify(
            NoticeKind.OBJECTION_RAISED,
            who,
            about=f"{objection.by}-{objection.level}",
            unit=unit_name(sheet, objection.by),
            level=level.name.zh,
            due_at=instant(deadline.due_at),
        )


def _judges(sheet: Draft, whistle: Whistle, level: ObjectionLevel) -> RoleAt:
    """Return who decides at a level: at the county, one of its units, or the township itself."""
    directory, now = sheet.facts.directory, sheet.now
    county = directory.by_code(sheet.case.county, OrgKind.COUNTY, now)
    units = [county, *directory.orgs(now, parent=county.id)] if county is not None else []
    places = [*(org.id for org in units), whistle.org]
    held = (org for org in places if directory.holders(level.role, org, now))
    return RoleAt(RoleName(level.role), OrgId(next(held, places[0])))


def _asked_about(whistle: Whistle, data: ObjectionAdjudicated) -> WhistleObjection | Refusal:
    """Return the open objection that is decided; several are told apart by the objector."""
    waiting = [one for one in _open(whistle) if data.objector in ("", one.by)]
    if not waiting:
        return Refusal("no_objection_open")
    if len(waiting) > 1:
        return Refusal("which_objection", {"open": len(waiting)})
    return waiting[0]


def _why_not_judge(sheet: Draft, objection: WhistleObjection) -> Refusal | None:
    level = _level(sheet, objection)
    if sheet.acting.role != level.role:
        return Refusal("not_this_level", {"level": objection.level, "role": level.role.value})
    above = {org.id for org in sheet.facts.directory.above(sheet.acting.org, sheet.now)}
    if objection.by in above:
        return Refusal("own_department")
    held = sheet.facts.directory.roles_of(sheet.acting.actor, sheet.now)
    if any(role.org == objection.by for role in held):
        return Refusal("own_department")
    return None


def _why_not_successor(sheet: Draft, party: Party, new_lead: str) -> Refusal | None:
    """Say why the named unit cannot take over; a helper may be let go without a successor."""
    if not new_lead:
        return Refusal("new_lead_needed") if party.lead else None
    if reason := why_not_callable(sheet, new_lead):
        return Refusal(reason, {"unit": new_lead})
    known = next((p for p in whistle_of(sheet).parties if p.org == new_lead), None)
    if new_lead == party.org or (known is not None and (known.released or known.lead)):
        return Refusal("not_a_successor", {"unit": new_lead})
    return None


def _party(sheet: Draft, org: str) -> Party:
    return next(party for party in whistle_of(sheet).parties if party.org == org)


def _replace(sheet: Draft, party: Party, successor: str) -> None:
    """Let a unit go and call its successor on fresh clocks, as what it was: lead or helper."""
    _put_party(sheet, replace(party, released=True))
    release(sheet, party)
    stop_ladder(sheet, f"{ClockKind.WHISTLE_ARRIVE}:{party.org}")
    if not successor:
        return
    stop_ladder(sheet, f"{ClockKind.WHISTLE_ARRIVE}:{successor}")
    _put_party(sheet, call(sheet, whistle_of(sheet), successor, lead=party.lead))
    if party.lead:
        limit = lead_with(sheet, whistle_of(sheet), successor)
        now_led = replace(
            whistle_of(sheet), lead=successor, due=limit, extensions=len(granted(sheet))
        )
        sheet.change(whistle=now_led)


def _put_party(sheet: Draft, party: Party) -> None:
    whistle = whistle_of(sheet)
    others = tuple(one for one in whistle.parties if one.org != party.org)
    sheet.change(whistle=replace(whistle, parties=(*others, party)))


def _put(sheet: Draft, old: WhistleObjection, new: WhistleObjection) -> None:
    whistle = whistle_of(sheet)
    changed = tuple(new if one == old else one for one in whistle.objections)
    sheet.change(whistle=replace(whistle, objections=changed))


def _decide(sheet: Draft, objection: WhistleObjection, outcome: str) -> None:
    decided = replace(objection, decided_at=sheet.now, upheld=outcome == "upheld", outcome=outcome)
    _put(sheet, objection, decided)


def _precedent(sheet: Draft, data: ObjectionAdjudicated) -> dict[str, str | int | bool | None]:
    """Return what an upheld objection teaches the responsibility table: category → unit."""
    if not (data.upheld and data.new_lead):
        return {}
    item = sheet.policy.responsibility.item_of(sheet.case.category) or ""
    return {
        "precedent": True,
        "precedent_category": sheet.case.category,
        "precedent_unit": data.new_lead,
        "precedent_item": item,
    }


def _tell_decided(sheet: Draft, objection: WhistleObjection, outcome: str) -> None:
    """Tell the unit and the township how it ended."""
    told = {"unit": unit_name(sheet, objection.by), "outcome": outcome}
    about = f"{objection.by}-{objection.level}"
    tell_unit(sheet, NoticeKind.OBJECTION_ADJUDICATED, objection.by, about=about, **told)
    tell_role(sheet, NoticeKind.OBJECTION_ADJUDICATED, Role.DUTY_SUPERVISOR, about=about, **told)
