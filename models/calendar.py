"""Which days are worked: an administrator's word, then the published calendar, then a guess.

The guess (statutory holidays and Monday to Friday, no make-up days) is marked provisional; what
was computed with it is computed again when the year's calendar arrives.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from importlib.metadata import version

import chinese_calendar
import holidays
from msgspec import Struct, json


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


class CalendarOverride(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an administrator knows better; read from a file by `models.calendar_file`."""

    #: day off → name of the holiday
    days_off: dict[date, str] = {}
    #: day worked → name of the holiday it makes up for
    workdays: dict[date, str] = {}
    #: years whose other days are plain Monday to Friday and no longer provisional
    complete_years: tuple[int, ...] = ()


_SATURDAY = 5
_CHINESE = {holiday.value: holiday.chinese for holiday in chinese_calendar.Holiday}
#: Chinese → English name of the published holidays, for explanations.
HOLIDAY_ENGLISH = {holiday.chinese: str(holiday.value) for holiday in chinese_calendar.Holiday}


class WorkCalendar:
    """Knows the days and counts those worked. Pure once made: same version, same answers."""

    def __init__(self, override: CalendarOverride | None = None) -> None:
        """Take the administrator's word, where there is one."""
        self._override = override or CalendarOverride()
        self._years: dict[int, tuple[int, ...]] = {}
        self._kinds: dict[date, DayKind] = {}
        self.version = _version(self._override)

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
        return _overridden(day, self._override) or _published(day) or _guessed(day)


def _days_of(year: int) -> Iterator[date]:
    begin, end = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
    return map(date.fromordinal, range(begin, end + 1))


def _plain(day: date, source: DaySource, *, provisional: bool = False) -> DayKind:
    worked = day.weekday() < _SATURDAY
    nature = DayNature.WEEKDAY if worked else DayNature.WEEKEND
    return DayKind(workday=worked, kind=nature, provisional=provisional, source=source)


def _overridden(day: date, override: CalendarOverride) -> DayKind | None:
    source = DaySource.OVERRIDE
    if day in override.workdays:
        kind, name = DayNature.MAKE_UP, override.workdays[day]
        return DayKind(workday=True, kind=kind, provisional=False, source=source, name=name)
    if day in override.days_off:
        kind, name = DayNature.HOLIDAY, override.days_off[day]
        return DayKind(workday=False, kind=kind, provisional=False, source=source, name=name)
    return _plain(day, source) if day.year in override.complete_years else None


def _published(day: date) -> DayKind | None:
    try:
        off, english = chinese_calendar.get_holiday_detail(day)
    except NotImplementedError:
        return None
    source, name = DaySource.PUBLISHED, _CHINESE.get(english, "")
    if not name:
        return _plain(day, source)
    kind = DayNature.HOLIDAY if off else DayNature.MAKE_UP
    return DayKind(workday=not off, kind=kind, provisional=False, source=source, name=name)


_GUESSES: dict[int, Mapping[date, str]] = {}


def _guessed(day: date) -> DayKind:
    source = DaySource.GUESSED
    if day.year not in _GUESSES:
        found = holidays.country_holidays("CN", years=day.year, language="zh_CN")
        _GUESSES[day.year] = dict(found.items())
    name = _GUESSES[day.year].get(day)
    if name is None:
        return _plain(day, source, provisional=True)
    kind = DayNature.HOLIDAY
    return DayKind(workday=False, kind=kind, provisional=True, source=source, name=name)


def _version(override: CalendarOverride) -> str:
    parts = [f"chinesecalendar-{version('chinesecalendar')}", f"holidays-{version('holidays')}"]
    if override != CalendarOverride():
        said = (
            sorted(override.days_off.items()),
            sorted(override.workdays.items()),
            sorted(override.complete_years),
        )
        digest = hashlib.sha256(json.encode(said)).hexdigest()
        parts.append(f"override-{digest[:8]}")
    return "+".join(parts)
