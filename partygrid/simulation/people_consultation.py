"""Those who ask for a sitting, convene it, speak, vote, count, keep minutes and conclude."""

from collections.abc import Iterator

from events.contract.assignment import AssignmentRequested
from events.contract.consultation import (
    ActionItemCleared,
    ActionItemSet,
    ConsultationConcluded,
    ConsultationKind,
    ConsultationOutcome,
    ConsultationRequested,
    MinutesKept,
    OpinionGiven,
    Stage,
    Stance,
    TallyEntered,
    VoteCast,
)
from events.contract.envelope import Acting
from flows.decide.consultation_items import results_item
from flows.decide.consultation_rules import SittingRule, is_four_two, reserved_from, rule_at
from models.case import Owner
from models.consulting import ActionItem, Consultation
from models.handling import AssignmentState
from models.policy.actions import Action
from models.policy.people import OrgKind, Role
from models.values import CaseState
from partygrid.simulation.scene import Act, Scene
from partygrid.simulation.sittings import call_together, sheet_of, turn_of
from partygrid.simulation.stories import Story

_OUTCOMES = {
    Story.NO_AGREEMENT: ConsultationOutcome.NO_AGREEMENT,
    Story.MEETING_ESCALATED: ConsultationOutcome.ESCALATED,
    Story.COUNCIL_REFERRED: ConsultationOutcome.REFERRED,
}
#: stories in which a sitting gives somebody a task
_WITH_ITEMS = (Story.MEETING_AGREED, Story.HEARING, Story.COUNCIL_AGREED)
_SPEAKERS = (Role.VILLAGE_REPRESENTATIVE, Role.GRID_HEAD)
_CLERKS = (
    Role.TWO_COMMITTEES_MEMBER,
    Role.SUPERVISION_COMMITTEE_MEMBER,
    Role.VILLAGE_DIRECTOR,
    Role.VILLAGE_SECRETARY,
)
_KEEPERS = (Role.VILLAGE_SECRETARY, Role.VILLAGE_DIRECTOR, Role.DISPATCHER)
#: so many vote in person; the signed sheet has the others
_VOTERS = 3


def react(scene: Scene) -> Iterator[Act]:
    """Ask for a hearing, hold the sitting, see to its tasks."""
    case, talk = scene.case, scene.case.consultation
    if talk is None:
        yield from _ask_hearing(scene)
        return
    yield from _items(scene, talk)
    if case.state is CaseState.REGISTERED:
        yield from _send_on(scene, talk)
    asleep = scene.story is Story.CONSULTATION_TIMED_OUT
    if case.state is CaseState.CONSULTING and not talk.outcome and not asleep:
        rule = None if is_four_two(talk) else rule_at(scene.sheet, talk)
        if rule is not None:
            yield from _sit(scene, talk, rule)


def _ask_hearing(scene: Scene) -> Iterator[Act]:
    work = scene.case.assignment
    proposed = work is not None and work.state is AssignmentState.PROPOSED
    if scene.story is not Story.HEARING or scene.case.state is not CaseState.REGISTERED:
        return
    acting = scene.somebody(Action.CONSULTATION_REQUEST, Role.VILLAGE_SECRETARY)
    if acting is not None and proposed:
        yield Act(
            need="ask hearing",
            acting=acting,
            after=scene.soon(10, 60, "ask hearing"),
            data=ConsultationRequested(
                kind=ConsultationKind.HEARING, body="hearing", reason="先听群众意见"
            ),
        )


def _send_on(scene: Scene, talk: Consultation) -> Iterator[Act]:
    """Send a case on whose body never had enough people; else the clock does it."""
    missed = talk.outcome == ConsultationOutcome.QUORUM_MISSED
    acting = scene.somebody(Action.ASSIGNMENT_REQUEST, Role.VILLAGE_SECRETARY)
    if missed and acting is not None and scene.story is Story.FOUR_TWO_NO_QUORUM_VILLAGERS:
        yield Act(
            need=f"send on|{talk.id}",
            acting=acting,
            after=scene.soon(30, 120, "send on"),
            data=AssignmentRequested(reason="两次到会人数不足，转乡镇处理"),
        )


def _sit(scene: Scene, talk: Consultation, rule: SittingRule) -> Iterator[Act]:
    if talk.meets_at is None:
        called = call_together(scene, talk, rule)
        if called is not None:
            yield called
        return
    yield from _speak(scene, talk)
    counting = rule.passing is not None
    if counting and len(talk.votes) < _voters(scene, talk):
        yield from _vote(scene, talk)
    elif counting and _entries(talk) < scene.policy.consultation.tally_entries:
        yield from _count(scene, talk, rule)
    elif not talk.minutes:
        yield from _keep_minutes(scene, talk)
    else:
        yield from _conclude(scene, talk, rule)


def _speak(scene: Scene, talk: Consultation) -> Iterator[Act]:
    """Let some speak at the sitting; what they say decides nothing."""
    speakers = [scene.villager(Action.CONSULTATION_OPINE)]
    speakers += [scene.only(Action.CONSULTATION_OPINE, role) for role in _SPEAKERS]
    stances = tuple(Stance)
    for at, acting in enumerate(speakers):
        if acting is not None and talk.meets_at is not None:
            yield Act(
                need=f"speak|{turn_of(talk)}|{at}",
                acting=acting,
                after=scene.behind(talk.meets_at, 1, 5, "speak", at),
                data=OpinionGiven(
                    stance=stances[scene.draw.between(0, 2, scene.case.id, "stance", at)],
                    opinion="希望尽快定下来",
                ),
            )


