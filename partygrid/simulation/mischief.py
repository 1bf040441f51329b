"""What goes wrong in a played week: on the way, by spoilt clients, and by people who may not.

None of it touches how a planned report ends: records come twice or to the wrong partition, words
come before their report, spoilt records are put aside, and acts are refused.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from events.contract.assignment import HandlingChecked, ProgressReported
from events.contract.envelope import Acting
from events.contract.feedback import CaseClosed
from events.contract.reports import (
    ReportFiled,
    ReportRejected,
    ReportSource,
    ReportSupplemented,
)
from events.outgoing_event import Outgoing
from models.keys import SigningKey
from models.policy.actions import Action
from models.policy.people import Role
from models.policy.schema import Policy
from models.values import CaseState, DeadLetterReason, Mark, case_id_of
from partygrid.sample.county import Sample
from partygrid.sample.draw import Draw
from partygrid.simulation.agenda import TICK, Entry, Said, Unsendable
from partygrid.simulation.faults import FaultPlan
from partygrid.simulation.post import record_of
from partygrid.simulation.scene import Act, Scene
from partygrid.simulation.spoilt import SPOILERS, Good
from partygrid.simulation.stories import Story
from partygrid.simulation.week import Planned

#: How many of a hundred records come again, and how many get to a wrong partition.
_AGAIN, _ASTRAY = 0.02, 0.006
_AGAIN_AT_MOST = 3
_AGAIN_WITHIN = timedelta(hours=6)
#: How many of a hundred reports are added to before they arrive.
_EARLY = 0.01
#: How many of a hundred cases somebody meddles with who may not, or answers in the wrong order.
_MEDDLED, _HURRIED = 0.02, 0.03
#: So many records are spoilt in each way.
_EACH = 2
#: More than any broker takes: the producer's own limit and a little more.
_UNSENDABLE_BYTES = 8_000_100


class Mischief:
    """All that goes wrong, drawn from the seed."""

    def __init__(
        self, sample: Sample, policy: Policy, *, start: datetime, end: datetime, partitions: int
    ) -> None:
        """Draw nothing yet but what has to be known to the engine's process."""
        self._sample, self._policy, self._draw = sample, policy, Draw(sample.seed)
        self._start, self._end, self._partitions = start, end, partitions
        self.faults = FaultPlan(
            poison=frozenset(f"poison-{number}" for number in range(_EACH)),
            crash=frozenset({"crash-0"}),
        )

    # --- on the way ----------------------------------------------------------------------------

    def again(self, made: Outgoing) -> Sequence[timedelta]:
        """Let a client that missed the broker's answer send a record again, up to three times."""
        if not self._draw.happens(_AGAIN, "again", made.source, made.id):
            return ()
        count = self._draw.between(1, _AGAIN_AT_MOST, "how often", made.source, made.id)
        ticks = int(_AGAIN_WITHIN / TICK)
        return [
            self._draw.between(0, ticks, "again after", made.source, made.id, number) * TICK
            for number in range(count)
        ]

    def strays(self, made: Outgoing) -> bool:
        """Let a client with a partitioner of its own put a record elsewhere."""
        return self._partitions > 1 and self._draw.happens(_ASTRAY, "astray", made.source, made.id)

    # --- before and beside the reports ---------------------------------------------------------

    def entries(self, reports: Sequence[Planned]) -> Iterator[tuple[datetime, str, Entry]]:
        """Yield when, in which order of its tick, and what else reaches the broker."""
        yield from self._early(reports)
        yield from self._spoilt()
        yield from self._conflicts(reports)
        yield from self._faulty()

    def _early(self, reports: Sequence[Planned]) -> Iterator[tuple[datetime, str, Entry]]:
        """More is told of a matter before the report of it has arrived."""
        for planned in reports:
            made = planned.made
            early = not planned.restricted and self._draw.happens(_EARLY, "early", made.id)
            if not early or not isinstance(made.data, ReportFiled):
                continue
            at = planned.at - self._draw.between(1, 12, "how early", made.id) * TICK
            said = Outgoing(
                id=f"{made.id}-more",
                source=made.source,
                data=ReportSupplemented(description="补充：情况同前。"),
                township=made.township,
                time=at,
                acting=made.acting,
                subject=case_id_of(made.source, made.id),
            )
            yield max(at, self._start), said.id, Said(made=said)

    def _spoilt(self) -> Iterator[tuple[datetime, str, Entry]]:
        for reason, spoilers in SPOILERS.items():
            for number in range(_EACH):
                at = self._moment(reason, number)
                record = spoilers[number % len(spoilers)](self._good(reason, number, at))
                yield at, f"spoilt|{reason}|{number}", record

    def _moment(self, reason: DeadLetterReason, number: int) -> datetime:
        """Return when it comes; what must run out of patience comes at the very start."""
        if reason is DeadLetterReason.PARKED_TOO_LONG:
            return self._start
        ticks = int((self._end - self._start) / TICK) - 1
        return self._start + self._draw.between(1, ticks, "spoilt", reason, number) * TICK

    def _good(self, reason: DeadLetterReason, number: int, at: datetime) -> Good:
        """Return a report by a grid member as it should have been."""
        grids = [grid for grid in self._sample.grids.values() if not grid.exclusive]
        grid = grids[self._draw.between(0, len(grids) - 1, "spoilt grid", reason, number)]
        data = ReportFiled(
            grid=grid.code, category="06-02", source=ReportSource.GRID_MEMBER, title="路灯不亮"
        )
        who = self._sample.holders(Role.GRID_MEMBER, grid.code)[0]
        source = f"app/branch-{grid.township}"
        key = self._sample.keys[source]
        made = Outgoing(
            id=f"spoilt-{reason}-{number}",
            source=source,
            data=data,
            township=grid.township,
            time=at,
            acting=Acting(actor=who, role=Role.GRID_MEMBER, org=grid.code),
        )
        return Good(
            event=made.event(key.key_id),
            data=data,
            key=key,
            stranger=self._stranger(),
            policy=self._policy,
        )

    def _stranger(self) -> SigningKey:
        digest = self._draw.digest("a key nobody registered")
        return SigningKey(Ed25519PrivateKey.from_private_bytes(digest))

    def _conflicts(self, reports: Sequence[Planned]) -> Iterator[tuple[datetime, str, Entry]]:
        """An app gives two reports the same id."""
        for number, planned in enumerate(self._some(reports, "conflict", _EACH)):
            made, data = planned.made, planned.made.data
            if isinstance(data, ReportFiled):
                other = replace(made, data=replace(data, title="另一件事"))
                key = self._sample.keys[made.source]
                record = record_of(other.event(key.key_id), key, restricted=planned.restricted)
                yield planned.at + 6 * TICK, f"conflict|{number}", record

    def _some(self, reports: Sequence[Planned], what: str, count: int) -> list[Planned]:
        plain = [one for one in reports if one.at + 6 * TICK < self._end]
        return self._draw.some(plain, min(count, len(plain)), what)

    def _faulty(self) -> Iterator[tuple[datetime, str, Entry]]:
        """What the rehearsal's own faults meet, and what no broker takes."""
        ids = (*sorted(self.faults.poison), *sorted(self.faults.crash))
        for number, event_id in enumerate(ids):
            at = self._at_night(number)
            good = self._good(DeadLetterReason.POISON, number, at)
            yield at, event_id, record_of(good.changed(id=event_id), good.key)
        at = self._at_night(len(ids))
        good = self._good(DeadLetterReason.UNPUBLISHABLE, 0, at)
        yield (
            at,
            "unsendable",
            Unsendable(
                source=good.event.source,
                event_id="unsendable-0",
                township=good.event.township,
                value=b"0" * _UNSENDABLE_BYTES,
            ),
        )

    def _at_night(self, number: int) -> datetime:
        """Return a tick at which hardly anything else happens."""
        nights = max((self._end - self._start).days, 1)
        night = self._start + timedelta(days=number % nights, hours=3)
        return night + self._draw.between(0, 24, "night", number) * TICK

    # --- people who may not --------------------------------------------------------------------

    def react(self, scene: Scene) -> Iterator[Act]:
        """Let somebody do what they may not, or too soon."""
        if scene.story is Story.BYPASSED:
            yield from _checks_own_work(scene)
        if scene.story is not Story.SMOOTH or scene.case.mark is not Mark.NONE:
            return
        if scene.happens(_MEDDLED, "meddled"):
            yield from _closes_without_the_role(scene)
            yield from _rejects_too_late(scene)
        if scene.happens(_HURRIED, "hurried"):
            yield from _reports_before_accepting(scene)


