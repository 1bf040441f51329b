"""A case on a desk: acts and clocks are decided one after the other, and what followed is kept."""

from datetime import datetime, timedelta
from functools import cache

import flows.decide.all  # noqa: F401  the handlers enter themselves on import
from events.contract.envelope import Acting, Event, Payload
from events.contract.registry import TYPE_OF_PAYLOAD
from flows.decide.decision import Audit, Decision, Facts, Firing
from flows.decide.route import decide
from models.calendar import WorkCalendar
from models.case import Case, Owner
from models.clocks import Clock, ClockKind
from models.deadlines import due
from models.directory import Directory
from models.handling import Assignment, AssignmentState, Party, Whistle
from models.office import Office
from models.policy.categories import Urgency
from models.policy.people import Role
from models.policy.schema import Policy
from models.policy.span import parse_span
from models.values import CaseId, CaseState, Fate, Mark
from notifications.notice import Notice, NoticeKind, RoleAt
from tests import world
from tests.unit.packs import default_pack

DEPARTMENTS = ("water", "ecology", "housing", "justice", "public_security", "discipline")
WATER, ECOLOGY, HOUSING, JUSTICE = "d-water", "d-ecology", "d-housing", "d-justice"
#: 河道: the township's, with the water department holding the power to punish.
RIVER = "05-04"
TOWNSHIP_HANDLER = Owner(org=world.TOWNSHIP, role=Role.TOWNSHIP_HANDLER)


@cache
def office() -> Office:
    """Office hours of the default pack."""
    return Office(calendar=WorkCalendar(), hours=default_pack().calendar)


def people() -> Directory:
    """The small county with the departments these tests call."""
    return world.directory(DEPARTMENTS)


def late_case(
    *,
    urgency: Urgency = Urgency.NORMAL,
    state: CaseState = CaseState.HANDLING,
    category: str = RIVER,
    mark: Mark = Mark.NONE,
    circle: tuple[str, ...] = (),
    owner: Owner | None = TOWNSHIP_HANDLER,
    limit: str = "3wd",
) -> Case:
    """A registered case the township works on, with its limit running from NOW."""
    policy = default_pack()
    deadline = due(world.NOW, parse_span(limit), office=office(), policy_version=policy.version)
    return Case(
        id=CaseId("0b7f3c52-0000-5000-8000-000000000001"),
        version=3,
        state=state,
        number=f"{world.GRID}202603100001",
        county=world.COUNTY,
        township=world.TOWNSHIP,
        village=world.VILLAGE,
        grid=world.GRID,
        category=category,
        urgency=urgency,
        mark=mark,
        circle=circle,
        reported_at=world.NOW,
        registered_at=world.NOW,
        policy_version=policy.version,
        owner=owner,
        due=deadline,
        leads=(world.TOWNSHIP,),
        clocks=(
            Clock(key=ClockKind.CASE_DUE, generation=3, due_at=deadline.due_at, deadline=deadline),
        ),
        assignment=Assignment(
            id="a-1",
            state=AssignmentState.ACCEPTED,
            org=world.TOWNSHIP,
            assignee=world.person(Role.TOWNSHIP_HANDLER, world.TOWNSHIP),
            requested_at=world.NOW,
        ),
    )


