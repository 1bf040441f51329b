"""The equations close after everything that can happen to a record, and name what is broken."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from kafka import TopicPartition
from msgspec.structs import replace

from events.clients import Consumer
from events.contract.envelope import Event, Payload
from events.contract.registry import INBOUND_TOPICS
from events.contract.reports import (
    HistoryRecorded,
    ReportFiled,
    ReportMerged,
    ReportRejected,
    ReportSource,
    ReportSupplemented,
)
from models.policy.people import Role
from models.values import case_id_of, derived_id
from partygrid.embedded.postgres import Postgres
from tests.rig import Rig
from tests.rigged import command, found_county, put_back, raw, rigged, working
from tests.world import COUNTY, GRID, NOW, TOWNSHIP, acting

MEMBER = acting(Role.GRID_MEMBER, GRID)
SUPERVISOR = acting(Role.DUTY_SUPERVISOR, TOWNSHIP)


@pytest.fixture(scope="module")
def rig(postgres: Postgres, migrated: str, server_folder: Path) -> Iterator[Rig]:
    """An installation to which a little of everything happened."""
    with rigged(postgres, migrated, server_folder) as rig, working(rig.engine):
        found_county(rig)
        everything_happens(rig)
        yield rig


def everything_happens(rig: Rig) -> None:
    lamp, same, hoax = (report(rig, title) for title in ("路灯", "还是路灯", "没有的事"))
    lost = rig.event(
        ReportSupplemented(description="没有下文"),
        MEMBER,
        township=TOWNSHIP,
        subject=derived_id("nobody", "knows"),
    )
    rig.at(
        NOW,
        *[replace(one, sequence=n) for n, one in enumerate((lamp, same, hoax), start=1)],
        replace(lamp, sequence=1),
        report(rig, "另外的话", event_id=lamp.id),
        raw("grid.reports", b"{}"),
        replace(rig.outbound(report(rig, "放错分区")), partition=1),
        lost,
    )
    rig.at(
        NOW + timedelta(minutes=1),
        about(rig, same, ReportMerged(into=case_id_of(lamp.source, lamp.id), reason="同一件")),
        about(rig, hoax, ReportRejected(reason="不存在")),
        about(rig, hoax, ReportRejected(reason="再拒一次")),
    )
    importer = acting(Role.OPERATOR, COUNTY)
    rows = [
        HistoryRecorded(grid=GRID, case_ref="H-1", activity=name, instance=name, last=False)
        for name in ("登记", "办结")
    ]
    rig.at(
        NOW + timedelta(minutes=2),
        *[rig.event(row, importer, township=TOWNSHIP, source="app/log") for row in rows],
    )
    assert command(rig, *produced(rig)).exit_code == 1  # nobody released its instant yet
    rig.at(NOW + timedelta(minutes=3))


def report(rig: Rig, title: str, **more: Any) -> Event:
    data = ReportFiled(grid=GRID, source=ReportSource.GRID_MEMBER, title=title)
    return rig.event(data, MEMBER, township=TOWNSHIP, time=NOW, **more)


def about(rig: Rig, filed: Event, data: Payload) -> Event:
    subject = case_id_of(filed.source, filed.id)
    return rig.event(data, SUPERVISOR, township=TOWNSHIP, subject=subject)


def produced(rig: Rig) -> list[str]:
    """The command that sends a report through the outbox, as a door does."""
    file = rig.settings.home / "report.json"
    file.write_text(
        json.dumps({"grid": GRID, "category": "06-02", "source": "grid_member", "title": "手工"})
    )
    return [
        *("produce", "grid.report.filed", "--data", str(file), "--township", TOWNSHIP),
        *("--as", MEMBER.actor, "--role", MEMBER.role, "--org", MEMBER.org, "--wait", "0.1"),
    ]


def reconciled(rig: Rig) -> dict[str, Any]:
    done = command(rig, "reconcile", "--json")
    told: dict[str, Any] = json.loads(done.stdout)
    assert done.exit_code == (0 if told["closes"] else 1)
    return told


def test_it_closes_and_counts_everything(rig: Rig) -> None:
    told = reconciled(rig)
    assert told["gaps"] == []
    fates: Counter[str] = Counter()
    for one in told["partitions"]:
        assert one["read"] == one["records"] == sum(one["fates"].values())
        fates.update(one["fates"])
    assert set(fates) == {
        *("applied", "refused", "duplicate", "parked", "dead-lettered", "forwarded")
    }
    assert (told["doors"]["accepted"], told["doors"]["arrived"]) == (1, 1)
    assert told["reports"]["applied"] == 5
    assert sum(told["reports"]["own"].values()) == 3
    assert (told["reports"]["merged"], told["reports"]["rejected"]) == (1, 1)
    assert told["reports"]["history_applied"] == told["reports"]["history_rows"] == 2
    (app,) = (one for one in told["producers"] if one["source"] == "app/test")
    assert (app["signed_out"], app["arrived"], app["missing"]) == (3, 3, [])


def test_the_topics_read_by_a_stranger_say_the_same(rig: Rig) -> None:
    """The first equation a second way: what lies in the topics, record by record."""
    lying = set(read_topics(rig))
    stored = set(rig.rows('SELECT topic, partition, "offset" FROM records'))
    assert lying == stored
    counted = {
        (one["topic"], one["partition"]): one["records"] for one in reconciled(rig)["partitions"]
    }
    by_stranger = Counter((topic, partition) for topic, partition, _ in lying)
    assert {place: count for place, count in counted.items() if count} == dict(by_stranger)


def read_topics(rig: Rig) -> Iterator[tuple[str, int, int]]:
    consumer = Consumer(**rig.client, allow_auto_create_topics=False)
    try:
        partitions = [
            TopicPartition(topic, shard) for topic in INBOUND_TOPICS for shard in range(2)
        ]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(partitions)
        while any(consumer.position(one) < ends[one] for one in partitions):
            for one, records in consumer.poll(timeout_ms=5000).items():
                yield from ((one.topic, one.partition, record.offset) for record in records)
    finally:
        consumer.close()


def test_people_read_it_as_tables(rig: Rig) -> None:
    done = command(rig, "reconcile")
    assert done.exit_code == 0
    assert "closes" in done.stdout
    assert "grid.reports" in done.stdout
    assert "1 merged, 1 rejected" in done.stdout


@contextmanager
def spoilt(rig: Rig, table: str, *statements: str) -> Iterator[None]:
    """Change rows behind everybody's back, and put them back as they were."""
    with put_back(rig.db, table):
        for statement in statements:
            rig.db.execute(statement.encode())
        yield


