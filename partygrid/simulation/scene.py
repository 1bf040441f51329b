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
from flows.decide.waiting import waits_for
from models.case import Case, Owner
from models.clocks import Clock, ClockKind
from models.directory import Directory
from models.office import Office
from models.policy.actions import Action
from models.policy.categories import Urgency
from models.policy.people import Role
from models.policy.schema import Policy
from models.values import Step
from partygrid.sample.draw import Draw
from partygrid.simulation.stories import Story

#: In offices people look at their desks every quarter of an hour.
_QUARTER = timedelta(minutes=15)
_PRESSING = (Urgency.EMERGENCY, Urgency.URGENT)
#: limits up to so long → how many times sooner people act than in the office
_HASTE = ((timedelta(hours=1), 10), (timedelta(hours=4), 4))
#: when villagers are called, also outside office hours
_MORNING, _EVENING = timedelta(hours=8), timedelta(hours=21)


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
        self.directory, self.office, self.policy, self.draw = directory, office, policy, draw
        #: the case on a sheet, for what the deciding itself asks: never written on
        self.sheet = Draft(
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

    # --- how it stands -------------------------------------------------------------------------

    @property
    def pressing(self) -> bool:
        """Does it wait for no office hours?"""
        return bool(self.case.emergency_level) or self.case.urgency in _PRESSING

    def running(self, kind: ClockKind) -> Clock | None:
        """Return a running clock of this kind, whatever its part."""
        return next((clock for clock in self.case.clocks if clock.kind is kind), None)

    def waits(self, kind: ClockKind) -> bool:
        """Tell whether an answer of this kind is wanted, in time or late."""
        return waits_for(self.sheet, kind)

    def did(self, action: Action) -> bool:
        """Tell whether somebody has done this on the case; only of acts that are remembered."""
        return action in self.case.deeds

    @property
    def _haste(self) -> int:
        """How many times sooner than in the office people act, as short as the limit is."""
        category = self.policy.category(self.case.category)
        limit = category.limit.value if category is not None else timedelta.max
        return next((times for most, times in _HASTE if limit <= most), 2)

    # --- chance and time -----------------------------------------------------------------------

    def minutes(self, low: int, high: int, *what: str | int) -> timedelta:
        """Return a delay drawn for this case and question, at whatever hour."""
        return timedelta(minutes=self.draw.between(low, high, self.case.id, *what))

    def happens(self, chance: float, *what: str | int) -> bool:
        """Draw whether something happens in this case."""
        return self.draw.happens(chance, self.case.id, *what)

    def soon(self, low: int, high: int, *what: str | int) -> timedelta:
        """Return a delay in office time; what presses is done at whatever hour, and sooner."""
        drawn = self.minutes(low, high, *what)
        return drawn / self._haste if self.pressing else self.in_office(drawn)

    def by_day(self, low: int, high: int, *what: str | int) -> timedelta:
        """Return a delay like `soon`, but nobody is woken at night."""
        return self._not_at_night(self.soon(low, high, *what))

    def any_day(self, low: int, high: int, *what: str | int) -> timedelta:
        """Return a delay of people who know no weekend: villagers, and their committees."""
        return self._not_at_night(self.minutes(low, high, *what))

    def _not_at_night(self, delay: timedelta) -> timedelta:
        local = self.office.local(self.now + delay)
        hours = timedelta(hours=local.hour, minutes=local.minute)
        if _MORNING <= hours < _EVENING:
            return delay
        return delay + (_MORNING - hours) % timedelta(days=1)

    def in_office(self, work: timedelta) -> timedelta:
        """Return the delay until so much office time has passed, on a full quarter of an hour."""
        local = self.office.forward(self.office.local(self.now), work)
        over = timedelta(minutes=local.minute, seconds=local.second) % _QUARTER
        return self.office.utc(local + (_QUARTER - over if over else over)) - self.now

    def behind(self, moment: datetime, low: int, high: int, *what: str | int) -> timedelta:
        """Return the delay until some minutes after `moment`, or after now where that is later."""
        return max(moment - self.now, timedelta()) + self.minutes(low, high, *what)

    # --- who -----------------------------------------------------------------------------------

    def somebody(
        self, action: Action, *preferred: Role, but: tuple[str, ...] = ()
    ) -> Acting | None:
        """Return somebody who may do `action` now: who has the case first, then any other.

        Preferred roles come before the others; nobody of `but`.
        """
        for owner in self._at_hand():
            if not preferred or owner.role in preferred:
                found = self.may(action, owner, but=but)
                if found is not None:
                    return found
        return self._able(action, preferred, but, ())

    def only(self, action: Action, *roles: Role, but: tuple[str, ...] = ()) -> Acting | None:
        """Return somebody who may do `action` now in one of these roles, and in no other."""
        for role in roles:
            owner = able(self.sheet, action, role)
            if owner is not None and owner.role == role:
                found = self.may(action, owner, but=but)
                if found is not None:
                    return found
        return None

    def of_unit(
        self, action: Action, org: str, *preferred: Role, but: tuple[str, ...] = ()
    ) -> Acting | None:
        """Return somebody of a unit who may do `action` in its name."""
        return self._able(action, preferred, but, (org,))

    def villager(self, action: Action) -> Acting | None:
        """Return who reported it, where that is a villager who may do `action`."""
        villager = Owner(org=self.case.village, role=Role.VILLAGER, person=self.case.filed_by)
        return self.may(action, villager) if self.case.source == "villager" else None

    def may(self, action: Action, owner: Owner, *, but: tuple[str, ...] = ()) -> Acting | None:
        """Return one holder of the role there who may do `action`, drawn; None where none may."""
        persons = (
            (owner.person,)
            if owner.person
            else self.directory.holders(owner.role, owner.org, self.now)
        )
        for who in sorted(persons, key=lambda one: self.draw.digest(self.case.id, owner.role, one)):
            acting = Acting(actor=who, role=str(owner.role), org=owner.org)
            if who not in but and self._allowed(acting, action):
                return acting
        return None

    def _able(
        self,
        action: Action,
        preferred: tuple[Role, ...],
        but: tuple[str, ...],
        places: tuple[str, ...],
    ) -> Acting | None:
        """Ask role by role, for somebody of one role may be out where another role is not."""
        for one in (*((role,) for role in preferred), preferred):
            owner = able(self.sheet, action, *one, at=places)
            found = None if owner is None else self.may(action, owner, but=but)
            if found is not None:
                return found
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

    def _at_hand(self) -> Iterator[Owner]:
        owner, work = self.case.owner, self.case.assignment
        if owner is not None:
            yield owner
        if work is not None and work.assignee:
            for held in self.directory.roles_of(work.assignee, self.now):
                yield Owner(org=held.org, role=held.role, person=work.assignee)


#: What people of one step do when they see a case.
React = Callable[[Scene], Iterator[Act]]
