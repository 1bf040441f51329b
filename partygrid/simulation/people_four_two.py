"""四议两公开: who proposes, deliberates, meets, resolves and publishes, step by step."""

from collections.abc import Iterator

from events.contract.consultation import (
    FourTwoDeliberated,
    FourTwoMembersMet,
    FourTwoProposed,
    FourTwoResolved,
    ResolutionPublished,
    Stage,
)
from events.contract.envelope import Acting
from flows.decide.consultation_rules import SittingRule, is_four_two, rule_at
from models.consulting import Consultation
from models.policy.actions import Action
from models.policy.consultation import Roll
from models.policy.people import Role
from models.values import CaseState
from partygrid.simulation.people_consultation import clerk, enter, entered_by
from partygrid.simulation.scene import Act, Scene
from partygrid.simulation.sittings import call_together, committees, sheet_of, turn_of

_HEADS = (Role.VILLAGE_SECRETARY, Role.VILLAGE_DIRECTOR)
_RESOLVERS = (*_HEADS, Role.COLLECTIVE_DIRECTOR)


def react(scene: Scene) -> Iterator[Act]:
    """Take the step that comes now."""
    talk = scene.case.consultation
    if talk is None or not is_four_two(talk) or talk.outcome or talk.publicity:
        return
    if scene.case.state is not CaseState.CONSULTING:
        return
    rule = rule_at(scene.sheet, talk)
    match Stage(talk.stage):
        case Stage.PROPOSE:
            yield from _propose(scene, talk)
        case Stage.DELIBERATE if rule is not None:
            yield from _deliberate(scene, talk, rule)
        case Stage.MEMBERS_MEETING | Stage.RESOLVE if rule is not None:
            yield from _meet(scene, talk, rule)
        case Stage.PUBLISH_RESOLUTION:
            yield from _publish(scene, talk)


def _propose(scene: Scene, talk: Consultation) -> Iterator[Act]:
    acting = scene.only(Action.CONSULTATION_STEP_PROPOSE, Role.VILLAGE_SECRETARY)
    if acting is not None:
        yield Act(
            need=f"propose|{turn_of(talk)}",
            acting=acting,
            after=scene.any_day(30, 120, "propose"),
            data=FourTwoProposed(proposal="补偿费分配方案（提议稿）"),
        )


def _deliberate(scene: Scene, talk: Consultation, rule: SittingRule) -> Iterator[Act]:
    acting = scene.only(Action.CONSULTATION_STEP_DELIBERATE, *_HEADS)
    voted = committees(scene, rule)
    if acting is not None:
        yield Act(
            need=f"deliberate|{turn_of(talk)}",
            acting=acting,
            after=scene.any_day(60, 180, "deliberate", turn_of(talk)),
            data=FourTwoDeliberated(
                agreed=rule.passing is None or rule.passing.met(voted.in_favour, voted.present),
                note="两委会议记录",
                eligible=voted.eligible,
                present=voted.present,
                in_favour=voted.in_favour,
            ),
        )


def _meet(scene: Scene, talk: Consultation, rule: SittingRule) -> Iterator[Act]:
    """Call the meeting; then two people enter its signed sheet, one after the other."""
    if talk.meets_at is None:
        called = call_together(scene, talk, rule)
        if called is not None:
            yield called
    elif not entered_by(talk):
        yield from _tell_meeting(scene, talk, rule)
    else:
        acting = clerk(scene, talk)
        if acting is not None:
            yield enter(scene, talk, rule, acting)


def _tell_meeting(scene: Scene, talk: Consultation, rule: SittingRule) -> Iterator[Act]:
    members = talk.stage == Stage.MEMBERS_MEETING
    if members:
        acting = scene.only(Action.CONSULTATION_STEP_MEMBERS_MEETING, Role.VILLAGE_SECRETARY)
    else:
        acting = scene.only(Action.CONSULTATION_STEP_RESOLVE, *_RESOLVERS)
    if acting is not None and talk.meets_at is not None:
        data = _members_met(scene, talk, rule) if members else _resolved(scene, talk, rule)
        yield Act(
            need=f"met|{turn_of(talk)}",
            acting=acting,
            after=scene.behind(talk.meets_at, 60, 120, "met", talk.stage),
            data=data,
        )


def _members_met(scene: Scene, talk: Consultation, rule: SittingRule) -> FourTwoMembersMet:
    figures = sheet_of(scene, talk, rule)
    met_at = talk.meets_at or scene.now
    return FourTwoMembersMet(
        eligible=figures.eligible,
        present=figures.present,
        in_favour=figures.in_favour,
        against=figures.against,
        abstained=figures.abstained,
        draft_sent_at=met_at - rule.notice if rule.notice is not None else met_at,
        met_at=met_at,
        township_attendee=_attendee(scene),
    )


def _resolved(scene: Scene, talk: Consultation, rule: SittingRule) -> FourTwoResolved:
    figures = sheet_of(scene, talk, rule)
    met_at = talk.meets_at or scene.now
    return FourTwoResolved(
        body=talk.body,
        eligible=figures.eligible,
        present=figures.present,
        in_favour=figures.in_favour,
        against=figures.against,
        abstained=figures.abstained,
        members=talk.members,
        notice_given_at=met_at - rule.notice if rule.notice is not None else met_at,
        met_at=met_at,
        counted=Roll(talk.counted) if talk.counted else None,
        township_attendee=_attendee(scene),
    )


def _attendee(scene: Scene) -> str:
    """Return the township cadre who attends."""
    grid = scene.case.grid[:15]
    return next(iter(scene.directory.holders(Role.INSTRUCTOR, grid, scene.now)), "")


def _publish(scene: Scene, talk: Consultation) -> Iterator[Act]:
    acting: Acting | None = scene.only(Action.CONSULTATION_STEP_PUBLISH_RESOLUTION, *_HEADS)
    if acting is not None:
        yield Act(
            need=f"publish|{turn_of(talk)}",
            acting=acting,
            after=scene.any_day(60, 240, "publish", turn_of(talk)),
            data=ResolutionPublished(text="分配方案决议，张贴于村务公开栏"),
        )
