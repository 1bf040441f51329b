"""Evidence and identities: kept clean or sealed, for the app that brought them, never repeated."""

import hashlib
import json
import logging
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from models.policy.reach import EvidenceKind
from models.tokens import Door
from models.vault import SealedIdentity, Vault
from partygrid.embedded.postgres import Postgres
from tests.integration.door_rig import LIMITS, POLICY, VAULT_KEY, DoorRig, door_rig, told
from tests.unit.test_evidence import PDF, SECRET, exif_with_place, picture, saved

WHO = {"name": "张三", "mobile": "13800000000", "address": "上村7号"}


@pytest.fixture(scope="module")
def doors(postgres: Postgres, migrated: str, tmp_path_factory: Any) -> Iterator[DoorRig]:
    postgres.create_database("door_custody", template=migrated)
    with door_rig(postgres.url("door_custody"), tmp_path_factory.mktemp("doors")) as one:
        yield one
    postgres.drop_database("door_custody")


@pytest.fixture
def rig(doors: DoorRig) -> DoorRig:
    doors.begin_anew()
    return doors


PHOTO = saved(picture(), "JPEG", exif=exif_with_place())


@pytest.mark.parametrize("how", ["body", "form"])
def test_a_photo_is_kept_without_its_place(how: str, rig: DoorRig) -> None:
    sent = (
        {"content": PHOTO, "headers": {"Content-Type": "image/jpeg"}}
        if how == "body"
        else {"files": {"file": ("路灯.jpg", PHOTO, "image/jpeg")}}
    )
    answer = rig.ask("POST", "/evidence", **sent)
    assert answer.status_code == 201
    told_of = answer.json()
    fetched = rig.ask("GET", answer.headers["location"])
    assert fetched.headers["content-type"] == told_of["media_type"] == "image/jpeg"
    assert hashlib.sha256(fetched.content).hexdigest() == told_of["sha256"]
    assert len(fetched.content) == told_of["size"]
    assert SECRET in PHOTO
    assert SECRET not in fetched.content
    assert not Image.open(BytesIO(fetched.content)).getexif()
    assert fetched.headers["content-disposition"].startswith("attachment")


def test_an_event_may_name_it(rig: DoorRig) -> None:
    digest = rig.ask("POST", "/evidence", content=PDF).json()["sha256"]
    assert rig.post(told(data={**told()["data"], "evidence": [digest]})).status_code == 202


def test_the_same_file_again_is_the_same_evidence(rig: DoorRig) -> None:
    first, second = (rig.ask("POST", "/evidence", content=PHOTO).json() for _ in range(2))
    assert first == second


