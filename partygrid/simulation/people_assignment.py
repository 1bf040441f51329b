"""Secretaries who confirm, members and units who accept and work, checkers who check."""

from collections.abc import Iterator
from datetime import timedelta

from events.contract.assignment import (
    AssignmentAccepted,
    AssignmentConfirmed,
    AssignmentHandled,
    HandlingChecked,
    ProgressReported,
)
from events.contract.reports import OutcomeEvidence
from models.case import AssignmentState, ClockKind
from models.policy.actions import Action
from models.values import CaseState
from partygrid.simulation.scene import Act, Scene
from partygrid.simulation.stories import Story

#: Share of what is left of the limit after which work is usually done.
_WORK_SHARE = (30, 75)


def react(scene: Scene) -> Iterator[Act]:
    """Do what lies with secretary, handler and checker."""
    if scene.story is Story.NEGLECTED:
        return
    yield from _confirm(scene)
    yield from _accept(scene)
    yield from _work(scene)
    yield from _check(scene)


def _confirm(scene: Scene) -> Iterator[Act]:
    work = scene.case.assignment
    if work is None or work.state is not AssignmentState.RECOMMENDED or not work.candidates:
        return
    acting = scene.somebody(Action.ASSIGNMENT_CONFIRM)
    if acting is None:
        return
    open_to = [
        one for one in work.candidates if one.assignee not in (*work.declined, *work.recused)
    ]
    if not open_to:
        return
    second = open_to[1].assignee if len(open_to) > 1 else ""
    yield Act(
        need=f"confirm|{work.id}|{len(work.declined)}",
        acting=acting,
        after=scene.minutes(5, 60, "confirm", len(work.declined)),
        data=AssignmentConfirmed(
            assignee=open_to[0].assignee, second=second if _needs_two(scene) else ""
        ),
    )


def _needs_two(scene: Scene) -> bool:
    category = scene.policy.category(scene.case.category)
    return category is not None and category.two_handlers


def _accept(scene: Scene) -> Iterator[Act]:
    work = scene.case.assignment
    if work is None or work.state is not AssignmentState.OFFERED:
        return
    acting = scene.somebody(Action.ASSIGNMENT_ACCEPT)
    if acting is not None:
        yield Act(
            need=f"accept|{work.id}|{len(work.declined)}",
            acting=acting,
            after=scene.minutes(5, 50, "accept", len(work.declined)),
            data=AssignmentAccepted(),
        )


def _work(scene: Scene) -> Iterator[Act]:
    case, work = scene.case, scene.case.assignment
    if work is None or case.state not in (CaseState.ACCEPTED, CaseState.HANDLING):
        return
    acting = scene.somebody(Action.ASSIGNMENT_HANDLE)
    if acting is None:
        return
    left = (case.due.due_at - scene.now) if case.due is not None else timedelta(days=1)
    low, high = _WORK_SHARE
    share = scene.draw.between(low, high, case.id, "work", case.rework) / 100
    if case.state is CaseState.ACCEPTED:
        yield Act(
            need=f"progress|{work.id}|{case.rework}",
            acting=acting,
            after=max(left * share * 0.3, timedelta(minutes=5)),
            data=ProgressReported(note="已到现场处理"),
        )
    yield Act(
        need=f"handle|{work.id}|{case.rework}|{case.reopened}",
        acting=acting,
        after=max(left * share, timedelta(minutes=15)),
        data=AssignmentHandled(
            opinion="已处理完毕",
            shown_by=OutcomeEvidence.STATEMENT,
        ),
    )


def _check(scene: Scene) -> Iterator[Act]:
    case = scene.case
    clock = scene.running(ClockKind.CHECK)
    if clock is None:
        return
    acting = scene.somebody(Action.ASSIGNMENT_CHECK)
    if acting is not None:
        failed = scene.story is Story.REWORK and case.rework == 0
        yield Act(
            need=f"check|{case.rework}|{case.reopened}",
            acting=acting,
            after=scene.minutes(10, 100, "check", case.rework),
            data=HandlingChecked(passed=not failed, note="核查结果"),
        )
