"""Where records end: twice, early, too early, in the wrong place, under another's id."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from events.contract.envelope import Event, Payload
from events.contract.reports import (
    HistoryRecorded,
    ReportFiled,
    ReportMerged,
    ReportSource,
    ReportSupplemented,
)
from flows.decide.route import HANDLERS, TIMERS
from models.clocks import ClockKind
from models.policy.people import Role
from models.values import CaseState, case_id_of
from partygrid.embedded.postgres import Postgres
from tests.rig import Rig
from tests.rigged import found_county, rigged, working
from tests.world import GRID, NOW, TOWNSHIP, acting

MEMBER = acting(Role.GRID_MEMBER, GRID)
SUPERVISOR = acting(Role.DUTY_SUPERVISOR, TOWNSHIP)
#: When what is sent next is said to have happened.
DAY = [NOW]


@pytest.fixture(scope="module")
def rig(postgres: Postgres, migrated: str, server_folder: Path) -> Iterator[Rig]:
    with rigged(postgres, migrated, server_folder) as rig, working(rig.engine):
        found_county(rig)
        yield rig


@pytest.fixture(scope="module")
def minutes() -> Iterator[timedelta]:
    """Time goes on from test to test: an instant is never released twice."""
    return (timedelta(minutes=n) for n in range(1, 10_000))


def report(rig: Rig, title: str, category: str = "06-02", **more: object) -> Event:
    """A lamp, a road, whatever: reported by the grid member."""
    data = ReportFiled(grid=GRID, category=category, source=ReportSource.GRID_MEMBER, title=title)
    return rig.event(data, MEMBER, township=TOWNSHIP, **more)  # type: ignore[arg-type]


def about(rig: Rig, filed: Event, data: Payload, *, by: str = "member", version: int = -1) -> Event:
    """An act on the case that a report opens."""
    subject = case_id_of(filed.source, filed.id)
    who = MEMBER if by == "member" else SUPERVISOR
    event = rig.event(data, who, township=TOWNSHIP, subject=subject)
    return replace(event, case_version=version)


def fates(rig: Rig, event: Event) -> list[tuple[str, str]]:
    """What its records came to, in the order in which they lie in the topic."""
    rows = rig.rows(
        "SELECT fate, reason FROM records WHERE source = %s AND event_id = %s"
        ' ORDER BY recorded_at, "offset"',
        event.source,
        event.id,
    )
    return [(fate, reason) for fate, reason in rows]


def outcome(rig: Rig, event: Event) -> tuple[str, str]:
    """What is answered at the doors."""
    (row,) = rig.rows(
        "SELECT fate, reason FROM outcomes WHERE source = %s AND event_id = %s",
        event.source,
        event.id,
    )
    return row[0], row[1]


def letters(rig: Rig, event: Event) -> list[str]:
    """Reasons of the dead letters of an event."""
    rows = rig.rows(
        "SELECT reason FROM dead_letters WHERE source = %s AND event_id = %s ORDER BY at",
        event.source,
        event.id,
    )
    return [row[0] for row in rows]


def waiting(rig: Rig, event: Event) -> tuple[int, int]:
    """How often it is parked, and how many patience timers run for it."""
    parked, timers = rig.rows(
        "SELECT count(*), count(t.key) FROM parked p LEFT JOIN timers t"
        " ON t.subject = p.id::text AND t.key = 'patience'"
        " WHERE p.source = %s AND p.event_id = %s",
        event.source,
        event.id,
    )[0]
    return parked, timers


def test_the_same_event_again_changes_nothing(rig: Rig, minutes: Iterator[timedelta]) -> None:
    filed = report(rig, "路灯不亮")
    rig.at(NOW + next(minutes), filed, filed)
    before = rig.case(case_id_of(filed.source, filed.id))
    rig.at(NOW + next(minutes), filed)
    assert fates(rig, filed) == [("applied", "ok"), ("duplicate", ""), ("duplicate", "")]
    assert rig.case(before.id) == before
    assert outcome(rig, filed) == ("applied", "ok")


def test_other_words_under_a_known_id_are_put_aside_and_the_answer_stands(
    rig: Rig, minutes: Iterator[timedelta]
) -> None:
    filed = report(rig, "井盖缺失")
    rig.at(NOW + next(minutes), filed)
    rig.at(NOW + next(minutes), report(rig, "另一件事", event_id=filed.id))
    assert fates(rig, filed) == [("applied", "ok"), ("dead-lettered", "id_conflict")]
    assert letters(rig, filed) == ["id_conflict"]
    assert outcome(rig, filed) == ("applied", "ok")


def test_other_words_under_the_same_id_in_one_batch(rig: Rig, minutes: Iterator[timedelta]) -> None:
    filed = report(rig, "护栏损坏")
    rig.at(NOW + next(minutes), filed, report(rig, "不是护栏", event_id=filed.id), filed)
    assert [fate for fate, _ in fates(rig, filed)] == ["applied", "dead-lettered", "duplicate"]
    assert outcome(rig, filed) == ("applied", "ok")


def test_an_act_before_its_report_waits_for_it(rig: Rig, minutes: Iterator[timedelta]) -> None:
    filed = report(rig, "渠道堵塞")
    early = about(rig, filed, ReportSupplemented(description="又看了一次"))
    rig.at(NOW + next(minutes), early)
    assert fates(rig, early) == [("parked", "case_unknown")]
    assert outcome(rig, early) == ("parked", "case_unknown")
    assert waiting(rig, early) == (1, 1)
    rig.at(NOW + next(minutes), filed)
    assert fates(rig, early) == [("applied", "ok")]
    assert outcome(rig, early) == ("applied", "ok")
    assert waiting(rig, early) == (0, 0)
    assert not rig.rows("SELECT 1 FROM timers WHERE subject_kind = 'parked'")


def test_acts_wake_each_other_in_the_order_of_their_versions(
    rig: Rig, minutes: Iterator[timedelta]
) -> None:
    filed = report(rig, "路面塌陷", category="")
    later = about(rig, filed, ReportSupplemented(description="二"), version=2)
    first = about(rig, filed, ReportSupplemented(description="一"), version=1)
    rig.at(NOW + next(minutes), later, first, filed)
    assert [fates(rig, one) for one in (filed, first, later)] == [[("applied", "ok")]] * 3
    assert rig.case(case_id_of(filed.source, filed.id)).version == 3


def test_an_act_that_waited_in_vain_is_put_aside(rig: Rig, minutes: Iterator[timedelta]) -> None:
    filed = report(rig, "从来没有上报")
    early = about(rig, filed, ReportSupplemented(description="没有下文"))
    rig.at(NOW + next(minutes), early)
    (until,) = rig.rows("SELECT patience_until FROM parked WHERE event_id = %s", early.id)[0]
    while (due := rig.conductor.next_due()) is not None and due <= until:
        rig.at(due)
    assert fates(rig, early) == [("dead-lettered", "parked_too_long")]
    assert outcome(rig, early) == ("dead-lettered", "parked_too_long")
    assert letters(rig, early) == ["parked_too_long"]
    assert waiting(rig, early) == (0, 0)


def test_what_waits_finds_the_other_case_it_names(rig: Rig, minutes: Iterator[timedelta]) -> None:
    """The event that wakes it names no other case; what was parked does."""
    start = DAY[0] = NOW + timedelta(days=30)
    target, filed = report(rig, "噪声一", category=""), report(rig, "噪声二", category="")
    rig.at(start, target)
    into = case_id_of(target.source, target.id)
    merge = about(rig, filed, ReportMerged(into=into, reason="同一件事"), by="supervisor")
    rig.at(start + timedelta(minutes=1), merge)
    assert fates(rig, merge) == [("parked", "case_unknown")]
    rig.at(start + timedelta(minutes=2), filed)
    assert fates(rig, merge) == [("applied", "ok")]
    assert rig.case(case_id_of(filed.source, filed.id)).state is CaseState.MERGED
    assert rig.case(into).merged == (case_id_of(filed.source, filed.id),)


def test_a_merge_wakes_what_waits_for_the_other_case(
    rig: Rig, minutes: Iterator[timedelta]
) -> None:
    start = DAY[0] = NOW + timedelta(days=31)
    target, filed = report(rig, "犬只一", category=""), report(rig, "犬只二", category="")
    rig.at(start, target, filed)
    late = about(rig, target, ReportSupplemented(description="并案之后"), version=2)
    rig.at(start + timedelta(minutes=1), late)
    assert fates(rig, late) == [("parked", "version_ahead")]
    into = case_id_of(target.source, target.id)
    merge = about(rig, filed, ReportMerged(into=into, reason="同一件事"), by="supervisor")
    rig.at(start + timedelta(minutes=2), merge)
    assert fates(rig, late) == [("applied", "ok")]


def test_a_record_in_another_township_s_partition_is_sent_on(
    rig: Rig, minutes: Iterator[timedelta]
) -> None:
    start = DAY[0] = NOW + timedelta(days=32)
    filed = report(rig, "分区不对")
    stray = replace(rig.outbound(replace(filed, time=start)), partition=1)
    rig.at(start, stray)
    assert sorted(fates(rig, filed)) == [("applied", "ok"), ("forwarded", "")]
    rows = rig.rows(
        "SELECT partition, fate FROM records WHERE event_id = %s ORDER BY partition", filed.id
    )
    assert rows == [(0, "applied"), (1, "forwarded")]
    assert rig.case(case_id_of(filed.source, filed.id)).version > 0


def test_a_decision_that_breaks_is_put_aside_alone(
    rig: Rig, minutes: Iterator[timedelta], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, HANDLERS, ReportSupplemented)
    start = DAY[0] = NOW + timedelta(days=33)
    good, other = report(rig, "好的", "06-01"), report(rig, "也是好的", "06-07")
    broken = about(rig, good, ReportSupplemented(description="写错了"))
    rig.at(start, good, broken, other)
    assert [fates(rig, one)[0][0] for one in (good, broken, other)] == [
        "applied",
        "dead-lettered",
        "applied",
    ]
    assert letters(rig, broken) == ["poison"]
    assert outcome(rig, broken) == ("dead-lettered", "poison")


def test_what_cannot_be_written_down_is_found_among_many(
    rig: Rig, minutes: Iterator[timedelta]
) -> None:
    """Deciding it succeeds; the year before the first cannot be told in UTC."""
    first_day = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
    data = HistoryRecorded(grid=GRID, case_ref="H-1", activity="登记", instance="1", last=True)
    broken = replace(rig.event(data, SUPERVISOR, township=TOWNSHIP), time=first_day)
    start = DAY[0] = NOW + timedelta(days=34)
    around = [report(rig, f"第{n}件", f"06-0{1 + n}") for n in range(6)]
    rig.at(start, *around[:3], broken, *around[3:])
    assert {fates(rig, one)[0][0] for one in around} == {"applied"}
    assert letters(rig, broken) == ["malformed"]


def test_what_waits_and_breaks_does_not_spoil_what_wakes_it(
    rig: Rig, minutes: Iterator[timedelta], monkeypatch: pytest.MonkeyPatch
) -> None:
    start = DAY[0] = NOW + timedelta(days=35)
    filed = report(rig, "叫醒", "")
    broken = about(rig, filed, ReportSupplemented(description="早了"))
    rig.at(start, broken)
    assert waiting(rig, broken) == (1, 1)
    spoil(monkeypatch, HANDLERS, ReportSupplemented)
    rig.at(start + timedelta(minutes=1), filed)
    assert fates(rig, filed) == [("applied", "ok")]
    assert fates(rig, broken) == [("dead-lettered", "poison")]
    assert outcome(rig, broken) == ("dead-lettered", "poison")
    assert waiting(rig, broken) == (0, 0)


def test_a_timer_that_breaks_is_put_aside_and_the_others_ring(
    rig: Rig, minutes: Iterator[timedelta], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock stays on the case, so everybody sees that it never rang."""
    start = DAY[0] = NOW + timedelta(days=36)
    one, other = report(rig, "到期一", "06-02"), report(rig, "到期二", "04-06")
    rig.at(start, one, other)
    spoil(monkeypatch, TIMERS, ClockKind.CASE_WARNING)
    ids = [case_id_of(filed.source, filed.id) for filed in (one, other)]
    due = max(clock.due_at for case in map(rig.case, ids) for clock in case.clocks)
    rig.at(due)
    for case_id in ids:
        assert rig.case(case_id).clock("case_warning")
        assert not rig.case(case_id).clock("case_due")
    rows = rig.rows(
        "SELECT DISTINCT reason, detail FROM dead_letters WHERE event_type = 'timer:case_warning'"
    )
    assert rows == [("poison", "ZeroDivisionError")]
    assert not rig.rows("SELECT 1 FROM timers WHERE key = 'case_warning' AND due_at <= %s", due)


def spoil(monkeypatch: pytest.MonkeyPatch, table: dict[Any, Any], key: object) -> None:
    """Put a handler with a bug into its place."""

    def fault(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(table, key, fault)
