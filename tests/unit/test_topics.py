"""Every app has an outcome topic of its own, with a name the broker takes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.topics import app_topic


@pytest.mark.parametrize(
    ("source", "topic"),
    [
        pytest.param("app/branch-1", "app.outcomes.app.branch-1", id="plain"),
        pytest.param("app/a.b", "app.outcomes.app.a.b_1505cef3b654ef75", id="dotted"),
    ],
)
def test_the_name_of_an_outcome_topic(source: str, topic: str) -> None:
    assert app_topic(source) == topic
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,249}", app_topic(source))


_SOURCES = st.from_regex(r"\A[\w:.\-/]{1,64}\Z")


@given(_SOURCES, _SOURCES)
def test_no_two_apps_share_one(one: str, other: str) -> None:
    assert (app_topic(one) == app_topic(other)) == (one == other)
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,249}", app_topic(one))


@pytest.mark.parametrize("other", ["app:b", "app.b", "app_b", "app//b", "/app/b", "应用/b"])
def test_what_looks_alike_is_told_apart(other: str) -> None:
    assert app_topic(other) != app_topic("app/b")