def _closes_without_the_role(scene: Scene) -> Iterator[Act]:
    """A grid member closes a case."""
    grid, case = scene.case.grid[:15], scene.case
    members = scene.directory.holders(Role.GRID_MEMBER, grid, scene.now)
    if members and case.state is not CaseState.REPORTED:
        yield Act(
            need="mischief: closes without the role",
            acting=Acting(actor=members[0], role=Role.GRID_MEMBER, org=grid),
            after=scene.minutes(5, 60, "meddles"),
            data=CaseClosed(reason="已经好了"),
        )


def _rejects_too_late(scene: Scene) -> Iterator[Act]:
    """A duty supervisor rejects what is already being worked on."""
    if scene.case.state not in (CaseState.HANDLING, CaseState.CHECKING, CaseState.VISITING):
        return
    on_duty = scene.directory.holders(Role.DUTY_SUPERVISOR, scene.case.township, scene.now)
    if on_duty:
        yield Act(
            need="mischief: rejects too late",
            acting=Acting(actor=on_duty[0], role=Role.DUTY_SUPERVISOR, org=scene.case.township),
            after=scene.minutes(5, 30, "too late"),
            data=ReportRejected(reason="不属于受理范围"),
        )


def _checks_own_work(scene: Scene) -> Iterator[Act]:
    """The officer who handled a bypassed case checks it too."""
    work = scene.case.assignment
    if work is None or not work.handled_by or scene.case.owner is None:
        return
    yield Act(
        need="mischief: checks own work",
        acting=Acting(
            actor=work.handled_by, role=Role.DISCIPLINE_OFFICER, org=scene.case.owner.org
        ),
        after=scene.minutes(5, 10, "own work"),
        data=HandlingChecked(passed=True, note="自查合格"),
    )


def _reports_before_accepting(scene: Scene) -> Iterator[Act]:
    """A handler's phone sends the progress before the acceptance that went before it."""
    if scene.case.state is not CaseState.DISPATCHED:
        return
    acting = scene.somebody(Action.ASSIGNMENT_PROGRESS)
    if acting is not None:
        yield Act(
            need="mischief: progress before acceptance",
            acting=acting,
            after=TICK,
            data=ProgressReported(note="已到现场"),
        )
