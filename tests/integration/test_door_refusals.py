"""What the doors refuse: each bad input, its status, its code, and that nothing of it is kept."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from events.admission import DOOR_KEY, ENGINE_KEY, ENGINE_SOURCE, vouch
from events.contract.feedback import CaseClosed
from events.contract.outgoing import CaseUpdated
from events.contract.reports import Datum, Place, ReportSupplemented
from models.keys import SigningKey
from models.values import derived_id
from partygrid.embedded.postgres import Postgres
from tests.integration.door_rig import (
    COUNTY,
    EXPIRY,
    NOON,
    OWN_KEY,
    POLICY,
    REPORT,
    SIGNING_SOURCE,
    SINCE,
    TOWNSHIP,
    DoorRig,
    Json,
    door_rig,
    signed,
    told,
)

LIMITS, DEADLINES = POLICY.limits, POLICY.deadlines
GOOD = told()["data"]
CASE = derived_id("a case")
MORE = ReportSupplemented(description="补充")
PLACE = Place(lon=121.5, lat=29.87, datum=Datum.GCJ02)


@pytest.fixture(scope="module")
def doors(postgres: Postgres, migrated: str, tmp_path_factory: Any) -> Iterator[DoorRig]:
    postgres.create_database("door_refusals", template=migrated)
    with door_rig(postgres.url("door_refusals"), tmp_path_factory.mktemp("doors")) as one:
        yield one
    postgres.drop_database("door_refusals")


@pytest.fixture
def rig(doors: DoorRig) -> DoorRig:
    doors.begin_anew()
    return doors


def case(name: str, body: Any, status: int, code: str, at: str = "") -> Any:
    return pytest.param(body, status, code, at, id=name)


def vouched(key_id: str, source: str) -> Json:
    """An event that claims to be the installation's own; the mark is even right."""
    body = told(source=source, keyid=key_id)
    attributes = {name: str(value) for name, value in body.items() if name != "data"}
    mark = vouch(OWN_KEY, attributes, json.dumps(body["data"]).encode())
    return {**body, "signature": mark}


