"""One input being decided: a sheet on which a handler writes what follows. Pure.

A handler changes the sheet and returns None, or a `Refusal` — then everything it wrote is thrown
away. What becomes of the sheet is in `flows.decide.route`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from events.contract.envelope import Acting, Event, Payload
from flows.decide.decision import Audit, Facts, FollowUp, Input
from models.case import Case, Owner
from models.clocks import Clock, ClockKind
from models.deadlines import Deadline, due
from models.policy.schema import Policy
from models.policy.span import Span
from models.values import SYSTEM_PREFIX, CaseState, Mark, Step, derived_id
from models.village import Township, VillageTask
from notifications.notice import Notice, NoticeKind, Recipient, Urgency

Detail = dict[str, str | int | bool | None]


class Refusal(NamedTuple):
    """Why the rules say no: a code that outcome messages and tests speak, and what it is about."""

    code: str
    detail: Detail = {}  # noqa: RUF012 - a tuple's default, which nobody changes


def system(step: Step, org: str = "") -> Acting:
    """Return the engine acting by itself in a step."""
    return Acting(actor=f"{SYSTEM_PREFIX}{step}", role="system", org=org, asserted_by="system")


@dataclass(kw_only=True)
class Draft:
    """The sheet. `case` is the case as it will be; `before` as it was."""

    step: Step
    input: Input
    facts: Facts
    policy: Policy
    now: datetime
    case: Case
    task: VillageTask | None = None
    township: Township | None = None
    other: Case | None = None
    entries: list[Payload] = field(default_factory=list)
    audits: list[Audit] = field(default_factory=list)
    follow_ups: list[FollowUp] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    # --- who, and under which id -------------------------------------------------------------

    @property
    def acting(self) -> Acting:
        """Who acts: the event's actor, or the engine for a firing."""
        if isinstance(self.input, Event):
            return self.input.acting
        return system(self.step, self.case.township)

    @property
    def cause(self) -> str:
        """Id of what is being decided: the root of every id made here."""
        if isinstance(self.input, Event):
            return f"{self.input.source}|{self.input.id}"
        clock = self.input.clock
        return f"timer|{self.input.subject}|{clock.key}|{clock.generation}"

    def new_id(self, kind: str) -> str:
        """Return the id of something this input makes."""
        return derived_id(self.cause, kind, len(self.audits) + len(self.follow_ups))

    @property
    def standing(self) -> str:
        """Where the case stands, as the audit tells it; empty where no case is meant."""
        return str(self.case.state) if self.case.version or self.step is Step.INTAKE else ""

    # --- the case ------------------------------------------------------------------------------

    def change(self, **fields: object) -> None:
        """Set fields of the case."""
        self.case = replace(self.case, **fields)

    def own(self, org: str, role: str, person: str = "") -> None:
        """Say who must act next."""
        self.change(owner=Owner(org=org, role=role, person=person))

    def done_by(self, action: str, *persons: str) -> None:
        """Remember who did something that bars them from a later act."""
        known = self.case.deeds.get(action, ())
        self.change(deeds={**self.case.deeds, action: tuple(dict.fromkeys((*known, *persons)))})

    # --- clocks --------------------------------------------------------------------------------

    def limit(self, span: Span, *, start: datetime | None = None) -> Deadline:
        """Return when `span` from `start` (default: now) is over, with its explanation."""
        return due(
            start or self.now, span, office=self.facts.office, policy_version=self.policy.version
        )

    def start(
        self, kind: ClockKind, span: Span, *, part: str = "", rang: Clock | None = None
    ) -> Deadline:
        """Set a clock of the case that runs for `span` from now.

        `rang` is the one before it, which nobody answered, where the same answer is waited for.
        """
        deadline = self.limit(span)
        self.start_until(kind, deadline.due_at, part=part, deadline=deadline)
        if rang is not None:
            again = replace(self.case.clocks[-1], missed_at=rang.ran_out_at)
            self.change(clocks=(*self.case.clocks[:-1], again))
        return deadline

    def start_until(
        self, kind: ClockKind, due_at: datetime, *, part: str = "", deadline: Deadline | None = None
    ) -> None:
        """Set a clock of the case that rings at `due_at`; it replaces one of the same key."""
        self.change(clocks=with_clock(self.case.clocks, self._clock(kind, due_at, part, deadline)))

    def stop(self, *kinds: ClockKind, part: str | None = None) -> None:
        """Stop the clocks of these kinds: all parts, or one."""
        self.change(
            clocks=tuple(
                clock
                for clock in self.case.clocks
                if clock.kind not in kinds or (part is not None and clock.part != part)
            )
        )

    def stop_all(self) -> None:
        """Stop every clock of the case: it is settled."""
        self.change(clocks=())

    def _clock(
        self, kind: ClockKind, due_at: datetime, part: str, deadline: Deadline | None
    ) -> Clock:
        key = f"{kind}:{part}" if part else str(kind)
        return Clock(key=key, generation=self.case.version + 1, due_at=due_at, deadline=deadline)

    # --- what is written down, made and told -------------------------------------------------

    def record(
        self,
        action: str,
        *,
        before: CaseState | str = "",
        reason: str = "ok",
        words: str = "",
        rule: str = "",
        acting: Acting | None = None,
        evidence: tuple[str, ...] = (),
        detail: Detail | None = None,
    ) -> None:
        """Write one audit record; `before` is the state it started from, the state now its end."""
        self.audits.append(
            Audit(
                action=action,
                acting=acting or self.acting,
                before=str(before) or self.standing,
                after=self.standing,
                reason=reason,
                words=words,
                rule=rule,
                org=self.case.owner.org if self.case.owner else "",
                evidence=evidence,
                detail=detail or {},
            )
        )

    def move(
        self,
        state: CaseState,
        action: str,
        *,
        reason: str = "ok",
        words: str = "",
        rule: str = "",
        acting: Acting | None = None,
        evidence: tuple[str, ...] = (),
        detail: Detail | None = None,
    ) -> None:
        """Move the case to `state` and write the audit record of it."""
        before = self.case.state
        self.change(state=state)
        self.record(
            action,
            before=before,
            reason=reason,
            words=words,
            rule=rule,
            acting=acting,
            evidence=evidence,
            detail=detail,
        )

    def follow(self, data: Payload, *, subject: str = "", acting: Acting | None = None) -> None:
        """Make an event because of this one; the relay puts it on its topic."""
        self.follow_ups.append(
            FollowUp(
                data=data,
                subject=subject or self.case.id,
                acting=acting or system(self.step, self.case.township),
            )
        )

    def notify(
        self, kind: NoticeKind, recipient: Recipient, *, about: str = "", **params: str | int
    ) -> None:
        """Tell somebody. Category and place are filled in; `about` tells repeats apart."""
        urgent = kind in self.policy.notices.urgent_kinds or self.case.emergency_level > 0
        category = self.policy.category(self.case.category)
        self.notices.append(
            Notice(
                kind=kind,
                recipient=recipient,
                case_id=self.case.id,
                case_number=self.case.number,
                urgency=Urgency.URGENT if urgent else Urgency.NORMAL,
                discreet=self.case.mark is not Mark.NONE,
                dedup_key=f"{kind}|{self.case.id}|{about}",
                params={
                    "category": category.name.zh if category else "未分类",
                    "place": self.place_name(),
                    **params,
                },
            )
        )

    def place_name(self) -> str:
        """Return the name of the case's grid, else village, else the code."""
        grid = self.facts.directory.by_code(self.case.grid[:15], "grid", self.now)
        return grid.name if grid is not None else self.case.grid


def with_clock(clocks: tuple[Clock, ...], clock: Clock) -> tuple[Clock, ...]:
    """Return the clocks with `clock` in the place of the one with its key."""
    return (*(other for other in clocks if other.key != clock.key), clock)
