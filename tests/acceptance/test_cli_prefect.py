"""What an engine does is seen in Prefect: its shifts, their batches, and what became of them."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.policy.people import OrgKind
from partygrid.embedded.prefect_server import PrefectServer
from tests.acceptance.commands import COMMAND, environment, run, until
from tests.acceptance.telling import COUNTY, organisations, tell_organisation

NAME = "e-seen"
MINE = {"tags": {"all_": [f"engine:{NAME}"]}}


class Api:
    """Prefect's API, as an operator's page asks it."""

    def __init__(self, server: PrefectServer) -> None:
        user, password = server.auth.split(":", 1)
        self._client = httpx.Client(base_url=server.api_url, auth=(user, password))

    def __call__(self, path: str, **asked: Any) -> list[dict[str, Any]]:
        answer = self._client.post(f"/{path}/filter", json=asked)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found

    def post(self, path: str, **told: Any) -> dict[str, Any]:
        answer = self._client.post(f"/{path}", json=told)
        answer.raise_for_status()
        made: dict[str, Any] = answer.json()
        return made

    def run(self, run_id: str) -> dict[str, Any]:
        """One flow run."""
        (found,) = self("flow_runs", flow_runs={"id": {"any_": [run_id]}})
        return found

    def close(self) -> None:
        self._client.close()

    def shifts(self) -> list[dict[str, Any]]:
        """The engine's flow runs, the first one first."""
        return self(
            "flow_runs",
            flow_runs=MINE,
            sort="START_TIME_ASC",
        )


@contextmanager
def process(
    home: Path, settings: dict[str, str], *command: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run one process of an installation, as a compose file does."""
    log = home.with_suffix(".log")
    with log.open("wb") as written:
        running = subprocess.Popen(
            (*COMMAND, *command, "--name", NAME),
            env=environment(home, **settings),
            cwd="/",
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    try:
        yield running
    finally:
        running.terminate()
        code = running.wait(timeout=40)
    assert code == 0, log.read_text()


@pytest.fixture
def settings(
    prefect_server: PrefectServer, database_url: str, fresh_broker: str, tmp_path: Path
) -> dict[str, str]:
    """A prepared installation that shows itself in Prefect."""
    given = {
        "DATABASE_URL": database_url,
        "KAFKA_BOOTSTRAP": fresh_broker,
        "PREFECT_API_URL": prefect_server.api_url,
        "PREFECT_API_AUTH": prefect_server.auth,
        "SHIFT_LENGTH": "3",
    }
    made = run(tmp_path / "home", "migrate", **given)
    assert made.returncode == 0, made.stderr
    return given


@pytest.fixture
def api(prefect_server: PrefectServer) -> Iterator[Api]:
    one = Api(prefect_server)
    yield one
    one.close()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_shift_is_seen_with_its_batches_and_its_table(
    api: Api, settings: dict[str, str], database_url: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with process(home, settings, "engine"):
        # Told again and again: what comes before Prefect is noticed is decided without a run.
        towns = iter(f"{COUNTY}{number}" for number in range(101, 1000))
        tell_organisation(database_url, home, COUNTY, OrgKind.COUNTY)

        def seen() -> bool:
            town = next(towns)
            tell_organisation(database_url, home, town, OrgKind.TOWNSHIP, parent=COUNTY)
            until(lambda: town in organisations(database_url), seconds=90, what="not decided")
            return bool(api.shifts())

        until(seen, seconds=120, what="no shift was opened")
        first = api.shifts()[0]["id"]
        until(
            lambda: api.shifts()[0]["state_type"] == "COMPLETED",
            seconds=60,
            what="the shift did not end",
        )
        # Prefect's server writes task runs some seconds later.
        until(lambda: seen() and api("task_runs", flow_runs=MINE), seconds=90, what="no batch")
        batches = api("task_runs", flow_runs=MINE)
    table = api("artifacts", artifacts={"key": {"any_": ["shift-directory"]}})
    (flow,) = api("flows", flow_runs={"id": {"any_": [first]}})
    assert flow["name"] == "directory"
    assert all(re.fullmatch(r"grid\.directory\.org_set|\d+ inputs", b["name"]) for b in batches)
    assert table[0]["flow_run_id"] in {shift["id"] for shift in api.shifts()}
    assert "applied" in str(table[0]["data"])
    assert "township" not in str(table[0]["data"]), "a table shows numbers and outcomes, no content"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_digests_are_on_a_schedule_that_fires(
    api: Api, settings: dict[str, str], tmp_path: Path
) -> None:
    with process(tmp_path / "home", settings, "digests"):
        until(lambda: api("deployments"), seconds=60, what="not deployed")
        (deployment,) = api("deployments")
        mine = {"deployments": {"id": {"any_": [deployment["id"]]}}}
        # A schedule nobody carries out has no runs to come.
        until(lambda: api("flow_runs", **mine), seconds=60, what="nothing was scheduled")
        due = {run["expected_start_time"][11:19] for run in api("flow_runs", **mine)}

        asked = api.post(
            f"deployments/{deployment['id']}/create_flow_run", state={"type": "SCHEDULED"}
        )
        until(
            lambda: api.run(asked["id"])["state_type"] == "COMPLETED",
            seconds=90,
            what="did not run",
        )
    assert (deployment["name"], deployment["entrypoint"]) == ("daily", "flows.digest.send")
    assert due == {"04:00:00", "10:00:00"}, "noon and six in Shanghai"
