"""Deadlines on three clocks: tables for the rules, properties, and a minute-stepping oracle."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.calendar import WorkCalendar
from models.calendar_days import CalendarOverride
from models.deadlines import Deadline, beyond, due, extend, recompute, resume, warning_at
from models.explain import explain
from models.office import Office
from models.policy.clocks import WorkingTime
from models.policy.span import Span, SpanKind, parse_span

ZONE = ZoneInfo("Asia/Shanghai")
HOURS = WorkingTime.model_validate(
    {
        "timezone": "Asia/Shanghai",
        "hours": [{"start": "08:00", "end": "12:00"}, {"start": "14:00", "end": "18:00"}],
    }
)
OFFICE = Office(WorkCalendar(), HOURS)
MINUTE = timedelta(minutes=1)

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 424 * 24 * 60).map(lambda n: FIRST + n * MINUTE)
SPANS = st.one_of(
    st.integers(0, 60 * 24 * 20).map(lambda n: Span(SpanKind.CALENDAR, n * MINUTE)),
    st.integers(1, 60 * 60).map(lambda n: Span(SpanKind.WORKING_HOURS, n * MINUTE)),
    st.integers(1, 30).map(lambda n: Span(SpanKind.WORKING_DAYS, timedelta(n))),
)


def at(text: str) -> datetime:
    """Shanghai wall time as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


def local(instant: datetime) -> str:
    return f"{instant.astimezone(ZONE):%Y-%m-%d %H:%M}"


def worked(minute: datetime) -> bool:
    """Is the minute that begins here office time? The oracle's own words, hours spelled out."""
    here = minute.astimezone(ZONE)
    return OFFICE.calendar.is_workday(here.date()).workday and here.hour in (
        *range(8, 12),
        *range(14, 18),
    )


def step_until(start: datetime, minutes: int) -> datetime:
    """Step minute by minute until `minutes` office minutes are over."""
    here = start
    while minutes:
        minutes -= worked(here)
        here += MINUTE
    return here


@pytest.mark.parametrize(
    ("start", "span", "expected"),
    [
        pytest.param("2026-03-10 09:00", "30m", "2026-03-10 09:30", id="calendar minutes"),
        pytest.param("2026-09-30 17:00", "72h", "2026-10-03 17:00", id="calendar over holidays"),
        pytest.param("2026-03-10 09:00", "7d", "2026-03-17 09:00", id="calendar days"),
        pytest.param("2026-03-10 08:00", "4wh", "2026-03-10 12:00", id="ends at the noon break"),
        pytest.param("2026-03-10 11:00", "2wh", "2026-03-10 15:00", id="over the noon break"),
        pytest.param("2026-03-10 17:00", "2wh", "2026-03-11 09:00", id="over the night"),
        pytest.param("2026-03-13 17:00", "4wh", "2026-03-16 11:00", id="over the weekend"),
        pytest.param("2026-03-14 10:00", "1wh", "2026-03-16 09:00", id="from a Saturday"),
        pytest.param("2026-10-10 17:00", "2wh", "2026-10-12 09:00", id="on a make-up Saturday"),
        pytest.param("2026-03-10 09:00", "1wd", "2026-03-11 18:00", id="starts the next workday"),
        pytest.param("2026-03-10 19:30", "1wd", "2026-03-11 18:00", id="filed after hours"),
        pytest.param("2026-03-14 10:00", "1wd", "2026-03-16 18:00", id="filed on a Saturday"),
        pytest.param("2026-09-24 09:00", "6wd", "2026-10-10 18:00", id="two holidays, made up"),
        pytest.param("2026-02-13 09:00", "1wd", "2026-02-14 18:00", id="a Saturday that counts"),
        pytest.param("2026-12-28 09:00", "5wd", "2027-01-05 18:00", id="over New Year"),
    ],
)
def test_when_it_is_due(start: str, span: str, expected: str) -> None:
    assert local(due(at(start), parse_span(span), office=OFFICE).due_at) == expected


