"""A registered case that is talked over: decided input by input, follow-ups of the step included.

Every applied decision is made twice and compared, and held against what must always be so.
"""

import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from importlib import import_module

import msgspec

import flows.decide.all  # noqa: F401  # enters all handlers
from events.contract.consultation import (
    ConsultationInvited,
    ConsultationKind,
    ConsultationRequested,
    Seat,
    Stage,
    TallyEntered,
)
from events.contract.envelope import Acting, Event, Payload
from events.contract.registry import TYPE_OF_PAYLOAD
from flows.decide.decision import Decision, Facts, Firing, FollowUp
from flows.decide.route import decide
from models import reasons
from models.calendar import WorkCalendar
from models.case import Case, Owner
from models.clocks import Clock, ClockKind
from models.consulting import Consultation
from models.directory import Directory, Person, RoleHeld
from models.office import Office
from models.policy.people import Role
from models.policy.schema import Policy
from models.values import CaseId, CaseState, Fate, Step
from tests import world
from tests.unit.packs import default_pack

VILLAGE, TOWNSHIP, GRID = world.VILLAGE, world.TOWNSHIP, world.GRID
NOW = world.NOW
DAY = timedelta(days=1)

SECRETARY = world.acting(Role.VILLAGE_SECRETARY, VILLAGE)
DIRECTOR = world.acting(Role.VILLAGE_DIRECTOR, VILLAGE)
COMMITTEE = world.acting(Role.TWO_COMMITTEES_MEMBER, VILLAGE)
WATCHER = world.acting(Role.SUPERVISION_COMMITTEE_MEMBER, VILLAGE)
REPRESENTATIVE = world.acting(Role.VILLAGE_REPRESENTATIVE, VILLAGE)
BRANCH = world.acting(Role.BRANCH_SECRETARY, world.branch_of(GRID))
DISPATCHER = world.acting(Role.DISPATCHER, TOWNSHIP)
VILLAGER = Acting(actor="v-1", role=Role.VILLAGER, org=VILLAGE)
ENGINE = Acting(actor="system:intake", role="system", org=TOWNSHIP, asserted_by="system")

#: Of public interest before the council; reserved and resolved by representatives, by all the
#: villagers, by the collective; a quarrel for a joint meeting.
IDEAS, LAND_TAKEN, RULES, ASSETS, FOREST = "11-06", "01-06", "11-02", "09-05", "01-03"

#: Every code that has a sentence.
EXPLAINED = frozenset(
    code
    for module in pkgutil.iter_modules(reasons.__path__)
    for code in import_module(f"{reasons.__name__}.{module.name}").REASONS
)


@cache
def directory(*, collective: bool = False, one_head: bool = False) -> Directory:
    """The small county; with a collective economic organisation, or one head of both committees."""
    people = world.directory.__wrapped__(tuple(default_pack().organisation.departments))
    more: list[RoleHeld | Person] = [
        Person(id="p-young", party_status="probationary", valid_from=world.SINCE)
    ]
    if collective:
        head = world.person(Role.COLLECTIVE_DIRECTOR, VILLAGE)
        more.append(_held(head, Role.COLLECTIVE_DIRECTOR))
    if one_head:
        more.append(_held(SECRETARY.actor, Role.VILLAGE_DIRECTOR))
    for entry in more:
        people.record(entry)
    return people


def _held(person: str, role: Role) -> RoleHeld:
    return RoleHeld(person=person, role=role, org=VILLAGE, valid_from=world.SINCE)


@cache
def office() -> Office:
    """The default pack's office hours on the published calendar."""
    return Office(WorkCalendar(), default_pack().calendar)


def registered(category: str = IDEAS) -> Case:
    """A case that was registered and waits for what comes next."""
    return Case(
        id=CaseId(world_id("case")),
        version=3,
        state=CaseState.REGISTERED,
        number="330281101201001-20260310-0001",
        county=world.COUNTY,
        township=TOWNSHIP,
        village=VILLAGE,
        grid=GRID,
        category=category,
        urgency="N",
        tier=2,
        registered_at=NOW,
        owner=Owner(org=TOWNSHIP, role=Role.DISPATCHER),
        policy_version=default_pack().version,
    )


def world_id(name: str) -> str:
    """A stable id."""
    return f"00000000-0000-5000-8000-{sum(map(ord, name)):012d}"


def seats(count: int, *, struck: int = 0, without_vote: int = 0) -> tuple[Seat, ...]:
    """A roll of `count` who may vote, then those struck, then those who never had a vote."""
    return (
        *(Seat(person=f"s-{n}") for n in range(count)),
        *(Seat(person=f"x-{n}", struck="流动党员按规定不计入") for n in range(struck)),
        *(Seat(person=f"n-{n}", votes=False) for n in range(without_vote)),
    )


def seat_acting(number: int) -> Acting:
    """Who sits on seat `number`; a villager holds no role in the directory."""
    return Acting(actor=f"s-{number}", role=Role.VILLAGER, org=VILLAGE)


