"""Those who look on: they urge, supervise, and have a limit computed again."""

from collections.abc import Iterator

from events.contract.escalation import CaseSupervised, CaseUrged, DeadlineRecomputed, UrgeKind
from events.contract.reports import ReportSupplemented
from models.policy.actions import Action
from models.policy.people import Role
from models.values import CaseState
from partygrid.simulation.scene import Act, Scene
from partygrid.simulation.stories import Story


def react(scene: Scene) -> Iterator[Act]:
    """Press for an answer where the story says so; none of it moves a deadline."""
    case = scene.case
    if scene.story is not Story.URGED or case.state is not CaseState.ACCEPTED:
        return
    if not case.urged:
        yield from _urge(scene)
    elif not case.supervised:
        yield from _supervise(scene)


def _urge(scene: Scene) -> Iterator[Act]:
    told = scene.villager(Action.REPORT_SUPPLEMENT) or scene.somebody(Action.REPORT_SUPPLEMENT)
    if told is not None:
        yield Act(
            need="supplement",
            acting=told,
            after=scene.in_office(scene.minutes(10, 30, "supplement")),
            data=ReportSupplemented(description="影响在扩大，请尽快"),
        )
    acting = scene.somebody(Action.ESCALATION_URGE, Role.DISPATCHER)
    if acting is not None:
        yield Act(
            need="urge",
            acting=acting,
            after=scene.in_office(scene.minutes(30, 90, "urge")),
            data=CaseUrged(reason="来电催问，请回复进展"),
        )


def _supervise(scene: Scene) -> Iterator[Act]:
    checking = scene.somebody(Action.ESCALATION_RECOMPUTE_DEADLINE, Role.DUTY_SUPERVISOR)
    if checking is not None:
        yield Act(
            need="recompute",
            acting=checking,
            after=scene.in_office(scene.minutes(10, 30, "recompute")),
            data=DeadlineRecomputed(
                calendar_version=scene.office.calendar.version, reason="核对时限"
            ),
        )
    acting = scene.somebody(Action.ESCALATION_SUPERVISE, Role.DUTY_LEADER)
    if acting is not None:
        yield Act(
            need="supervise",
            acting=acting,
            after=scene.in_office(scene.minutes(60, 120, "supervise")),
            data=CaseSupervised(kind=UrgeKind.LEADER, reason="列入本周督办"),
        )
