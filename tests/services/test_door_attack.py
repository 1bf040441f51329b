"""What a stranger, or an app gone wrong, may try at the door: each ends in a plain refusal."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.codec import type_name
from events.contract.assignment import AssignmentAccepted
from models.tokens import Door, issue_token, revoke_token
from partygrid.clock import WallClock
from partygrid.embedded.postgres import Postgres
from tests.integration.door_rig import SOURCE, signed
from tests.services.attacked_door import (
    STRUCTURED,
    AttackedDoor,
    attacked_door,
    head,
    now_told,
)
from web.envelopes import BATCH

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

EVENT_BYTES = 262_144


@pytest.fixture(scope="module")
def door(
    postgres: Postgres, migrated: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AttackedDoor]:
    postgres.create_database("attacked", template=migrated)
    with attacked_door(postgres.url("attacked"), tmp_path_factory.mktemp("attacked")) as one:
        yield one
    postgres.drop_database("attacked")


@pytest.fixture(autouse=True)
def unharmed(door: AttackedDoor) -> Iterator[None]:
    """Whatever was tried, the door goes on, and broke nowhere."""
    before = door.log.stat().st_size
    yield
    assert door.is_well()
    told = [json.loads(line) for line in door.log.read_bytes()[before:].splitlines()]
    assert [line for line in told if line["level"] in ("ERROR", "CRITICAL")] == []


def is_problem(answer: httpx.Response, *statuses: int) -> None:
    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code


# --- too large ------------------------------------------------------------------------------------


def chunks(size: int, *, each: int = 65_536) -> Iterator[bytes]:
    for _ in range(size // each):
        yield b"a" * each


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/events", STRUCTURED),
        ("/events", BATCH),
        ("/evidence", "image/jpeg"),
        ("/evidence", "multipart/form-data; boundary=x"),
        ("/identities", "application/json"),
    ],
)
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "streamed"])
def test_a_body_of_a_hundred_megabytes(
    path: str, kind: str, announced: bool, door: AttackedDoor
) -> None:
    size = 100 * 2**20
    headers = {"Authorization": f"Bearer {door.rig.token}", "Content-Type": kind}
    if announced:
        headers["Content-Length"] = str(size)
    began = time.monotonic()
    try:
        answer = httpx.post(door.url + path, content=chunks(size), headers=headers, timeout=30)
        is_problem(answer, 413, 400)
    except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
        pass  # the door had hung up before all was said
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "entry", [b"1", b"{}", b"[]", b'{"id":"a"}'], ids=["numbers", "objects", "lists", "ids"]
)
def test_many_small_entries_of_a_batch(entry: bytes, door: AttackedDoor) -> None:
    """As many as fit into a body: refused as a whole, not one by one."""
    count = EVENT_BYTES // (len(entry) + 1) - 1
    began = time.monotonic()
    answer = door.post(b"[" + b",".join([entry] * count) + b"]", kind=BATCH)
    is_problem(answer, 413)
    assert len(answer.content) < 10_000
    assert time.monotonic() - began < 20


# --- tokens ---------------------------------------------------------------------------------------


def test_tokens_that_are_none(door: AttackedDoor) -> None:
    token_id, secret = door.rig.token.split("_")[1:3]
    tried = [
        *(f"pgt_{token_id}_", f"pgt_{token_id}_{secret[:-1]}", f"pgt__{secret}", f"pgt_{secret}"),
        *("null", "undefined", "' OR '1'='1", "a" * 20_000, "%00", "pgt_" + "_" * 1000),
        f"pgt_{token_id}' OR '1'='1_{secret}",
        f"pgt_{token_id.upper()}_{secret}" if token_id.upper() != token_id else "x",
    ]
    for text in tried:
        answer = door.post(now_told("t"), headers={"Authorization": f"Bearer {text}"})
        is_problem(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"
        assert text not in answer.text
    for scheme in ("Basic", "bearer,", "Token", "Digest"):
        answer = door.post(now_told("t"), headers={"Authorization": f"{scheme} {door.rig.token}"})
        is_problem(answer, 401)
    assert door.rig.rows("SELECT 1 FROM outbox WHERE event_id = 't'") == []


@pytest.mark.parametrize("end", ["expired", "revoked"])
def test_tokens_that_ended(end: str, door: AttackedDoor) -> None:
    now = WallClock().now()
    with door.rig.db.transaction(), door.rig.db.cursor() as cursor:
        issued = issue_token(
            cursor,
            source=f"app/{end}",
            name=end,
            doors=(Door.EVENTS,),
            event_types=("*",),
            territories=("330281",),
            roles=("*",),
            now=now - timedelta(days=2),
            expires_at=now + timedelta(days=-1 if end == "expired" else 1),
        )
        if end == "revoked":
            assert revoke_token(cursor, issued.token.id, now)
    is_problem(door.post(now_told("t"), headers={"Authorization": f"Bearer {issued.text}"}), 401)


# --- again ----------------------------------------------------------------------------------------


def rows_of(door: AttackedDoor, event_id: str) -> int:
    return len(door.rig.rows("SELECT 1 FROM outbox WHERE event_id = %s", event_id))


def test_a_request_that_is_replayed_counts_once(door: AttackedDoor) -> None:
    event = now_told("again")
    answers = [door.post(event) for _ in range(5)]
    assert {(one.status_code, one.text) for one in answers} == {(202, answers[0].text)}
    assert rows_of(door, "again") == 1
    other = {**event, "data": {**event["data"], "title": "别的"}}
    is_problem(door.post(other), 409)
    assert door.post(other).json()["code"] == "id_conflict"
    (first, second) = door.post([event, other], kind=BATCH).json()
    assert (first["status"], second["status"]) == (202, 409)
    assert rows_of(door, "again") == 1


def test_what_an_app_signed_is_not_changed_by_who_replays_it(door: AttackedDoor) -> None:
    event = signed(event_id="s-again", time=WallClock().now())
    nobody = {"Authorization": ""}
    assert door.post(event, headers=nobody).status_code == 202
    assert door.post(event, headers=nobody).status_code == 202
    assert rows_of(door, "s-again") == 1
    for changed in (
        {"township": "330281102"},
        {"actor": "p-2"},
        {"id": "s-other"},
        {"sequence": "8"},
    ):
        is_problem(door.post({**event, **changed}, headers=nobody), 401, 403, 409, 422)
    is_problem(door.post(event), 403)  # by the token of another app
    assert rows_of(door, "s-again") == 1
    assert rows_of(door, "s-other") == 0


# --- odd bytes ------------------------------------------------------------------------------------

DEEP = 100_000
ODD: dict[str, bytes] = {
    "nothing": b"",
    "not-utf-8": b'{"id": "\xff\xfe"}',
    "half-a-character": json.dumps(now_told("odd", subject="\ud800")).encode(),
    "overlong": b'{"id": "\xc0\xaf"}',
    "bom": b"\xef\xbb\xbf" + json.dumps(now_told("odd-bom")).encode(),
    "utf-16": json.dumps(now_told("odd")).encode("utf-16"),
    "deep-lists": b"[" * DEEP,
    "deep-closed": b"[" * DEEP + b"]" * DEEP,
    "deep-objects": b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
    "two-documents": b'{"id": "a"}{"id": "b"}',
    "huge-number": json.dumps(now_told("odd")).encode()[:-1] + b',"sequence":1e400}',
    "long-number": json.dumps(now_told("odd")).encode()[:-1]
    + b',"sequence":'
    + b"9" * 100_000
    + b"}",
    "not-a-number": json.dumps(now_told("odd")).encode()[:-1] + b',"sequence":NaN}',
    "negative-version": json.dumps(now_told("odd", caseversion=-(2**70))).encode(),
    "long-id": json.dumps(now_told("o" * 100_000)).encode(),
    "twice-a-key": b'{"id":"a","id":"b"}',
    "gzip": b"\x1f\x8b\x08\x00" + b"\x00" * 100,
    "html": b"<html></html>",
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("kind", [STRUCTURED, BATCH, "application/json"])
def test_odd_bytes(name: str, kind: str, door: AttackedDoor) -> None:
    binary = {"ce-specversion": "1.0", "ce-id": "odd", "ce-type": "grid.report.filed.v1"}
    answer = door.post(ODD[name], kind=kind, headers=binary if kind == "application/json" else {})
    is_problem(answer, 400, 413, 422)


def deep_in(data: Any, depth: int) -> Any:
    for _ in range(depth):
        data = [data]
    return data


ODD_DATA: dict[str, dict[str, Any]] = {
    "huge-place": {"place": {"lon": 1e308, "lat": -1e308}},
    "integer-for-text": {"title": 10**30},
    "nul": {"title": "a\0b"},
    "control": {"title": "a\x1b[31m\r\nb"},
    "right-to-left": {"title": "\u202e" * 10},
    "long-text": {"description": "长" * 50_000},
    "deep": {"evidence": deep_in("a", 400)},
    "many": {"evidence": ["0" * 64] * 3000},
    "markup": {"title": "<script>alert(1)</script>"},
    "template": {"title": "{{ 7 * 7 }} ${jndi:ldap://x} %s%n"},
    "sql": {"title": "'; DROP TABLE outbox; --"},
    "unknown-field": {"__class__": "os.system", "constructor": {"prototype": 1}},
}


@pytest.mark.parametrize("name", ODD_DATA)
def test_odd_data(name: str, door: AttackedDoor) -> None:
    """Words may be any words; everything else is of its type or refused."""
    event = now_told(f"d-{name}")
    event["data"] |= ODD_DATA[name]
    answer = door.post(event)
    if answer.status_code != 202:
        is_problem(answer, 400, 413, 422)
    assert rows_of(door, f"d-{name}") == (answer.status_code == 202)


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
_ATTRIBUTES = ("id", "type", "time", "township", "actor", "actingrole", "actingorg", "subject")
_DATA = ("grid", "category", "source", "title", "description", "place", "evidence", "mark")


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    attributes=st.dictionaries(
        st.sampled_from((*_ATTRIBUTES, "data", "keyid", "signature")), _json, max_size=2
    ),
    data=st.dictionaries(st.sampled_from(_DATA), _json, max_size=2),
)
def test_a_good_event_with_something_else_in_it(
    attributes: dict[str, Any], data: dict[str, Any], door: AttackedDoor
) -> None:
    event = now_told("f-1")
    event["data"] = {**event["data"], **data}
    answer = door.post(json.dumps({**event, **attributes}).encode("utf-8", "surrogatepass"))
    if answer.status_code != 202:
        is_problem(answer, 400, 401, 403, 409, 422)


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "",
        "application/cloudevents+json; charset=utf-16",
        "application/xml",
        "multipart/form-data",
        STRUCTURED * 500,
    ],
)
def test_odd_media_types(kind: str, door: AttackedDoor) -> None:
    is_problem(door.post(now_told("m"), kind=kind), 400, 415)


def test_forms_that_are_none(door: AttackedDoor) -> None:
    """Files without end, names that lead elsewhere, parts without number."""
    token = {"Authorization": f"Bearer {door.rig.token}"}
    part = b'--x\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n%s\r\n'
    bodies = {
        "no boundary": ("multipart/form-data", b""),
        "never ends": ("multipart/form-data; boundary=x", part % (b"file", b"a", b"a" * 1000)),
        "many parts": (
            "multipart/form-data; boundary=x",
            part % (b"a", b"", b"") * 10_000 + b"--x--",
        ),
        "two files": (
            "multipart/form-data; boundary=x",
            part % (b"file", b"a", b"b") * 2 + b"--x--",
        ),
        "long head": (
            "multipart/form-data; boundary=x",
            part % (b"f" * 100_000, b"a", b"b") + b"--x--",
        ),
        "long boundary": ("multipart/form-data; boundary=" + "x" * 5000, b"--" + b"x" * 5000),
    }
    for name, (kind, body) in bodies.items():
        answer = door.client.post(
            "/evidence",
            content=body,
            headers={**token, "Content-Type": kind},
        )
        assert answer.status_code in (400, 413, 415, 422), (name, answer.text)
    climbing = part % (b"file", b"../../../own.key", "说明".encode()) + b"--x--"
    answer = door.client.post(
        "/evidence",
        content=climbing,
        headers={**token, "Content-Type": "multipart/form-data; boundary=x"},
    )
    assert answer.status_code == 201
    assert "own.key" not in answer.text
    kept = "SELECT source FROM evidence_files WHERE digest = %s"
    assert door.rig.rows(kept, answer.json()["sha256"]) == [(SOURCE,)]


def test_types_that_only_the_engine_makes(door: AttackedDoor) -> None:
    accepted = now_told("e-1", type=type_name(AssignmentAccepted()), subject="x", data={})
    is_problem(door.post(accepted), 403, 422)
    for attribute in ("cause", "wave", "replayof"):
        is_problem(door.post(now_told("e-2", **{attribute: "1"})), 403)
    for source in ("system:engine", "partygrid/engine", "app/branch-1"):
        is_problem(door.post(now_told("e-3", source=source)), 403)
    for actor in ("system:intake", "system:"):
        is_problem(door.post(now_told("e-4", actor=actor)), 403, 422)


def test_the_head_alone_says_nothing(door: AttackedDoor) -> None:
    answer = door.says(head("/health", "Connection: close", method="HEAD"))
    assert answer.startswith(b"HTTP/1.1 405 ")
