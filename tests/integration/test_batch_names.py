"""What a batch is called in Prefect, where everybody who operates can read it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import pytest

from flows.batch import Batch, Coordinate, DueFiring, RawRecord
from models.case import Case
from models.case_store import save_cases
from models.clocks import Clock
from models.ledger_store import DueTimer
from models.values import CaseId, CaseState, Mark, Step, derived_id
from partygrid import bootstrap
from partygrid.processes.batch_names import BatchNames

NOW = datetime(2026, 3, 10, 1, 0, tzinfo=UTC)
OPEN, SECRET = derived_id("open"), derived_id("secret")
NUMBER = "330281101201001-20260310-0001"
TOLD = "grid.assignment.progress_reported"


@pytest.fixture
def names(database_url: str) -> Iterator[BatchNames]:
    cases = [
        Case(id=CaseId(one), version=1, state=CaseState.HANDLING, number=number, mark=mark)
        for one, number, mark in ((OPEN, NUMBER, Mark.NONE), (SECRET, "x-1", Mark.CONFIDENTIAL))
    ]
    with bootstrap.connected(database_url) as connection, connection.cursor() as cursor:
        save_cases(cursor, [(None, case) for case in cases], shard=0, heads={})
        connection.commit()
    names = BatchNames(partial(bootstrap.connect, database_url))
    yield names
    names.close()


def record(subject: str, *, kind: str = f"{TOLD}.v1", topic: str = "grid.assignment") -> RawRecord:
    return RawRecord(
        at=Coordinate(topic=topic, topic_id="t", partition=0, offset=0),
        key=None,
        headers=[("ce_type", kind.encode()), ("ce_subject", subject.encode())],
        value=b"",
        now=NOW,
    )


def firing(subject: str) -> DueFiring:
    clock = Clock(key="rung:2", generation=1, due_at=NOW)
    return DueFiring(
        timer=DueTimer(subject=subject, subject_kind="case", township="330281101", clock=clock)
    )


@pytest.mark.parametrize(
    ("records", "firings", "name"),
    [
        ([record(OPEN)], [], f"{NUMBER} {TOLD}"),
        ([record(OPEN), record(OPEN)], [], f"{NUMBER} 2 inputs"),
        ([record(OPEN), record(derived_id("other"))], [], "2 inputs"),
        ([record(derived_id("unknown"))], [], TOLD),
        ([record("")], [], TOLD),
        ([record("", kind="村民某某")], [], "1 input"),
        ([record("' OR 1=1 --")], [], TOLD),
        ([record(SECRET)], [], "restricted"),
        ([record(SECRET), record(SECRET)], [], "restricted"),
        ([record("", topic="restricted.grid.reports")], [], "restricted"),
        ([], [firing(OPEN)], f"{NUMBER} timer rung"),
        ([], [firing(SECRET)], "restricted"),
        ([], [firing("330281101")], "timer rung"),
    ],
    ids=[
        *("one", "one case", "two cases", "unknown case", "opens one", "unknown type"),
        *("hostile", "marked", "marked twice", "restricted topic", "timer", "marked timer"),
        "township's timer",
    ],
)
def test_a_batch_is_called_by_its_case(
    names: BatchNames, records: list[RawRecord], firings: list[DueFiring], name: str
) -> None:
    batch = Batch(
        shard=0,
        step=Step.ASSIGNMENT,
        records=tuple(records),
        firings=tuple(firings),
        recorded_at=NOW,
    )
    assert names(batch) == name


def test_without_a_database_a_batch_still_has_a_name() -> None:
    away = BatchNames(partial(bootstrap.connect, "postgresql://127.0.0.1:1/nothing"))
    batch = Batch(shard=0, step=Step.ASSIGNMENT, records=(record(OPEN),), recorded_at=NOW)
    assert away(batch) == TOLD
