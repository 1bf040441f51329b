"""Dispatchers who send out, secretaries who choose, members and units who say yes or no."""

from collections.abc import Iterator

from events.contract.assignment import (
    AssignmentAccepted,
    AssignmentConfirmed,
    AssignmentDeclined,
    AssignmentReassigned,
    AssignmentRequested,
    AssignmentReturned,
    ReturnAdjudicated,
)
from events.contract.envelope import Acting
from flows.decide.assignment import asked, search_of
from flows.decide.handled import HANDLERS
from flows.decide.matching import handlers_needed
from models.case import Owner
from models.handling import Assignment, AssignmentState
from models.policy.actions import Action
from models.policy.people import Role
from models.values import CaseState
from partygrid.simulation.holding import no_search
from partygrid.simulation.scene import Act, Scene
from partygrid.simulation.stories import Story

_RETURNS = (Story.RETURN_UPHELD, Story.RETURN_REFUSED)
_AT_WORK = (CaseState.DISPATCHED, CaseState.ACCEPTED, CaseState.HANDLING)
_TAKEN = (CaseState.ACCEPTED, CaseState.HANDLING)
#: so many members decline where the first ones do
_DECLINES = 2


def react(scene: Scene) -> Iterator[Act]:
    """Send out, choose, ask, accept, decline, return, give to somebody else."""
    work, state = scene.case.assignment, scene.case.state
    if work is None or no_search(scene):
        return
    if state is CaseState.REGISTERED and work.state is AssignmentState.PROPOSED:
        yield from _dispatch(scene, work)
    elif state is CaseState.RETURN_REQUESTED:
        yield from _adjudicate(scene, work)
    elif state in _AT_WORK:
        yield from _search(scene, work)
        yield from _other_hands(scene, work)


def _dispatch(scene: Scene, work: Assignment) -> Iterator[Act]:
    acting = scene.somebody(Action.ASSIGNMENT_REQUEST, Role.DISPATCHER)
    heard = scene.case.consultation is not None
    if acting is not None and (heard or scene.story is not Story.HEARING):
        yield Act(
            need=f"dispatch|{work.id}",
            acting=acting,
            after=scene.soon(5, 45, "dispatch", work.id),
            data=AssignmentRequested(),
        )


def _search(scene: Scene, work: Assignment) -> Iterator[Act]:
    match search_of(work):
        case AssignmentState.RECOMMENDED:
            yield from _choose(scene, work)
        case AssignmentState.OFFERED if asked(work):
            for who in asked(work):
                if who not in work.accepted_by:
                    yield from _answer(scene, work, who)
    if work.state is AssignmentState.OFFERED and not asked(work):
        yield from _unit_answers(scene, work)


def _choose(scene: Scene, work: Assignment) -> Iterator[Act]:
    """Let the secretary name whom to ask; where nobody is left, the unit does it itself."""
    acting = scene.somebody(Action.ASSIGNMENT_CONFIRM, *scene.policy.matching.confirmed_by)
    if acting is None:
        return
    out = (*work.declined, *work.recused)
    left = [one.assignee for one in work.candidates if one.assignee not in out]
    count = 1 if work.aid is not None else handlers_needed(scene.case, scene.policy)
    enough = len(left) >= count
    kin = left[-1:] if scene.story is Story.DECLINED and len(left) > _DECLINES + count else []
    yield Act(
        need=f"choose|{work.id}|{len(work.declined)}|{len(left)}",
        acting=acting,
        after=scene.soon(5, 50, "choose", work.id, len(work.declined)),
        data=AssignmentConfirmed(
            assignee=left[0] if enough else work.org,
            second=left[1] if enough and count > 1 else "",
            recused=tuple(kin),
            reason="" if enough else "无人可派，由承办单位自办",
        ),
    )