LAST_RECORD = """
DELETE FROM records r WHERE "offset" = (SELECT max("offset") FROM records s
 WHERE s.topic_id = r.topic_id AND s.partition = r.partition) AND topic = 'grid.reports'
 AND partition = 0
"""
SPOILT: dict[str, tuple[str, tuple[str, ...], str]] = {
    "a record is gone": (
        "records",
        ("DELETE FROM records WHERE topic = 'grid.reports' AND partition = 0 AND \"offset\" = 3",),
        "no record of offset 3",
    ),
    "the last record is gone": ("records", (LAST_RECORD,), "no record of offset"),
    "a record nobody read": (
        "records",
        ('UPDATE records SET "offset" = 999 WHERE topic = \'grid.directory\' AND "offset" = 5',),
        "reach beyond what was read",
    ),
    "published and nowhere": (
        "outbox",
        (
            "INSERT INTO outbox (shard, topic, key, source, event_id, headers, value, created_at,"
            " published_at, partition) VALUES (0, 'grid.reports', '330281101', 'app/x', 'lost',"
            " '[]', '', now(), now(), -1)",
        ),
        "1 events were published and have no record",
    ),
    "a case is gone": (
        "cases",
        ("DELETE FROM cases WHERE state = 'REJECTED'",),
        "its case",
    ),
    "a case nobody reported": (
        "cases",
        (
            "INSERT INTO cases SELECT (jsonb_populate_record(c, jsonb_build_object('id',"
            " gen_random_uuid(), 'number', ''))).* FROM cases c WHERE state = 'REJECTED'",
        ),
        "no applied report opened it",
    ),
    "a row of a log twice": (
        "cases",
        ("UPDATE cases SET history_rows = 3 WHERE history_ref <> ''",),
        "2 rows were applied, the cases count 3",
    ),
    "patience without end": (
        "timers",
        ("DELETE FROM timers WHERE key = 'patience'",),
        "it would wait for ever",
    ),
    "a parked event is gone": (
        "parked",
        ("DELETE FROM parked",),
        "its event is parked nowhere",
    ),
    "a letter is gone": (
        "dead_letters",
        ("DELETE FROM dead_letters WHERE reason = 'malformed'",),
        "nobody could replay it",
    ),
    "an answer is gone": (
        "outcomes",
        ("DELETE FROM outcomes WHERE source = 'app/log'",),
        "its app was never told",
    ),
    "a timer is gone": (
        "timers",
        ("DELETE FROM timers WHERE key = 'proposal'",),
        "it will not ring",
    ),
    "a clock is gone": (
        "cases",
        ("UPDATE cases SET clocks = '[]' WHERE state = 'REPORTED'",),
        "nothing on its subject says why it rings",
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_broken_is_named(rig: Rig, name: str) -> None:
    table, statements, explanation = SPOILT[name]
    with spoilt(rig, table, *statements):
        told = reconciled(rig)
    assert not told["closes"]
    assert any(explanation in gap["explanation"] for gap in told["gaps"]), told["gaps"]


def test_an_open_case_that_rests_is_named(rig: Rig) -> None:
    """Neither an owner nor anything that will ring."""
    spoil = "UPDATE cases SET owner = NULL, clocks = '[]' WHERE state = 'REPORTED'"
    gone = "CREATE TEMP TABLE rung AS TABLE timers; DELETE FROM timers WHERE subject_kind = 'case'"
    back = "DELETE FROM timers; INSERT INTO timers SELECT * FROM rung; DROP TABLE rung"
    with spoilt(rig, "cases", spoil):
        rig.db.execute(gone)
        told = reconciled(rig)
        rig.db.execute(back)
    explanations = {gap["explanation"] for gap in told["gaps"]}
    assert "nobody must act and nothing will ring" in explanations
    assert reconciled(rig)["closes"]


def test_numbers_that_never_arrived_are_named(rig: Rig) -> None:
    """Number 4 may still come a day after number 5; then it counts as lost."""
    start = NOW + timedelta(hours=1)
    rig.at(start, replace(report(rig, "跳号"), sequence=5))
    told = reconciled(rig)
    assert told["closes"]
    assert [one["missing"] for one in told["producers"] if one["source"] == "app/test"] == [["4"]]
    rig.at(start + timedelta(hours=25))
    (gap,) = reconciled(rig)["gaps"]
    assert (gap["equation"], gap["place"]) == ("producers", "app/test")
    assert gap["explanation"] == "numbers 4 did not arrive in time"
