"""When something is due, and why then. Pure; every instant goes in and comes out as aware UTC.

Rules (defaults of domain.md section 9). Calendar time runs through nights and holidays. Working
hours run in office hours only. Working days begin on the next workday and end at the close of the
last. A pause gives back what it took: its length for calendar time, the office time in it for
working time; for working days what is given back is rounded up to the close of a workday.
"""

from datetime import UTC, date, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from models.calendar import DayNature
from models.office import Office
from models.policy.span import Span, SpanKind

_NONE = timedelta()
_DAY = timedelta(days=1)


class Pause(Struct, frozen=True):
    """A time during which the clock stood still."""

    paused_at: datetime
    resumed_at: datetime


class Deadline(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An instant that can tell how it came about, and be computed again."""

    due_at: datetime
    start: datetime
    span: Span
    calendar_version: str
    policy_version: str = ""
    #: a day was counted whose year has no published calendar yet
    provisional: bool = False
    #: days that did not count, with the holiday's Chinese name or `weekend`
    skipped: tuple[tuple[date, str], ...] = ()
    #: weekend days that counted, because they make up for a holiday
    made_up: tuple[date, ...] = ()
    pauses: tuple[Pause, ...] = ()
    #: granted afterwards, in order
    extensions: tuple[Span, ...] = ()


def due(
    start: datetime,
    span: Span,
    *,
    office: Office,
    policy_version: str = "",
) -> Deadline:
    """Return when `span`, begun at `start`, is over."""
    return _computed(
        Deadline(
            due_at=start,
            start=start.astimezone(UTC),
            span=span,
            calendar_version="",
            policy_version=policy_version,
        ),
        office,
    )


def resume(
    deadline: Deadline, *, paused_at: datetime, resumed_at: datetime, office: Office
) -> Deadline:
    """Return the deadline with one more pause. One begun after expiry gives nothing."""
    pause = Pause(paused_at.astimezone(UTC), resumed_at.astimezone(UTC))
    return _computed(replace(deadline, pauses=(*deadline.pauses, pause)), office)


def extend(deadline: Deadline, by: Span, *, office: Office) -> Deadline:
    """Return the deadline with `by` granted behind its end, on the clock of `by`."""
    return _computed(replace(deadline, extensions=(*deadline.extensions, by)), office)


def recompute(deadline: Deadline, *, office: Office) -> Deadline:
    """Return the same deadline by this calendar: start, span, pauses and extensions stay."""
    return _computed(deadline, office)


def warning_at(deadline: Deadline, fraction: float, *, office: Office) -> datetime:
    """Return when `fraction` of the time has passed, on the deadline's own clock.

    Calendar spans: a share of the elapsed time. Working spans: a share of the office time, for
    working days counted from the opening of the first day that counts. Pauses do not count.
    """
    return _at_share(deadline, fraction, office)


def beyond(deadline: Deadline, fraction: float, *, office: Office) -> datetime:
    """Return when `fraction` of the whole span has passed again after the deadline."""
    if deadline.span.kind is SpanKind.CALENDAR:
        return deadline.due_at + fraction * _running(deadline, office)
    work = fraction * _running(deadline, office)
    return office.utc(office.forward(office.local(deadline.due_at), work))


def _add(since: datetime, span: Span, office: Office) -> datetime:
    """Add a span to a wall time."""
    if span.kind is SpanKind.CALENDAR:
        return since + span.value
    if span.kind is SpanKind.WORKING_HOURS:
        return office.forward(since, span.value)
    return office.closing(office.calendar.workday_after(since.date(), span.days))


def _computed(deadline: Deadline, office: Office) -> Deadline:
    start = office.local(deadline.start)
    end = _add(start, deadline.span, office)
    for extension in deadline.extensions:
        end = _add(end, extension, office)
    end = _give_back(end, deadline, office)
    skipped, made_up, provisional = _days(start, end, deadline, office)
    return replace(
        deadline,
        due_at=office.utc(end),
        calendar_version=office.calendar.version,
        skipped=skipped,
        made_up=made_up,
        provisional=provisional,
    )


def _give_back(end: datetime, deadline: Deadline, office: Office) -> datetime:
    given, kind, moved = _NONE, deadline.span.kind, end
    begin = _begin(deadline, office)
    for pause in deadline.pauses:
        paused, resumed = max(begin, office.local(pause.paused_at)), office.local(pause.resumed_at)
        if paused >= moved:
            continue
        given += _taken(paused, resumed, deadline, office)
        if kind is SpanKind.CALENDAR:
            moved = end + given
        elif given:
            moved = office.forward(end, given)
            if kind is SpanKind.WORKING_DAYS:
                moved = office.closing(moved.date())
    return moved


def _taken(paused: datetime, resumed: datetime, deadline: Deadline, office: Office) -> timedelta:
    if deadline.span.kind is SpanKind.CALENDAR:
        return max(resumed - paused, _NONE)
    return office.worked(paused, resumed)


def _begin(deadline: Deadline, office: Office) -> datetime:
    """Return the wall time from which the clock really runs."""
    start = office.local(deadline.start)
    if deadline.span.kind is not SpanKind.WORKING_DAYS:
        return start
    first = office.calendar.workday_after(start.date(), 1)
    return office.start_of_work(first)


def _running(deadline: Deadline, office: Office) -> timedelta:
    """Return the time for which the clock runs, pauses not counted."""
    begin, end = _begin(deadline, office), office.local(deadline.due_at)
    total = end - begin if deadline.span.kind is SpanKind.CALENDAR else office.worked(begin, end)
    for pause in deadline.pauses:
        paused = max(begin, office.local(pause.paused_at))
        resumed = min(end, office.local(pause.resumed_at))
        total -= _taken(paused, resumed, deadline, office)
    return total


def _at_share(deadline: Deadline, fraction: float, office: Office) -> datetime:
    begin = _begin(deadline, office)
    calendar = deadline.span.kind is SpanKind.CALENDAR
    need = fraction * _running(deadline, office)
    at = begin + need if calendar else office.forward(begin, need)
    for pause in deadline.pauses:
        paused = max(begin, office.local(pause.paused_at))
        if paused < at:
            need += _taken(paused, office.local(pause.resumed_at), deadline, office)
            at = begin + need if calendar else office.forward(begin, need)
    return office.utc(at)


def _days(
    start: datetime, end: datetime, deadline: Deadline, office: Office
) -> tuple[tuple[tuple[date, str], ...], tuple[date, ...], bool]:
    """Return what did not count, what counted though it is a weekend, and whether that is sure."""
    kinds = {deadline.span.kind, *(extension.kind for extension in deadline.extensions)}
    if kinds == {SpanKind.CALENDAR}:
        return (), (), False
    skipped: list[tuple[date, str]] = []
    made_up: list[date] = []
    provisional, day, last = False, start.date(), end.date()
    if deadline.span.kind is SpanKind.WORKING_DAYS:
        day += _DAY
    while day <= last:
        kind = office.calendar.is_workday(day)
        provisional |= kind.provisional
        if not kind.workday:
            skipped.append((day, kind.name or DayNature.WEEKEND.value))
        elif kind.kind is DayNature.MAKE_UP:
            made_up.append(day)
        day += _DAY
    return tuple(skipped), tuple(made_up), provisional
