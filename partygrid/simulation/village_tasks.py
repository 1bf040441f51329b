"""What departments ask of villages in a played week: each way a request can go. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from events.contract.envelope import Acting, Payload
from events.contract.tasks import (
    Funding,
    TaskAdmitted,
    TaskAdmittedTemporarily,
    TaskRefused,
    TaskRequested,
    TaskReviewed,
    TaskWithdrawn,
)
from events.outgoing_event import Outgoing
from models.office import Office
from models.policy.people import Role
from models.policy.schema import Policy
from models.values import derived_id
from models.village import task_id_of
from partygrid.sample.county import Sample
from partygrid.sample.draw import Draw
from partygrid.sample.offices import department_id
from partygrid.simulation.post import app_of

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


class Step(Struct, frozen=True, kw_only=True):
    """What somebody says on a request, so long after it."""

    after: timedelta
    data: Payload
    acting: Acting


class VillageTasks:
    """Requests in all townships, and what reviewers and the approver say to them."""

    def __init__(self, sample: Sample, policy: Policy, office: Office, start: datetime) -> None:
        """Know who asks and who answers."""
        self._sample, self._office, self._start = sample, office, start
        self._draw = Draw(sample.seed)
        self._rules = policy.admission
        (self._leader, *_) = sample.holders(Role.COUNTY_LEADER, sample.county)
        (self._reviewer, *_) = sample.holders(Role.ADMISSION_REVIEWER, sample.county)

    def events(self) -> Iterator[Outgoing]:
        """Yield every request with all that is said on it, each with its own time."""
        for number, township in enumerate(self._sample.townships):
            villages = tuple(village.code for village in township.villages)
            for kind, (asked, steps) in enumerate(self._kinds(villages)):
                # One after the other, so that not all is asked on one morning.
                at = self._start + (number * 3 + kind * 5) * _HOUR
                yield from self._request(f"{number}-{kind}", township.code, at, asked, steps)

    def _request(
        self,
        name: str,
        township: str,
        at: datetime,
        asked: TaskRequested,
        steps: tuple[Step, ...],
    ) -> Iterator[Outgoing]:
        acting = self._department("civil_affairs")
        made = Outgoing(
            id=f"task-{name}",
            source=app_of(acting.role, township),
            data=asked,
            township=township,
            time=at,
            acting=acting,
        )
        yield made
        task = task_id_of(made.source, made.id)
        for step in steps:
            yield Outgoing(
                id=derived_id("task step", made.id, type(step.data).__name__, str(step.after)),
                source=app_of(step.acting.role, township),
                data=step.data,
                township=township,
                time=at + step.after,
                acting=step.acting,
                subject=task,
            )

    # --- what is asked -------------------------------------------------------------------------

    def _kinds(self, villages: tuple[str, ...]) -> Iterator[tuple[TaskRequested, tuple[Step, ...]]]:
        some = villages[:3]
        yield self._asked(villages, "入户核查", item="V-01"), ()
        yield self._asked(some, "入户核查（未配经费）", item="V-01", funding=Funding.NONE), ()
        yield self._asked(some, "社区治理台账整理"), (self._reviewed(), self._admitted())
        yield self._asked(some, "满意度问卷发放"), (self._reviewed(), self._refused())
        yield self._asked(some, "临时人口摸底", urgent=True), self._let_through(some, twice=True)
        yield self._asked(some, "临时物资登记", urgent=True), self._let_through(some, twice=False)
        yield self._asked(some, "活动信息报送"), (self._withdrawn(),)
        # Nobody looks at this one: its review is late.
        yield self._asked(some, "示范点资料汇编"), ()

    def _asked(
        self,
        villages: tuple[str, ...],
        title: str,
        *,
        item: str = "",
        funding: Funding = Funding.DEPARTMENT,
        urgent: bool = False,
    ) -> TaskRequested:
        last_day = self._office.local(self._start).date() + timedelta(days=9)
        return TaskRequested(
            title=title,
            item=item,
            villages=villages,
            legal_basis="社会救助暂行办法",
            forms=1,
            ledgers=0,
            meetings=0,
            inspections=0,
            systems=(),
            funding=funding,
            urgent=urgent,
            ends_on=last_day,
            reason="本周工作安排",
        )

    # --- what is said to it --------------------------------------------------------------------

    def _reviewed(self) -> Step:
        return self._says(4 * _HOUR, TaskReviewed(reason="符合准入要求"), self._review())

    def _admitted(self) -> Step:
        return self._says(9 * _HOUR, TaskAdmitted(reason="同意"), self._approval())

    def _refused(self) -> Step:
        return self._says(9 * _HOUR, TaskRefused(reason="与已有报表重复"), self._approval())

    def _withdrawn(self) -> Step:
        lead = self._department("civil_affairs", Role.DEPARTMENT_LEAD)
        return self._says(6 * _HOUR, TaskWithdrawn(reason="改由本单位自行办理"), lead)

    def _let_through(self, villages: tuple[str, ...], *, twice: bool) -> tuple[Step, ...]:
        """Let it through for two days; once more where it is not done by then, else it expires."""
        first = self._office.local(self._start).date() + 2 * _DAY
        until = [first, first + 3 * _DAY] if twice else [first]
        return tuple(
            self._says(
                (5 + 20 * number) * _HOUR,
                TaskAdmittedTemporarily(ends_on=day, consents=villages, reason="时间紧，村里同意"),
                self._review(),
            )
            for number, day in enumerate(until)
        )

    def _says(self, after: timedelta, data: Payload, acting: Acting) -> Step:
        return Step(after=after, data=data, acting=acting)

    # --- who -----------------------------------------------------------------------------------

    def _department(self, kind: str, role: Role = Role.DEPARTMENT_HANDLER) -> Acting:
        org = department_id(kind)
        return Acting(actor=self._sample.holders(role, org)[0], role=role, org=org)

    def _review(self) -> Acting:
        return Acting(actor=self._reviewer, role=Role.ADMISSION_REVIEWER, org=self._sample.county)

    def _approval(self) -> Acting:
        return Acting(actor=self._leader, role=Role.COUNTY_LEADER, org=self._sample.county)
