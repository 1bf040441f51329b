"""Lengths of time as the pack writes them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.explain import tell_span
from models.policy.categories import Owner, parse_owner
from models.policy.people import OrgKind
from models.policy.span import Span, SpanKind, parse_span


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("30m", SpanKind.CALENDAR, timedelta(minutes=30)),
        ("45s", SpanKind.CALENDAR, timedelta(seconds=45)),
        ("72h", SpanKind.CALENDAR, timedelta(hours=72)),
        ("7d", SpanKind.CALENDAR, timedelta(days=7)),
        ("4wh", SpanKind.WORKING_HOURS, timedelta(hours=4)),
        ("5wd", SpanKind.WORKING_DAYS, timedelta(days=5)),
        ("0m", SpanKind.CALENDAR, timedelta()),
    ],
)
def test_it_is_read(text: str, kind: SpanKind, value: timedelta) -> None:
    assert parse_span(text) == Span(kind, value)


@pytest.mark.parametrize(
    "text", ["", "5", "wd", "5 wd", "-1h", "1.5h", "5w", "0wd", "0wh", "5WD", 5, None]
)
def test_what_is_no_length_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"length of time|at least 1"):
        parse_span(text)


@given(
    st.sampled_from(["s", "m", "h", "d", "wh", "wd"]),
    st.integers(1, 99_999),
)
def test_what_is_written_is_read_again(unit: str, number: int) -> None:
    span = parse_span(f"{number}{unit}")
    assert parse_span(str(span)) == span


@pytest.mark.parametrize(
    ("text", "chinese", "english"),
    [
        ("5wd", "5个工作日", "5 working days"),
        ("1wd", "1个工作日", "1 working day"),
        ("24h", "1天", "1 day"),
        ("30m", "30分钟", "30 minutes"),
        ("0m", "0分钟", "0 minutes"),
    ],
)
def test_it_is_told_in_words(text: str, chinese: str, english: str) -> None:
    span = parse_span(text)
    assert (tell_span(span, "zh"), tell_span(span, "en")) == (chinese, english)


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        ("grid", Owner(OrgKind.GRID)),
        ("village", Owner(OrgKind.VILLAGE)),
        ("township", Owner(OrgKind.TOWNSHIP)),
        ("township:justice", Owner(OrgKind.TOWNSHIP_ORGAN, "justice")),
        ("dept:water", Owner(OrgKind.DEPARTMENT, "water")),
        ("county", Owner(OrgKind.COUNTY)),
    ],
)
def test_an_owner_is_read_and_written(text: str, owner: Owner) -> None:
    assert parse_owner(text) == owner
    assert str(owner) == text


@pytest.mark.parametrize("text", ["dept", "grid:a", "village:fire", "province", "dept:", "", 3])
def test_what_is_no_owner_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"owner|kind"):
        parse_owner(text)
