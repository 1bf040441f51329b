"""Working time, deadlines of each stage, and the ladders that late cases climb."""

from collections.abc import Mapping
from datetime import time, timedelta
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from models.policy.categories import Urgency
from models.policy.people import OrgKind, Role
from models.policy.span import Count, DayTime, Duration, Name, Part, Share, SpanField, every


def _since_midnight(at: time) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute)


class Hours(Part):
    """One stretch of office time within a day, local time."""

    start: DayTime
    end: DayTime

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.end <= self.start:
            raise ValueError("ends before it starts")
        return self


def _in_order(hours: tuple[Hours, ...]) -> tuple[Hours, ...]:
    if any(later.start < earlier.end for earlier, later in pairwise(hours)):
        raise ValueError("put the stretches in order, none overlapping another")
    return hours


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("no such time zone; Asia/Shanghai is one") from None
    return name


class WorkingTime(Part):
    """When offices work (calendar.yaml; domain.md section 9)."""

    timezone: Annotated[str, AfterValidator(_known_zone)]
    #: in order, none overlapping another
    hours: Annotated[tuple[Hours, ...], Field(min_length=1), AfterValidator(_in_order)]

    @cached_property
    def zone(self) -> ZoneInfo:
        """The local time zone."""
        return ZoneInfo(self.timezone)

    @cached_property
    def stretches(self) -> tuple[tuple[timedelta, timedelta], ...]:
        """Start and end of each stretch, counted from midnight."""
        return tuple(
            (_since_midnight(part.start), _since_midnight(part.end)) for part in self.hours
        )

    @cached_property
    def day_length(self) -> timedelta:
        """Working time of one day."""
        return sum((end - start for start, end in self.stretches), timedelta())

    @property
    def opening(self) -> timedelta:
        """When the day's work begins."""
        return self.stretches[0][0]

    @property
    def close(self) -> timedelta:
        """When the day's work ends."""
        return self.stretches[-1][1]


ByUrgency = Annotated[Mapping[Urgency, SpanField], every(Urgency)]


class Deadlines(Part):
    """Limits of the stages and windows of grace (deadlines.yaml)."""

    #: 核实
    verify: SpanField
    #: 受理: a report waits for the supervisor's decision
    register_within: ByUrgency
    #: 派遣
    dispatch: ByUrgency
    #: 签收 by the unit a case was dispatched to
    accept: ByUrgency
    #: a Party member or volunteer answers a confirmed task
    member_answer: SpanField
    #: 退单 decided; too late: the present lead stays
    adjudicate_return: SpanField
    #: 核查
    check: SpanField
    #: 回访
    visit: SpanField
    #: 结案 after the visit
    close: SpanField
    #: a proposal of the engine waits for a person
    proposal: SpanField
    #: an application for extension or suspension waits for an answer; unanswered is refused
    application: SpanField
    #: 会商 until an outcome is stated
    consultation: SpanField
    #: from the on-site response of an emergency to the end of the work
    emergency_finish: SpanField
    #: share of a limit after which it is yellow
    warning: Share
    #: the whole of the handling may be extended this often and by at most this share of the limit
    extensions: Count
    extension_share: Share
    #: 挂账 may be granted this often, each at most this long
    suspensions: Count
    suspension_at_most: Duration
    #: a return may be asked for this often
    returns: Count
    #: rework above this is put under supervision
    reworks_before_supervision: Count
    #: 重办 window after closing
    reopen: Duration
    #: a closed case may be reopened this often
    reopenings: Count
    #: 归档 after closing
    archive: Duration
    #: 评价 after closing
    evaluate: Duration
    #: acts that occurred in time count though they arrive this much later
    offline: Duration
    #: further ahead of the engine's clock than this a told time is implausible
    clock_skew: Duration
    #: further in the past than this a told time is implausible
    occurred_at_most_before: Duration
    #: timers fire anyway when a topic could not be read for this long
    stall: Annotated[Mapping[Urgency, Duration], every(Urgency)]
    #: matching many tasks to many members jointly
    round_every: Duration
    #: 补录: an emergency is filed after the work
    retroactive_filing: Duration
    #: upward report by phone, and in writing
    emergency_phone: Duration
    emergency_written: Duration
    #: the duty roster answers an alarm; then the next on the roster is called
    emergency_answer: Duration


class RungKind(StrEnum):
    """What a rung does."""

    #: 提醒 before the limit passes
    REMIND = "remind"
    #: 催办
    URGE = "urge"
    #: 督办
    SUPERVISE = "supervise"


class Told(Part):
    """A role at a level: whoever holds it there for this case."""

    role: Role
    level: OrgKind


class Rung(Part):
    """One step of a ladder; fires `after` (or `share` of the limit) past the breach."""

    name: Name
    kind: RungKind
    tell: tuple[Told, ...] = Field(min_length=1)
    after: SpanField | None = None
    share: Share | None = None


class Ladder(Part):
    """What happens to a case that is late, rung by rung."""

    rungs: tuple[Rung, ...] = Field(min_length=1)


class Ladders(Part):
    """Ladders by urgency, and who is told when nobody holds a role (ladders.yaml)."""

    by_urgency: Annotated[Mapping[Urgency, Ladder], every(Urgency)]
    #: tried in order when a rung's role is held by nobody; the reason is recorded
    fallback: tuple[Told, ...] = Field(min_length=1)
    #: named duty owners on whom every ladder must end
    duty_owners: tuple[Told, ...] = Field(min_length=1)
    #: levels from the lowest to the highest
    levels: tuple[OrgKind, ...]
    #: after the last rung the duty owner is told again this often until somebody acts
    repeat_last: Duration = timedelta(days=1)

    @cached_property
    def rank(self) -> Mapping[OrgKind, int]:
        """Height of each level."""
        return {level: height for height, level in enumerate(self.levels)}
