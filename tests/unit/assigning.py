"""A desk on which one case is decided event by event: real pack, small county, no servers."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

import flows.decide.all  # noqa: F401  # enters all handlers
from events.contract.assignment import AssignmentRecommended, AssignmentRequested
from events.contract.envelope import Acting, Event, Payload
from flows.decide.decision import Decision, Facts, Firing, OpenWork
from flows.decide.draft import system
from flows.decide.route import decide
from models.calendar import WorkCalendar
from models.case import Case, Owner
from models.clocks import Clock, ClockKind
from models.deadlines import due
from models.directory import Directory, Spell
from models.office import Office
from models.policy.people import Role
from models.policy.schema import Policy
from models.values import CaseId, CaseState, Fate, Mark, Step
from models.village import Township
from tests import world
from tests.unit.packs import default_pack

POLICY = default_pack()
OFFICE = Office(WorkCalendar(), POLICY.calendar)
DIRECTORY = world.directory(tuple(POLICY.organisation.departments))
GRID, VILLAGE, TOWNSHIP = world.GRID, world.VILLAGE, world.TOWNSHIP
NOW = world.NOW
ENGINE = system(Step.ASSIGNMENT, TOWNSHIP)
LAMP, QUARREL, FIRE, FLOOD, CHILD, CONDUCT = "06-02", "01-01", "02-01", "03-01", "08-04", "11-04"

SECRETARY = world.acting(Role.VILLAGE_SECRETARY, VILLAGE)
BRANCH_SECRETARY = world.acting(Role.BRANCH_SECRETARY, world.branch_of(GRID))
DISPATCHER = world.acting(Role.DISPATCHER, TOWNSHIP)
SUPERVISOR = world.acting(Role.DUTY_SUPERVISOR, TOWNSHIP)
CHECKER = world.acting(Role.CHECKER, TOWNSHIP)
TOWNSHIP_HANDLER = world.acting(Role.TOWNSHIP_HANDLER, TOWNSHIP)


def member(n: int, grid: str = GRID) -> Acting:
    """A Party member of the grid's branch."""
    return world.acting(Role.PARTY_MEMBER, world.branch_of(grid), actor=f"p-m{n}-{grid}")


def as_asked(person: str) -> Acting:
    """Whoever this id is of: a Party member or a grid member of the small county."""
    grid = person.rpartition("-")[2]
    if person.startswith("p-m"):
        return world.acting(Role.PARTY_MEMBER, world.branch_of(grid), actor=person)
    return world.acting(Role.GRID_MEMBER, grid, actor=person)


def with_entries(*entries: Spell) -> Directory:
    """The small county with something more."""
    base = DIRECTORY
    people = tuple(base.persons(NOW))
    roles = (role for person in people for role in base.role_spells(person.id))
    return Directory(revision=2, entries=(*base.orgs(NOW), *people, *roles, *entries))


def registered(category: str, *, name: str = "one", at: datetime = NOW, **fields: object) -> Case:
    """A registered case with its limit running, as intake hands it over."""
    kind = POLICY.category(category)
    assert kind is not None
    deadline = due(at, kind.limit, office=OFFICE, policy_version=POLICY.version)
    values: dict[str, object] = {
        "id": CaseId(f"case-{name}"),
        "version": 1,
        "state": CaseState.REGISTERED,
        "number": f"{GRID}202603100001",
        "county": world.COUNTY,
        "township": TOWNSHIP,
        "village": VILLAGE,
        "grid": GRID,
        "category": category,
        "urgency": str(kind.urgency),
        "tier": kind.handling_tier,
        "mark": kind.mark,
        "disputed": kind.disputed,
        "filed_by": "p-somebody",
        "reported_at": at,
        "registered_at": at,
        "owner": Owner(org=TOWNSHIP, role=Role.DUTY_SUPERVISOR),
        "due": deadline,
        "clocks": (Clock(key="case_due", generation=1, due_at=deadline.due_at, deadline=deadline),),
        **fields,
    }
    if values["mark"] is Mark.BYPASS:
        values |= {
            "circle": ("d-discipline",),
            "owner": Owner(org="d-discipline", role=Role.DISCIPLINE_OFFICER),
        }
    return Case(**values)  # type: ignore[arg-type]


