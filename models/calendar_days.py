"""What is known of days, taken out of the libraries once and kept whole: same days, same answers.

A library that is updated, or a calendar file that is changed, gives other days under another
version; what was decided by the old ones can still be decided again.
"""

import hashlib
from datetime import date
from functools import cache

import chinese_calendar
import holidays
from msgspec import Struct, json, to_builtins

#: Years behind the last published one whose holidays are computed; later ones are Monday to Friday.
_GUESSED_AHEAD = 20
_CHINESE = {holiday.value: holiday.chinese for holiday in chinese_calendar.Holiday}
#: Chinese → English name of the published holidays, for explanations.
HOLIDAY_ENGLISH = {holiday.chinese: str(holiday.value) for holiday in chinese_calendar.Holiday}


class CalendarOverride(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an administrator knows better; read from a file by `models.calendar_file`."""

    #: day off → name of the holiday
    days_off: dict[date, str] = {}
    #: day worked → name of the holiday it makes up for
    workdays: dict[date, str] = {}
    #: years whose other days are plain Monday to Friday and no longer provisional
    complete_years: tuple[int, ...] = ()


class KnownDays(Struct, frozen=True, kw_only=True):
    """Every day that is not as its weekday says, and who says so."""

    #: first and last year whose notice is published
    published: tuple[int, int]
    #: published day off → Chinese name of the holiday
    days_off: dict[date, str]
    #: published make-up day → Chinese name of the holiday it belongs to
    workdays: dict[date, str]
    #: computed holiday of a year that is not published → its name
    guessed: dict[date, str]
    override: CalendarOverride = CalendarOverride()

    @property
    def version(self) -> str:
        """`<last published year>-<hash>`, with `override` where an administrator said something."""
        told = "override-" if self.override != CalendarOverride() else ""
        digest = hashlib.sha256(encoded(self)).hexdigest()
        return f"{self.published[1]}-{told}{digest[:12]}"


def encoded(days: KnownDays) -> bytes:
    """Return the days as JSON, the same bytes for the same days."""
    return json.encode(to_builtins(days, str_keys=True), order="deterministic")


_decoder = json.Decoder(KnownDays)


def decoded(text: str | bytes) -> KnownDays:
    """Read what `encoded` wrote."""
    return _decoder.decode(text)


def known_days(override: CalendarOverride | None = None) -> KnownDays:
    """Return what the libraries and the administrator say today."""
    days_off, workdays = _published()
    years = sorted({day.year for day in days_off})
    return KnownDays(
        published=(years[0], years[-1]),
        days_off=days_off,
        workdays=workdays,
        guessed=_guessed(years[-1] + 1),
        override=override or CalendarOverride(),
    )


@cache
def _published() -> tuple[dict[date, str], dict[date, str]]:
    told = chinese_calendar.constants
    return _named(told.holidays), _named(told.workdays)


def _named(days: dict[date, str]) -> dict[date, str]:
    return {day: _CHINESE.get(english, english) for day, english in sorted(days.items())}


@cache
def _guessed(first: int) -> dict[date, str]:
    years = range(first, first + _GUESSED_AHEAD)
    found = holidays.country_holidays("CN", years=years, language="zh_CN")
    return {day: name for day, name in sorted(found.items()) if day.year in years}