def _answer(scene: Scene, work: Assignment, who: str) -> Iterator[Act]:
    """Let a member or group that was asked say yes, no, or nothing."""
    before = len(work.declined)
    if scene.story is Story.SILENT_MEMBER and not before:
        return
    declines = scene.story is Story.NOBODY_AVAILABLE or (
        scene.story is Story.DECLINED and before < _DECLINES
    )
    action = Action.ASSIGNMENT_DECLINE if declines else Action.ASSIGNMENT_ACCEPT
    acting = _as(scene, action, who)
    if acting is None:
        return
    recusal = declines and scene.happens(0.3, "kin", who)
    yield Act(
        need=f"answer|{work.id}|{before}|{who}",
        acting=acting,
        after=scene.soon(10, 75, "answer", work.id, who),
        data=AssignmentDeclined(reason="有事在身" if not recusal else "是亲属", recusal=recusal)
        if declines
        else AssignmentAccepted(),
    )


def _as(scene: Scene, action: Action, who: str) -> Acting | None:
    """Return a person that was asked, acting in whichever of their roles may do it."""
    for held in scene.directory.roles_of(who, scene.now):
        found = scene.may(action, Owner(org=held.org, role=held.role, person=who))
        if found is not None:
            return found
    return None


def _unit_answers(scene: Scene, work: Assignment) -> Iterator[Act]:
    returning = scene.story in _RETURNS and not scene.case.returns
    action = Action.ASSIGNMENT_RETURN if returning else Action.ASSIGNMENT_ACCEPT
    acting = scene.of_unit(action, work.org, *HANDLERS) or scene.somebody(action)
    if acting is None:
        return
    at_once = bool(scene.case.emergency_level)
    yield Act(
        need=f"sign|{work.id}|{scene.case.returns}",
        acting=acting,
        after=scene.minutes(1, 5, "sign") if at_once else scene.soon(10, 75, "sign", work.id),
        data=AssignmentReturned(reason="不属本单位职责", legal_basis="乡镇履职清单")
        if returning
        else AssignmentAccepted(),
    )


def _adjudicate(scene: Scene, work: Assignment) -> Iterator[Act]:
    acting = scene.somebody(
        Action.ASSIGNMENT_ADJUDICATE_RETURN, Role.DISPATCHER, Role.DUTY_SUPERVISOR
    )
    if acting is not None:
        upheld = scene.story is Story.RETURN_UPHELD
        yield Act(
            need=f"adjudicate return|{work.id}",
            acting=acting,
            after=scene.soon(30, 150, "adjudicate"),
            data=ReturnAdjudicated(
                upheld=upheld,
                new_lead=another_unit(scene, work) if upheld else "",
                reason="清单已列明" if not upheld else "改由清单所列单位承办",
            ),
        )


def another_unit(scene: Scene, work: Assignment) -> str:
    """Return the unit that gets the case instead: who helps, else the township."""
    return next((org for org in work.helpers if org != work.org), scene.case.township)


def _other_hands(scene: Scene, work: Assignment) -> Iterator[Act]:
    """Let a supervisor give it to another unit, or a unit at work ask for a member's help."""
    case, state = scene.case, scene.case.state
    if scene.story is Story.REASSIGNED and state in _TAKEN and len(case.leads) == 1:
        acting = scene.somebody(Action.ASSIGNMENT_REASSIGN, Role.DISPATCHER)
        if acting is not None:
            yield Act(
                need="reassign",
                acting=acting,
                after=scene.soon(60, 240, "reassign"),
                data=AssignmentReassigned(to=another_unit(scene, work), reason="力量调配"),
            )
    if scene.story is Story.HELP_WANTED and state in _TAKEN and work.aid is None:
        acting = scene.somebody(Action.ASSIGNMENT_REQUEST, Role.VILLAGE_SECRETARY, Role.DISPATCHER)
        if acting is not None:
            yield Act(
                need="help wanted",
                acting=acting,
                after=scene.soon(20, 90, "help wanted"),
                data=AssignmentRequested(reason="请一名党员协助走访"),
            )