def test_a_deadline_over_new_year_is_provisional_until_the_calendar_arrives() -> None:
    guessed = due(at("2026-12-28 09:00"), parse_span("5wd"), office=OFFICE)
    assert guessed.provisional
    notice = CalendarOverride(
        days_off={date(2027, 1, 1): "元旦", date(2027, 1, 4): "元旦"},
        workdays={date(2027, 1, 9): "元旦"},
        complete_years=(2027,),
    )
    final = recompute(guessed, office=Office(WorkCalendar(notice), HOURS))
    assert not final.provisional
    assert local(final.due_at) == "2027-01-06 18:00"
    assert final.calendar_version != guessed.calendar_version
    assert (date(2027, 1, 4), "元旦") in final.skipped


def test_a_deadline_within_the_year_is_not_provisional() -> None:
    assert not due(at("2026-12-01 09:00"), parse_span("15wd"), office=OFFICE).provisional


def test_a_calendar_span_over_new_year_needs_no_calendar() -> None:
    found = due(at("2026-12-31 09:00"), parse_span("72h"), office=OFFICE)
    assert not found.provisional
    assert found.skipped == ()


def test_it_keeps_what_it_skipped_and_what_was_made_up() -> None:
    found = due(at("2026-09-24 09:00"), parse_span("6wd"), office=OFFICE)
    names = [name for _, name in found.skipped]
    assert names == ["中秋"] * 3 + ["国庆节"] * 7
    assert found.made_up == (date(2026, 10, 10),)


@given(start=INSTANTS, minutes=st.integers(1, 60 * 25))
def test_working_hours_agree_with_stepping_minute_by_minute(start: datetime, minutes: int) -> None:
    span = Span(SpanKind.WORKING_HOURS, minutes * MINUTE)
    assert due(start, span, office=OFFICE).due_at == step_until(start, minutes)


@given(start=INSTANTS, days=st.integers(1, 12))
def test_working_days_agree_with_stepping_day_by_day(start: datetime, days: int) -> None:
    here, left = start.astimezone(ZONE).date(), days
    while left:
        here += timedelta(1)
        left -= OFFICE.calendar.is_workday(here).workday
    found = due(start, Span(SpanKind.WORKING_DAYS, timedelta(days)), office=OFFICE)
    assert local(found.due_at) == f"{here} 18:00"


@given(start=INSTANTS, later=st.integers(0, 60 * 24 * 10), span=SPANS)
def test_a_later_start_is_never_due_earlier(start: datetime, later: int, span: Span) -> None:
    first = due(start, span, office=OFFICE).due_at
    assert first <= due(start + later * MINUTE, span, office=OFFICE).due_at


@given(start=INSTANTS, span=SPANS, more=st.integers(1, 5))
def test_a_longer_span_is_due_later(start: datetime, span: Span, more: int) -> None:
    longer = Span(span.kind, span.value + timedelta(days=more))
    assert due(start, span, office=OFFICE).due_at < due(start, longer, office=OFFICE).due_at


@given(start=INSTANTS, span=SPANS)
def test_working_spans_end_in_office_time(start: datetime, span: Span) -> None:
    found = due(start, span, office=OFFICE).due_at
    assert found >= start
    if span.kind is not SpanKind.CALENDAR:
        assert worked(found - MINUTE)


@given(start=INSTANTS, span=SPANS, ahead=st.integers(0, 60 * 24 * 3), rest=st.integers(0, 6000))
@example(at("2026-03-09 09:00"), parse_span("5wd"), 60, 420)
def test_a_pause_gives_back_the_time_it_took(
    start: datetime, span: Span, ahead: int, rest: int
) -> None:
    before = due(start, span, office=OFFICE)
    paused = start + ahead * MINUTE
    resumed = paused + rest * MINUTE
    after = resume(before, paused_at=paused, resumed_at=resumed, office=OFFICE)
    if paused >= before.due_at:
        assert after.due_at == before.due_at
    elif span.kind is SpanKind.CALENDAR:
        assert after.due_at == before.due_at + (resumed - paused)
    else:
        assert after.due_at == _given_back(before, paused, resumed)


