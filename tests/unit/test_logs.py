"""Log lines: one an event, and a fault without what it says of rows and people."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from partygrid.logs import start_logging
from partygrid.settings import Settings


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(settings: Settings) -> str:
    """What is written of a warning with a fault in it."""
    written = io.StringIO()
    start_logging(settings, "engine-1", to=written)
    log = logging.getLogger("flows.owner")
    log.info("shard %s is ours", 3)
    told = "DETAIL: Key (name)=(某某) already exists"
    try:
        raise ValueError(told)
    except ValueError:
        log.exception("a batch failed")
    return written.getvalue()


def test_for_programs_a_line_is_an_object() -> None:
    ours, failed = map(json.loads, logged(Settings(log_format="json")).splitlines())
    assert (ours["process"], ours["level"], ours["logger"], ours["message"]) == (
        *("engine-1", "INFO", "flows.owner"),
        "shard 3 is ours",
    )
    assert ours["at"].endswith("+00:00")
    assert failed["fault"] == "ValueError"
    assert "test_logs.py" in failed["stack"][0]


def test_for_people_a_line_is_a_sentence() -> None:
    first, second, *rest = logged(Settings()).splitlines()
    assert first.endswith("INFO    engine-1 flows.owner: shard 3 is ours")
    assert second.endswith("ERROR   engine-1 flows.owner: a batch failed")
    assert rest[0] == "ValueError"


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_a_fault_says_is_left_out_unless_all_is_asked_for(form: str) -> None:
    settings = Settings.model_validate({"log_format": form})
    assert "某某" not in logged(settings)
    assert "某某" in logged(settings.changed(log_level="DEBUG"))


def test_below_the_level_nothing_is_written() -> None:
    assert "shard 3" not in logged(Settings(log_level="ERROR"))


def test_a_process_that_is_asked_shows_where_its_threads_stand() -> None:
    program = (
        "import os, signal\n"
        "from partygrid.logs import show_stacks_when_asked\n"
        "def stands_here(words):\n"
        "    os.kill(os.getpid(), signal.SIGUSR1)\n"
        "show_stacks_when_asked()\n"
        "stands_here('people said this')\n"
        "print('goes on')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "in stands_here" in done.stderr
    assert "people said this" not in done.stderr
    assert done.stdout.strip() == "goes on"
