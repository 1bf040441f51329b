"""What a simulated person sees of one case, and what they decide to do next. Pure.

Everything is drawn by a hash of (seed, case, what is asked), never from the order in which things
arrive: so a run that was killed and started again plays on as if nothing had happened.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from events.contract.envelope import Acting, Payload
from flows.decide.able import able
from flows.decide.decision import Facts, Firing
from flows.decide.draft import Draft
from flows.decide.rights import reach_of, why_not
from models.case import Case, Clock, ClockKind
from models.directory import Directory
from models.office import Office
from models.policy.actions import Action
from models.policy.people import Role
from models.policy.schema import Policy
from models.values import Mark, Step
from partygrid.sample.draw import Draw
from partygrid.simulation.stories import Story


class Act(Struct, frozen=True, kw_only=True):
    """Something a simulated person will do."""

    #: what it answers: unique within the case, so that it is done once
    need: str
    data: Payload
    acting: Acting
    #: when, counted from the moment the person sees the case
    after: timedelta
    #: how long the app had no signal: it happened that much earlier than it arrives
    offline: timedelta = timedelta()
    #: CloudEvents id; by default derived from the case and the need
    event_id: str = ""


class Scene:
    """One case as people see it at one moment."""

    def __init__(
        self,
        case: Case,
        story: Story,
        *,
        directory: Directory,
        office: Office,
        policy: Policy,
        draw: Draw,
        now: datetime,
    ) -> None:
        self.case, self.story, self.now = case, story, now
        self.directory, self.policy, self.draw = directory, policy, draw
        self._sheet = Draft(
            step=Step.INTAKE,
            input=Firing(
                subject=case.id,
                township=case.township,
                clock=Clock(key=str(ClockKind.PROPOSAL), generation=0, due_at=now),
            ),
            facts=Facts(directory=directory, office=office),
            policy=policy,
            now=now,
            case=case,
        )

    # --- chance --------------------------------------------------------------------------------

    def minutes(self, low: int, high: int, *what: str | int) -> timedelta:
        """Return a delay drawn for this case and question."""
        return timedelta(minutes=self.draw.between(low, high, self.case.id, *what))

    def happens(self, chance: float, *what: str | int) -> bool:
        """Draw whether something happens in this case."""
        return self.draw.happens(chance, self.case.id, *what)

    def running(self, kind: ClockKind) -> Clock | None:
        """Return a running clock of this kind, whatever its part."""
        return next((clock for clock in self.case.clocks if clock.kind is kind), None)

    # --- who -----------------------------------------------------------------------------------

    def somebody(self, action: Action, *preferred: Role) -> Acting | None:
        """Return somebody who may do `action` now: the owner first, then whoever has the right."""
        for role, org, person in self._at_hand():
            if not preferred or role in preferred:
                found = self.may(action, role, org, person)
                if found is not None:
                    return found
        owner = able(self._sheet, action, *preferred)
        return None if owner is None else self.may(action, owner.role, owner.org, owner.person)

    def may(self, action: Action, role: str, org: str, person: str = "") -> Acting | None:
        """Return one holder of the role there who may do `action`, drawn; None where none may."""
        persons = (person,) if person else self.directory.holders(role, org, self.now)
        order = sorted(persons, key=lambda who: self.draw.digest(self.case.id, action, who))
        for who in order:
            acting = Acting(actor=who, role=str(role), org=org)
            if self._allowed(acting, action):
                return acting
        return None

    def _allowed(self, acting: Acting, action: Action) -> bool:
        done = self.case.deeds
        if any(acting.actor in done.get(one, ()) for one in self.policy.roles.barred_by[action]):
            return False
        return not why_not(
            acting,
            action,
            reach_of(self.case),
            directory=self.directory,
            policy=self.policy,
            on=self.now,
        )

    def _at_hand(self) -> Iterator[tuple[str, str, str]]:
        owner, work = self.case.owner, self.case.assignment
        if owner is not None:
            yield owner.role, owner.org, owner.person
        if work is not None and work.assignee:
            for held in self.directory.roles_of(work.assignee, self.now):
                yield held.role, held.org, work.assignee

    @property
    def restricted(self) -> bool:
        """Does the case travel on the restricted twins?"""
        return self.case.mark is not Mark.NONE


#: What people of one step do when they see a case.
React = Callable[[Scene], Iterator[Act]]
