"""What a simulated person sees of one case, and what they decide to do next. Pure.

Everything is drawn by a hash of (seed, case, what is asked), never from the order in which things
arrive: so a run that was killed and started again plays on as if nothing had happened.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum

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


class Story(StrEnum):
    """What shall become of a planned report; people act so that it comes about."""

    #: everything goes well and in time
    SMOOTH = "smooth"
    #: settled on the spot by the grid
    SELF_CLOSED = "self_closed"
    #: nobody moves; the ladder climbs
    NEGLECTED = "neglected"
    #: answered, but after the limit
    LATE = "late"
    #: answered in time, heard late: the phone had no signal
    OFFLINE = "offline"
    #: told twice by different people; the reports are merged
    TWICE = "twice"
    #: looks like another report and is not
    LOOKALIKE = "lookalike"
    #: it does not exist
    UNTRUE = "untrue"
    #: refused, with a reason
    REJECTED = "rejected"
    #: voided by a supervisor
    CANCELLED = "cancelled"
    #: the first members decline
    DECLINED = "declined"
    #: a member does not answer
    SILENT_MEMBER = "silent_member"
    #: the unit returns it and is right
    RETURN_UPHELD = "return_upheld"
    #: the unit returns it and is wrong
    RETURN_REFUSED = "return_refused"
    #: given to somebody else by a supervisor
    REASSIGNED = "reassigned"
    #: more time is asked for and granted
    EXTENDED = "extended"
    #: more time is asked for and refused
    EXTENSION_REFUSED = "extension_refused"
    #: rests for a while
    SUSPENDED = "suspended"
    #: the check fails the first time
    REWORK = "rework"
    #: the villager says it is not solved
    REOPENED = "reopened"
    #: nobody answers the visitor
    UNREACHED = "unreached"
    #: the villager disputes what was recorded
    DISPUTED = "disputed"
    #: categorised wrongly at first
    RECLASSIFIED = "reclassified"
    #: urged and supervised by people
    URGED = "urged"
    #: routine whistle, everybody answers
    WHISTLE_ROUTINE = "whistle_routine"
    #: hard whistle with helpers, one of them late
    WHISTLE_HARD = "whistle_hard"
    #: emergency whistle, confirmed afterwards
    WHISTLE_EMERGENCY = "whistle_emergency"
    #: emergency whistle the principal does not confirm; the work goes on
    WHISTLE_UNCONFIRMED = "whistle_unconfirmed"
    #: refused by the principal
    WHISTLE_REFUSED = "whistle_refused"
    #: the department objects and is right: a new lead
    WHISTLE_OBJECTION_UPHELD = "whistle_objection_upheld"
    #: the department objects through all levels in vain
    WHISTLE_OBJECTION_REFUSED = "whistle_objection_refused"
    #: a department never answers the whistle
    WHISTLE_NO_SHOW = "whistle_no_show"
    #: joint meeting that agrees
    MEETING_AGREED = "meeting_agreed"
    #: open hearing
    HEARING = "hearing"
    #: council that refers to 四议两公开
    COUNCIL_REFERRED = "council_referred"
    #: consultation without agreement
    NO_AGREEMENT = "no_agreement"
    #: nobody convenes it
    CONSULTATION_TIMED_OUT = "consultation_timed_out"
    #: 四议两公开 that passes every threshold
    FOUR_TWO_PASSED = "four_two_passed"
    #: 四议两公开 that fails at one threshold each
    FOUR_TWO_NO_QUORUM_MEMBERS = "four_two_no_quorum_members"
    FOUR_TWO_MEMBERS_AGAINST = "four_two_members_against"
    FOUR_TWO_NO_QUORUM_VILLAGERS = "four_two_no_quorum_villagers"
    FOUR_TWO_VILLAGERS_AGAINST = "four_two_villagers_against"
    FOUR_TWO_COMMITTEES_AGAINST = "four_two_committees_against"
    #: 四议两公开 with an objection that is upheld, and one that is not
    FOUR_TWO_OBJECTION_UPHELD = "four_two_objection_upheld"
    FOUR_TWO_OBJECTION_REFUSED = "four_two_objection_refused"


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
