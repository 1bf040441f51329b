"""`partygrid demo`: a week that ends now, handed to the wall clock; nothing is left behind."""

import subprocess
from pathlib import Path

import psutil
import pytest

from tests.acceptance.commands import COMMAND, environment, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def demo(server_folder: Path) -> subprocess.CompletedProcess[str]:
    """A demo with few reports that ends by itself."""
    home = server_folder / "shown"
    return subprocess.run(
        (*COMMAND, "demo", "--exit", "--no-prefect", "--reports", "30", "--townships", "2"),
        env=environment(home),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


def test_it_ends_with_a_summary_that_adds_up(demo: subprocess.CompletedProcess[str]) -> None:
    assert demo.returncode == 0, demo.stderr
    assert demo.stdout.rstrip().endswith("reconcile closes")
    for told in ("lifecycle states", "notice kinds", "dead-letter reasons", "last seal"):
        assert told in demo.stdout


def test_the_county_was_handed_to_engines_of_the_wall_clock(
    demo: subprocess.CompletedProcess[str],
) -> None:
    after = demo.stderr.partition("handing the county to the wall clock")[2]
    for process in ("engine-1", "office", "http"):
        assert f"{process} is ready" in after


def test_plain_lines_tell_how_far_it_is(demo: subprocess.CompletedProcess[str]) -> None:
    assert "\x1b" not in demo.stdout + demo.stderr
    assert " reports, " in demo.stderr


def test_nothing_runs_when_it_has_ended(
    demo: subprocess.CompletedProcess[str], server_folder: Path
) -> None:
    home = str(server_folder / "shown")
    left = [one.info for one in psutil.process_iter(["cmdline"]) if home in str(one.info)]
    assert left == []


def test_it_never_plays_in_a_folder_that_holds_something_else(server_folder: Path) -> None:
    home = server_folder / "own"
    (home / "demo").mkdir(parents=True)
    (home / "demo" / "notes.txt").write_text("keep me")
    refused = run(home, "demo", "--exit")
    assert (refused.returncode, "something else" in refused.stderr) == (3, True)
    assert (home / "demo" / "notes.txt").read_text() == "keep me"


def test_a_small_stretch_says_what_it_did_not_show(
    demo: subprocess.CompletedProcess[str],
) -> None:
    assert "lifecycle states that never occurred: " in demo.stdout
