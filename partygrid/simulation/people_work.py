"""Those who do the work, help with it, ask for time, check it and send it back."""

from collections.abc import Iterator
from datetime import timedelta

from events.contract.assignment import (
    AssignmentHandled,
    ExtensionAnswered,
    ExtensionAsked,
    Grant,
    HandlingChecked,
    HandlingResumed,
    ProgressReported,
    ReworkOrdered,
    SuspensionAnswered,
    SuspensionAsked,
)
from events.contract.envelope import Acting
from events.contract.escalation import HelperDone
from events.contract.reports import OutcomeEvidence
from flows.decide.handled import HANDLERS
from models.case import AskKind
from models.clocks import ClockKind
from models.handling import Assignment, AssignmentState
from models.policy.actions import Action
from models.policy.people import Role
from models.values import CaseState
from partygrid.simulation.holding import no_work
from partygrid.simulation.scene import Act, Scene
from partygrid.simulation.stories import Story

_AT_WORK = (CaseState.ACCEPTED, CaseState.HANDLING)
_EXTENSIONS = (Story.EXTENDED, Story.EXTENSION_REFUSED)
_SUSPENSIONS = (Story.SUSPENDED, Story.RESUMED, Story.SUSPENSION_REFUSED)
_WAYS = (OutcomeEvidence.STATEMENT, OutcomeEvidence.WITNESS, OutcomeEvidence.DOCUMENT)
#: share of what is left of the limit after which work is usually done, and the most it takes
_SHARE, _LONGEST = (20, 45), timedelta(hours=9)
_AT_LEAST, _AT_ONCE = timedelta(minutes=15), timedelta(minutes=5)
#: how late what is late is done; how long a phone without signal keeps it
_LATE, _NO_SIGNAL = (60, 240), timedelta(hours=5)
#: how long work rests, and when it is taken up early; office time
_REST, _EARLY = timedelta(hours=10), timedelta(hours=5)
_BACK_TWICE = 2


def react(scene: Scene) -> Iterator[Act]:
    """Work, ask for time, check."""
    case, work = scene.case, scene.case.assignment
    if work is None:
        return
    if case.state in _AT_WORK:
        yield from _ask(scene)
        if work.state is AssignmentState.ACCEPTED and not no_work(scene):
            yield from _work(scene, work)
    elif case.state is CaseState.SUSPENDED and scene.story is Story.RESUMED:
        yield from _resume(scene)
    elif case.state is CaseState.CHECKING and scene.waits(ClockKind.CHECK):
        yield from _check(scene)
    if case.ask is not None and case.ask.kind is not AskKind.RETURN:
        yield from _grant(scene, case.ask.kind)


def time_to_work(scene: Scene, low: int, high: int, *what: str | int) -> timedelta:
    """Return when a share (per cent) of what is left of the limit has passed, in office hours.

    What presses is worked on through the night.
    """
    case = scene.case
    share = scene.draw.between(low, high, case.id, *what) / 100
    due = case.due.due_at if case.due is not None else scene.now + timedelta(days=1)
    if scene.pressing:
        return max((due - scene.now) * share, _AT_ONCE)
    left = scene.office.worked(scene.office.local(scene.now), scene.office.local(due))
    return scene.in_office(max(min(left * share, _LONGEST), _AT_LEAST))


def _work(scene: Scene, work: Assignment) -> Iterator[Act]:
    acting = scene.somebody(Action.ASSIGNMENT_HANDLE)
    if acting is None:
        return
    missing = [org for org in work.helpers if org not in work.helpers_done]
    helping = [act for org in missing if (act := _help(scene, work, org)) is not None]
    if scene.story is not Story.WITHOUT_HELPERS:
        yield from helping
    if scene.case.state is CaseState.ACCEPTED:
        yield Act(
            need=f"progress|{work.id}",
            acting=acting,
            after=time_to_work(scene, 5, 15, "progress", work.id),
            data=ProgressReported(note="已到现场处理"),
        )
    elif not helping or scene.story is Story.WITHOUT_HELPERS:
        yield _handle(scene, work, acting, missing=bool(missing))


def _handle(scene: Scene, work: Assignment, acting: Acting, *, missing: bool) -> Act:
    shown_by = _WAYS[scene.draw.between(0, len(_WAYS) - 1, scene.case.id, "shown by")]
    paper = scene.draw.digest(scene.case.id, "paper", scene.case.rework).hex()
    after, offline = _when(scene, work)
    return Act(
        need=f"handle|{work.id}|{scene.case.rework}|{scene.case.reopened}",
        acting=acting,
        after=after,
        offline=offline,
        data=AssignmentHandled(
            opinion="已处理完毕",
            shown_by=shown_by,
            evidence=(paper,) if shown_by is OutcomeEvidence.DOCUMENT else (),
            without_helpers="协办单位的部分已由本单位办完" if missing else "",
        ),
    )