def test_only_the_app_that_brought_it_gets_it_back(rig: DoorRig) -> None:
    digest = rig.ask("POST", "/evidence", content=b"theirs").json()["sha256"]
    other = rig.issue(source="app/other")
    assert rig.ask("GET", f"/evidence/{digest}", token=other).status_code == 404
    assert rig.ask("GET", f"/evidence/{digest}", token=None).status_code == 401
    rig.ask("POST", "/evidence", content=b"theirs", token=other)
    assert rig.ask("GET", f"/evidence/{digest}", token=other).content == b"theirs"


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        pytest.param(b"MZ\x90\x00", 415, "evidence_kind", id="program"),
        pytest.param(b"", 415, "evidence_kind", id="empty"),
        pytest.param(PHOTO[: len(PHOTO) // 2], 422, "evidence_unreadable", id="half-a-photo"),
        pytest.param(PHOTO + b"\0" * LIMITS.picture_bytes, 413, "too_large", id="large-photo"),
        pytest.param(b"a" * (LIMITS.document_bytes + 1), 413, "too_large", id="long-text"),
    ],
)
@pytest.mark.parametrize("how", ["body", "form"])
def test_what_is_no_evidence(
    content: bytes, status: int, code: str, how: str, rig: DoorRig
) -> None:
    sent: dict[str, Any] = (
        {"content": content} if how == "body" else {"files": {"file": ("a", content)}}
    )
    answer = rig.ask("POST", "/evidence", **sent)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_the_countys_pack_says_what_is_taken(database_url: str, tmp_path: Path) -> None:
    fewer = LIMITS.model_copy(update={"kinds": frozenset({EvidenceKind.PDF}), "document_bytes": 60})
    limits = POLICY.limits.model_copy(update={"evidence": fewer})
    with door_rig(
        database_url, tmp_path, policy=POLICY.model_copy(update={"limits": limits})
    ) as rig:
        refused = rig.ask("POST", "/evidence", content=PHOTO)
        assert refused.status_code == 415
        assert refused.json()["detail"] == "taken: application/pdf"
        assert rig.ask("POST", "/evidence", content=PDF).status_code == 201
        assert rig.ask("POST", "/evidence", content=PDF * 2).status_code == 413
        asked = rig.ask("GET", "/openapi.json").json()["paths"]["/evidence"]["post"]
        assert set(asked["requestBody"]["content"]) == {"application/pdf", "multipart/form-data"}


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({"files": {"picture": ("a", PDF)}}, id="other-name"),
        pytest.param({"files": [("file", ("a", PDF)), ("file", ("b", PDF))]}, id="two"),
        pytest.param({"files": {"file": ("a", PDF)}, "data": {"x": "y"}}, id="with-a-field"),
        pytest.param(
            {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, id="no-boundary"
        ),
        pytest.param(
            {
                "content": b"--b\r\nnonsense",
                "headers": {"Content-Type": "multipart/form-data; boundary=b"},
            },
            id="broken",
        ),
    ],
)
def test_a_form_has_one_file(sent: dict[str, Any], rig: DoorRig) -> None:
    answer = rig.ask("POST", "/evidence", **sent)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_an_identity_comes_back_as_a_pseudonym_and_nothing_else(
    rig: DoorRig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = rig.ask("POST", "/identities", json=WHO)
    assert answer.status_code == 201
    assert list(answer.json()) == ["reporter_ref"]
    (row,) = rig.rows("SELECT reporter_ref, key_id, ciphertext FROM identities")
    sealed = SealedIdentity(row[0], row[1], bytes(row[2]))
    assert sealed.reporter_ref == answer.json()["reporter_ref"]
    assert Vault(VAULT_KEY).open(sealed) == WHO
    seen = caplog.text + answer.text + str(answer.headers)
    assert not [word for word in WHO.values() if word in seen]


def test_the_same_person_twice_is_two_pseudonyms(rig: DoorRig) -> None:
    refs = {rig.ask("POST", "/identities", json=WHO).json()["reporter_ref"] for _ in range(2)}
    assert len(refs) == 2


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param({**WHO, "mobile": "小张的手机"}, 422, "identity", id="no-number"),
        pytest.param({**WHO, "idcard": "3302"}, 422, "identity", id="more-than-needed"),
        pytest.param({**WHO, "address": "上" * 2000}, 413, "too_large", id="a-novel"),
    ],
)
def test_a_refused_identity_is_not_repeated(
    body: dict[str, str], status: int, code: str, rig: DoorRig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = rig.ask("POST", "/identities", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not [word for word in body.values() if word in answer.text + caplog.text]
    assert rig.rows("SELECT 1 FROM identities") == []


def test_another_media_type_is_no_identity(rig: DoorRig) -> None:
    content = json.dumps(WHO).encode()
    assert rig.ask("POST", "/identities", content=content).status_code == 415


@pytest.mark.parametrize(
    ("opens", "method", "path", "sent"),
    [
        pytest.param(Door.EVENTS, "POST", "/evidence", {"content": PDF}, id="evidence"),
        pytest.param(Door.EVENTS, "GET", f"/evidence/{'a' * 64}", {}, id="fetch"),
        pytest.param(Door.EVENTS, "POST", "/identities", {"json": WHO}, id="identity"),
        pytest.param(
            Door.EVIDENCE,
            "POST",
            "/events",
            {
                "content": json.dumps(told()).encode(),
                "headers": {"Content-Type": "application/cloudevents+json"},
            },
            id="event",
        ),
    ],
)
def test_a_token_opens_its_own_doors_only(
    opens: Door, method: str, path: str, sent: dict[str, Any], rig: DoorRig
) -> None:
    token = rig.issue(doors=(opens,))
    answer = rig.ask(method, path, token=token, **sent)
    assert (answer.status_code, answer.json()["code"]) == (403, "door_closed")


@pytest.mark.parametrize(("method", "path"), [("POST", "/evidence"), ("POST", "/identities")])
def test_without_a_token_nothing_is_kept(method: str, path: str, rig: DoorRig) -> None:
    answer = rig.ask(method, path, json=WHO, token=None)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_needed")


def test_no_request_is_logged_with_what_it_says(
    rig: DoorRig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rig.post(told(event_id="zhang-san"))
    rig.ask("GET", "/events/zhang-san")
    rig.ask("GET", "/zhang-san")
    lines = [line for line in caplog.messages if line.startswith(("GET", "POST"))]
    assert [line.rsplit(" ", 2)[0] for line in lines] == [
        "POST /events 202",
        "GET /events/{event_id:path} 200",
        "GET ? 404",
    ]
    told_by_us = [record.getMessage() for record in caplog.records if record.name != "httpx"]
    assert not [one for one in told_by_us if "zhang-san" in one or rig.token in one]
