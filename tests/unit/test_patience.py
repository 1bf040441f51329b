"""What is said of a server that is away: once that it went, once that it is back."""

import logging

import pytest

from partygrid.errors import Unavailable
from partygrid.patience import Patience

log = logging.getLogger("tests.patience")
FAULT = Unavailable("it\n  is away")


class Secret(Exception):
    """A library's own, whose text may name people."""


@pytest.fixture
def seconds() -> list[float]:
    """The clock that only goes forward, as far as a test lets it."""
    return [1000.0]


@pytest.fixture
def waiting(caplog: pytest.LogCaptureFixture, seconds: list[float]) -> Patience:
    caplog.set_level(logging.INFO)
    return Patience("reading fails", log, longest=1, seconds=lambda: seconds[0])


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    told = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return told


def test_pauses_grow_and_begin_anew(waiting: Patience) -> None:
    assert [waiting.failed(FAULT) for _ in range(6)] == [0.1, 0.2, 0.4, 0.8, 1, 1]
    waiting.went_well()
    assert waiting.failed(FAULT) == 0.1


def test_one_line_when_it_went_and_one_when_it_is_back(
    waiting: Patience, seconds: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    waiting.went_well()
    for _ in range(30):
        waiting.failed(FAULT)
        seconds[0] += 1
    waiting.went_well()
    waiting.went_well()
    assert said(caplog) == [
        "reading fails, and is tried again: it is away",
        "reading fails: over after 30.0 s",
    ]


def test_a_long_one_is_called_to_mind_once_a_minute(
    waiting: Patience, seconds: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(150):
        waiting.failed(FAULT)
        seconds[0] += 1
    assert len(said(caplog)) == 3


def test_one_that_comes_and_goes_is_the_same_one(
    waiting: Patience, seconds: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(100):
        waiting.failed(FAULT)
        seconds[0] += 1
        waiting.went_well()
    assert len(said(caplog)) == 3
    seconds[0] += 60
    waiting.failed(FAULT)
    assert said(caplog) == ["reading fails, and is tried again: it is away"]


def test_what_others_say_of_a_fault_is_not_repeated(
    waiting: Patience, caplog: pytest.LogCaptureFixture
) -> None:
    waiting.failed(Secret("张三 13800000000"))
    assert said(caplog) == ["reading fails, and is tried again: Secret"]
