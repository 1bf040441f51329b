"""Subcommands that need nothing running: what they make, what they say, how they end."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.commands import run
from tests.acceptance.conftest import Made

AWAY = {"DATABASE_URL": "postgresql://127.0.0.1:1/x", "KAFKA_BOOTSTRAP": "127.0.0.1:1"}


@pytest.fixture
def home(server_folder: Path, request: pytest.FixtureRequest) -> Path:
    """A home folder that the database's own account may pass through to."""
    return server_folder / re.sub(r"\W+", "-", request.node.name)


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_init_makes_an_installation_once(made: Made) -> None:
    home, first = made
    assert first.returncode == 0, first.stderr
    assert "partygrid up" in first.stdout
    assert "init --compose .env" in first.stdout
    assert [path for path in (home / "secrets").iterdir() if path.stat().st_mode & 0o077] == []
    kept = files(home / "secrets")
    other = run(home, "init", PARTITIONS="3")
    assert other.returncode == 3
    assert re.search(r"2 shards, PARTYGRID_PARTITIONS says 3. Set it to 2", other.stderr)
    assert files(home / "secrets") == kept


def test_the_shipped_policy_is_sound(home: Path) -> None:
    done = run(home, "policy", "check")
    assert done.returncode == 0, done.stdout
    assert "0 errors" in done.stdout


def test_a_faulty_policy_is_told_for_people_and_for_programs(home: Path) -> None:
    pack = home / "our-county"
    pack.mkdir(parents=True)
    (pack / "pack.yaml").write_text('{extends: default, version: "2027.1"}')
    (pack / "deadlines.yaml").write_text("visit: soon\n")
    people = run(home, "policy", "check", str(pack))
    assert (people.returncode, "deadlines.yaml:1" in people.stdout) == (1, True)
    programs = run(home, "policy", "check", str(pack), "--json")
    assert programs.returncode == 1
    (finding,) = json.loads(programs.stdout)["findings"]
    assert (finding["severity"], finding["code"]) == ("error", "not_loadable")


def test_a_pack_that_loads_and_lets_cases_rest_is_an_error(home: Path) -> None:
    pack = home / "our-county"
    pack.mkdir(parents=True)
    (pack / "pack.yaml").write_text('{extends: default, version: "2027.1"}')
    (pack / "measures.yaml").write_text("village: {inputs: {on_time: {weight: 0.9}}}\n")
    done = run(home, "policy", "check", str(pack), "--json")
    found = json.loads(done.stdout)
    assert found["version"].startswith("2027.1-")
    errors = [one for one in found["findings"] if one["severity"] == "error"]
    assert (done.returncode, bool(errors)) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "told"),
    [
        (["status"], {}, 4, "partygrid up"),
        (["health"], {}, 4, "sign of life"),
        (["migrate"], AWAY, 4, "cannot be reached"),
        (["init"], {"PARTITIONS": "many"}, 2, "PARTYGRID_PARTITIONS"),
    ],
    ids=["nothing runs", "health", "database away", "no number"],
)
def test_an_error_is_told_in_one_line(
    home: Path, arguments: list[str], settings: dict[str, str], code: int, told: str
) -> None:
    done = run(home, *arguments, **settings)
    assert (done.returncode, done.stdout) == (code, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("partygrid: ")
    assert told in done.stderr


def test_with_debug_the_place_is_told_too(home: Path) -> None:
    done = run(home, "--debug", "status")
    assert (done.returncode, "Traceback" in done.stderr) == (1, True)


def test_the_help_waits_for_no_library_of_a_server(home: Path) -> None:
    done = run(home, "--help")
    for name in ("init", "up", "status", "doctor", "engine"):
        assert re.search(rf"\b{name}\b", done.stdout)
    program = "import sys, partygrid.cli.main; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    heavy = {"prefect", "sqlalchemy", "psycopg", "kafka", "alembic", "fastapi", "scipy", "numpy"}
    assert heavy & set(loaded.stdout.split()) == set()


def test_keys_are_listed_where_nothing_runs(made: Made) -> None:
    done = run(made.home, "keys", "list", "--json")
    assert done.returncode == 0, done.stderr
    lines = json.loads(done.stdout)["keys"]
    assert [line["kind"] for line in lines] == ["own", "text", "seal", "vault", "addresses"]
    assert [line["older"] for line in lines] == [[]] * 5
    assert run(made.home, "keys", "rotate", "none", "--yes").returncode == 2


def test_the_doctor_examines_what_does_not_run(made: Made) -> None:
    done = run(made.home, "doctor", "--json")
    assert done.returncode == 1
    found = {one["what"]: one["verdict"] for one in json.loads(done.stdout)}
    assert found["database"] == "ill"
    assert {found[name] for name in ("versions", "keys", "disk", "policy")} == {"well"}
