"""Those who verify, register, reject, merge and correct reports."""

from collections.abc import Iterator

from events.contract.reports import (
    MergeDeclined,
    ReportMerged,
    ReportRegistered,
    ReportRejected,
    ReportVerified,
    Verdict,
)
from models.case import ClockKind
from models.policy.actions import Action
from models.policy.people import Role
from models.values import CaseState
from partygrid.simulation.scene import Act, Scene
from partygrid.simulation.stories import Story

#: What an acceptor picks where the report named no category.
_PICKED = "06-01"


def react(scene: Scene) -> Iterator[Act]:
    """Decide what waits for a person before a case is registered."""
    case = scene.case
    if case.state is CaseState.VERIFYING and scene.running(ClockKind.VERIFY):
        yield from _verify(scene)
    elif case.state is CaseState.REPORTED and scene.running(ClockKind.PROPOSAL):
        yield from (_merge(scene) if case.merge_candidate else _register(scene))


def _verify(scene: Scene) -> Iterator[Act]:
    acting = scene.somebody(Action.REPORT_VERIFY, Role.GRID_MEMBER)
    if acting is None or scene.story is Story.NEGLECTED:
        return
    untrue = scene.story is Story.UNTRUE
    yield Act(
        need="verify",
        acting=acting,
        after=scene.minutes(20, 300, "verify"),
        data=ReportVerified(
            verdict=Verdict.DOES_NOT_EXIST if untrue else Verdict.EXISTS, note="现场已看"
        ),
    )


def _register(scene: Scene) -> Iterator[Act]:
    if scene.story in (Story.REJECTED, Story.UNTRUE):
        acting = scene.somebody(Action.REPORT_REJECT, Role.DUTY_SUPERVISOR)
        if acting is not None:
            yield Act(
                need="reject",
                acting=acting,
                after=scene.minutes(10, 120, "reject"),
                data=ReportRejected(reason="不属于受理范围", turn_to="信访部门"),
            )
        return
    acting = scene.somebody(Action.REPORT_REGISTER, Role.DUTY_SUPERVISOR)
    if acting is not None and scene.story is not Story.NEGLECTED:
        yield Act(
            need="register",
            acting=acting,
            after=scene.minutes(10, 90, "register"),
            data=ReportRegistered(category="" if scene.case.category else _PICKED),
        )


def _merge(scene: Scene) -> Iterator[Act]:
    acting = scene.somebody(Action.REPORT_MERGE, Role.DUTY_SUPERVISOR)
    if acting is None:
        return
    other = scene.case.merge_candidate
    same = scene.story is Story.TWICE
    yield Act(
        need=f"merge|{other}",
        acting=acting,
        after=scene.minutes(10, 60, "merge"),
        data=ReportMerged(into=other, reason="同一件事")
        if same
        else MergeDeclined(other=other, reason="地点不同"),
    )
