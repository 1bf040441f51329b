"""Which days are worked: an administrator's word, then the published calendar, then a guess.

The guess (statutory holidays and Monday to Friday, no make-up days) is marked provisional; what
was computed with it is computed again when the year's calendar arrives.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import date
from enum import StrEnum

from msgspec import Struct

from models.calendar_days import CalendarOverride, KnownDays, known_days


class DayNature(StrEnum):
    """Why a day is worked or not."""

    #: 平日
    WEEKDAY = "weekday"
    #: 周末
    WEEKEND = "weekend"
    #: 节假日, days in lieu among them
    HOLIDAY = "holiday"
    #: 调休上班
    MAKE_UP = "make_up"


class DaySource(StrEnum):
    """Who says so, the strongest first."""

    #: the administrator's file
    OVERRIDE = "override"
    #: the State Council's yearly notice, as the library carries it
    PUBLISHED = "published"
    #: computed holidays and Monday to Friday
    GUESSED = "guessed"


class DayKind(Struct, frozen=True, kw_only=True):
    """What one day is."""

    workday: bool
    kind: DayNature
    #: the year's notice is not known yet
    provisional: bool
    source: DaySource
    #: Chinese name of the holiday, or of the one the make-up day belongs to
    name: str = ""


_SATURDAY = 5


class WorkCalendar:
    """Knows the days and counts those worked. Same version, same answers, whatever library runs."""

    def __init__(
        self,
        override: CalendarOverride | None = None,
        *,
        kept: KnownDays | None = None,
        version: str = "",
    ) -> None:
        """Take what is known today and the administrator's word.

        Or take days as they were `kept`, under the `version` they were kept under.
        """
        self.days = kept or known_days(override)
        self.version = version or self.days.version
        self._years: dict[int, tuple[int, ...]] = {}
        self._kinds: dict[date, DayKind] = {}

    def is_workday(self, day: date) -> DayKind:
        """Return what `day` is; `workday` answers the question, the rest explains the answer."""
        kind = self._kinds.get(day)
        if kind is None:
            kind = self._kinds[day] = self._look_up(day)
        return kind

    def workday_after(self, day: date, count: int) -> date:
        """Return the `count`-th workday after `day` (1: the next one), never `day` itself."""
        year, worked = day.year, self._worked(day.year)
        index = bisect_right(worked, day.toordinal()) + count - 1
        while index >= len(worked):
            index -= len(worked)
            year += 1
            worked = self._worked(year)
        return date.fromordinal(worked[index])

    def workdays_between(self, first: date, last: date) -> int:
        """Count the workdays from `first` to `last`, both included; 0 where `last` is earlier."""
        if last < first:
            return 0
        total = sum(len(self._worked(year)) for year in range(first.year, last.year))
        before = bisect_left(self._worked(first.year), first.toordinal())
        return total - before + bisect_right(self._worked(last.year), last.toordinal())

    def guessed_years(self, *years: int) -> tuple[int, ...]:
        """Return those of the years of which a day is provisional."""
        return tuple(year for year in years if any(map(self._is_provisional, _days_of(year))))

    def _is_provisional(self, day: date) -> bool:
        return self.is_workday(day).provisional

    def _worked(self, year: int) -> tuple[int, ...]:
        found = self._years.get(year)
        if found is None:
            found = self._years[year] = tuple(
                day.toordinal() for day in _days_of(year) if self.is_workday(day).workday
            )
        return found

    def _look_up(self, day: date) -> DayKind:
        days = self.days
        return _overridden(day, days.override) or _published(day, days) or _guessed(day, days)


def _days_of(year: int) -> Iterator[date]:
    begin, end = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
    return map(date.fromordinal, range(begin, end + 1))


def _plain(day: date, source: DaySource, *, provisional: bool = False) -> DayKind:
    worked = day.weekday() < _SATURDAY
    nature = DayNature.WEEKDAY if worked else DayNature.WEEKEND
    return DayKind(workday=worked, kind=nature, provisional=provisional, source=source)


def _off(name: str, source: DaySource, *, provisional: bool = False) -> DayKind:
    kind = DayNature.HOLIDAY
    return DayKind(workday=False, kind=kind, provisional=provisional, source=source, name=name)


def _made_up(name: str, source: DaySource) -> DayKind:
    kind = DayNature.MAKE_UP
    return DayKind(workday=True, kind=kind, provisional=False, source=source, name=name)


def _overridden(day: date, override: CalendarOverride) -> DayKind | None:
    source = DaySource.OVERRIDE
    if day in override.workdays:
        return _made_up(override.workdays[day], source)
    if day in override.days_off:
        return _off(override.days_off[day], source)
    return _plain(day, source) if day.year in override.complete_years else None


def _published(day: date, days: KnownDays) -> DayKind | None:
    first, last = days.published
    if not first <= day.year <= last:
        return None
    source = DaySource.PUBLISHED
    if day in days.workdays:
        return _made_up(days.workdays[day], source)
    return _off(days.days_off[day], source) if day in days.days_off else _plain(day, source)


def _guessed(day: date, days: KnownDays) -> DayKind:
    source = DaySource.GUESSED
    if day in days.guessed:
        return _off(days.guessed[day], source, provisional=True)
    return _plain(day, source, provisional=True)
