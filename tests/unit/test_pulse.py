"""Signs of life: left by whoever asks whether to go on."""

from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest

from partygrid.clock import SetClock
from partygrid.processes.pulse import Beat, Pulse, beat_file, last_beat

NOW = datetime(2026, 3, 10, 1, 0, tzinfo=UTC)


def pulse(home: Path, asked: Event) -> Pulse:
    return Pulse(asked, beat_file(home, "engine-1"), pid=7, clock=SetClock(NOW))


def test_asking_whether_to_stop_is_a_sign_of_life(tmp_path: Path) -> None:
    one = pulse(tmp_path, Event())
    assert last_beat(tmp_path, "engine-1") is None
    assert not one.is_set()
    assert last_beat(tmp_path, "engine-1") == Beat(pid=7, at=NOW)
    one.end()
    assert last_beat(tmp_path, "engine-1") is None


def test_it_stops_when_asked_from_outside(tmp_path: Path) -> None:
    asked = Event()
    one = pulse(tmp_path, asked)
    assert not one.wait(0)
    asked.set()
    assert one.is_set()
    assert one.wait(60)


def test_a_sign_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    one = pulse(tmp_path, Event())
    beat_file(tmp_path, "engine-1").mkdir()
    assert not one.is_set()


@pytest.mark.parametrize("torn", [b"", b"{", b"[]"], ids=["empty", "cut", "other"])
def test_a_torn_sign_is_none(tmp_path: Path, torn: bytes) -> None:
    file = beat_file(tmp_path, "engine-1")
    file.parent.mkdir(parents=True)
    file.write_bytes(torn)
    assert last_beat(tmp_path, "engine-1") is None