@dataclass
class Talk:
    """One case and its consultation; `sent` is what went on to other steps."""

    case: Case = field(default_factory=registered)
    policy: Policy = field(default_factory=default_pack)
    people: Directory = field(default_factory=directory)
    now: datetime = NOW
    sent: list[FollowUp] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    count: int = 0

    @property
    def talk(self) -> Consultation:
        assert self.case.consultation is not None
        return self.case.consultation

    @property
    def last(self) -> Decision:
        return self.decisions[-1]

    @property
    def reasons(self) -> list[str]:
        """Reasons of the last decision's audit records."""
        return [audit.reason for audit in self.last.audit]

    def clock(self, kind: ClockKind) -> Clock | None:
        return next((clock for clock in self.case.clocks if clock.kind is kind), None)

    def say(
        self,
        data: Payload,
        acting: Acting = SECRETARY,
        *,
        at: datetime | None = None,
        told: datetime | None = None,
        sequence: int = -1,
    ) -> Decision:
        """Decide an event at `at` (default: where time stands), told to have happened at `told`."""
        self.now = max(self.now, at or self.now)
        self.count += 1
        event = Event(
            id=f"e{self.count}",
            source=world.APP_SOURCE,
            type=TYPE_OF_PAYLOAD[type(data)].full_name,
            time=told or self.now,
            township=TOWNSHIP,
            subject=self.case.id,
            acting=acting,
            data=data,
            sequence=sequence,
        )
        return self._keep(event)

    def done(self, data: Payload, acting: Acting = SECRETARY, **more: object) -> Decision:
        """Decide an event that has to be applied."""
        decision = self.say(data, acting, **more)  # type: ignore[arg-type]
        assert decision.fate is Fate.APPLIED, (decision.reason, decision.audit)
        return decision

    def refused(self, data: Payload, acting: Acting = SECRETARY, **more: object) -> str:
        """Decide an event that has to be refused; return the reason."""
        before = self.case
        decision = self.say(data, acting, **more)  # type: ignore[arg-type]
        assert decision.fate is Fate.REFUSED, (decision.fate, decision.reason)
        assert self.case is before
        assert [audit.reason for audit in decision.audit] == [decision.reason]
        return decision.reason

    def ring(self, kind: ClockKind) -> Decision:
        """Let the first clock of this kind run out."""
        clock = self.clock(kind)
        assert clock is not None, f"no {kind} runs"
        return self.fire(clock)

    def fire(self, clock: Clock) -> Decision:
        """Let this clock run out, be it still running or not."""
        self.now = max(self.now, clock.due_at)
        return self._keep(Firing(subject=self.case.id, township=TOWNSHIP, clock=clock))

    def _keep(self, made: Event | Firing) -> Decision:
        facts = Facts(directory=self.people, office=office())
        decision = decide(self.case, facts, made, self.policy, self.now)
        assert decide(self.case, facts, made, self.policy, self.now) == decision
        self.decisions.append(decision)
        _explained(decision)
        if decision.fate is not Fate.APPLIED:
            assert (decision.case, decision.follow_ups, decision.notices) == (None, (), ())
            return decision
        assert decision.audit, "every applied input writes a record"
        if decision.case is None:
            assert decision.audit[0].reason == "no_longer_needed"
            return decision
        assert decision.case.version == self.case.version + 1
        self.case = stored(decision.case)
        mine = [f for f in decision.follow_ups if _is_mine(f)]
        self.sent += [f for f in decision.follow_ups if f not in mine]
        self._held_together(waiting=bool(decision.follow_ups))
        for follow_up in mine:
            self.say(follow_up.data, follow_up.acting)
        return decision

    def _held_together(self, *, waiting: bool) -> None:
        """An open case always has an owner; while people talk a clock runs too."""
        if not self.case.is_open:
            return
        assert self.case.owner is not None
        assert self.case.owner.org
        if self.case.state is CaseState.CONSULTING:
            assert self.case.clocks, "a consultation without any clock could rest for ever"
        elif self.case.state is CaseState.REGISTERED and self.talk.concluded_at is not None:
            assert waiting or self.case.clocks or self.sent

    def requested(self, kind: ConsultationKind, body: str, acting: Acting = ENGINE) -> "Talk":
        self.done(ConsultationRequested(kind=kind, body=body), acting)
        return self

    def convened(
        self, count: int, *, acting: Acting = SECRETARY, days: int = 4, **fields: object
    ) -> "Talk":
        """Convene the present stage with a roll of `count`, and let its day come."""
        meets_at = self.now + days * DAY
        roll = fields.pop("roll", seats(count))
        invitation = ConsultationInvited(
            stage=Stage(self.talk.stage),
            meets_at=meets_at,
            roll=roll,  # type: ignore[arg-type]
            **fields,  # type: ignore[arg-type]
        )
        self.done(invitation, acting)
        self.now = meets_at
        return self

    def counted(self, *figures: int, by: Iterable[Acting] = (DIRECTOR, WATCHER)) -> "Talk":
        """Let two people enter (eligible, present, for, against, abstained)."""
        for acting in by:
            self.done(tally(*figures, stage=Stage(self.talk.stage)), acting)
        return self


def stored(case: Case) -> Case:
    """The case as it comes back from the database: enumerations as text, parts decoded."""
    return msgspec.json.decode(msgspec.json.encode(case), type=Case)


def _is_mine(follow_up: FollowUp) -> bool:
    return TYPE_OF_PAYLOAD[type(follow_up.data)].step is Step.CONSULTATION


def _explained(decision: Decision) -> None:
    for audit in decision.audit:
        assert audit.reason in EXPLAINED, f"no sentence for {audit.reason}"


def tally(
    eligible: int,
    present: int,
    in_favour: int,
    against: int = 0,
    abstained: int = 0,
    *,
    stage: Stage = Stage.SITTING,
) -> TallyEntered:
    """What one of those who enter the sheet reads from it."""
    return TallyEntered(
        stage=stage,
        eligible=eligible,
        present=present,
        in_favour=in_favour,
        against=against,
        abstained=abstained,
    )


def council(count: int = 9) -> Talk:
    """The villagers' council on the day of its meeting."""
    return Talk().requested(ConsultationKind.COUNCIL, "council").convened(count)
