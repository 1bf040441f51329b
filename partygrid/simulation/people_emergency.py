"""Those on duty when there is danger: who is first on the spot, who calls, who tells the county."""

from collections.abc import Iterator

from events.contract.escalation import (
    DepartmentArrived,
    EmergencyCallRecorded,
    EmergencyDeclared,
    EmergencyNumber,
    ReportedUpward,
    UpwardForm,
)
from events.contract.reports import ReportSupplemented
from flows.decide.intake_emergency import UNRATED
from models.clocks import ClockKind
from models.policy.actions import Action
from models.policy.people import Role
from models.values import CaseState
from partygrid.simulation.scene import Act, Scene
from partygrid.simulation.stories import WHISTLES, Story

#: class of the matter → whom people call
_NUMBERS = {
    "02": EmergencyNumber.FIRE,
    "03": EmergencyNumber.FIRE,
    "09": EmergencyNumber.AMBULANCE,
    "10": EmergencyNumber.AMBULANCE,
}
#: how bad the duty leader finds it
_LEVEL = 3
_NEAREST = (
    Role.GRID_HEAD,
    Role.GRID_MEMBER,
    Role.VILLAGE_SECRETARY,
    Role.DEPARTMENT_HANDLER,
    Role.TOWNSHIP_HANDLER,
)
_CALLERS = (Role.GRID_HEAD, Role.GRID_MEMBER, Role.VILLAGE_SECRETARY, Role.DUTY_SUPERVISOR)
#: From the first alarm on, as long as somebody may still be sent.
_UNDER_WAY = (
    CaseState.REGISTERED,
    CaseState.DISPATCHED,
    CaseState.ACCEPTED,
    CaseState.HANDLING,
    CaseState.WHISTLED,
)
_BEFORE_WHISTLE = tuple(state for state in _UNDER_WAY if state is not CaseState.WHISTLED)


def react(scene: Scene) -> Iterator[Act]:
    """Do what an emergency asks of people besides its work."""
    if not scene.case.is_open:
        return
    if scene.case.emergency_level:
        yield from _on_the_spot(scene)
        yield from _tell_county(scene)
        yield from _file(scene)
    elif scene.story is Story.DECLARED_EMERGENCY and scene.case.state in (
        CaseState.ACCEPTED,
        CaseState.HANDLING,
    ):
        yield from _declare(scene, _LEVEL, "现场险情扩大")


def _on_the_spot(scene: Scene) -> Iterator[Act]:
    case = scene.case
    if case.state not in _UNDER_WAY:
        return
    arriving = scene.only(Action.ESCALATION_ARRIVE, *_NEAREST)
    if scene.waits(ClockKind.ON_SITE) and case.state in _BEFORE_WHISTLE and arriving is not None:
        yield Act(
            need="on the spot",
            acting=arriving,
            after=scene.minutes(6, 10, "on the spot"),
            data=DepartmentArrived(note="已到现场，先行疏散警戒"),
        )
    calling = scene.only(Action.ESCALATION_RECORD_CALL, *_CALLERS)
    if calling is not None and case.reported_at is not None:
        yield Act(
            need="call",
            acting=calling,
            after=scene.minutes(6, 15, "call"),
            data=EmergencyCallRecorded(
                number=_NUMBERS.get(case.category[:2], EmergencyNumber.POLICE),
                called_at=case.reported_at,
                note="上报人已先拨打",
            ),
        )
    if case.emergency_level == UNRATED and scene.story not in WHISTLES:
        yield from _declare(scene, _LEVEL, "按现场情况定级")


def _declare(scene: Scene, level: int, why: str) -> Iterator[Act]:
    acting = scene.somebody(
        Action.ESCALATION_DECLARE_EMERGENCY, Role.DUTY_LEADER, Role.DUTY_SUPERVISOR
    )
    if acting is not None:
        yield Act(
            need="declare",
            acting=acting,
            after=scene.minutes(16, 30, "declare"),
            data=EmergencyDeclared(level=level, reason=why),
        )


def _tell_county(scene: Scene) -> Iterator[Act]:
    acting = scene.somebody(Action.ESCALATION_REPORT_UPWARD, Role.DUTY_LEADER, Role.DUTY_SUPERVISOR)
    if acting is None:
        return
    for kind, form, low in (
        (ClockKind.UPWARD_PHONE, UpwardForm.PHONE, 6),
        (ClockKind.UPWARD_WRITTEN, UpwardForm.WRITTEN, 32),
    ):
        if scene.waits(kind):
            yield Act(
                need=f"upward|{form}",
                acting=acting,
                after=scene.minutes(low, low + 15, "upward", form),
                data=ReportedUpward(form=form, note="已报县值班室"),
            )


def _file(scene: Scene) -> Iterator[Act]:
    acting = scene.somebody(Action.REPORT_SUPPLEMENT, Role.DISPATCHER, Role.DUTY_SUPERVISOR)
    if acting is not None and scene.waits(ClockKind.RETROACTIVE_FILING):
        yield Act(
            need="file afterwards",
            acting=acting,
            after=scene.minutes(65, 150, "file"),
            data=ReportSupplemented(description="处置经过补录"),
        )
