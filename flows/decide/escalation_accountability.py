"""What follows for a unit that is late: proposed by the engine, decided by a person. Pure."""

from datetime import datetime

from msgspec.structs import replace

from events.contract.escalation import AccountabilityRecorded
from flows.decide.draft import Draft, Refusal
from flows.decide.escalation_notices import in_circle, unit_name
from flows.decide.places import org_at, unit
from flows.decide.route import handles
from models.clocks import ClockKind
from models.handling import Party
from models.policy.actions import Action
from models.policy.people import OrgKind
from models.values import SYSTEM_PREFIX, OrgId, RoleName
from notifications.notice import NoticeKind, RoleAt


def propose_measure(sheet: Draft, party: Party) -> Party:
    """Propose the next consequence for a party that is still late; return the party with it noted.

    What is proposed is the step after those that a person has recorded: nothing is proposed that
    presupposes a reminder nobody gave.
    """
    steps = sheet.policy.whistles.accountability
    turn = len(party.proposed)
    step = steps[min(turn, len(party.measures))]
    for who in _deciders(sheet):
        sheet.notify(
            NoticeKind.ACCOUNTABILITY_PROPOSED,
            who,
            about=f"{party.org}-{turn}",
            unit=unit_name(sheet, party.org),
            measure=step.name.zh,
        )
    sheet.record(
        f"timer:{ClockKind.WHISTLE_FINISH}",
        reason="accountability_proposed",
        rule=f"whistles/accountability/{steps.index(step)}",
        detail={"unit": party.org, "measure": step.name.en, "recorded": len(party.measures)},
    )
    return replace(party, proposed=(*party.proposed, sheet.now))


def next_proposal(sheet: Draft, party: Party) -> datetime | None:
    """Return when the next consequence is to be proposed; None: never by itself.

    The first is counted from the breach, the others from the first proposal (the reminder).
    """
    steps = sheet.policy.whistles.accountability
    turn = len(party.proposed)
    span = steps[turn].after if turn < len(steps) else None
    if span is None:
        return None
    start = party.proposed[0] if party.proposed else sheet.now
    return max(sheet.limit(span, start=start).due_at, sheet.now)


def _deciders(sheet: Draft) -> list[RoleAt]:
    """Return the roles at the county that may record a consequence, as far as they may hear."""
    county = org_at(sheet, OrgKind.COUNTY)
    if county is None:
        return []
    holders = sheet.policy.roles.holders[Action.ESCALATION_RECORD_ACCOUNTABILITY]
    rules = sheet.policy.roles.roles
    found = [
        RoleAt(RoleName(role), OrgId(county.id))
        for role in rules
        if role in holders
        and not rules[role].sees_bypass
        and sheet.facts.directory.holders(role, county.id, sheet.now)
    ]
    return [who for who in found if in_circle(sheet, who)]


@handles(AccountabilityRecorded)
def record_accountability(sheet: Draft, data: AccountabilityRecorded) -> Refusal | None:
    """问责记录. When a person decided on a consequence for a unit; the engine never does."""
    if sheet.acting.actor.startswith(SYSTEM_PREFIX):
        return Refusal("a_person_decides")
    org = sheet.facts.directory.org(data.unit, sheet.now)
    if org is None:
        return Refusal("unknown_unit", {"unit": data.unit})
    _note_measure(sheet, org.id, data.kind.value)
    sheet.record(
        Action.ESCALATION_RECORD_ACCOUNTABILITY,
        words=data.reason,
        detail={
            "unit": org.id,
            "kind": data.kind.value,
            "had_power": data.had_power,
            "listed_power": holds_listed_power(sheet, org.id),
        },
    )
    return None


def holds_listed_power(sheet: Draft, org_id: str) -> bool:
    """Does the responsibility list give this unit a legal power in the case's matter?"""
    item = sheet.policy.responsibility.for_category(sheet.case.category)
    holders = [unit(sheet, power.holder) for power in item.powers] if item is not None else []
    return any(holder is not None and holder.id == org_id for holder in holders)


def _note_measure(sheet: Draft, org_id: str, kind: str) -> None:
    whistle = sheet.case.whistle
    if whistle is None:
        return
    parties = tuple(
        replace(party, measures=(*party.measures, kind)) if party.org == org_id else party
        for party in whistle.parties
    )
    sheet.change(whistle=replace(whistle, parties=parties))
