"""Who objects to a whistle and who decides, who rates whom, who is called to account."""

from collections.abc import Iterator

from events.contract.escalation import (
    AccountabilityKind,
    AccountabilityRecorded,
    DepartmentRated,
    ObjectionAdjudicated,
    WhistleObjected,
    WhistleRated,
)
from models.handling import Party, Whistle, WhistleObjection, WhistleState
from models.policy.actions import Action
from models.policy.people import Role
from partygrid.simulation.scene import Act, Scene
from partygrid.simulation.stories import Story
from partygrid.simulation.whistle_course import OBJECTIONS, objection_of

#: kind of the department that turns out to be in charge
_SUCCESSOR = "natural_resources"


def react(scene: Scene) -> Iterator[Act]:
    """Object and adjudicate, propose and record, rate."""
    whistle = scene.case.whistle
    if whistle is None:
        return
    if whistle.state is WhistleState.BLOWN:
        for party in whistle.parties:
            if not party.released:
                yield from _object(scene, whistle, party)
                yield from _call_to_account(scene, whistle, party)
        for objection in whistle.objections:
            if objection.decided_at is None:
                yield from _adjudicate(scene, whistle, objection)
    elif whistle.state is WhistleState.FINISHED:
        yield from _rate(scene, whistle)


def _object(scene: Scene, whistle: Whistle, party: Party) -> Iterator[Act]:
    """Object once, after signing; what is rejected is taken to the next level, up to the last."""
    if scene.story not in OBJECTIONS or not party.lead or party.signed_at is None:
        return
    mine = objection_of(whistle, party.org)
    if mine is None and whistle.objections:
        return
    levels = len(scene.policy.whistles.levels)
    if mine is not None and (mine.outcome != "rejected" or mine.level >= levels):
        return
    level = 1 if mine is None else mine.level + 1
    acting = scene.of_unit(Action.ESCALATION_OBJECT, party.org, Role.DEPARTMENT_LEAD)
    if acting is not None:
        yield Act(
            need=f"object|{whistle.id}|{party.org}|{level}",
            acting=acting,
            after=scene.soon(15, 60, "object", level),
            data=WhistleObjected(cites="权责清单 A-11", reason="该事项主责不在本单位"),
        )


def _adjudicate(scene: Scene, whistle: Whistle, objection: WhistleObjection) -> Iterator[Act]:
    level = scene.policy.whistles.levels[objection.level - 1]
    acting = scene.only(Action.ESCALATION_ADJUDICATE, level.role)
    if acting is None:
        return
    upheld = scene.story is Story.WHISTLE_OBJECTION_UPHELD
    other = scene.directory.department(scene.case.county, _SUCCESSOR, scene.now)
    yield Act(
        need=f"adjudicate|{whistle.id}|{objection.by}|{objection.level}",
        acting=acting,
        after=scene.soon(45, 180, "adjudicate", objection.level),
        data=ObjectionAdjudicated(
            upheld=upheld,
            objector=objection.by,
            new_lead=other.id if upheld and other is not None else "",
            reason="主责另有单位" if upheld else "清单已列明主责",
        ),
    )


def _call_to_account(scene: Scene, whistle: Whistle, party: Party) -> Iterator[Act]:
    """Let a person at the county decide what the engine proposed."""
    if len(party.proposed) <= len(party.measures):
        return
    acting = scene.somebody(
        Action.ESCALATION_RECORD_ACCOUNTABILITY, Role.COUNTY_LEADER, Role.COUNTY_SUPERVISOR
    )
    if acting is not None:
        turn = len(party.measures)
        kinds = tuple(AccountabilityKind)
        yield Act(
            need=f"account|{whistle.id}|{party.org}|{turn}",
            acting=acting,
            after=scene.in_office(scene.minutes(30, 180, "account", turn)),
            data=AccountabilityRecorded(
                unit=party.org,
                kind=kinds[min(turn, len(kinds) - 1)],
                had_power=True,
                reason="应哨未到，予以提醒",
            ),
        )


def _rate(scene: Scene, whistle: Whistle) -> Iterator[Act]:
    principal = scene.somebody(Action.ESCALATION_RATE_DEPARTMENT, Role.TOWNSHIP_PRINCIPAL)
    for party in whistle.parties:
        if party.released:
            continue
        if principal is not None and party.org not in whistle.ratings:
            yield Act(
                need=f"rate|{whistle.id}|{party.org}",
                acting=principal,
                after=scene.in_office(scene.minutes(60, 480, "rate", party.org)),
                data=DepartmentRated(
                    department=party.org,
                    score=95 - 15 * len(party.counted_late),
                    solved=party.done_at is not None,
                ),
            )
        lead = scene.of_unit(Action.ESCALATION_RATE_WHISTLE, party.org, Role.DEPARTMENT_LEAD)
        if lead is not None and party.org not in whistle.whistle_ratings:
            yield Act(
                need=f"rate whistle|{whistle.id}|{party.org}",
                acting=lead,
                after=scene.in_office(scene.minutes(60, 480, "rate whistle", party.org)),
                data=WhistleRated(score=60 + scene.draw.between(0, 35, scene.case.id, party.org)),
            )
