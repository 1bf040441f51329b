"""A running installation put to work: cases, a marked one, and what goes wrong."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
from kafka import KafkaProducer

from tests.acceptance.commands import Up, run, until
from tests.acceptance.filling import Connection, ask
from tests.unit.workbooks import FROM, SMALL, TOWNSHIP, fill

GRID = "990202101201001"
SOURCE = "app/page"
PERSON = "p-1"
#: 干部作风: bypasses village and township.
BYPASS = "11-04"
LAMP = "06-02"


class Worked(NamedTuple):
    """What came of it."""

    token: str
    #: answers to the posted reports, by their event ids
    outcomes: Mapping[str, dict[str, Any]]
    plain: str
    marked: str
    early: str


def post(one: Up, token: str, event: Mapping[str, Any]) -> httpx.Response:
    """Post one event through the door."""
    return httpx.post(
        f"{one.installation.http_url}/events",
        content=json.dumps(event).encode(),
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/cloudevents+json",
        },
        timeout=30,
    )


def report(event_id: str, *, category: str = LAMP, **data: Any) -> dict[str, Any]:
    """Return a report as an app writes it."""
    return told(
        event_id,
        "grid.report.filed.v1",
        {"grid": GRID, "category": category, "source": "grid_member", **data},
    )


def told(event_id: str, kind: str, data: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return an event of the grid's member."""
    return {
        "specversion": "1.0",
        "id": event_id,
        "type": kind,
        "time": datetime.now(UTC).isoformat(),
        "township": TOWNSHIP["编号"],
        "actor": PERSON,
        "actingrole": "grid_member",
        "actingorg": GRID,
        "data": dict(data),
        **more,
    }


def outcome(one: Up, token: str, event_id: str) -> dict[str, Any]:
    """Wait until an event is decided, and return what became of it."""
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{one.installation.http_url}/events/{event_id}"
    deadline = time.monotonic() + 60
    while (answer := httpx.get(url, headers=headers, timeout=30).json()).get("fate") == "pending":
        assert time.monotonic() < deadline, "it was never decided"
        time.sleep(0.05)
    found: dict[str, Any] = answer
    return found


def bypass(one: Up, token: str, event_id: str, title: str) -> str:
    """Report past the grid, and return the case's id once it is decided."""
    assert post(one, token, report(event_id, category=BYPASS, title=title)).status_code == 202
    case_id: str = outcome(one, token, event_id)["case_id"]
    return case_id


def put_to_work(one: Up, folder: Path, *, words: str = "灯坏了", title: str = "路灯") -> Worked:
    """Load a small county; then report, report in confidence, act too early, and write rubbish."""
    folder.mkdir(parents=True, exist_ok=True)
    book = fill(
        folder / "目录.xlsx",
        {**SMALL, "人员": [{"人员编号": PERSON, "起": FROM}], "应用密钥": [], "值班表": []},
    )
    loaded = ask(one.home, "directory", "load", str(book), "--yes")
    assert loaded.code == 0, loaded
    token = issued(one, SOURCE)
    reports = {
        "plain": report("r-plain", title=title, description=words),
        "marked": report("r-marked", category=BYPASS, title=title, description=words),
        "early": told("r-early", "grid.assignment.accepted.v1", {}, subject=str(uuid4())),
        "other": report("r-other", title=f"{title}二"),
    }
    for event in reports.values():
        answer = post(one, token, event)
        assert answer.status_code == 202, answer.text
    write_rubbish(one, words)
    outcomes = {name: outcome(one, token, event["id"]) for name, event in reports.items()}
    return Worked(
        token=token,
        outcomes=outcomes,
        plain=outcomes["plain"]["case_id"],
        marked=outcomes["marked"]["case_id"],
        early=reports["early"]["subject"],
    )


def issued(one: Up, source: str) -> str:
    """Issue a token for everything an app of this place may do."""
    scope = [f"--door={door}" for door in ("events", "evidence", "identities")]
    scope += ["--type=grid.*", "--territory=990202", "--role=*", "--restricted"]
    made = run(one.home, "token", "issue", source, "--name", "网页", *scope)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def write_rubbish(one: Up, words: str) -> None:
    """Write records into the topics that nobody can read."""
    producer = KafkaProducer(bootstrap_servers=one.installation.kafka_bootstrap)
    try:
        for topic in ("grid.reports", "restricted.grid.reports"):
            value = f"{{{words}".encode()
            producer.send(topic, value=value, key=b"990202101", partition=0).get(timeout=30)
    finally:
        producer.close(timeout=5)


def drained(db: Connection) -> bool:
    """Is everything published that was to be, and every record decided?"""
    rows = db.execute("SELECT count(*) FROM outbox WHERE published_at IS NULL").fetchone()
    letters = db.execute("SELECT count(*) FROM dead_letters").fetchone()
    return rows == (0,) and letters == (2,)


def wait_drained(db: Connection) -> None:
    """Wait until nothing is under way."""
    until(lambda: drained(db), seconds=60, what="it never came to rest")
