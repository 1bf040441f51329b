"""One installation that `partygrid init` made, for the tests of the command that come after."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.acceptance.commands import Up, run, up


class Made(NamedTuple):
    """A home folder, and what `init` said when it made it."""

    home: Path
    said: subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def made(server_folder: Path) -> Made:
    """A new installation with two shards, nothing running."""
    home = server_folder / "made"
    return Made(home, run(home, "init"))


@pytest.fixture(scope="session")
def running(server_folder: Path) -> Iterator[Up]:
    """An installation that runs, for tests that fill it, each with a county of its own."""
    with up(server_folder / "running", "--no-prefect", seconds=90) as one:
        yield one