def _voters(scene: Scene, talk: Consultation) -> int:
    seats = [seat for seat in talk.roll if seat.stage == talk.stage and seat.votes]
    return min(_VOTERS, len(seats)) if scene.story is Story.COUNCIL_AGREED else 0


def _vote(scene: Scene, talk: Consultation) -> Iterator[Act]:
    seats = [seat.person for seat in talk.roll if seat.stage == talk.stage and seat.votes]
    for who in seats[: _voters(scene, talk)]:
        acting = _own_vote(scene, who)
        if acting is not None and talk.meets_at is not None:
            yield Act(
                need=f"vote|{turn_of(talk)}|{who}",
                acting=acting,
                after=scene.behind(talk.meets_at, 10, 30, "vote", who),
                data=VoteCast(stance=Stance.FOR, stage=Stage(talk.stage)),
            )


def _own_vote(scene: Scene, who: str) -> Acting | None:
    for held in scene.directory.roles_of(who, scene.now):
        owner = Owner(org=held.org, role=held.role, person=who)
        found = scene.may(Action.CONSULTATION_VOTE, owner)
        if found is not None:
            return found
    return None


def _entries(talk: Consultation) -> int:
    return len(entered_by(talk))


def entered_by(talk: Consultation) -> tuple[str, ...]:
    """Return who has entered the signed sheet of the present stage."""
    found = (sheet.entered_by for sheet in talk.sittings if sheet.stage == talk.stage)
    return next(found, ())


def clerk(scene: Scene, talk: Consultation) -> Acting | None:
    """Return who enters the signed sheet next: nobody who has entered it."""
    return scene.only(Action.CONSULTATION_TALLY, *_CLERKS, but=entered_by(talk))


def _count(scene: Scene, talk: Consultation, rule: SittingRule) -> Iterator[Act]:
    acting = clerk(scene, talk)
    if acting is not None and talk.meets_at is not None:
        yield enter(scene, talk, rule, acting)


def enter(scene: Scene, talk: Consultation, rule: SittingRule, acting: Acting) -> Act:
    """Return one person's entry of the signed sheet."""
    figures = sheet_of(scene, talk, rule)
    count = len(entered_by(talk))
    return Act(
        need=f"tally|{turn_of(talk)}|{count}",
        acting=acting,
        after=scene.behind(talk.meets_at or scene.now, 35, 60, "tally", count),
        data=TallyEntered(
            stage=Stage(talk.stage),
            eligible=figures.eligible,
            present=figures.present,
            in_favour=figures.in_favour,
            against=figures.against,
            abstained=figures.abstained,
            sheet=(scene.draw.digest(talk.id, "sheet", talk.stage).hex(),),
        ),
    )


def _keep_minutes(scene: Scene, talk: Consultation) -> Iterator[Act]:
    acting = scene.somebody(Action.CONSULTATION_MINUTES, *_KEEPERS)
    if acting is not None and talk.meets_at is not None:
        yield Act(
            need=f"minutes|{turn_of(talk)}",
            acting=acting,
            after=scene.behind(talk.meets_at, 60, 90, "minutes"),
            data=MinutesKept(minutes="到会各方发言和议定事项见附件"),
        )


def _conclude(scene: Scene, talk: Consultation, rule: SittingRule) -> Iterator[Act]:
    acting = scene.somebody(Action.CONSULTATION_CONCLUDE, *_KEEPERS)
    outcome = _OUTCOMES.get(scene.story, ConsultationOutcome.AGREED)
    if reserved_from(scene.sheet, rule.body):
        outcome = ConsultationOutcome.REFERRED
    if acting is not None:
        yield Act(
            need=f"conclude|{turn_of(talk)}",
            acting=acting,
            after=scene.minutes(10, 40, "conclude"),
            data=ConsultationConcluded(outcome=outcome, reason="按会议意见"),
        )


# --- tasks of a sitting --------------------------------------------------------------------------


def _items(scene: Scene, talk: Consultation) -> Iterator[Act]:
    if scene.story in _WITH_ITEMS and talk.minutes and not talk.items:
        yield from _set_item(scene, talk)
    for item in talk.items:
        if item.cleared_at is None and item.id != results_item(talk):
            yield from _clear(scene, item)


def _set_item(scene: Scene, talk: Consultation) -> Iterator[Act]:
    village = scene.directory.by_code(scene.case.village, OrgKind.VILLAGE, scene.now)
    acting = scene.somebody(Action.CONSULTATION_ACTION_ITEM_SET, *_KEEPERS)
    if acting is None or village is None:
        return
    after = scene.minutes(6, 9, "item")
    soon = scene.now + after + scene.in_office(scene.minutes(180, 240, "item due"))
    yield Act(
        need=f"item|{talk.id}",
        acting=acting,
        after=after,
        data=ActionItemSet(
            item="划定停放点并公示",
            owner=village.id,
            due_at=soon if scene.story is Story.MEETING_AGREED else None,
        ),
    )


def _clear(scene: Scene, item: ActionItem) -> Iterator[Act]:
    """Clear a task off: where it is short of time, only after its owner was reminded."""
    acting = scene.somebody(Action.CONSULTATION_ACTION_ITEM_CLEAR, *_KEEPERS)
    if acting is not None and (item.late or scene.story is not Story.MEETING_AGREED):
        yield Act(
            need=f"clear|{item.id}",
            acting=acting,
            after=scene.in_office(scene.minutes(120, 300, "clear")),
            data=ActionItemCleared(item=item.id, note="已完成"),
        )
