"""What an engine does is seen in Prefect: its shifts, their batches, and what became of them."""

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

    def close(self) -> None:
        self._client.close()

    def shifts(self) -> list[dict[str, Any]]:
        """The engine's flow runs, the first one first."""
        return self(
            "flow_runs",
            flow_runs={"tags": {"all_": [f"engine:{NAME}"]}},
            sort="START_TIME_ASC",
        )


@contextmanager
def engine(home: Path, settings: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run one engine as its own process, as a compose file does."""
    log = home.with_suffix(".log")
    with log.open("wb") as written:
        process = subprocess.Popen(
            (*COMMAND, "engine", "--name", NAME),
            env=environment(home, **settings),
            cwd="/",
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.terminate()
        code = process.wait(timeout=40)
    assert code == 0, log.read_text()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_shift_is_seen_with_its_batches_and_its_table(
    prefect_server: PrefectServer, database_url: str, fresh_broker: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    settings = {
        "DATABASE_URL": database_url,
        "KAFKA_BOOTSTRAP": fresh_broker,
        "PREFECT_API_URL": prefect_server.api_url,
        "PREFECT_API_AUTH": prefect_server.auth,
        "SHIFT_LENGTH": "3",
    }
    made = run(home, "migrate", **settings)
    assert made.returncode == 0, made.stderr
    api = Api(prefect_server)
    with engine(home, settings):
        # Told again and again: what comes before Prefect is noticed is decided without a run.
        towns = iter(f"{COUNTY}{number}" for number in range(101, 160))
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
        table = api("artifacts", artifacts={"key": {"any_": ["shift-directory"]}})
        batches = api("task_runs", flow_runs={"id": {"any_": [first]}})
    (flow,) = api("flows", flow_runs={"id": {"any_": [first]}})
    api.close()
    assert flow["name"] == "directory"
    assert {batch["name"] for batch in batches} == {"grid.directory.org_set"}
    assert table[0]["flow_run_id"] == first
    assert "applied" in str(table[0]["data"])
    assert "township" not in str(table[0]["data"]), "a table shows numbers and outcomes, no content"
