"""Those who call departments, those who let them, and the departments that come."""

from collections.abc import Iterator
from datetime import timedelta

from events.contract.escalation import (
    DepartmentArrived,
    HelperDone,
    PlanSubmitted,
    WhistleApproved,
    WhistleConfirmedAfterwards,
    WhistleFinished,
    WhistleRefused,
    WhistleRequested,
    WhistleSigned,
)
from models.clocks import ClockKind
from models.handling import Party, Whistle, WhistleState
from models.policy.actions import Action
from models.policy.people import Role
from models.policy.whistle import WhistleKind
from models.values import CaseState
from partygrid.simulation.scene import Act, Scene
from partygrid.simulation.stories import WHISTLES, Story
from partygrid.simulation.whistle_course import holds_back, late_with, left_out

_TAKEN = (CaseState.ACCEPTED, CaseState.HANDLING)
_EMERGENCIES = (Story.WHISTLE_EMERGENCY, Story.WHISTLE_UNCONFIRMED, Story.WHISTLE_NO_SHOW)
#: kinds of departments that are called where the list does not say whom: lead, then helpers
_CALLED = ("ecology", "water", "housing")
_UNIT = (Role.DEPARTMENT_HANDLER, Role.DEPARTMENT_LEAD)


def react(scene: Scene) -> Iterator[Act]:
    """Ask, approve, sign, come, plan, help, finish, confirm."""
    whistle = scene.case.whistle
    if whistle is None:
        if scene.story in WHISTLES and scene.case.state in _TAKEN:
            yield from _request(scene)
        return
    if whistle.state is WhistleState.REQUESTED:
        yield from _approve(scene, whistle)
    elif whistle.state is WhistleState.BLOWN:
        for party in whistle.parties:
            if not party.released and not holds_back(scene, whistle, party):
                yield from _answer(scene, whistle, party)
    if scene.running(ClockKind.WHISTLE_CONFIRM) is not None:
        yield from _confirm(scene, whistle)


def _request(scene: Scene) -> Iterator[Act]:
    if scene.story in _EMERGENCIES:
        acting = scene.only(Action.ESCALATION_WHISTLE_REQUEST, Role.DUTY_LEADER)
        data = WhistleRequested(kind=WhistleKind.EMERGENCY, reason="险情扩大，请部门到场")
    else:
        acting = scene.somebody(Action.ESCALATION_WHISTLE_REQUEST, Role.DISPATCHER)
        hard = scene.story is Story.WHISTLE_HARD
        lead, *helpers = (_department(scene, kind) for kind in _CALLED)
        data = WhistleRequested(
            kind=WhistleKind.HARD if hard else WhistleKind.ROUTINE,
            lead=lead,
            helpers=tuple(helpers if hard else helpers[:1]),
            reason="超出乡镇职权，请部门会同处理",
        )
    if acting is not None:
        yield Act(need="whistle", acting=acting, after=scene.soon(5, 9, "whistle"), data=data)


def _department(scene: Scene, kind: str) -> str:
    found = scene.directory.department(scene.case.county, kind, scene.now)
    return found.id if found is not None else ""


def _approve(scene: Scene, whistle: Whistle) -> Iterator[Act]:
    refused = scene.story is Story.WHISTLE_REFUSED
    action = Action.ESCALATION_WHISTLE_REFUSE if refused else Action.ESCALATION_WHISTLE_APPROVE
    acting = scene.only(action, scene.policy.whistles.kinds[WhistleKind(whistle.kind)].approver)
    if acting is not None:
        yield Act(
            need=f"approve|{whistle.id}",
            acting=acting,
            after=scene.soon(20, 90, "approve"),
            data=WhistleRefused(reason="先由乡镇尽责处理")
            if refused
            else WhistleApproved(note="同意"),
        )


def _confirm(scene: Scene, whistle: Whistle) -> Iterator[Act]:
    acting = scene.only(Action.ESCALATION_WHISTLE_CONFIRM_AFTER, Role.TOWNSHIP_PRINCIPAL)
    if acting is not None:
        refused = scene.story is Story.WHISTLE_UNCONFIRMED
        yield Act(
            need=f"confirm whistle|{whistle.id}",
            acting=acting,
            after=scene.minutes(90, 600, "confirm whistle"),
            data=WhistleConfirmedAfterwards(
                confirmed=not refused, reason="乡镇力量足够" if refused else "情况属实"
            ),
        )


