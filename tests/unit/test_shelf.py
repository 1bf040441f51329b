"""The shelf: no version is ever answered with another one."""

from collections.abc import Callable
from datetime import date

import pytest

from models.calendar import WorkCalendar
from models.calendar_days import CalendarOverride
from models.case import Case
from models.setting import NotKept, Shelf
from models.values import CaseId
from tests.unit.packs import default_pack

NEWER = WorkCalendar(CalendarOverride(days_off={date(2026, 3, 12): "村庙会"}))
OLDER = WorkCalendar()
PACK = default_pack()
LAST_YEARS = PACK.model_copy(update={"version": "last-years"})


@pytest.fixture
def shelf() -> Shelf:
    older = {LAST_YEARS.version: LAST_YEARS}
    return Shelf(PACK, older, NEWER, {OLDER.version: OLDER})


def case(pack: str = "", calendar: str = "") -> Case:
    return Case(id=CaseId("c"), policy_version=pack, calendar_version=calendar)


def test_a_case_has_the_pack_it_names_and_a_new_one_the_one_in_force(shelf: Shelf) -> None:
    assert shelf.pack_of(case()) is PACK
    assert shelf.pack_of(case(LAST_YEARS.version)) is LAST_YEARS


def test_an_office_has_the_days_that_are_named(shelf: Shelf) -> None:
    thursday = date(2026, 3, 12)
    assert not shelf.office(PACK.version).calendar.is_workday(thursday).workday
    assert shelf.office(PACK.version, OLDER.version).calendar.is_workday(thursday).workday
    assert shelf.office(PACK.version, OLDER.version).hours is PACK.calendar


@pytest.mark.parametrize("what", ["pack", "case", "office", "calendar", "then"])
def test_what_is_not_kept_is_an_error(shelf: Shelf, what: str) -> None:
    asked: dict[str, Callable[[], object]] = {
        "pack": lambda: shelf.pack("gone"),
        "case": lambda: shelf.pack_of(case("gone")),
        "office": lambda: shelf.office("gone"),
        "calendar": lambda: shelf.office(PACK.version, "gone"),
        "then": lambda: shelf.as_of(PACK.version, "gone"),
    }
    with pytest.raises(NotKept, match="'gone' is not kept"):
        asked[what]()


def test_as_it_was_then(shelf: Shelf) -> None:
    then = shelf.as_of(LAST_YEARS.version, OLDER.version)
    assert (then.current, then.calendar) == (LAST_YEARS, OLDER)
    assert then.pack_of(case(PACK.version)) is PACK


def test_what_cases_name_can_be_put_on_it_later() -> None:
    shelf = Shelf(PACK, None, OLDER)
    named = [case(PACK.version, NEWER.version), case(LAST_YEARS.version, OLDER.version), case()]
    assert shelf.missing(named) == ({LAST_YEARS.version}, {NEWER.version})
    shelf.put({LAST_YEARS.version: LAST_YEARS}, {NEWER.version: NEWER})
    assert shelf.missing(named) == (set(), set())
    assert shelf.office(LAST_YEARS.version, NEWER.version).calendar is NEWER
