"""Visitors who ask, villagers who answer and contest, supervisors who close, reopen and void."""

from collections.abc import Iterator

from events.contract.envelope import Acting
from events.contract.feedback import (
    AnswerDisputed,
    CaseCancelled,
    CaseClosed,
    CaseReopened,
    VisitAnswered,
    VisitChannel,
    VisitRequested,
    VisitResult,
)
from models.clocks import ClockKind
from models.handling import Visit
from models.policy.actions import Action
from models.policy.people import Role
from models.policy.work import Satisfaction
from models.values import CaseState
from partygrid.simulation.scene import Act, Scene
from partygrid.simulation.stories import Story

_SILENT = {
    Story.UNREACHED: VisitResult.NOBODY,
    Story.UNREACHABLE: VisitResult.UNREACHABLE,
}
_TAKEN = (CaseState.ACCEPTED, CaseState.HANDLING)


def react(scene: Scene) -> Iterator[Act]:
    """Ask the villager, contest, close, open again, void."""
    case = scene.case
    if case.state is CaseState.VISITING and scene.waits(ClockKind.VISIT):
        yield from _visit(scene)
    elif case.state is CaseState.VISITING and scene.waits(ClockKind.CLOSE):
        yield from _close(scene)
    elif case.state is CaseState.CLOSED and scene.story is Story.REOPENED_LATER:
        yield from _reopen(scene)
    elif case.state in _TAKEN and scene.story is Story.CANCELLED:
        yield from _cancel(scene)


def _visit(scene: Scene) -> Iterator[Act]:
    visit = scene.case.visit
    acting = _visitor(scene)
    if visit is None or acting is None:
        return
    if scene.story is Story.LINKED and visit.channel != VisitChannel.LINK:
        yield Act(
            need=f"link|{visit.id}",
            acting=acting,
            after=scene.by_day(10, 60, "link"),
            data=VisitRequested(channel=VisitChannel.LINK),
        )
        return
    villager = scene.villager(Action.FEEDBACK_VISIT) if scene.story is Story.LINKED else None
    yield Act(
        need=f"visit|{visit.id}|{visit.attempts}",
        acting=villager or acting,
        after=scene.by_day(20, 120, "visit", visit.attempts),
        data=_answer(scene, visit),
    )


def _visitor(scene: Scene) -> Acting | None:
    """Return who asks; where an answer is contested, somebody else than the time before."""
    visit = scene.case.visit
    out = (visit.visitor,) if visit is not None and visit.disputed else ()
    return scene.somebody(Action.FEEDBACK_VISIT, Role.VISITOR, but=out)


def _answer(scene: Scene, visit: Visit) -> VisitAnswered:
    channel = VisitChannel(visit.channel)
    if scene.story in _SILENT and channel is not VisitChannel.VISIT:
        return VisitAnswered(channel=channel, result=_SILENT[scene.story])
    if scene.story is Story.UNREACHABLE:
        return VisitAnswered(channel=channel, result=VisitResult.UNREACHABLE, comment="已搬走")
    bad = scene.story is Story.REOPENED and not scene.case.reopened
    well = Satisfaction.SATISFIED
    if not bad and scene.happens(0.2, "basically"):
        well = Satisfaction.BASICALLY_SATISFIED
    return VisitAnswered(
        channel=channel,
        result=VisitResult.ANSWERED,
        contacted=True,
        solved=not bad,
        satisfaction=Satisfaction.DISSATISFIED if bad else well,
    )


def _close(scene: Scene) -> Iterator[Act]:
    if scene.story is Story.DISPUTED and not scene.did(Action.FEEDBACK_DISPUTE):
        yield from _dispute(scene)
        return
    acting = scene.somebody(Action.FEEDBACK_CLOSE, Role.DUTY_SUPERVISOR)
    if acting is not None:
        yield Act(
            need=f"close|{scene.case.reopened}",
            acting=acting,
            after=scene.soon(10, 90, "close", scene.case.reopened),
            data=CaseClosed(reason="已办结"),
        )


def _dispute(scene: Scene) -> Iterator[Act]:
    acting = scene.villager(Action.FEEDBACK_DISPUTE) or scene.somebody(Action.FEEDBACK_DISPUTE)
    if acting is not None:
        yield Act(
            need="dispute",
            acting=acting,
            after=scene.in_office(scene.minutes(20, 120, "dispute")),
            data=AnswerDisputed(reason="记录与本人所说不符"),
        )


def _reopen(scene: Scene) -> Iterator[Act]:
    acting = scene.villager(Action.FEEDBACK_REOPEN) or scene.somebody(
        Action.FEEDBACK_REOPEN, Role.DUTY_SUPERVISOR
    )
    if acting is not None and not scene.case.reopened:
        yield Act(
            need="reopen",
            acting=acting,
            after=scene.in_office(scene.minutes(60, 300, "reopen")),
            data=CaseReopened(reason="问题又出现了"),
        )


def _cancel(scene: Scene) -> Iterator[Act]:
    acting = scene.somebody(Action.FEEDBACK_CANCEL, Role.DUTY_SUPERVISOR)
    if acting is not None:
        yield Act(
            need="cancel",
            acting=acting,
            after=scene.in_office(scene.minutes(60, 240, "cancel")),
            data=CaseCancelled(reason="当事人已自行解决并撤回"),
        )