# --- the departments -----------------------------------------------------------------------------


def _answer(scene: Scene, whistle: Whistle, party: Party) -> Iterator[Act]:
    """Let a department do what comes next for it, one thing after the other."""
    emergency = whistle.kind == WhistleKind.EMERGENCY
    if party.signed_at is None:
        yield from _sign(scene, whistle, party, emergency=emergency)
    elif party.arrived_at is None:
        yield from _arrive(scene, whistle, party, emergency=emergency)
    elif not party.lead:
        if party.done_at is None:
            yield from _help(scene, whistle, party, emergency=emergency)
    elif party.planned_at is None and not emergency:
        yield from _plan(scene, whistle, party)
    else:
        yield from _finish(scene, whistle, party, emergency=emergency)


def _sign(scene: Scene, whistle: Whistle, party: Party, *, emergency: bool) -> Iterator[Act]:
    acting = scene.of_unit(Action.ESCALATION_SIGN, party.org, *_UNIT)
    if acting is not None and not late_with(scene, whistle, party, ClockKind.WHISTLE_SIGN):
        in_time = scene.minutes(1, 5, "sign", party.org)
        yield Act(
            need=f"whistle sign|{whistle.id}|{party.org}",
            acting=acting,
            after=in_time if emergency else _hours(scene, 0.2, 1.5, "sign", party.org),
            data=WhistleSigned(note="已收到"),
        )


def _arrive(scene: Scene, whistle: Whistle, party: Party, *, emergency: bool) -> Iterator[Act]:
    acting = scene.of_unit(Action.ESCALATION_ARRIVE, party.org, *_UNIT)
    if acting is not None and not late_with(scene, whistle, party, ClockKind.WHISTLE_ARRIVE):
        in_time = scene.minutes(6, 18, "arrive", party.org)
        yield Act(
            need=f"whistle arrive|{whistle.id}|{party.org}",
            acting=acting,
            after=in_time if emergency else _hours(scene, 1, 3, "arrive", party.org),
            data=DepartmentArrived(note="已到现场"),
        )


def _plan(scene: Scene, whistle: Whistle, party: Party) -> Iterator[Act]:
    acting = scene.of_unit(Action.ESCALATION_PLAN, party.org, *_UNIT)
    if acting is not None and not late_with(scene, whistle, party, ClockKind.WHISTLE_PLAN):
        yield Act(
            need=f"whistle plan|{whistle.id}|{party.org}",
            acting=acting,
            after=_hours(scene, 1, 4, "plan", party.org),
            data=PlanSubmitted(plan="先截流，再清淤，三日内恢复"),
        )


def _help(scene: Scene, whistle: Whistle, party: Party, *, emergency: bool) -> Iterator[Act]:
    acting = scene.of_unit(Action.ESCALATION_HELPER_DONE, party.org, *_UNIT)
    if acting is not None and not late_with(scene, whistle, party, ClockKind.WHISTLE_FINISH):
        in_time = scene.minutes(120, 300, "help", party.org)
        yield Act(
            need=f"whistle help|{whistle.id}|{party.org}",
            acting=acting,
            after=in_time if emergency else _hours(scene, 2, 5, "help", party.org),
            data=HelperDone(note="协办部分已完成"),
        )


def _finish(scene: Scene, whistle: Whistle, party: Party, *, emergency: bool) -> Iterator[Act]:
    acting = scene.of_unit(Action.ESCALATION_WHISTLE_FINISH, party.org, *_UNIT)
    helpers = [one for one in whistle.parties if not one.lead and not one.released]
    missing = [one for one in helpers if one.done_at is None]
    waited_for = [
        one for one in missing if one.signed_at is None or not left_out(scene, whistle, one)
    ]
    if acting is None or waited_for:
        return
    in_time = scene.minutes(120, 400, "finish", party.org)
    yield Act(
        need=f"whistle finish|{whistle.id}|{party.org}",
        acting=acting,
        after=in_time if emergency else _hours(scene, 2, 6, "finish", party.org),
        data=WhistleFinished(
            opinion="问题已处理，现场恢复",
            without_helpers="协办部分不影响办结，另行催办" if missing else "",
        ),
    )


def _hours(scene: Scene, low: float, high: float, *what: str) -> timedelta:
    """Return a delay of so many office hours."""
    return scene.in_office(scene.minutes(int(low * 60), int(high * 60), *what))
