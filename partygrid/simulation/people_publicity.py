"""Villagers who object to what hangs out, committees who answer, results that are put up."""

from collections.abc import Iterator

from events.contract.consultation import (
    AnswerChecked,
    PublicityAnswered,
    PublicityObjected,
    ResultPublished,
    Stage,
)
from flows.decide.publicity import results_owed, unsettled
from models.consulting import Consultation, Objection
from models.policy.actions import Action
from models.policy.people import Role
from models.values import CaseState
from partygrid.simulation.scene import Act, Scene
from partygrid.simulation.stories import Story

_OBJECTED = (Story.FOUR_TWO_OBJECTION_UPHELD, Story.FOUR_TWO_OBJECTION_REFUSED)
_HEADS = (Role.VILLAGE_SECRETARY, Role.VILLAGE_DIRECTOR)
_OBJECTORS = (Role.SUPERVISOR_VOLUNTEER, Role.VILLAGE_REPRESENTATIVE)
#: The work is said to be done.
_DONE = (CaseState.CHECKING, CaseState.VISITING, CaseState.CLOSED)


def react(scene: Scene) -> Iterator[Act]:
    """Object once while the resolution hangs out, answer, check, publish the results."""
    talk = scene.case.consultation
    if talk is None:
        return
    if scene.story in _OBJECTED and talk.publicity == Stage.PUBLISH_RESOLUTION:
        if not talk.objections:
            yield from _object(scene)
        for objection in unsettled(talk):
            yield from _settle(scene, objection)
    if results_owed(scene.case) and not talk.publicity and scene.case.state in _DONE:
        yield from _publish_results(scene, talk)


def _object(scene: Scene) -> Iterator[Act]:
    acting = scene.villager(Action.CONSULTATION_PUBLICITY_OBJECT) or scene.only(
        Action.CONSULTATION_PUBLICITY_OBJECT, *_OBJECTORS
    )
    if acting is not None:
        yield Act(
            need="object publicly",
            acting=acting,
            after=scene.any_day(8 * 60, 20 * 60, "object publicly"),
            data=PublicityObjected(objection="两户面积登记有出入"),
        )


def _settle(scene: Scene, objection: Objection) -> Iterator[Act]:
    if objection.answered:
        yield from _check(scene, objection)
        return
    acting = scene.only(
        Action.CONSULTATION_PUBLICITY_ANSWER, *scene.policy.consultation.publicity.answered_by
    )
    if acting is not None:
        upheld = scene.story is Story.FOUR_TWO_OBJECTION_UPHELD
        yield Act(
            need=f"answer objection|{objection.id}",
            acting=acting,
            after=scene.any_day(120, 480, "answer objection"),
            data=PublicityAnswered(
                objection=objection.id,
                upheld=upheld,
                answer="登记有误，重新商议" if upheld else "面积已现场复核，登记无误",
            ),
        )


def _check(scene: Scene, objection: Objection) -> Iterator[Act]:
    acting = scene.only(
        Action.CONSULTATION_PUBLICITY_CHECK, *scene.policy.consultation.publicity.checked_by
    )
    if acting is not None:
        yield Act(
            need=f"check objection|{objection.id}",
            acting=acting,
            after=scene.any_day(60, 300, "check objection"),
            data=AnswerChecked(objection=objection.id, agrees=True, note="已查看复核记录"),
        )


def _publish_results(scene: Scene, talk: Consultation) -> Iterator[Act]:
    acting = scene.only(Action.CONSULTATION_STEP_PUBLISH_RESULT, *_HEADS)
    if acting is not None:
        yield Act(
            need=f"publish results|{talk.id}",
            acting=acting,
            after=scene.any_day(60, 300, "publish results"),
            data=ResultPublished(text="分配结果清单，张贴于村务公开栏"),
        )
