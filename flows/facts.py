"""Which facts an input needs: what to load for it, and the frozen slice it is decided with."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from events.contract.envelope import Event
from events.contract.escalation import DeadlineRecomputed
from events.contract.registry import TYPE_OF_PAYLOAD
from events.contract.reports import HistoryRecorded, MergeDeclined, ReportFiled, ReportMerged
from events.contract.tasks import TaskRequested
from flows.decide.decision import Facts, Firing, Neighbour, OpenWork
from flows.heard import claims_to_be_late
from flows.workspace import Workspace
from models.case import Case
from models.clocks import ClockKind
from models.office import Office
from models.policy.schema import Policy
from models.setting import Setting
from models.values import SYSTEM_PREFIX, Mark, Step, case_id_of, history_case_id, is_id
from models.village import task_id_of


def subject_of(event: Event) -> str:
    """Return the id of the case or task an event is about; of the one it opens."""
    match event.data:
        case ReportFiled():
            return case_id_of(event.source, event.known_as)
        case HistoryRecorded(case_ref=case_ref):
            return history_case_id(event.source, case_ref)
        case TaskRequested():
            return task_id_of(event.source, event.known_as)
    return event.subject


class Needs(NamedTuple):
    """What must be loaded before an input is decided."""

    cases: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    townships: tuple[str, ...] = ()
    #: grid and day whose next number may be taken
    number: tuple[str, str] | None = None
    #: township, category, since
    near: tuple[str, str, datetime] | None = None
    #: source of which must be known what was heard, and since when
    heard: tuple[str, datetime] | None = None
    #: version of the calendar by which limits are computed again
    calendar: str = ""


def needs_of(given: Event | Firing, kind: str, setting: Setting, now: datetime) -> Needs:
    """Return what must be loaded for an event, or for a firing of a subject `kind`."""
    if isinstance(given, Firing):
        return _needs_of_firing(given, kind)
    needs, limits = _needs_of_event(given, setting, now), setting.shelf.current.deadlines
    if not claims_to_be_late(given, now, skew=limits.clock_skew, offline=limits.offline):
        return needs
    return needs._replace(heard=(given.source, given.time - limits.clock_skew))


def _needs_of_event(given: Event, setting: Setting, now: datetime) -> Needs:
    subject = subject_of(given)
    step = TYPE_OF_PAYLOAD[type(given.data)].step
    if step is Step.DIRECTORY:
        return Needs()
    if step is Step.ADMISSION:
        return Needs(tasks=(subject,) if is_id(subject) else ())
    townships = (given.township,) if step is Step.ASSIGNMENT else ()
    data = given.data
    if isinstance(data, ReportFiled):
        window = setting.shelf.current.intake.duplicates.within
        return Needs(
            cases=(subject,),
            number=(data.grid[:15], setting.shelf.local_day(now)),
            near=(given.township, data.category, now - window),
        )
    others = tuple(other for other in _others(data) if is_id(other))
    return Needs(
        cases=((subject,) if is_id(subject) else ()) + others,
        townships=townships,
        calendar=_calendar_of(given),
    )


def _calendar_of(event: Event) -> str:
    """Return the calendar the engine names for computing limits again; people name none."""
    engines = event.acting.actor.startswith(SYSTEM_PREFIX)
    data = event.data
    return data.calendar_version if engines and isinstance(data, DeadlineRecomputed) else ""


def _others(data: object) -> tuple[str, ...]:
    match data:
        case ReportMerged(into=other) | MergeDeclined(other=other):
            return (other,)
    return ()


def _needs_of_firing(firing: Firing, kind: str) -> Needs:
    if kind == "task":
        return Needs(tasks=(firing.subject,))
    if kind == "township":
        return Needs(townships=(firing.subject,))
    return Needs(
        cases=(firing.subject,),
        townships=(firing.township,),
    )


def facts_for(
    given: Event | Firing,
    case: Case,
    work: Workspace,
    setting: Setting,
    policy: Policy,
    now: datetime,
) -> Facts:
    """Return the slice of the workspace that a decision may know.

    A case keeps its working days as it keeps its rules. Raises `NotKept` where they are gone.
    """
    office = setting.shelf.office(policy.version, case.calendar_version)
    if isinstance(given, Firing):
        return _facts_of_firing(given, work, office)
    data = given.data
    if isinstance(data, ReportFiled):
        return Facts(
            directory=work.directory,
            office=office,
            neighbours=work.near(data, given.township, policy.intake.duplicates, now=now)
            if data.mark is Mark.NONE
            else (),
            sequence=work.next_number(data.grid[:15], setting.shelf.local_day(now)),
        )
    others = _others(data)
    return Facts(
        directory=work.directory,
        office=office,
        newest=setting.shelf.office(policy.version, _calendar_of(given)),
        other=work.cases.get(others[0]) if others else None,
        main=work.main(case),
        township=work.township(given.township),
    )


def _facts_of_firing(firing: Firing, work: Workspace, office: Office) -> Facts:
    township = work.township(firing.township)
    if firing.clock.kind is not ClockKind.ROUND:
        return Facts(directory=work.directory, office=office, township=township)
    return Facts(
        directory=work.directory,
        office=office,
        township=township,
        waiting=tuple(
            case for case_id in township.waiting if (case := work.cases.get(case_id)) is not None
        ),
        work=work.desks,
    )


def desk(row: tuple[str, int, int, datetime | None]) -> tuple[str, OpenWork]:
    """Return what a person has on the desk, from a row of the store."""
    person, open_tasks, recent, last = row
    return person, OpenWork(open_tasks=open_tasks, recent_tasks=recent, last_offered_at=last)


def neighbour(row: tuple[Any, ...]) -> Neighbour:
    """Return what a duplicate check needs, from a row of the store."""
    case_id, number, grid, category, lon, lat, reported_at = row
    return Neighbour(
        case_id=case_id,
        number=number,
        grid=grid,
        category=category,
        lon=lon,
        lat=lat,
        reported_at=reported_at,
    )


def recent_since(policy: Policy, now: datetime) -> datetime:
    """Return since when offered tasks count for fairness."""
    recent: timedelta = policy.matching.recent
    return now - recent
