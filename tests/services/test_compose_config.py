"""The compose file as Debian's docker-compose reads it, with the passwords that `init` makes."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from partygrid.compose_passwords import ASKED, add_passwords
from tests.services.conftest import need

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
CORE = {"postgres", "kafka", "prefect", "engine", "office", "http", "digests"}
ONCE = {"migrate", "accounts"}


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    missing = "there is no `docker-compose`: Debian's package is called so"
    need("" if shutil.which("docker-compose") else missing)


@pytest.fixture
def env(tmp_path: Path) -> Path:
    file = tmp_path / ".env"
    add_passwords(file)
    return file


def compose(*words: str, env: Path, file: Path = FILE) -> subprocess.CompletedProcess[str]:
    """Run it with no other environment than this file."""
    command = ("docker-compose", "--env-file", str(env), "--file", str(file), *words)
    return subprocess.run(
        command,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def read(*words: str, env: Path) -> dict[str, Any]:
    done = compose(*words, "config", env=env)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found


@pytest.mark.parametrize("profile", [(), ("--profile", "dev")], ids=["production", "dev"])
def test_with_the_generated_passwords_it_is_complete(profile: tuple[str, ...], env: Path) -> None:
    services = read(*profile, env=env)["services"]
    assert {name for name, one in services.items() if "profiles" not in one} == CORE | ONCE
    assert {name: one.get("profiles") for name, one in services.items()}["mail"] == ["dev"]


@pytest.mark.parametrize("name", ASKED)
def test_without_a_password_nothing_starts_and_it_is_named(name: str, env: Path) -> None:
    kept = [line for line in env.read_text().splitlines() if not line.startswith(f"{name}=")]
    env.write_text("\n".join(kept))
    done = compose("config", env=env)
    assert done.returncode != 0
    assert f"{name} is missing, run partygrid init --compose .env" in done.stderr


def test_passwords_reach_those_who_need_them(env: Path) -> None:
    values = dict(line.split("=", 1) for line in env.read_text().splitlines())
    services = read(env=env)["services"]
    engine = services["engine"]["environment"]
    assert engine["PARTYGRID_KAFKA_PASSWORD"] == values["KAFKA_PASSWORD"]
    assert values["PARTYGRID_DATABASE_PASSWORD"] in engine["PARTYGRID_DATABASE_URL"]
    assert engine["PREFECT_API_AUTH_STRING"] == values["PREFECT_AUTH"]
    assert (
        services["kafka"]["environment"]["KAFKA_ADMIN_PASSWORD"] == values["KAFKA_ADMIN_PASSWORD"]
    )


def test_engines_can_be_scaled(env: Path) -> None:
    """A fixed name or a port of the machine would let only the first of them start."""
    engine = read(env=env)["services"]["engine"]
    assert not {"container_name", "hostname", "ports"} & set(engine)
    assert engine["deploy"]["replicas"] == 2


def test_limits_health_and_order_are_understood(env: Path) -> None:
    services = read("--profile", "dev", env=env)["services"]
    assert all(one["deploy"]["resources"]["limits"]["memory"] for one in services.values())
    assert {name for name, one in services.items() if "healthcheck" not in one} == ONCE
    assert services["engine"]["depends_on"]["accounts"] == {
        "condition": "service_completed_successfully"
    }


def test_a_fault_in_the_file_is_found(env: Path, tmp_path: Path) -> None:
    file = tmp_path / "docker-compose.yml"
    file.write_text(FILE.read_text(encoding="utf-8").replace("  restart:", "  restrat:"))
    done = compose("config", env=env, file=file)
    assert done.returncode != 0
    assert "restrat" in done.stderr