def _when(scene: Scene, work: Assignment) -> tuple[timedelta, timedelta]:
    """Return after how long it is told, and how much earlier it was done."""
    case = scene.case
    first = case.due is not None and not case.rework and not case.reopened
    if first and case.due is not None and scene.story is Story.OFFLINE:
        return scene.behind(case.due.due_at, *_LATE, "handle"), _NO_SIGNAL
    if first and case.due is not None and scene.story is Story.LATE:
        return scene.behind(case.due.due_at, *_LATE, "handle"), timedelta()
    if first and scene.story is Story.EXTENDED and case.due is not None:
        # What was granted is needed: a good part of it is over when the work is done.
        return time_to_work(scene, 50, 65, "handle", work.id), timedelta()
    return time_to_work(scene, *_SHARE, "handle", work.id, case.rework), timedelta()


def _help(scene: Scene, work: Assignment, org: str) -> Act | None:
    """Let a helping unit sign its part off; one that has nobody who may is left out."""
    acting = scene.of_unit(Action.ESCALATION_HELPER_DONE, org, *HANDLERS)
    data: HelperDone | AssignmentHandled = HelperDone(note="协办部分已完成")
    if acting is None:
        acting = scene.of_unit(Action.ASSIGNMENT_HANDLE, org, *HANDLERS)
        data = AssignmentHandled(opinion="协办部分已完成", shown_by=OutcomeEvidence.STATEMENT)
    if acting is None:
        return None
    return Act(
        need=f"help|{work.id}|{org}",
        acting=acting,
        after=time_to_work(scene, 10, 30, "help", work.id, org),
        data=data,
    )


def _ask(scene: Scene) -> Iterator[Act]:
    if scene.story in _EXTENSIONS and not scene.did(Action.ASSIGNMENT_ASK_EXTENSION):
        acting = scene.somebody(Action.ASSIGNMENT_ASK_EXTENSION)
        if acting is not None:
            yield Act(
                need="ask extension",
                acting=acting,
                after=time_to_work(scene, 30, 50, "ask"),
                data=ExtensionAsked(working_days=1, reason="配件未到"),
            )
    if scene.story in _SUSPENSIONS and not scene.did(Action.ASSIGNMENT_ASK_SUSPENSION):
        acting = scene.somebody(Action.ASSIGNMENT_ASK_SUSPENSION)
        if acting is not None:
            after = time_to_work(scene, 5, 15, "ask")
            asked = scene.office.local(scene.now + after)
            yield Act(
                need="ask suspension",
                acting=acting,
                after=after,
                data=SuspensionAsked(
                    until=scene.office.utc(scene.office.forward(asked, _REST)),
                    reason="等待配件到货",
                ),
            )


def _grant(scene: Scene, kind: AskKind) -> Iterator[Act]:
    case = scene.case
    if case.ask is None:
        return
    extension = kind is AskKind.EXTENSION
    action = Action.ASSIGNMENT_GRANT_EXTENSION if extension else Action.ASSIGNMENT_GRANT_SUSPENSION
    acting = scene.somebody(action, Role.DUTY_SUPERVISOR, but=(case.ask.asked_by,))
    if acting is None:
        return
    refused = scene.story in (Story.EXTENSION_REFUSED, Story.SUSPENSION_REFUSED)
    answer = Grant.REFUSED if refused else Grant.GRANTED
    reason = "理由不足，请抓紧办理" if refused else "同意"
    yield Act(
        need=f"grant|{kind}",
        acting=acting,
        after=scene.soon(20, 120, "grant", kind),
        data=ExtensionAnswered(answer=answer, reason=reason)
        if extension
        else SuspensionAnswered(answer=answer, reason=reason),
    )


def _resume(scene: Scene) -> Iterator[Act]:
    acting = scene.somebody(Action.ASSIGNMENT_RESUME)
    if acting is not None:
        yield Act(
            need="resume",
            acting=acting,
            after=scene.in_office(_EARLY),
            data=HandlingResumed(reason="条件具备，恢复办理"),
        )


def _check(scene: Scene) -> Iterator[Act]:
    case = scene.case
    if scene.story is Story.REWORK_ORDERED and case.rework < _BACK_TWICE:
        yield from _order_rework(scene)
        return
    acting = scene.somebody(Action.ASSIGNMENT_CHECK, Role.CHECKER)
    if acting is not None:
        failed = scene.story is Story.REWORK and not case.rework
        yield Act(
            need=f"check|{case.rework}|{case.reopened}",
            acting=acting,
            after=_checking_time(scene, "check", case.rework, case.reopened),
            data=HandlingChecked(
                passed=not failed, note="现场未清理彻底" if failed else "核查属实"
            ),
        )


def _checking_time(scene: Scene, *what: str | int) -> timedelta:
    """Return a delay within the two hours of a check, which run through the evening."""
    drawn = scene.minutes(10, 75, *what)
    return min(drawn, scene.soon(10, 75, *what)) if scene.pressing else drawn


def _order_rework(scene: Scene) -> Iterator[Act]:
    acting = scene.somebody(Action.ASSIGNMENT_REWORK, Role.DUTY_SUPERVISOR)
    if acting is not None:
        yield Act(
            need=f"rework|{scene.case.rework}",
            acting=acting,
            after=_checking_time(scene, "rework", scene.case.rework),
            data=ReworkOrdered(reason="材料与现场不符，重新办理"),
        )
