"""One installation that `partygrid init` made, for the tests of the command that come after."""

import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.acceptance.commands import run


class Made(NamedTuple):
    """A home folder, and what `init` said when it made it."""

    home: Path
    said: subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def made(server_folder: Path) -> Made:
    """A new installation with two shards, nothing running."""
    home = server_folder / "made"
    return Made(home, run(home, "init"))
