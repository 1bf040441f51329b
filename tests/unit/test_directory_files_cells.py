"""Cells: whatever stands in one is read as what the column holds, or told; nothing is guessed."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partygrid.directory_files.cells import Reader, Unreadable, read_cell
from partygrid.directory_files.sheets import SHEETS, Column, Kind

READER = Reader(
    {
        "skill": {"law": "法律", "care": "照料关爱"},
        "yes_no": {"yes": "是", "no": "否"},
    },
    ZoneInfo("Asia/Shanghai"),
)
CONTENTS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.datetimes(),
    st.dates(),
    st.times(),
    st.timedeltas(),
)


def read(content: object, kind: Kind) -> object:
    words = "skill" if kind in (Kind.CHOICE, Kind.CHOICES) else ""
    return read_cell(content, Column("key", "列", "", kind, words=words), READER)


@given(content=CONTENTS, kind=st.sampled_from(Kind))
def test_any_content_is_read_or_told(content: object, kind: Kind) -> None:
    value = read(content, kind)
    if isinstance(value, Unreadable):
        assert value.zh
        assert value.en
    if isinstance(value, datetime):
        assert value.tzinfo is UTC


@pytest.mark.parametrize(
    ("content", "kind", "value"),
    [
        (990101101201001, Kind.CODE, "990101101201001"),
        (990101.0, Kind.CODE, "990101"),
        ("  990101 ", Kind.CODE, "990101"),
        (
            "990101、990102，990103 990104;990105",
            Kind.LIST,
            tuple(f"99010{n}" for n in range(1, 6)),
        ),
        (990101, Kind.LIST, ("990101",)),
        ("、", Kind.LIST, ()),
        ("12", Kind.COUNT, 12),
        (12.0, Kind.COUNT, 12),
        ("法律、care、法律", Kind.CHOICES, ("law", "care")),
        ("照料关爱", Kind.CHOICE, "care"),
        ("是", Kind.YES_NO, True),
        (False, Kind.YES_NO, False),
        ("", Kind.YES_NO, None),
        (12345, Kind.TEXT, "12345"),
        (date(2026, 3, 1), Kind.MOMENT, datetime(2026, 2, 28, 16, tzinfo=UTC)),
        ("2026/3/1 08:30", Kind.MOMENT, datetime(2026, 3, 1, 0, 30, tzinfo=UTC)),
        (date(2026, 3, 1), Kind.LAST_DAY, datetime(2026, 3, 1, 16, tzinfo=UTC)),
        ("2026-03-01 08:30", Kind.LAST_DAY, datetime(2026, 3, 1, 0, 30, tzinfo=UTC)),
    ],
)
def test_what_a_cell_means(content: object, kind: Kind, value: object) -> None:
    assert read(content, kind) == value


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (99010110120100101, Kind.CODE),
        (1.5, Kind.CODE),
        (float("nan"), Kind.COUNT),
        (float("inf"), Kind.CODE),
        (True, Kind.COUNT),
        ("²", Kind.COUNT),
        ("十二", Kind.COUNT),
        ("法学", Kind.CHOICE),
        (time(8), Kind.MOMENT),
        (timedelta(hours=8), Kind.MOMENT),
        (46000, Kind.MOMENT),
        ("2026-13-01", Kind.MOMENT),
    ],
)
def test_what_no_cell_may_hold(content: object, kind: Kind) -> None:
    assert isinstance(read(content, kind), Unreadable)


def test_every_sheet_has_titles_that_tell_its_columns_apart_and_hints_for_all() -> None:
    for sheet in SHEETS:
        titles = [column.title for column in sheet.columns]
        assert len(set(titles)) == len({c.key for c in sheet.columns}) == len(titles)
        assert all(column.hint for column in sheet.columns)