@dataclass
class Desk:
    """One case and its township, decided input by input."""

    case: Case
    directory: Directory = DIRECTORY
    policy: Policy = POLICY
    now: datetime = NOW
    work: dict[str, OpenWork] = field(default_factory=dict)
    township: Township = field(default_factory=lambda: Township(id=TOWNSHIP))
    numbers: "count[int]" = field(default_factory=count)

    def facts(self, *waiting: Case) -> Facts:
        return Facts(
            directory=self.directory,
            office=OFFICE,
            work=self.work,
            waiting=waiting,
            township=self.township,
        )

    def say(self, data: Payload, acting: Acting, *, sequence: int = -1, **minutes: int) -> Decision:
        """Decide an event, `minutes` after the last input."""
        occurred = self.now + timedelta(**minutes)
        self.now = occurred
        event = Event(
            id=f"e{next(self.numbers)}",
            source="app/test",
            type="",
            time=occurred,
            township=TOWNSHIP,
            subject=self.case.id,
            acting=acting,
            data=data,
            sequence=sequence,
        )
        return self.keep(decide(self.case, self.facts(), event, self.policy, self.now))

    def keep(self, decision: Decision) -> Decision:
        """Take over what was decided; check what must always hold."""
        if decision.case is not None:
            assert decision.fate is Fate.APPLIED
            assert decision.case.version == self.case.version + 1
            self.case = decision.case
        if decision.township is not None:
            self.township = decision.township
        if decision.fate is Fate.APPLIED:
            assert decision.audit, "every applied input writes a record"
        else:
            untouched = (decision.case, decision.township, decision.follow_ups, decision.notices)
            assert untouched == (None, None, (), ())
        if self.case.is_open:
            assert self.case.owner is not None or self.case.clocks
        return decision

    def ring(self, kind: ClockKind) -> Decision:
        """Let the case's clock of this kind run out."""
        clock = next(clock for clock in self.case.clocks if clock.kind is kind)
        self.now = max(self.now, clock.due_at)
        firing = Firing(subject=self.case.id, township=TOWNSHIP, clock=clock)
        return self.keep(decide(self.case, self.facts(), firing, self.policy, clock.due_at))

    def clock(self, kind: ClockKind) -> Clock:
        return next(clock for clock in self.case.clocks if clock.kind is kind)

    def kinds(self) -> set[ClockKind]:
        return {clock.kind for clock in self.case.clocks}

    # --- shortcuts ------------------------------------------------------------------------------

    def request(self, **fields: object) -> Decision:
        return self.say(AssignmentRequested(**fields), ENGINE)  # type: ignore[arg-type]

    def hold_round(self) -> Decision:
        """Let the township's round ring and hand its recommendation to the case."""
        clock = next(c for c in self.township.clocks if c.kind is ClockKind.ROUND)
        self.now = max(self.now, clock.due_at)
        firing = Firing(subject=TOWNSHIP, township=TOWNSHIP, clock=clock)
        stub = Case(id=CaseId(TOWNSHIP))
        decision = decide(stub, self.facts(self.case), firing, self.policy, clock.due_at)
        assert decision.case is None
        assert decision.township is not None
        self.township = decision.township
        for follow in decision.follow_ups:
            assert isinstance(follow.data, AssignmentRecommended)
            self.say(follow.data, follow.acting)
        return decision


def at_recommended(category: str = LAMP, **fields: object) -> Desk:
    """A desk whose case has gone through a round."""
    desk = Desk(registered(category, **fields))  # type: ignore[arg-type]
    desk.request()
    desk.hold_round()
    return desk


def notices(decision: Decision) -> set[str]:
    return {str(notice.kind) for notice in decision.notices}
