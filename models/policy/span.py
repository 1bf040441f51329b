"""How long something may take, and on which clock it runs. Every part of the pack is a `Part`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
)


class Part(BaseModel):
    """A piece of the pack: frozen, and an unknown field in it is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy without what was derived from the old content."""
        copy = super().model_copy(update=update, deep=deep)
        for name in set(copy.__dict__) - set(type(self).model_fields):
            del copy.__dict__[name]
        return copy


class Name(Part):
    """What people call a thing: Chinese for clerks, English for operators."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


def every(kinds: type[StrEnum]) -> AfterValidator:
    """Return a check that a mapping names every member of `kinds`: a missing key is a fault."""

    def check(found: Mapping[StrEnum, object]) -> Mapping[StrEnum, object]:
        missing = [kind.value for kind in kinds if kind not in found]
        if missing:
            raise ValueError(f"every one must be named; missing: {', '.join(missing)}")
        return found

    return AfterValidator(check)


class SpanKind(StrEnum):
    """Which clock a span runs on."""

    #: Runs through nights and holidays (自然时).
    CALENDAR = "calendar"
    #: Runs in office hours of working days only (工作时).
    WORKING_HOURS = "working_hours"
    #: Whole working days: starts the next working day, ends at close of the last (工作日).
    WORKING_DAYS = "working_days"


_SECOND = timedelta(seconds=1)
_UNITS = {
    "s": (SpanKind.CALENDAR, timedelta(seconds=1)),
    "m": (SpanKind.CALENDAR, timedelta(minutes=1)),
    "h": (SpanKind.CALENDAR, timedelta(hours=1)),
    "d": (SpanKind.CALENDAR, timedelta(days=1)),
    "wh": (SpanKind.WORKING_HOURS, timedelta(hours=1)),
    "wd": (SpanKind.WORKING_DAYS, timedelta(days=1)),
}
_TEXT = re.compile(r"(\d{1,5})(s|m|h|d|wh|wd)")
_WRITE = "write a number and a unit: 30m, 2h, 7d, 4wh (working hours) or 5wd (working days)"


@dataclass(frozen=True, slots=True)
class Span:
    """A length on a clock. For working days `value` holds whole days, each meaning one workday."""

    kind: SpanKind
    value: timedelta

    def __post_init__(self) -> None:
        """Refuse lengths that mean nothing: negative ones, and working time of nothing."""
        floor = timedelta() if self.kind is SpanKind.CALENDAR else _SECOND
        if self.value < floor:
            raise ValueError("a working span needs at least 1; for 'at once' write 0m")

    @property
    def days(self) -> int:
        """Whole days; what counts for working days."""
        return self.value.days

    def __str__(self) -> str:
        """Write it as the pack does: `30m`, `2h`, `7d`, `4wh`, `5wd`."""
        if not self.value:
            return "0m"
        for unit in ("wd", "wh") if self.kind is not SpanKind.CALENDAR else ("d", "h", "m", "s"):
            kind, one = _UNITS[unit]
            if kind is self.kind and self.value % one == timedelta():
                return f"{self.value // one}{unit}"
        return str(self.value)


def parse_span(text: object) -> Span:
    """Read `30m`, `2h`, `7d`, `4wh` or `5wd` (the notation of domain.md section 8)."""
    if isinstance(text, Span):
        return text
    match = _TEXT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"not a length of time; {_WRITE}")
    kind, one = _UNITS[match[2]]
    return Span(kind, int(match[1]) * one)


def _parse_duration(text: object) -> timedelta:
    if isinstance(text, timedelta):
        return text
    span = parse_span(text)
    if span.kind is not SpanKind.CALENDAR:
        raise ValueError("this clock does not know working time; use s, m, h or d")
    return span.value


def _as_text(told: object) -> object:
    if not isinstance(told, str | time):
        raise ValueError('not a time of day; write it in quotes: "14:00"')
    return told


def _write_duration(value: timedelta) -> str:
    return str(Span(SpanKind.CALENDAR, value))


#: A span as the pack writes it.
SpanField = Annotated[Span, BeforeValidator(parse_span), PlainSerializer(str, return_type=str)]
#: A length that always runs through nights and holidays.
Duration = Annotated[
    timedelta, BeforeValidator(_parse_duration), PlainSerializer(_write_duration, return_type=str)
]
#: A share or a weight; `check_policy` finds what is above 1 or does not sum up.
Share = Annotated[float, Field(ge=0, strict=True)]
#: A count of something.
Count = Annotated[int, Field(ge=0, strict=True)]
#: A local time of day. Unquoted, YAML would read 14:00 as the number 840.
DayTime = Annotated[time, BeforeValidator(_as_text)]
