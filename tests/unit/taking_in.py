"""A township on a desk: cases are decided event by event, follow-ups included; no servers."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from msgspec.structs import replace

import flows.decide.all  # noqa: F401  # enters all handlers
from events.contract.envelope import Acting, Event, Payload
from events.contract.registry import TYPE_OF_PAYLOAD, Topic
from events.contract.reports import (
    HistoryRecorded,
    MergeDeclined,
    Place,
    ReportFiled,
    ReportMerged,
    ReportSource,
)
from flows.decide.decision import Decision, Facts, Firing, Neighbour
from flows.decide.route import decide
from models.calendar import WorkCalendar
from models.case import Case, Owner
from models.clocks import ClockKind
from models.directory import Directory
from models.handling import Assignment, AssignmentState
from models.office import Office
from models.policy.people import Role
from models.policy.schema import Policy
from models.values import CaseId, CaseState, Fate, Mark, case_id_of, history_case_id
from models.village import Township
from tests import world
from tests.unit.packs import default_pack

GRID, VILLAGE, TOWNSHIP, COUNTY, NOW = (
    world.GRID,
    world.VILLAGE,
    world.TOWNSHIP,
    world.COUNTY,
    world.NOW,
)
SOURCE = world.APP_SOURCE
#: A category each: of the grid's and village's own, of the township, of a department, of all kinds.
ERRAND, LAMP, RUBBISH, SEWAGE, WATER = "08-07", "06-02", "05-02", "05-03", "06-03"
QUARREL, FIRE, FLOOD, CHILD, CONDUCT, VIOLENCE = (
    "01-01",
    "03-03",
    "03-01",
    "08-04",
    "11-04",
    "04-04",
)
HERE = Place(lon=121.5, lat=29.9)
REPORTER = "vault-ref-1"

MEMBER = world.acting(Role.GRID_MEMBER, GRID)
HEAD = world.acting(Role.GRID_HEAD, GRID)
VILLAGER = Acting(actor="v-1", role=Role.VILLAGER, org=VILLAGE)
HOTLINE = world.acting(Role.HOTLINE_OPERATOR, COUNTY)
ACCEPTOR = world.acting(Role.ACCEPTOR, TOWNSHIP)
DISPATCHER = world.acting(Role.DISPATCHER, TOWNSHIP)
SUPERVISOR = world.acting(Role.DUTY_SUPERVISOR, TOWNSHIP)
VISITOR = world.acting(Role.VISITOR, TOWNSHIP)
DISCIPLINE = world.acting(Role.DISCIPLINE_OFFICER, "d-discipline")
OPERATOR = world.acting(Role.OPERATOR, COUNTY)


@cache
def directory() -> Directory:
    """The small county with every department that the default pack knows."""
    return world.directory(tuple(default_pack().organisation.departments))


@cache
def office() -> Office:
    """The default pack's office hours on the published calendar."""
    return Office(WorkCalendar(), default_pack().calendar)


def report(category: str = LAMP, **fields: object) -> ReportFiled:
    """A report that a grid member would file."""
    values = {"grid": GRID, "category": category, "source": ReportSource.GRID_MEMBER, "title": "t"}
    return ReportFiled(**(values | fields))  # type: ignore[arg-type]


def told(category: str = LAMP, **fields: object) -> ReportFiled:
    """A report from the public, so one that is looked at first."""
    return report(category, source=ReportSource.HOTLINE, reporter_ref=REPORTER, **fields)


