"""The calendar's chain of sources, and the 2026 fixtures of domain.md section 9."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from models.calendar import DayNature, DaySource, WorkCalendar
from models.calendar_days import CalendarOverride, decoded, encoded
from models.calendar_file import CalendarFileInvalid, load_override

CALENDAR = WorkCalendar()
MAKE_UP_2026 = ["01-04", "02-14", "02-28", "05-09", "09-20", "10-10"]
DAYS = st.dates(date(2004, 1, 1), date(2028, 12, 31))


def days_of(year: int) -> list[date]:
    first = date(year, 1, 1)
    return [first + timedelta(n) for n in range((date(year + 1, 1, 1) - first).days)]


@pytest.mark.parametrize("day", MAKE_UP_2026)
def test_weekend_days_of_2026_that_are_worked(day: str) -> None:
    kind = CALENDAR.is_workday(date.fromisoformat(f"2026-{day}"))
    assert kind.workday
    assert kind.kind is DayNature.MAKE_UP
    assert kind.name
    assert not kind.provisional


def test_2026_has_248_workdays_and_no_other_make_up_days() -> None:
    kinds = {day: CALENDAR.is_workday(day) for day in days_of(2026)}
    assert sum(kind.workday for kind in kinds.values()) == 248
    made_up = [f"{day:%m-%d}" for day, kind in kinds.items() if kind.kind is DayNature.MAKE_UP]
    assert made_up == MAKE_UP_2026


@pytest.mark.parametrize(
    ("day", "worked", "nature", "source", "provisional"),
    [
        pytest.param("2026-03-10", True, "weekday", "published", False, id="a Tuesday"),
        pytest.param("2026-03-14", False, "weekend", "published", False, id="a Saturday"),
        pytest.param("2026-10-01", False, "holiday", "published", False, id="National Day"),
        pytest.param("2026-10-10", True, "make_up", "published", False, id="made up"),
        pytest.param("2027-01-01", False, "holiday", "guessed", True, id="computed holiday"),
        pytest.param("2027-01-04", True, "weekday", "guessed", True, id="computed Monday"),
        pytest.param("2031-06-07", False, "weekend", "guessed", True, id="far ahead"),
    ],
)
def test_who_says_what_a_day_is(
    day: str, worked: bool, nature: str, source: str, provisional: bool
) -> None:
    kind = CALENDAR.is_workday(date.fromisoformat(day))
    assert (kind.workday, kind.kind, kind.source) == (worked, nature, source)
    assert kind.provisional is provisional


def test_the_administrator_overrules_every_other_source() -> None:
    calendar = WorkCalendar(
        CalendarOverride(
            days_off={date(2026, 3, 10): "停电检修"},
            workdays={date(2027, 1, 3): "元旦"},
            complete_years=(2027,),
        )
    )
    off, made_up = calendar.is_workday(date(2026, 3, 10)), calendar.is_workday(date(2027, 1, 3))
    assert (off.workday, off.source, off.name) == (False, DaySource.OVERRIDE, "停电检修")
    assert (made_up.workday, made_up.kind) == (True, DayNature.MAKE_UP)
    assert not calendar.is_workday(date(2027, 5, 6)).provisional
    assert calendar.is_workday(date(2028, 5, 8)).provisional
    assert calendar.version != CALENDAR.version


def test_the_version_tells_what_is_known_apart() -> None:
    one = WorkCalendar(CalendarOverride(days_off={date(2027, 1, 1): "元旦"}))
    same = WorkCalendar(CalendarOverride(days_off={date(2027, 1, 1): "元旦"}))
    other = WorkCalendar(CalendarOverride(days_off={date(2027, 1, 2): "元旦"}))
    assert one.version == same.version
    published = replace(CALENDAR.days, workdays={})
    versions = {one.version, other.version, CALENDAR.version, published.version}
    assert len(versions) == 4
    assert [("override" in version) for version in (one.version, published.version)] == [1, 0]


@given(day=DAYS)
def test_kept_days_answer_as_they_did(day: date) -> None:
    override = CalendarOverride(days_off={date(2026, 3, 10): "停电检修"}, complete_years=(2028,))
    known = WorkCalendar(override)
    kept = WorkCalendar(kept=decoded(encoded(known.days)))
    assert kept.version == known.version
    assert kept.is_workday(day) == known.is_workday(day)


def test_kept_days_do_not_ask_the_libraries() -> None:
    days = replace(CALENDAR.days, days_off={date(2026, 3, 10): "旧历"}, guessed={})
    kept = WorkCalendar(kept=days, version="then")
    assert kept.version == "then"
    assert not kept.is_workday(date(2026, 3, 10)).workday
    assert kept.is_workday(date(2026, 10, 1)).workday
    assert kept.is_workday(date(2027, 10, 1)).provisional


def test_beyond_what_is_guessed_weeks_are_plain() -> None:
    kind = CALENDAR.is_workday(date(2099, 10, 1))
    assert (kind.workday, kind.provisional, kind.source) == (True, True, DaySource.GUESSED)


@given(day=DAYS, count=st.integers(1, 300))
def test_the_nth_workday_is_worked_and_has_n_workdays_up_to_it(day: date, count: int) -> None:
    found = CALENDAR.workday_after(day, count)
    assert CALENDAR.is_workday(found).workday
    assert CALENDAR.workdays_between(day + timedelta(1), found) == count


@given(first=DAYS, length=st.integers(-40, 800))
def test_workdays_between_counts_one_by_one(first: date, length: int) -> None:
    last = first + timedelta(length)
    counted = sum(
        CALENDAR.is_workday(first + timedelta(n)).workday for n in range(max(length + 1, 0))
    )
    assert CALENDAR.workdays_between(first, last) == counted


def test_the_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "calendar.yaml"
    path.write_text(
        "days_off: {2027-01-01: 元旦}\nworkdays: {2027-01-03: 元旦}\ncomplete_years: [2027]\n",
        encoding="utf-8",
    )
    assert load_override(path) == CalendarOverride(
        days_off={date(2027, 1, 1): "元旦"},
        workdays={date(2027, 1, 3): "元旦"},
        complete_years=(2027,),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("holidays: {}", "holidays", id="unknown field"),
        pytest.param("days_off: [2027-01-01]", "days_off", id="a list"),
        pytest.param("days_off: {soon: 元旦}", "days_off", id="no date"),
        pytest.param("days_off: {", "expected", id="not YAML"),
        pytest.param(
            "days_off: {2027-01-01: 元旦}\nworkdays: {2027-01-01: 元旦}", "keep one", id="both"
        ),
    ],
)
def test_a_bad_file_is_refused_with_its_reason(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "calendar.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CalendarFileInvalid, match=said) as caught:
        load_override(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CalendarFileInvalid):
        load_override(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(
            "complete_years: [2027]\ndays_off:\n  2027-01-01: 元旦\n  soon: x", 4, id="day"
        ),
        pytest.param("# 2027\ndays_off:\n  2027-13-01: 元旦", 3, id="no such month"),
        pytest.param("days_off: {}\nworkdays:\n  2027-01-03: 3", 3, id="a name that is a number"),
        pytest.param("days_off: {}\n\ncomplete_years: 2027", 3, id="no list"),
        pytest.param("days_off: {}\nholidays: {}", 2, id="unknown field"),
        pytest.param("days_off: {}\ndays_off: {}", 2, id="a section twice"),
        pytest.param("workdays:\n  2027-01-03: 元旦\n  2027-01-03: 春节", 3, id="a day twice"),
        pytest.param(
            "days_off:\n  2027-01-03: 元旦\nworkdays:\n  2027-01-03: 元旦", 4, id="off and worked"
        ),
        pytest.param("days_off:\n  - {", 2, id="not YAML"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "calendar.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CalendarFileInvalid, match=f"calendar.yaml, line {line}: "):
        load_override(path)


def test_years_are_guessed_until_somebody_says_they_are_complete() -> None:
    half = WorkCalendar(CalendarOverride(days_off={date(2027, 1, 1): "元旦"}))
    whole = WorkCalendar(CalendarOverride(complete_years=(2027,)))
    assert CALENDAR.guessed_years(2026, 2027) == (2027,)
    assert half.guessed_years(2026, 2027) == (2027,)
    assert whole.guessed_years(2026, 2027, 2028) == (2028,)
