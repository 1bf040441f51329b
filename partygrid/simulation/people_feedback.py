"""Visitors who ask, villagers who answer, supervisors who close."""

from collections.abc import Iterator

from events.contract.feedback import (
    CaseClosed,
    VisitAnswered,
    VisitChannel,
    VisitResult,
)
from models.case import ClockKind
from models.policy.actions import Action
from models.policy.people import Role
from models.policy.work import Satisfaction
from partygrid.simulation.scene import Act, Scene
from partygrid.simulation.stories import Story


def react(scene: Scene) -> Iterator[Act]:
    """Ask the villager, and close."""
    if scene.story is Story.NEGLECTED:
        return
    yield from _visit(scene)
    yield from _close(scene)


def _visit(scene: Scene) -> Iterator[Act]:
    visit = scene.case.visit
    if visit is None or scene.running(ClockKind.VISIT) is None:
        return
    acting = scene.somebody(Action.FEEDBACK_VISIT, Role.VISITOR)
    if acting is None:
        return
    bad = scene.story is Story.REOPENED and scene.case.reopened == 0
    yield Act(
        need=f"visit|{visit.id}|{visit.attempts}",
        acting=acting,
        after=scene.minutes(30, 300, "visit", visit.attempts),
        data=VisitAnswered(
            channel=VisitChannel.CALL,
            result=VisitResult.ANSWERED,
            contacted=True,
            solved=not bad,
            satisfaction=Satisfaction.DISSATISFIED if bad else Satisfaction.SATISFIED,
        ),
    )


def _close(scene: Scene) -> Iterator[Act]:
    if scene.running(ClockKind.CLOSE) is None:
        return
    acting = scene.somebody(Action.FEEDBACK_CLOSE, Role.DUTY_SUPERVISOR)
    if acting is not None:
        yield Act(
            need=f"close|{scene.case.reopened}",
            acting=acting,
            after=scene.minutes(10, 120, "close"),
            data=CaseClosed(),
        )
