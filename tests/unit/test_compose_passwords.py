"""What `partygrid init --compose` writes, and that it never touches what is set."""

import re
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from partygrid.cli.main import app
from partygrid.compose_passwords import ASKED, add_passwords
from partygrid.errors import Unavailable

EVERYTHING = {"COMPOSE_PROJECT_NAME", *ASKED}


def values(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def test_each_password_is_random_and_of_its_own(file: Path, tmp_path: Path) -> None:
    assert set(add_passwords(file)) == EVERYTHING
    written = values(file)
    assert set(written) == EVERYTHING
    found = [re.search(r"([0-9a-f]{48})$", written[name]) for name in ASKED]
    assert len({one[1] for one in found if one}) == len(ASKED)
    assert written["PREFECT_AUTH"].startswith("operator:")
    other = tmp_path / "other"
    add_passwords(other)
    assert not {written[name] for name in ASKED} & set(values(other).values())


def test_only_the_owner_may_read_it_also_where_it_was_there(file: Path) -> None:
    add_passwords(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    add_passwords(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_second_time_changes_nothing(file: Path) -> None:
    add_passwords(file)
    before = file.read_bytes()
    assert add_passwords(file) == ()
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("line", "stays"),
    [
        ("KAFKA_PASSWORD=ours", True),
        ("  export KAFKA_PASSWORD = 'ours'", True),
        ('KAFKA_PASSWORD="ours"', True),
        ("KAFKA_PASSWORD=", False),
        ('KAFKA_PASSWORD=""', False),
        ("KAFKA_PASSWORD=  # later", False),
        ("#KAFKA_PASSWORD=old", False),
        ("MY_KAFKA_PASSWORD=ours", False),
    ],
)
def test_what_is_set_stays_and_what_is_missing_is_added(file: Path, line: str, stays: bool) -> None:
    written = f"# ours, 党建\n{line}\nPARTYGRID_PARTITIONS=12"  # no newline at its end
    file.write_text(written, encoding="utf-8")
    assert set(add_passwords(file)) == EVERYTHING - ({"KAFKA_PASSWORD"} if stays else set())
    assert file.read_text(encoding="utf-8").startswith(f"{written}\n")


def test_the_command_says_names_and_never_a_password(file: Path) -> None:
    done = CliRunner().invoke(app, ["init", "--compose", str(file)])
    assert done.exit_code == 0, done.output
    assert "KAFKA_ADMIN_PASSWORD" in done.output
    assert not re.search(r"[0-9a-f]{16}", done.output.replace(str(file), ""))
    assert {path.name for path in file.parent.iterdir()} == {".env"}
    again = CliRunner().invoke(app, ["init", "--compose", str(file)])
    assert "nothing was changed" in again.output


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be written"):
        add_passwords(tmp_path / "no such folder" / ".env")