@pytest.mark.parametrize(
    ("body", "status", "code", "at"),
    [
        case("broken-json", b'{"id": "e1"', 400, "malformed"),
        case("not-utf-8", b"\xff\xfe", 400, "malformed"),
        case("a-list", [], 400, "malformed"),
        case("empty", b"", 400, "malformed"),
        case("no-id", told(id=None), 400, "malformed"),
        case("no-type", told(type=None), 400, "malformed"),
        case("no-time", told(time=None), 400, "malformed"),
        case("no-township", told(township=None), 400, "malformed"),
        case("old-cloudevents", told(specversion="0.3"), 400, "malformed"),
        case("time-without-zone", told(time="2026-03-10T12:00:00"), 400, "malformed"),
        case("time-is-nonsense", told(time="yesterday"), 422, "invalid_data"),
        case("township-too-short", told(township="33028"), 400, "malformed"),
        case("township-of-letters", told(township="33028110x"), 400, "malformed"),
        case("sequence-of-letters", told(sequence="one"), 400, "malformed"),
        case("sequence-too-large", told(sequence=2**40), 400, "malformed"),
        case("id-too-long", told(id="x" * 300), 400, "malformed"),
        case("id-with-a-line-break", told(id="a\nb"), 400, "malformed"),
        case("id-with-nul", told(id="a\0b"), 400, "malformed"),
        case("half-a-character", b'{"id": "\\ud800"}', 400, "malformed"),
        case("attribute-is-a-list", told(actor=["p-1"]), 400, "malformed"),
        case("no-data", told(data=None), 400, "malformed"),
        case("unknown-type", told(type="grid.report.sung.v1"), 422, "unknown_type"),
        case("unknown-version", told(type="grid.report.filed.v9"), 422, "unknown_version"),
        case("data-is-a-text", told(data="x"), 422, "invalid_data"),
        case("missing-field", told(data={**GOOD, "title": None}), 422, "invalid_data", "title"),
        case("no-title", told(data={"grid": GOOD["grid"]}), 422, "invalid_data", "source"),
        case("wrong-kind", told(data={**GOOD, "joint": "yes"}), 422, "invalid_data", "joint"),
        case("wrong-value", told(data={**GOOD, "source": "x"}), 422, "invalid_data", "source"),
        case("unknown-field", told(data={**GOOD, "phone": "1"}), 422, "invalid_data"),
        case(
            "text-too-long", told(data={**GOOD, "title": "长" * 4001}), 422, "invalid_data", "title"
        ),
        case("nul-in-a-text", told(data={**GOOD, "title": "a\0b"}), 422, "invalid_data"),
        case(
            "no-number",
            told(data={**GOOD, "place": {"lon": "x"}}),
            422,
            "invalid_data",
            "place.lon",
        ),
        case(
            "half-a-place",
            told(data={**GOOD, "place": {"lon": 1}}),
            422,
            "invalid_data",
            "place.lat",
        ),
        case(
            "too-much-evidence",
            told(data={**GOOD, "evidence": ["a" * 64] * (LIMITS.evidence_items + 1)}),
            422,
            "invalid_data",
            "evidence",
        ),
        case("about-nothing", told(MORE), 422, "invalid_data"),
        case("about-no-case", told(MORE, subject="case-1"), 422, "invalid_data"),
        case(
            "far-in-the-future",
            told(time=(NOON + DEADLINES.clock_skew + timedelta(minutes=1)).isoformat()),
            422,
            "implausible_time",
        ),
        case(
            "far-in-the-past",
            told(time=(NOON - DEADLINES.occurred_at_most_before - timedelta(days=1)).isoformat()),
            422,
            "implausible_time",
        ),
        case(
            "unknown-grid", told(data={**GOOD, "grid": f"{TOWNSHIP}201999"}), 422, "unknown_place"
        ),
        case(
            "unknown-township",
            told(CaseClosed(), township="330281999", subject=CASE),
            403,
            "out_of_scope",
        ),
        case(
            "grid-elsewhere",
            told(township=COUNTY, data={**GOOD, "grid": "330299101201001"}),
            422,
            "unknown_place",
        ),
        case("other-territory", told(township="330299101"), 403, "out_of_scope"),
        case("other-types", told(CaseClosed(), subject=CASE), 403, "out_of_scope"),
        case("other-role", told(actingrole="duty_supervisor"), 403, "out_of_scope"),
        case("other-source", told(source=SIGNING_SOURCE), 403, "other_source"),
        case("as-the-engine", told(actor="system:intake"), 403, "engine_only"),
        case(
            "engines-type", told(CaseUpdated(state="x", version=1, because="y")), 403, "engine_only"
        ),
        case("says-what-caused-it", told(cause="x"), 403, "engine_only"),
        case("replays", told(replayof="x"), 403, "engine_only"),
        case("someone-elses-signed-event", signed(), 403, "other_source"),
        case("xml", told(datacontenttype="application/xml"), 415, "media_type"),
        case("base64", {**told(data=None), "data_base64": "e30="}, 415, "media_type"),
    ],
)
def test_an_app_with_a_token_is_told_what_is_wrong(
    body: Any, status: int, code: str, at: str, rig: DoorRig
) -> None:
    answer = rig.post(body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().get("at", "") == at
    assert rig.outbox() == []


@pytest.mark.parametrize(
    ("body", "status", "code", "at"),
    [
        case("unsigned", told(), 401, "unsigned"),
        case("unknown-key", signed(key=SigningKey.generate()), 401, "unknown_key"),
        case("no-key", signed(changed={"keyid": None}), 401, "unsigned"),
        case("other-app", signed(source="app/other"), 401, "unknown_key"),
        case("no-signature", signed(changed={"signature": ""}), 401, "unsigned"),
        case("nonsense", signed(changed={"signature": "=?="}), 401, "bad_signature"),
        case(
            "another-time",
            signed(changed={"time": "2026-03-10T03:59:59+00:00"}),
            401,
            "bad_signature",
        ),
        case("another-actor", signed(changed={"actor": "p-2"}), 401, "bad_signature"),
        case("another-sequence", signed(changed={"sequence": 8}), 401, "bad_signature"),
        case("added-attribute", signed(changed={"onbehalfof": "p-9"}), 401, "bad_signature"),
        case(
            "another-word",
            signed(changed={"data": {**GOOD, "title": "井盖"}}),
            401,
            "bad_signature",
        ),
        case("other-type", signed(CaseClosed(), subject=CASE), 403, "out_of_scope"),
        case("other-territory", signed(township="330281102"), 403, "out_of_scope"),
        case("whole-county", signed(township=COUNTY), 403, "out_of_scope"),
        case("engines-key", vouched(ENGINE_KEY, ENGINE_SOURCE), 401, "unknown_key"),
        case("doors-key", vouched(DOOR_KEY, "app/page"), 401, "unknown_key"),
        case(
            "unknown-grid", signed(replace(REPORT, grid=f"{TOWNSHIP}201999")), 422, "unknown_place"
        ),
        case("too-late", signed(time=NOON + timedelta(days=2)), 422, "implausible_time"),
        case("phones-position", signed(replace(REPORT, place=PLACE)), 422, "datum"),
        case("wave", signed(changed={"wave": "3"}), 403, "engine_only"),
    ],
)
def test_an_app_that_signs_is_told_what_is_wrong(
    body: Any, status: int, code: str, at: str, rig: DoorRig
) -> None:
    answer = rig.post(body, token=None)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json().get("at", "") == at
    assert rig.outbox() == []


@pytest.mark.parametrize(
    "given",
    [
        "Bearer",
        "Bearer ",
        "Basic cGFnZTpzZWNyZXQ=",
        "Bearer nonsense",
        "Bearer pgt_",
        "Bearer pgt_0000000000000000_",
        "Bearer pgt_0000000000000000_AAAA",
        "Bearer pgt_{id}_",
        "Bearer pgt_{id}_AAAA",
        "Bearer pgt_{id}_{secret}x",
        "Bearer PGT_{id}_{secret}",
        "Bearer {secret}",
    ],
)
def test_a_token_that_is_none_opens_nothing(given: str, rig: DoorRig) -> None:
    _, token_id, secret = rig.token.split("_", 2)
    headers = {"Authorization": given.format(id=token_id, secret=secret)}
    for body in (told(), signed()):
        answer = rig.post(body, headers=headers, token=None)
        assert (answer.status_code, answer.json()["code"]) == (401, "bad_token")
    assert rig.outbox() == []


@pytest.mark.parametrize("revoked", ["expired", "not-yet"])
def test_nor_does_one_that_is_not_in_force(revoked: str, rig: DoorRig) -> None:
    rig.clock.instant = EXPIRY if revoked == "expired" else SINCE - timedelta(days=1)
    assert rig.post(told()).json()["code"] == "bad_token"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/../../etc/passwd", 404, "not_found"),
        ("DELETE", "/events", 405, "method_not_allowed"),
        ("GET", "/evidence/nonsense", 404, "evidence_missing"),
    ],
)
def test_what_is_not_there(method: str, path: str, status: int, code: str, rig: DoorRig) -> None:
    answer = rig.ask(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("kind", ["text/plain", "", "application/json; charset=gbk"])
def test_another_media_type(kind: str, rig: DoorRig) -> None:
    assert rig.post(told(), kind=kind).status_code == 415


def test_binary_mode_without_an_id(rig: DoorRig) -> None:
    answer = rig.post(GOOD, kind="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize(
    "kind", ["application/cloudevents+json", "application/cloudevents-batch+json"]
)
def test_more_than_an_event_may_hold(kind: str, rig: DoorRig) -> None:
    at_most = LIMITS.event_bytes
    exactly = json.dumps(told()).encode().ljust(at_most)
    if "batch" not in kind:
        assert rig.post(exactly).status_code == 202
    answer = rig.post(exactly + b" ", kind=kind)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_no_origin_is_told_that_it_may_read(rig: DoorRig) -> None:
    answer = rig.post(told(), headers={"Origin": "https://elsewhere.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    asked = rig.ask(
        "OPTIONS",
        "/events",
        headers={"Origin": "https://x.example", "Access-Control-Request-Method": "POST"},
    )
    assert asked.status_code == 405


def test_nothing_that_was_posted_comes_back_in_a_problem(rig: DoorRig) -> None:
    words = "张三家的电话是13800000000"
    for data in ({**GOOD, "source": words}, {**GOOD, "mark": words}, {**GOOD, "grid": words}):
        answer = rig.post(told(data=data))
        assert answer.status_code == 422
        assert words not in answer.text
