"""A village task on a desk: decided input by input, its own follow-ups included; no servers."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import msgspec

import flows.decide.all  # noqa: F401  # enters all handlers
from events.contract.envelope import Acting, Event, Payload
from events.contract.registry import TYPE_OF_PAYLOAD
from events.contract.tasks import Funding, TaskRequested
from flows.decide.decision import Decision, Facts, Firing
from flows.decide.route import decide
from models.calendar import WorkCalendar
from models.case import Case
from models.clocks import Clock, ClockKind
from models.directory import Directory
from models.office import Office
from models.policy.people import Role
from models.policy.schema import Policy
from models.values import CaseId, Fate
from models.village import TaskState, VillageTask, task_id_of
from tests import world
from tests.unit.consulting import EXPLAINED
from tests.unit.packs import default_pack

NOW, TOWNSHIP, VILLAGE, GRID, COUNTY = (
    world.NOW,
    world.TOWNSHIP,
    world.VILLAGE,
    world.GRID,
    world.COUNTY,
)
DAY = timedelta(days=1)
#: The day it is at the office.
TODAY = date(2026, 3, 10)
UNTIL = date(2026, 4, 30)

CIVIL = world.acting(Role.DEPARTMENT_LEAD, "d-civil_affairs")
CIVIL_HANDLER = world.acting(Role.DEPARTMENT_HANDLER, "d-civil_affairs")
WATER = world.acting(Role.DEPARTMENT_LEAD, "d-water")
HANDLER = world.acting(Role.TOWNSHIP_HANDLER, TOWNSHIP)
PRINCIPAL = world.acting(Role.TOWNSHIP_PRINCIPAL, TOWNSHIP)
REVIEWER = world.acting(Role.ADMISSION_REVIEWER, COUNTY)
LEADER = world.acting(Role.COUNTY_LEADER, COUNTY)
SECRETARY = world.acting(Role.VILLAGE_SECRETARY, VILLAGE)


@cache
def directory() -> Directory:
    """The small county with every department that the default pack knows."""
    return world.directory(tuple(default_pack().organisation.departments))


@cache
def office() -> Office:
    """The default pack's office hours on the published calendar."""
    return Office(WorkCalendar(), default_pack().calendar)


def asked(**fields: Any) -> TaskRequested:
    """Civil affairs asks for something that stands on the list, with all that it must state."""
    return TaskRequested(
        **{
            "title": "入户核查",
            "item": "V-01",
            "villages": (VILLAGE,),
            "legal_basis": "社会救助暂行办法",
            "forms": 1,
            "ledgers": 0,
            "meetings": 0,
            "inspections": 0,
            "systems": (),
            "funding": Funding.DEPARTMENT,
            "ends_on": UNTIL,
            **fields,
        }
    )


def unlisted(**fields: Any) -> TaskRequested:
    """Something that is on no list."""
    return asked(**{"item": "", **fields})


@dataclass
class Desk:
    """One village task; `last` is what the last input led to."""

    policy: Policy = field(default_factory=default_pack)
    people: Directory = field(default_factory=directory)
    now: datetime = NOW
    known: VillageTask | None = None
    decisions: list[Decision] = field(default_factory=list)
    count: int = 0

    @property
    def task(self) -> VillageTask:
        assert self.known is not None
        return self.known

    @property
    def last(self) -> Decision:
        return self.decisions[-1]

    def clock(self, kind: ClockKind) -> Clock | None:
        return next((clock for clock in self.task.clocks if clock.kind is kind), None)

    def say(
        self,
        data: Payload,
        acting: Acting = CIVIL,
        *,
        township: str = TOWNSHIP,
        occurred: datetime | None = None,
        sequence: int = -1,
    ) -> Decision:
        """Decide an event now."""
        self.count += 1
        event = Event(
            id=f"e{self.count}",
            source=world.APP_SOURCE,
            type=TYPE_OF_PAYLOAD[type(data)].full_name,
            time=occurred or self.now,
            township=township,
            subject=self.known.id if self.known else "",
            acting=acting,
            data=data,
            sequence=sequence,
        )
        if isinstance(data, TaskRequested) and self.known is None:
            opened = task_id_of(event.source, event.id)
        else:
            opened = self.known.id if self.known else "unknown"
        return self._keep(event, opened)

    def done(self, data: Payload, acting: Acting = CIVIL) -> Decision:
        decision = self.say(data, acting)
        assert decision.fate is Fate.APPLIED, (decision.reason, decision.audit)
        return decision

    def refused(self, data: Payload, acting: Acting = CIVIL, **more: Any) -> str:
        before = self.known
        decision = self.say(data, acting, **more)
        assert decision.fate is Fate.REFUSED, decision
        assert self.known is before
        return decision.reason

    def ring(self, kind: ClockKind) -> Decision:
        clock = self.clock(kind)
        assert clock is not None, f"no {kind} runs"
        return self.fire(clock)

    def fire(self, clock: Clock) -> Decision:
        self.now = max(self.now, clock.due_at)
        firing = Firing(subject=self.task.id, township=self.task.township, clock=clock)
        return self._keep(firing, self.task.id)

    def _keep(self, made: Event | Firing, subject: str) -> Decision:
        case = Case(id=CaseId(subject))
        facts = Facts(directory=self.people, office=office())
        decision = decide(case, facts, made, self.policy, self.now, task=self.known)
        assert decision == decide(case, facts, made, self.policy, self.now, task=self.known)
        self.decisions.append(decision)
        assert all(audit.reason in EXPLAINED for audit in decision.audit)
        assert decision.case is None, "a task is no case"
        if decision.fate is not Fate.APPLIED:
            assert (decision.follow_ups, decision.notices) == ((), ())
            return decision
        assert decision.audit
        assert decision.task is not None
        assert decision.task.version == (self.known.version if self.known else 0) + 1
        assert decision.task.id == subject
        self.known = msgspec.json.decode(msgspec.json.encode(decision.task), type=VillageTask)
        for follow_up in decision.follow_ups:
            assert follow_up.subject == subject
            self.say(follow_up.data, follow_up.acting)
        _held_together(self.task)
        return decision


def _held_together(task: VillageTask) -> None:
    """Who waits for a decision has a clock; what is over has none; what has an end will end."""
    kinds = {clock.kind for clock in task.clocks}
    if task.state is TaskState.REQUESTED:
        assert kinds == {ClockKind.TASK_REVIEW}
    elif task.state is TaskState.TEMPORARY or (task.state is TaskState.ADMITTED and task.ends_on):
        assert ClockKind.TASK_END in kinds
        assert kinds <= {ClockKind.TASK_END, ClockKind.TASK_EXPIRING}
    else:
        assert kinds == set()