@dataclass
class Desk:
    """All cases of a township, decided input by input; `last` is what the last input led to."""

    policy: Policy = field(default_factory=default_pack)
    now: datetime = NOW
    people: Directory = field(default_factory=directory)
    cases: dict[str, Case] = field(default_factory=dict)
    township: Township = field(default_factory=lambda: Township(id=TOWNSHIP))
    decisions: list[Decision] = field(default_factory=list)
    #: answer follow-ups at once, as the engine does
    follows: bool = True
    count: int = 0

    @property
    def last(self) -> Decision:
        return self.decisions[-1]

    def case(self, case_id: str) -> Case:
        return self.cases.get(case_id, Case(id=CaseId(case_id)))

    def file(self, data: ReportFiled, acting: Acting = MEMBER, **more: object) -> Case:
        """File a report and return its case as it stands after all follow-ups."""
        decision = self.say(data, acting, **more)  # type: ignore[arg-type]
        assert decision.fate is Fate.APPLIED, decision.reason
        assert decision.case is not None
        return self.cases[decision.case.id]

    def say(
        self,
        data: Payload,
        acting: Acting,
        subject: str = "",
        *,
        ago: timedelta = timedelta(),
        sequence: int = -1,
        source: str = SOURCE,
        township: str = TOWNSHIP,
        case_version: int = -1,
    ) -> Decision:
        """Decide an event that occurred `ago`, then what it leads to; return its own decision."""
        self.count += 1
        event = Event(
            id=f"e{self.count}",
            source=source,
            type=TYPE_OF_PAYLOAD[type(data)].full_name,
            time=self.now - ago,
            township=township,
            subject=subject,
            acting=acting,
            data=data,
            sequence=sequence,
            case_version=case_version,
        )
        before = self.case(self.subject_of(event))
        decision = decide(
            before, self.facts(data), event, self.policy, self.now, township=self.township
        )
        return self._keep(before, decision)

    def subject_of(self, event: Event) -> str:
        match event.data:
            case ReportFiled():
                return case_id_of(event.source, event.id)
            case HistoryRecorded(case_ref=ref):
                return history_case_id(event.source, ref)
        return event.subject

    def facts(self, data: Payload | None = None) -> Facts:
        other = data.into if isinstance(data, ReportMerged) else ""
        other = data.other if isinstance(data, MergeDeclined) else other
        return Facts(
            directory=self.people,
            office=office(),
            neighbours=tuple(self._neighbours()) if isinstance(data, ReportFiled) else (),
            sequence=1 + len(self.cases),
            other=self.cases.get(other),
            township=self.township,
        )

    def _neighbours(self) -> list[Neighbour]:
        return [
            Neighbour(
                case_id=case.id,
                number=case.number,
                grid=case.grid,
                category=case.category,
                lon=case.lon,
                lat=case.lat,
                reported_at=case.reported_at,
            )
            for case in self.cases.values()
            if case.is_open and case.mark is Mark.NONE and case.reported_at is not None
        ]

    def ring(self, case_id: str, kind: ClockKind) -> Decision:
        """Let the case's clock of this kind run out."""
        case = self.cases[case_id]
        clock = next(clock for clock in case.clocks if clock.kind is kind)
        self.now = max(self.now, clock.due_at)
        firing = Firing(subject=case.id, township=TOWNSHIP, clock=clock)
        decision = decide(case, self.facts(), firing, self.policy, self.now, township=self.township)
        return self._keep(case, decision)

    def _keep(self, before: Case, decision: Decision) -> Decision:
        self.decisions.append(decision)
        if decision.fate is not Fate.APPLIED:
            left = (decision.case, decision.other, decision.follow_ups, decision.notices)
            assert left == (None, None, (), ())
            return decision
        assert decision.audit, "every applied input writes a record"
        for case in (decision.case, decision.other):
            if case is not None:
                known = before if case is decision.case else self.cases[case.id]
                assert case.version == known.version + 1
                self.cases[case.id] = case
        if decision.township is not None:
            self.township = decision.township
        for follow in decision.follow_ups if self.follows else ():
            if TYPE_OF_PAYLOAD[type(follow.data)].topic is not Topic.CASE_UPDATES:
                self.say(follow.data, follow.acting, follow.subject, source="engine")
        return decision


def kinds(case: Case) -> set[str]:
    """The kinds of clocks that run."""
    return {clock.kind.value for clock in case.clocks}


def notices(decision: Decision) -> set[str]:
    """The kinds of notices that a decision sends."""
    return {notice.kind.value for notice in decision.notices}


def actions(decision: Decision) -> list[str]:
    """What was written down, in order."""
    return [audit.action for audit in decision.audit]


def follow_ups(decision: Decision) -> list[str]:
    """The types of events that a decision makes."""
    return [type(follow.data).__name__ for follow in decision.follow_ups]


def case_at(state: CaseState, category: str = LAMP, **fields: Any) -> Case:
    """A case that came to `state` some way; the handler was the village's director."""
    values: dict[str, object] = {
        "id": CaseId("11111111-1111-5111-8111-111111111111"),
        "version": 5,
        "state": state,
        "number": f"{GRID}202603100001",
        "county": COUNTY,
        "township": TOWNSHIP,
        "village": VILLAGE,
        "grid": GRID,
        "category": category,
        "urgency": "N",
        "tier": 2,
        "filed_by": VILLAGER.actor,
        "reporter_ref": REPORTER,
        "source": "villager",
        "reported_at": NOW - timedelta(days=2),
        "registered_at": NOW - timedelta(days=2),
        "policy_version": default_pack().version,
        "owner": Owner(org=TOWNSHIP, role=Role.CHECKER),
        "leads": (VILLAGE,),
        "assignment": Assignment(
            id="22222222-2222-5222-8222-222222222222",
            state=AssignmentState.PASSED,
            org=VILLAGE,
            requested_at=NOW - timedelta(days=2),
            handled_by=HANDLER.actor,
        ),
        "deeds": {"assignment.handle": (HANDLER.actor,)},
    }
    return Case(**(values | fields))  # type: ignore[arg-type]


def with_state(case: Case, state: CaseState) -> Case:
    """The same case, further along."""
    return replace(case, state=state)


HANDLER = world.acting(Role.VILLAGE_DIRECTOR, VILLAGE)


def desk_with(case: Case, **fields: object) -> Desk:
    """A desk that knows one case."""
    return Desk(cases={case.id: case}, **fields)  # type: ignore[arg-type]