class Desk:
    """One case, and everything that was decided about it."""

    def __init__(
        self,
        case: Case,
        *,
        policy: Policy | None = None,
        directory: Directory | None = None,
        at: datetime = world.NOW,
    ) -> None:
        self.case = case
        self.policy = policy or default_pack()
        self.facts = Facts(directory=directory or people(), office=office())
        self.now = at
        self.audits: list[Audit] = []
        self.notices: list[Notice] = []
        self.announced: list[Payload] = []
        self.decisions: list[Decision] = []
        self._events = 0

    @property
    def state(self) -> CaseState:
        """Where the case stands."""
        return self.case.state

    @property
    def whistle(self) -> Whistle:
        """The case's whistle."""
        assert self.case.whistle is not None
        return self.case.whistle

    def party(self, org: str) -> Party:
        """A called unit."""
        return next(party for party in self.whistle.parties if party.org == org)

    def due_at(self, key: str) -> datetime:
        """When the clock of this key rings."""
        clock = self.case.clock(key)
        assert clock is not None, f"no clock {key} among {[c.key for c in self.case.clocks]}"
        return clock.due_at

    def act(
        self,
        data: Payload,
        role: Role | str,
        org: str,
        *,
        actor: str = "",
        after: timedelta = timedelta(),
        occurred: datetime | None = None,
        sequence: int = -1,
        out_of_order: bool = False,
    ) -> Decision:
        """Let somebody do something `after` the present moment."""
        self.now += after
        self._events += 1
        kind = TYPE_OF_PAYLOAD[type(data)]
        event = Event(
            id=f"e-{self._events}",
            source=world.APP_SOURCE,
            type=kind.full_name,
            time=occurred or self.now,
            township=world.TOWNSHIP,
            subject=self.case.id,
            acting=world.acting(role, org, actor=actor),
            data=data,
            sequence=sequence,
            out_of_order=out_of_order,
        )
        return self._take(decide(self.case, self.facts, event, self.policy, self.now), event)

    def by_engine(self, data: Payload) -> Decision:
        """Let the engine itself say something."""
        self._events += 1
        event = Event(
            id=f"e-{self._events}",
            source="engine",
            type=TYPE_OF_PAYLOAD[type(data)].full_name,
            time=self.now,
            township=world.TOWNSHIP,
            subject=self.case.id,
            acting=Acting(actor="system:escalation", role="system", org=""),
            data=data,
        )
        return self._take(decide(self.case, self.facts, event, self.policy, self.now), event)

    def ring(self, clock: Clock) -> Decision:
        """Let a clock ring at its own time."""
        self.now = max(self.now, clock.due_at)
        firing = Firing(subject=self.case.id, township=world.TOWNSHIP, clock=clock)
        return self._take(decide(self.case, self.facts, firing, self.policy, self.now), firing)

    def wait(self, until: datetime) -> None:
        """Let time pass, with nobody acting: every clock rings in its turn."""
        while (clock := self.next_clock()) is not None and clock.due_at <= until:
            self.ring(clock)
        self.now = max(self.now, until)

    def wait_for(self, key: str) -> None:
        """Let time pass until the clock of this key has rung."""
        self.wait(self.due_at(key))

    def next_clock(self) -> Clock | None:
        """The clock that rings next."""
        return min(self.case.clocks, key=lambda c: (c.due_at, c.key), default=None)

    def told(self, kind: NoticeKind) -> list[str]:
        """Who was told this, as role@organisation or the person or office."""
        return [
            f"{n.recipient.role}@{n.recipient.org}"
            if isinstance(n.recipient, RoleAt)
            else str(getattr(n.recipient, "id", ""))
            for n in self.notices
            if n.kind is kind
        ]

    def reasons(self) -> list[str]:
        """Reason of every audit record, in order."""
        return [audit.reason for audit in self.audits]

    def _take(self, decision: Decision, what: Event | Firing) -> Decision:
        again = decide(self.case, self.facts, what, self.policy, self.now)
        assert again == decision, "the same input was decided in two ways"
        self.decisions.append(decision)
        self.audits += decision.audit
        if decision.fate is not Fate.APPLIED:
            assert decision.case is None, "a refusal changed the case"
            assert decision.notices == ()
            assert decision.follow_ups == ()
            return decision
        assert decision.audit, "something was applied and nobody can see by whom"
        if decision.case is not None:
            assert decision.case.version == self.case.version + 1
            self.case = decision.case
        self.notices += decision.notices
        self.announced += [one.data for one in decision.follow_ups]
        self._hold()
        return decision

    def _hold(self) -> None:
        """What is so after every applied input, whatever it was."""
        case = self.case
        keys = [clock.key for clock in case.clocks]
        assert len(keys) == len(set(keys))
        if not case.is_open:
            return
        assert case.owner is not None or case.clocks, "open, and nobody's"
        if case.breached_at is not None:
            assert any(k.startswith("rung:") and k[5:].isdigit() for k in keys), "ladder lost"
