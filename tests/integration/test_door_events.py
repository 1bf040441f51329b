"""Events over HTTP: kept once, in the right shard, and told what became of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from events.admission import DOOR_KEY, Admitted, Gate, admit
from events.codec import Decoded, decode
from events.contract.feedback import CaseClosed
from events.contract.reports import Datum, Place, ReportFiled, ReportSupplemented
from events.partitions import partition_of
from events.positions import to_gcj02
from models.cases import Cases
from models.directory import Directory
from models.shards import Journal, Outcomes
from models.tokens import find_token, list_tokens, revoke_token
from models.values import Mark, derived_id
from partygrid.embedded.postgres import Postgres
from tests.integration.door_rig import (
    COUNTY,
    EXPIRY,
    GRID,
    NOON,
    OWN_KEY,
    PARTITIONS,
    POLICY,
    REPORT,
    SIGNING_SOURCE,
    SOURCE,
    TOWNSHIP,
    DoorRig,
    door_rig,
    entries,
    signed,
    told,
)

BATCH = "application/cloudevents-batch+json"
CASE = derived_id("a case")


@pytest.fixture(scope="module")
def doors(postgres: Postgres, migrated: str, tmp_path_factory: Any) -> Iterator[DoorRig]:
    postgres.create_database("door_events", template=migrated)
    with door_rig(postgres.url("door_events"), tmp_path_factory.mktemp("doors")) as one:
        yield one
    postgres.drop_database("door_events")


@pytest.fixture
def rig(doors: DoorRig) -> DoorRig:
    doors.begin_anew()
    return doors


def published(rig: DoorRig, event_id: str) -> tuple[Decoded, str, int]:
    """Read an outbox row as the engine will read its record: event, topic, size."""
    ((headers, value, topic),) = rig.rows(
        "SELECT headers::text, value, topic FROM outbox WHERE event_id = %s", event_id
    )
    told_headers = [(name, text.encode()) for name, text in json.loads(headers)]
    read = decode(bytes(value), told_headers)
    assert isinstance(read, Decoded)
    return read, topic, len(value)


def taken_by_the_engine(rig: DoorRig, event_id: str) -> Admitted:
    read, topic, size = published(rig, event_id)
    gate = Gate(directory=Directory(entries=entries()), policy=POLICY, own_key=OWN_KEY)
    verdict = admit(gate, read, topic, size, NOON)
    assert isinstance(verdict, Admitted), verdict
    return verdict


def test_an_event_is_kept_in_the_shard_of_its_township(rig: DoorRig) -> None:
    listener = rig.db.cursor()
    listener.execute("LISTEN partygrid_outbox")
    answer = rig.post(told())
    assert answer.status_code == 202
    assert answer.headers["location"] == "/events/e1"
    assert answer.json() == {"id": "e1", "source": SOURCE, "fate": "pending"}
    shard = partition_of(TOWNSHIP, PARTITIONS)
    assert rig.outbox() == [(shard, "grid.reports", TOWNSHIP, SOURCE, "e1")]
    assert [one.channel for one in rig.db.notifies(timeout=5, stop_after=1)] == ["partygrid_outbox"]


def test_the_engine_takes_what_the_door_vouched_for(rig: DoorRig) -> None:
    rig.post(told(sequence=4, caseversion=2, recordedby="p-2", assertion="a.b.c"))
    verdict = taken_by_the_engine(rig, "e1")
    event = verdict.event
    assert (verdict.kind, event.key_id, event.source) == ("external", DOOR_KEY, SOURCE)
    assert (event.sequence, event.case_version, event.acting.recorded_by) == (4, 2, "p-2")
    assert event.acting.asserted_by == "app"
    assert event.data == REPORT
    assert published(rig, "e1")[0].assertion == "a.b.c"


def test_the_engine_takes_what_an_app_signed_just_as_it_was(rig: DoorRig) -> None:
    body = signed()
    assert rig.post(body, token=None).status_code == 202
    verdict = taken_by_the_engine(rig, "s1")
    assert (verdict.event.source, verdict.event.sequence) == (SIGNING_SOURCE, 7)
    assert verdict.signature == body["signature"]


def test_binary_mode_is_the_same_event(rig: DoorRig) -> None:
    body = told()
    headers = {f"ce-{name}": quote(str(value)) for name, value in body.items() if name != "data"}
    content = json.dumps(body["data"], indent=2).encode()
    answer = rig.ask(
        "POST", "/events", content=content, headers={**headers, "Content-Type": "application/json"}
    )
    assert answer.status_code == 202
    assert taken_by_the_engine(rig, "e1").event.data == REPORT
    assert rig.post(body).status_code == 202
    assert len(rig.outbox()) == 1


def test_the_same_event_again_is_answered_alike_and_kept_once(rig: DoorRig) -> None:
    first = rig.post(told())
    rig.db.execute("UPDATE outbox SET published_at = now()")
    again = rig.post(told())
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert len(rig.outbox()) == 1


def test_an_event_that_was_decided_before_is_not_kept_again(rig: DoorRig) -> None:
    """It came over Kafka, or its outbox row was cleaned away."""
    rig.post(told())
    content_hash = taken_by_the_engine(rig, "e1").event.content_hash
    rig.db.execute("DELETE FROM outbox")
    rig.add(
        Journal(
            shard=0,
            seq=1,
            kind="external",
            source=SOURCE,
            event_id="e1",
            event_type="grid.report.filed.v1",
            content_hash=content_hash,
            decided_at=NOON,
            directory_revision=1,
        )
    )
    assert rig.post(told()).status_code == 202
    assert rig.outbox() == []
    assert rig.post(told(replace(REPORT, title="别的"))).status_code == 409


def test_another_content_under_the_same_id_is_a_conflict(rig: DoorRig) -> None:
    rig.post(told())
    answer = rig.post(told(replace(REPORT, title="别的")), headers={"Accept-Language": "en"})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:partygrid:problem:id_conflict",
        "title": "Another content was sent under the same id; use a new one.",
        "status": 409,
        "code": "id_conflict",
        "id": "e1",
    }
    assert len(rig.outbox()) == 1


def test_one_id_of_two_apps_is_two_events(rig: DoorRig) -> None:
    other = rig.issue(source="app/other")
    assert rig.post(told()).status_code == 202
    assert rig.post(told(replace(REPORT, title="别的")), token=other).status_code == 202
    assert {row[3] for row in rig.outbox()} == {SOURCE, "app/other"}


def test_the_same_event_posted_at_once_is_kept_once(rig: DoorRig) -> None:
    batch = [told(), told(event_id="e2")]
    answers = rig.at_once(batch, kind=BATCH, times=6)
    assert [answer.status_code for answer in answers] == [200] * 6
    assert sorted(row[4] for row in rig.outbox()) == ["e1", "e2"]


def test_a_batch_is_answered_one_by_one(rig: DoorRig) -> None:
    batch = [
        told(),
        told(event_id="e2", township="330299101"),
        signed(),
        told(),
        told(replace(REPORT, title="别的")),
        "nonsense",
        told(event_id="e3"),
    ]
    answer = rig.post(batch, kind=BATCH)
    assert answer.status_code == 200
    results = answer.json()
    assert [one["status"] for one in results] == [202, 403, 403, 202, 409, 400, 202]
    assert [one.get("id") for one in results] == ["e1", "e2", "s1", "e1", "e1", None, "e3"]
    assert results[0]["location"] == "/events/e1"
    assert [row[4] for row in rig.outbox()] == ["e1", "e3"]


def test_an_empty_batch_is_answered_with_nothing(rig: DoorRig) -> None:
    answer = rig.post([], kind=BATCH)
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize(
    "payload",
    [replace(REPORT, mark=Mark.BYPASS), replace(REPORT, concerns_minor=True)],
    ids=["bypass", "minor"],
)
def test_what_few_may_know_travels_apart(payload: ReportFiled, rig: DoorRig) -> None:
    rig.post(told(payload))
    assert rig.outbox()[0][1] == "restricted.grid.reports"


@pytest.mark.parametrize(("mark", "topic"), [("none", ""), ("confidential", "restricted.")])
def test_so_does_everything_about_a_marked_case(mark: str, topic: str, rig: DoorRig) -> None:
    rig.add(Cases(id=CASE, shard=0, version=1, state="REPORTED", mark=mark, grid=GRID))
    body = told(ReportSupplemented(description="补充"), subject=CASE)
    assert rig.post(body, token=rig.issue(restricted=True)).status_code == 202
    assert rig.outbox()[0][1] == f"{topic}grid.reports"


def test_a_phones_position_is_converted(rig: DoorRig) -> None:
    lon, lat = to_gcj02(121.5, 29.87)
    payload = replace(REPORT, place=Place(lon=lon, lat=lat, datum=Datum.GCJ02))
    for _ in range(2):
        assert rig.post(told(payload)).status_code == 202
    data = taken_by_the_engine(rig, "e1").event.data
    assert isinstance(data, ReportFiled)
    assert data.place == Place(lon=121.5, lat=29.87)
    assert len(rig.outbox()) == 1


# --- what became of it ---------------------------------------------------------------------------


def settle(rig: DoorRig, fate: str, reason: str = "", **columns: Any) -> None:
    rig.add(
        Outcomes(
            source=SOURCE,
            event_id="e1",
            fate=fate,
            reason=reason,
            event_type="grid.report.filed.v1",
            decided_at=NOON,
            **columns,
        )
    )


def test_an_outcome_tells_the_case(rig: DoorRig) -> None:
    rig.post(told())
    assert rig.ask("GET", "/events/e1").json()["fate"] == "pending"
    settle(rig, "applied", "ok", case_id=CASE, case_number="N1", version=1)
    assert rig.ask("GET", "/events/e1").json() == {
        "id": "e1",
        "source": SOURCE,
        "fate": "applied",
        "reason": "ok",
        "message": "已办理。",
        "case_id": CASE,
        "case_number": "N1",
        "version": 1,
        "decided_at": NOON.isoformat(),
    }


@pytest.mark.parametrize(
    ("fate", "reason", "language", "message"),
    [
        ("refused", "outside_circle", "zh", "这件事只限指定人员办理。"),
        ("refused", "outside_circle", "en", "The case is restricted to a named circle."),
        ("dead-lettered", "unknown_place", "zh", "组织目录中没有这个网格或乡镇,请核对编码。"),
        (
            "parked",
            "case_unknown",
            "en",
            "The case is not known yet; the event waits for its report.",
        ),
    ],
)
def test_a_reason_is_told_in_the_callers_language(
    fate: str, reason: str, language: str, message: str, rig: DoorRig
) -> None:
    settle(rig, fate, reason)
    answer = rig.ask("GET", "/events/e1", headers={"Accept-Language": language}).json()
    assert (answer["fate"], answer["reason"], answer["message"]) == (fate, reason, message)


def test_an_app_sees_its_own_events_only(rig: DoorRig) -> None:
    rig.post(told())
    other = rig.issue(source="app/other")
    assert rig.ask("GET", "/events/e1", token=other).status_code == 404
    assert rig.ask("GET", "/events/e1", token=None).status_code == 401
    assert rig.ask("GET", "/events/e9").json()["code"] == "not_known"


def test_an_id_with_a_slash_finds_its_outcome(rig: DoorRig) -> None:
    location = rig.post(told(event_id="2026/03 十/1")).headers["location"]
    assert rig.ask("GET", location).json()["id"] == "2026/03 十/1"


# --- tokens --------------------------------------------------------------------------------------


def test_a_token_ends_when_it_is_revoked_or_over(rig: DoorRig) -> None:
    assert rig.post(told()).status_code == 202
    rig.clock.instant = EXPIRY
    assert rig.ask("GET", "/events/e1").json()["code"] == "bad_token"
    rig.clock.instant = NOON
    with rig.db.cursor() as cursor:
        (token,) = list_tokens(cursor)
        assert revoke_token(cursor, token.id, NOON)
        assert not revoke_token(cursor, token.id, NOON)
        assert find_token(cursor, rig.token, NOON) is None
        assert [one.revoked_at for one in list_tokens(cursor)] == [NOON]
    answer = rig.ask("GET", "/events/e1")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_a_tokens_secret_is_nowhere_in_the_database(rig: DoorRig) -> None:
    secret = rig.token.split("_", 2)[2]
    ((row,),) = rig.rows("SELECT app_tokens::text FROM app_tokens")
    assert secret not in row


def test_so_many_events_a_minute(database_url: str, tmp_path: Path) -> None:
    few = POLICY.model_copy(
        update={"limits": POLICY.limits.model_copy(update={"posts_a_minute": 3})}
    )
    with door_rig(database_url, tmp_path, policy=few) as rig:
        batch = [told(event_id=f"e{n}") for n in range(5)]
        answer = rig.post(batch, kind=BATCH)
        assert [one["status"] for one in answer.json()] == [202, 202, 202, 429, 429]
        single = rig.post(told(event_id="e9"))
        assert single.status_code == 429
        assert 50 <= int(single.headers["retry-after"]) <= 60
        assert answer.headers["retry-after"]
        others = [signed(event_id=f"s{n}") for n in range(4)]
        answer = rig.post(others, kind=BATCH, token=None)
        assert [one["status"] for one in answer.json()] == [202, 202, 202, 429]
        assert rig.post(told(), token=rig.issue(source="app/other")).status_code == 202


def test_a_county_may_speak_for_itself(rig: DoorRig) -> None:
    """An event without a case, decided in the county's own shard."""
    everything = rig.issue(source="app/county", event_types=("*",), roles=("*",))
    body = told(CaseClosed(), township=COUNTY, subject=CASE)
    assert rig.post(body, token=everything).status_code == 202
    assert rig.outbox()[0][:3] == (partition_of(COUNTY, PARTITIONS), "grid.feedback", COUNTY)
