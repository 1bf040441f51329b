"""The whole way of an event on secured brokers, each process and app with its own account."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from events.contract.envelope import Acting
from events.contract.outgoing import EventOutcome
from events.contract.reports import ReportFiled, ReportSource
from events.producer import Producer
from models.values import Fate
from partygrid import bootstrap
from partygrid.embedded.ports import free_port, http_ok
from partygrid.embedded.postgres import Postgres
from partygrid.settings import Settings
from tests.one_shard import County, copied
from tests.rigged import wait_until
from tests.services.apache import Apache
from tests.services.secured import Installation, installed, known_app
from tests.world import GRID, TOWNSHIP, person

BRANCH = known_app("app/branch-1", (TOWNSHIP,), "grid.report.*", "grid.feedback.*")
REPORT = ReportFiled(
    grid=GRID, category="06-02", source=ReportSource.GRID_MEMBER, title="村口路灯不亮"
)
MEMBER = Acting(actor=person("grid_member", GRID), role="grid_member", org=GRID)


@pytest.fixture
def there(
    kafka: Apache, postgres: Postgres, county: County, tmp_path: Path
) -> Iterator[Installation]:
    with copied(postgres, county) as url:
        yield installed(kafka, url, county, tmp_path, [BRANCH.registered])


@contextmanager
def running(settings: Settings, name: str) -> Iterator[Path]:
    """Run one process of an installation; give what it writes."""
    written = settings.home / f"{name}.log"
    with written.open("wb") as out:
        process = subprocess.Popen(
            (sys.executable, "-m", "partygrid.cli", name),
            env={"PATH": os.environ["PATH"]} | settings.environment(),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield written
        process.terminate()
        # The doors end by the signal itself, once what is in work is finished.
        assert process.wait(60) in (0, -signal.SIGTERM), written.read_text(errors="replace")[-3000:]
    finally:
        process.kill()
        process.wait()


def posted(port: int, token: str, event_id: str) -> None:
    body = {
        "specversion": "1.0",
        "id": event_id,
        "type": "grid.report.filed.v1",
        "time": datetime.now(UTC).isoformat(),
        "township": TOWNSHIP,
        "actor": MEMBER.actor,
        "actingrole": MEMBER.role,
        "actingorg": MEMBER.org,
        "data": {"grid": GRID, "category": "06-02", "source": "grid_member", "title": "井盖松动"},
    }
    answer = httpx.post(
        f"http://127.0.0.1:{port}/events",
        content=json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/cloudevents+json",
        },
        timeout=30,
    )
    assert answer.status_code == 202, answer.text


def fate_at_the_door(port: int, token: str, event_id: str) -> str:
    answer = httpx.get(
        f"http://127.0.0.1:{port}/events/{event_id}",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    return str(answer.json()["fate"])


@pytest.mark.timeout(240)
def test_a_report_becomes_a_case_and_its_outcome_comes_back(
    there: Installation, tmp_path: Path
) -> None:
    login = there.granted()["app/branch-1"]
    engines = there.engines.changed(http_port=free_port())
    outcomes: list[EventOutcome] = []
    app = Producer(
        "app/branch-1",
        BRANCH.key,
        bootstrap=there.kafka.bootstrap,
        folder=tmp_path / "spool",
        security=there.security(login),
        on_outcome=outcomes.append,
    )
    issue = ("token", "issue", "app/page", "--name", "page", "--type", "grid.report.*")
    scope = ("--territory", TOWNSHIP, "--role", "grid_member")
    token = there.command(*issue, *scope).out.strip()
    with running(engines, "engine"), running(engines, "http"), app:
        sent = app.send(REPORT, township=TOWNSHIP, acting=MEMBER)
        wait_until(lambda: http_ok(engines.http_port, "/health"), seconds=60)
        posted(engines.http_port, token, "page-1")
        wait_until(lambda: not app.status().waiting, seconds=60)
        wait_until(
            lambda: fate_at_the_door(engines.http_port, token, "page-1") == "applied",
            seconds=60,
        )
    (outcome,) = outcomes
    assert (outcome.event_id, outcome.fate) == (sent, str(Fate.APPLIED))
    with closing(bootstrap.connect(there.engines.address("database_url"))) as db:
        numbers = {row[0] for row in db.execute("SELECT number FROM cases WHERE version > 0")}
    assert len(numbers) == 2
    assert outcome.case_number in numbers
    # Nothing of it was written anywhere: neither the app's password nor the engines'.
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        content = file.read_bytes()
        assert login.password.encode() not in content, file
        assert b"what the engines' .env says" not in content, file
