"""A simulation keeps to its own folder, and its faults to its own process."""

import ast
from pathlib import Path

import pytest
from pydantic import SecretStr

from partygrid.embedded.installation import AlreadyRunning, sole_owner
from partygrid.settings import Settings
from partygrid.simulation.home import (
    MARK,
    PARTITIONS,
    NotASimulation,
    begin_anew,
    make_secrets,
    simulated,
)

ROOT = Path(__file__).parents[2]


def test_an_empty_or_missing_folder_becomes_a_simulation_s(tmp_path: Path) -> None:
    for home in (tmp_path, tmp_path / "new" / "home"):
        begin_anew(home)
        assert (home / MARK).is_file()


def test_what_an_earlier_simulation_left_is_removed(tmp_path: Path) -> None:
    begin_anew(tmp_path)
    (tmp_path / "postgres").mkdir()
    begin_anew(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == [MARK]


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(NotASimulation):
        begin_anew(tmp_path)
    assert (tmp_path / "letters.txt").read_text() == "dear"


def test_one_that_runs_is_left_alone(tmp_path: Path) -> None:
    begin_anew(tmp_path)
    with sole_owner(tmp_path), pytest.raises(AlreadyRunning):
        begin_anew(tmp_path)
    assert (tmp_path / MARK).is_file()


def test_no_server_of_anybody_else_is_used(tmp_path: Path) -> None:
    given = Settings(
        database_url=SecretStr("postgresql://there/theirs"),
        kafka_bootstrap="there:9092",
        prefect_api_url="http://there/api",
        smtp_host="there",
        sms_gateway_url=SecretStr("http://there/sms"),
        secrets_dir=tmp_path / "theirs",
    )
    own = simulated(given, tmp_path / "own")
    addresses = (own.database_url, own.kafka_bootstrap, own.prefect_api_url, own.secrets_dir)
    assert addresses == (None, None, None, None)
    assert (own.smtp_host, own.sms_gateway_url) == (None, None)
    assert (own.home, own.partitions) == (tmp_path / "own", PARTITIONS)


def test_as_many_shards_as_were_asked_for(tmp_path: Path) -> None:
    assert simulated(Settings(partitions=5), tmp_path).partitions == 5


def test_the_keys_follow_from_the_seed(tmp_path: Path) -> None:
    keys = []
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        settings = simulated(Settings(), tmp_path / name)
        make_secrets(settings, seed)
        folder = tmp_path / name / "secrets"
        keys.append(tuple((folder / key).read_bytes() for key in ("own.key", "text.key")))
    assert keys[0] == keys[1] != keys[2]
    assert len(set(keys[0])) == 2


def _imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found


def test_only_the_rehearsal_s_commands_know_of_the_simulation() -> None:
    """So no engine of an installation can be told to fail on purpose."""
    rooms = ("events", "flows", "models", "notifications", "web", "partygrid")
    outside = [
        str(path.relative_to(ROOT))
        for room in rooms
        for path in (ROOT / room).rglob("*.py")
        if path.parent.name != "simulation"
        and any(name.startswith("partygrid.simulation") for name in _imported(path))
    ]
    assert sorted(outside) == [
        "partygrid/cli/demo.py",
        "partygrid/cli/shows.py",
        "partygrid/cli/simulate.py",
    ]