def _given_back(before: Deadline, paused: datetime, resumed: datetime) -> datetime:
    """Oracle: count office minutes of the pause, step as many on, round days up to the close."""
    counted = before.start
    days = before.span.kind is SpanKind.WORKING_DAYS
    if days:
        tomorrow = before.start.astimezone(ZONE).date() + timedelta(1)
        counted = datetime.combine(tomorrow, datetime.min.time(), ZONE).astimezone(UTC)
    taken, here = 0, paused
    while here < resumed:
        taken += worked(here) and here >= counted
        here += MINUTE
    moved = step_until(before.due_at, taken)
    if not days or not taken:
        return moved
    close = moved.astimezone(ZONE).replace(hour=18, minute=0)
    return close.astimezone(UTC)


@pytest.mark.parametrize(
    ("paused", "resumed", "expected"),
    [
        pytest.param("2026-03-11 10:00", "2026-03-12 10:00", "2026-03-18 18:00", id="one day"),
        pytest.param("2026-03-11 18:00", "2026-03-12 08:00", "2026-03-17 18:00", id="a night"),
        pytest.param("2026-03-14 09:00", "2026-03-15 09:00", "2026-03-17 18:00", id="a weekend"),
        pytest.param("2026-03-11 10:00", "2026-03-11 11:00", "2026-03-18 18:00", id="an hour"),
        pytest.param("2026-03-17 09:00", "2026-04-01 09:00", "2026-04-01 18:00", id="last day"),
        pytest.param("2026-03-17 18:00", "2026-04-01 09:00", "2026-03-17 18:00", id="expired"),
    ],
)
def test_a_pause_of_working_days(paused: str, resumed: str, expected: str) -> None:
    before = due(at("2026-03-10 09:00"), parse_span("5wd"), office=OFFICE)
    after = resume(before, paused_at=at(paused), resumed_at=at(resumed), office=OFFICE)
    assert local(after.due_at) == expected


@pytest.mark.parametrize(
    ("span", "by", "expected"),
    [
        pytest.param("5wd", "3wd", "2026-03-20 18:00", id="working days"),
        pytest.param("24h", "24h", "2026-03-12 09:00", id="calendar"),
        pytest.param("24h", "2wd", "2026-03-13 18:00", id="working days behind a calendar span"),
        pytest.param("4wh", "4wh", "2026-03-10 18:00", id="working hours"),
    ],
)
def test_an_extension_is_added_behind_the_end(span: str, by: str, expected: str) -> None:
    start = "2026-03-10 08:00" if span == "4wh" else "2026-03-10 09:00"
    before = due(at(start), parse_span(span), office=OFFICE)
    assert local(extend(before, parse_span(by), office=OFFICE).due_at) == expected


@given(start=INSTANTS, span=SPANS, ahead=st.integers(0, 4000), rest=st.integers(0, 4000))
def test_recomputing_with_the_same_calendar_changes_nothing(
    start: datetime, span: Span, ahead: int, rest: int
) -> None:
    deadline = due(start, span, office=OFFICE, policy_version="p")
    deadline = extend(deadline, parse_span("1wd"), office=OFFICE)
    paused = start + ahead * MINUTE
    deadline = resume(deadline, paused_at=paused, resumed_at=paused + rest * MINUTE, office=OFFICE)
    assert recompute(deadline, office=OFFICE) == deadline


@pytest.mark.parametrize(
    ("start", "span", "expected"),
    [
        pytest.param("2026-03-10 09:00", "10h", "2026-03-10 17:00", id="calendar"),
        pytest.param("2026-03-10 08:00", "5wh", "2026-03-10 12:00", id="working hours"),
        pytest.param("2026-03-10 09:00", "5wd", "2026-03-16 18:00", id="working days: day 4 of 5"),
    ],
)
def test_the_warning_runs_on_the_deadlines_own_clock(start: str, span: str, expected: str) -> None:
    deadline = due(at(start), parse_span(span), office=OFFICE)
    assert local(warning_at(deadline, 0.8, office=OFFICE)) == expected


