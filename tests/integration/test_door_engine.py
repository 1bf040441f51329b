"""The whole way of an app's event: in by a door or over Kafka, decided, and answered there."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

import pytest
from msgspec.structs import replace
from pydantic import SecretStr

from events.contract.envelope import Acting
from events.contract.outgoing import EventOutcome
from events.producer import Patience, Producer
from flows.runner import PlainRunner
from partygrid.clock import WallClock
from partygrid.embedded.postgres import Postgres
from partygrid.initialise import make_ready
from partygrid.processes.engine import build_engine
from partygrid.settings import Settings
from tests.integration.door_rig import (
    ACTING,
    KEY,
    REPORT,
    SIGNING_SOURCE,
    TOWNSHIP,
    DoorRig,
    door_rig,
    told,
)

CLOCK = WallClock()
STRANGER = Acting(actor="p-9", role=ACTING.role, org=ACTING.org)


@contextmanager
def deciding(settings: Settings) -> Iterator[None]:
    engine, stop = build_engine(settings, name="e", runner=PlainRunner()), Flag()
    thread = Thread(target=engine.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=30)
        engine.close()


@pytest.fixture(scope="module")
def settings(postgres: Postgres, broker: str, tmp_path_factory: Any) -> Iterator[Settings]:
    postgres.create_database("door_engine")
    one = Settings(
        home=tmp_path_factory.mktemp("home"),
        database_url=SecretStr(postgres.url("door_engine")),
        kafka_bootstrap=broker,
        partitions=3,
        poll_wait=timedelta(milliseconds=20),
    )
    make_ready(one)
    yield one
    postgres.drop_database("door_engine")


@pytest.fixture(scope="module")
def rig(settings: Settings) -> Iterator[DoorRig]:
    own_key = (settings.home / "secrets" / "own.key").read_bytes()
    with (
        door_rig(
            settings.address("database_url"),
            settings.home,
            own_key=own_key,
            partitions=settings.partitions,
            clock=CLOCK,
        ) as one,
        deciding(settings),
    ):
        yield one


def eventually(look: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not look():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.05)


def answered(rig: DoorRig, event_id: str, token: str = "") -> dict[str, Any]:
    """Ask the door until it has an answer."""
    found: dict[str, Any] = {"fate": "pending"}

    def look() -> bool:
        found.update(rig.ask("GET", f"/events/{event_id}", token=token).json())
        return bool(found["fate"] != "pending")

    eventually(look)
    return found


def now() -> str:
    return CLOCK.now().isoformat()


def test_a_report_at_the_door_becomes_a_case(rig: DoorRig) -> None:
    assert rig.post(told(event_id="door-1", time=now())).status_code == 202
    outcome = answered(rig, "door-1")
    assert (outcome["fate"], outcome["version"]) == ("applied", 1)
    ((number, origin),) = rig.rows(
        "SELECT number, origin FROM cases WHERE id = %s::uuid", outcome["case_id"]
    )
    assert (number, origin) == (outcome["case_number"], outcome["source"])


def test_who_holds_no_role_is_refused_in_words(rig: DoorRig) -> None:
    body = told(event_id="door-2", time=now(), actor=STRANGER.actor)
    assert rig.post(body).status_code == 202
    outcome = answered(rig, "door-2")
    assert (outcome["fate"], outcome["reason"]) == ("refused", "role_not_held")
    assert outcome["message"] == "办理时您不在这个岗位上,请核对组织目录中的任职。"


def test_the_same_event_by_both_ways_counts_once(
    rig: DoorRig, settings: Settings, tmp_path: Path
) -> None:
    """A branch that lost its network posts what its spool still holds."""
    with producer(settings, tmp_path) as one:
        event_id = one.send(REPORT, township=TOWNSHIP, acting=ACTING)
        sealed = one._spool.sealed(event_id)
        assert sealed is not None
        headers = {name.replace("ce_", "ce-"): text.decode() for name, text in sealed.headers}
        for _ in range(2):
            answer = rig.ask("POST", "/events", content=sealed.value, headers=headers, token=None)
            assert answer.status_code == 202
        eventually(lambda: one.pump(wait=SHORTLY).answered > 0)
        assert one.status().waiting == 0
    journal = "SELECT count(*) FROM journal WHERE source = %s AND event_id = %s"
    assert rig.rows(journal, SIGNING_SOURCE, event_id) == [(1,)]


SHORTLY = timedelta(milliseconds=200)


@contextmanager
def producer(settings: Settings, folder: Path, **more: Any) -> Iterator[Producer]:
    with closing(
        Producer(
            SIGNING_SOURCE,
            KEY,
            bootstrap=settings.address("kafka_bootstrap"),
            folder=folder,
            patience=Patience(answer=timedelta(seconds=2)),
            **more,
        )
    ) as one:
        yield one


def test_a_branch_app_hears_what_became_of_its_events(
    rig: DoorRig, settings: Settings, tmp_path: Path
) -> None:
    heard: dict[str, EventOutcome] = {}

    def hear(outcome: EventOutcome) -> None:
        heard.setdefault(outcome.event_id, outcome)

    with producer(settings, tmp_path, on_outcome=hear) as one:
        applied = one.send(REPORT, township=TOWNSHIP, acting=ACTING)
        refused = one.send(REPORT, township=TOWNSHIP, acting=STRANGER)
        elsewhere = replace(REPORT, grid=f"{TOWNSHIP}201999")
        dead = one.send(elsewhere, township=TOWNSHIP, acting=ACTING)

        def all_answered() -> bool:
            one.pump(wait=SHORTLY)
            return one.status().waiting == 0

        eventually(all_answered)
        status = one.status()
        assert [(it.event_id, it.reason) for it in status.refused] == [(refused, "role_not_held")]
        assert [(it.event_id, it.reason) for it in status.dead_lettered] == [
            (dead, "unknown_place")
        ]
        assert status.signed_out == 3
    assert heard[applied].case_number
    token = rig.issue(source=SIGNING_SOURCE)
    assert answered(rig, applied, token)["case_number"] == heard[applied].case_number
    assert answered(rig, dead, token)["reason"] == "unknown_place"
