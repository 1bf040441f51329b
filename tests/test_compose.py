"""The compose file: valid by the specification, no secrets of its own, rights taken, limits set."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from partygrid.compose_passwords import ASKED
from partygrid.embedded.prefect_server import SERVER
from partygrid.settings import Settings

ROOT = Path(__file__).parent.parent
FILE = ROOT / "docker-compose.yml"
TEXT = FILE.read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {n: service for n, service in SERVICES.items() if service["image"].startswith("partygrid:")}
ONCE = {name for name, service in SERVICES.items() if service["restart"] == "no"}

every_service = pytest.mark.parametrize("name", sorted(SERVICES))


def check(file: Path) -> subprocess.CompletedProcess[str]:
    """Hold a file against the schema of the compose specification, as `make check` does."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    return subprocess.run([*command, str(file)], capture_output=True, text=True, check=False)


def test_it_is_valid_by_the_compose_specification() -> None:
    done = check(FILE)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("    internal: true", "    internal: [true]", "networks.inside.internal"),
        ("      retries: 12", "      retry: 12", "'healthcheck' was unexpected"),
        ("    user: postgres", "    read_onyl: true", "'read_onyl' was unexpected"),
        ("condition: service_healthy", "condition: service_well", "services.prefect.depends_on"),
    ],
    ids=["type", "health", "name", "condition"],
)
def test_a_fault_in_it_is_found(right: str, wrong: str, told: str, tmp_path: Path) -> None:
    assert right in TEXT
    file = tmp_path / "docker-compose.yml"
    file.write_text(TEXT.replace(right, wrong), encoding="utf-8")
    done = check(file)
    assert done.returncode == 1
    assert told in done.stdout + done.stderr


# --- secrets and settings ------------------------------------------------------------------------


def test_it_has_no_default_secret() -> None:
    secrets = re.findall(r"\$\{(\w*(?:PASSWORD|AUTH|TOKEN|SECRET)\w*)(:?[-?]?)([^}]*)\}", TEXT)
    assert secrets
    assert [name for name, how, default in secrets if how != ":?" and default] == []
    assert not re.search(r"PASSWORD: +[^$\s]", TEXT)


def test_what_it_asks_for_is_what_init_makes() -> None:
    asked = re.findall(r"\$\{(\w+):\?(\w+) is missing, ", TEXT)
    assert {name for name, _ in asked} == set(ASKED)
    assert [(name, told) for name, told in asked if name != told] == []
    assert len(asked) == TEXT.count(":?")


def test_it_names_existing_settings() -> None:
    named = set(re.findall(r"^ +(PARTYGRID_\w+):", TEXT, re.MULTILINE))
    known = {f"PARTYGRID_{name.upper()}" for name in Settings.model_fields}
    assert named - {"PARTYGRID_DATABASE_PASSWORD"} <= known


def test_only_what_runs_once_knows_the_brokers_administrator() -> None:
    knowing = {name for name, one in SERVICES.items() if "KAFKA_ADMIN_PASSWORD" in str(one)}
    assert knowing == ONCE | {"kafka"}


def test_prefect_is_set_alike_embedded_and_in_containers() -> None:
    given = SERVICES["prefect"]["environment"]
    tuned = {name: value for name, value in SERVER.items() if name.startswith("PREFECT_")}
    assert {name: given.get(name) for name in tuned} == tuned


def test_prefect_unpacks_its_pages_where_it_may_write() -> None:
    """It would put them beside its own code, and run without them."""
    assert SERVICES["prefect"]["environment"]["PREFECT_SERVER_UI_STATIC_DIRECTORY"] == "/data/ui"
    assert SERVICES["prefect"]["volumes"] == ["prefect:/data"]


# --- each service --------------------------------------------------------------------------------


@every_service
def test_a_service_that_stays_says_whether_it_is_well(name: str) -> None:
    assert ("healthcheck" in SERVICES[name]) == (name not in ONCE)


@every_service
def test_a_service_has_no_rights_and_a_read_only_file_system(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid"} & set(service)


@every_service
def test_a_service_is_not_root(name: str) -> None:
    if name in OURS:
        assert "user" not in SERVICES[name]
        assert re.search(r"^USER partygrid$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    else:
        assert SERVICES[name]["user"].split(":")[0] not in {"root", "0"}


@every_service
def test_a_service_has_limits(name: str) -> None:
    limits = SERVICES[name]["deploy"]["resources"]["limits"]
    assert float(limits["cpus"]) > 0
    assert re.fullmatch(r"\d+[mg]", limits["memory"])


@every_service
def test_a_service_listens_on_the_loopback_address_only(name: str) -> None:
    ports = SERVICES[name].get("ports", [])
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert not ports or "outside" in SERVICES[name]["networks"]


def test_servers_with_the_data_cannot_be_reached_from_outside() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert [SERVICES[name]["networks"] for name in ("postgres", "kafka")] == [["inside"]] * 2


@every_service
def test_what_is_mounted_is_there(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source, _, mode = volume.partition(":")
        if source.startswith("."):
            assert (ROOT / source).exists()
            assert mode.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]


def test_engines_can_be_as_many_as_wanted() -> None:
    engine = SERVICES["engine"]
    assert not {"container_name", "hostname", "ports"} & set(engine)
    assert engine["command"] == ["engine"]  # no name: each is called as its container
    assert engine["deploy"]["replicas"] >= 2


def test_everything_starts_after_what_it_needs() -> None:
    needs = {name: service.get("depends_on", {}) for name, service in SERVICES.items()}
    for name, waited in needs.items():
        for other, how in waited.items():
            once = other in ONCE
            wanted = "service_completed_successfully" if once else "service_healthy"
            assert how == {"condition": wanted}, (name, other)

    def before(name: str) -> set[str]:
        return {name}.union(*(before(other) for other in needs[name]))

    for name in ("engine", "office", "http"):
        assert before(name) - {name} == {"accounts", "migrate", "kafka", "postgres"}