@given(start=INSTANTS, span=SPANS, ahead=st.integers(0, 3000), rest=st.integers(0, 3000))
def test_warnings_come_in_order_and_never_after_the_deadline(
    start: datetime, span: Span, ahead: int, rest: int
) -> None:
    paused = start + ahead * MINUTE
    deadline = resume(
        due(start, span, office=OFFICE),
        paused_at=paused,
        resumed_at=paused + rest * MINUTE,
        office=OFFICE,
    )
    instants = [warning_at(deadline, share, office=OFFICE) for share in (0.2, 0.5, 0.8, 1.0)]
    assert instants == sorted(instants)
    assert instants[-1] <= deadline.due_at
    assert start <= instants[0]


def test_a_pause_moves_the_warning() -> None:
    deadline = due(at("2026-03-10 09:00"), parse_span("5wd"), office=OFFICE)
    paused = resume(
        deadline, paused_at=at("2026-03-11 08:00"), resumed_at=at("2026-03-12 18:00"), office=OFFICE
    )
    assert local(warning_at(paused, 0.8, office=OFFICE)) == "2026-03-18 18:00"


@pytest.mark.parametrize(
    ("span", "share", "expected"),
    [
        pytest.param("24h", 0.5, "2026-03-11 21:00", id="calendar"),
        pytest.param("4wd", 0.5, "2026-03-18 18:00", id="working days"),
        pytest.param("4wh", 1.0, "2026-03-10 18:00", id="working hours"),
    ],
)
def test_beyond_counts_the_whole_span_again(span: str, share: float, expected: str) -> None:
    start = "2026-03-10 08:00" if span == "4wh" else "2026-03-10 09:00"
    deadline = due(at(start), parse_span(span), office=OFFICE)
    assert local(beyond(deadline, share, office=OFFICE)) == expected


def test_it_survives_storage() -> None:
    deadline = due(at("2026-09-24 09:00"), parse_span("5wd"), office=OFFICE, policy_version="p")
    deadline = resume(
        deadline, paused_at=at("2026-09-28 09:00"), resumed_at=at("2026-09-28 10:00"), office=OFFICE
    )
    deadline = extend(deadline, parse_span("2wd"), office=OFFICE)
    assert msgspec.json.decode(msgspec.json.encode(deadline), type=Deadline) == deadline


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        (
            "zh",
            [
                "5个工作日",
                "中秋3天",
                "国庆节7天",
                "10月10日",
                "延期2个工作日",
                "停止计时",
                "规则 p1",
            ],
        ),
        (
            "en",
            ["5 working days", "7 × National Day", "make-up", "extended by 2", "stood still", "p1"],
        ),
    ],
)
def test_it_explains_itself(lang: str, words: list[str]) -> None:
    deadline = due(at("2026-09-24 09:00"), parse_span("5wd"), office=OFFICE, policy_version="p1")
    deadline = extend(deadline, parse_span("2wd"), office=OFFICE)
    deadline = resume(
        deadline, paused_at=at("2026-09-28 09:00"), resumed_at=at("2026-09-28 10:00"), office=OFFICE
    )
    said = explain(deadline, "zh" if lang == "zh" else "en", zone=ZONE)
    assert all(word in said for word in words), said
    assert local(deadline.due_at) in said
    assert OFFICE.calendar.version in said


def test_a_provisional_deadline_says_so() -> None:
    deadline = due(at("2026-12-28 09:00"), parse_span("5wd"), office=OFFICE)
    assert "尚未公布" in explain(deadline, "zh", zone=ZONE)
    assert "without a published calendar" in explain(deadline, "en", zone=ZONE)
