"""What few may know, and what lies in a village, at the doors: who may report it, who may act."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from events.contract.reports import ReportFiled, ReportMarked, ReportSupplemented
from models.cases import Cases, VillageTasks
from models.directory import App, Org
from models.directory_store import lock_directory, save_entries
from models.keys import SigningKey
from models.values import Mark, derived_id
from partygrid.embedded.postgres import Postgres
from tests.integration.door_rig import (
    COUNTY,
    GRID,
    REPORT,
    SIGNING_SOURCE,
    SINCE,
    TOWNSHIP,
    VILLAGE,
    DoorRig,
    Json,
    door_rig,
    signed,
    told,
)

OPEN_CASE, MARKED_CASE, FAR_CASE = (derived_id("case", name) for name in ("open", "few", "far"))
TASK = derived_id("task")
FAR_VILLAGE = f"{TOWNSHIP}202"
FAR_GRID = f"{FAR_VILLAGE}001"
TRUSTED, TRUSTED_KEY = "app/trusted", SigningKey.generate()
MORE = ReportSupplemented(description="补充")
MARKS = ReportMarked(mark=Mark.CONFIDENTIAL, reason="涉及未成年人")
MARKED_REPORTS = [
    pytest.param(replace(REPORT, mark=Mark.BYPASS), id="bypass"),
    pytest.param(replace(REPORT, concerns_minor=True), id="minor"),
    pytest.param(replace(REPORT, category="11-04"), id="category"),
]


@pytest.fixture(scope="module")
def doors(postgres: Postgres, migrated: str, tmp_path_factory: Any) -> Iterator[DoorRig]:
    postgres.create_database("door_marks", template=migrated)
    with door_rig(postgres.url("door_marks"), tmp_path_factory.mktemp("doors")) as one:
        _found(one)
        yield one
    postgres.drop_database("door_marks")


def _found(rig: DoorRig) -> None:
    """A second village, and an app with a key that may act on marked cases."""
    places = ((FAR_VILLAGE, "village", TOWNSHIP), (FAR_GRID, "grid", FAR_VILLAGE))
    app = App(
        source=TRUSTED,
        key_id=TRUSTED_KEY.key_id,
        name="可信应用",
        public_key=base64.b64encode(TRUSTED_KEY.public.raw).decode(),
        territories=(TOWNSHIP,),
        event_types=("grid.report.*",),
        restricted=True,
        valid_from=SINCE,
    )
    orgs = [
        Org(id=code, kind=kind, name=code, parent=parent, code=code, valid_from=SINCE)
        for code, kind, parent in places
    ]
    with rig.db.transaction(), rig.db.cursor() as cursor:
        first = lock_directory(cursor) + 1
        save_entries(cursor, list(enumerate([*orgs, app], first)), recorded_at=SINCE)


@pytest.fixture
def rig(doors: DoorRig) -> DoorRig:
    """Three cases, one of them marked, one of another village; a task of both villages."""
    doors.begin_anew()
    doors.db.execute("TRUNCATE village_tasks")
    for case, grid, mark in (
        (OPEN_CASE, GRID, "none"),
        (MARKED_CASE, GRID, "confidential"),
        (FAR_CASE, FAR_GRID, "none"),
    ):
        doors.add(Cases(id=case, shard=0, version=1, state="REPORTED", mark=mark, grid=grid))
    doors.add(
        VillageTasks(
            id=TASK,
            shard=0,
            version=1,
            state="requested",
            township=TOWNSHIP,
            villages=[VILLAGE, FAR_VILLAGE],
            requested_at=SINCE,
        )
    )
    return doors


def by(source: str, payload: Any, **fields: Any) -> Json:
    """An event that an app signed."""
    if source == TRUSTED:
        return signed(payload, key=TRUSTED_KEY, source=TRUSTED, **fields)
    return signed(payload, **fields)


def answered(rig: DoorRig, body: Json, token: str | None) -> tuple[int, str, str]:
    """Status, code and detail of an answer."""
    answer = rig.post(body, token=token)
    said = answer.json()
    return answer.status_code, said.get("code", ""), said.get("detail", "")


KEPT = (202, "", "")
NOT_LET = (403, "out_of_scope", "restricted")
ELSEWHERE = (403, "out_of_scope", "place")


# --- marked cases --------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", MARKED_REPORTS)
def test_every_token_for_reports_reports_what_few_may_know(
    rig: DoorRig, payload: ReportFiled
) -> None:
    assert answered(rig, told(payload), rig.issue()) == KEPT
    assert rig.outbox()[0][1] == "restricted.grid.reports"


@pytest.mark.parametrize("source", [SIGNING_SOURCE, TRUSTED])
@pytest.mark.parametrize("payload", MARKED_REPORTS)
def test_so_does_every_app_with_a_key(rig: DoorRig, payload: ReportFiled, source: str) -> None:
    assert answered(rig, by(source, payload), None) == KEPT
    assert rig.outbox()[0][1] == "restricted.grid.reports"


@pytest.mark.parametrize("restricted", [False, True])
@pytest.mark.parametrize(
    ("payload", "subject", "role"),
    [
        pytest.param(MORE, MARKED_CASE, "grid_member", id="about a marked case"),
        pytest.param(MARKS, OPEN_CASE, "acceptor", id="marking one"),
    ],
)
def test_acts_on_marked_cases_need_a_token_that_is_let(
    rig: DoorRig, restricted: bool, payload: Any, subject: str, role: str
) -> None:
    token = rig.issue(restricted=restricted, roles=("*",))
    body = told(payload, subject=subject, actingrole=role)
    assert answered(rig, body, token) == (KEPT if restricted else NOT_LET)
    assert [row[1] for row in rig.outbox()] == (["restricted.grid.reports"] if restricted else [])


@pytest.mark.parametrize("payload", [MORE, MARKS], ids=["about a marked case", "marking one"])
def test_or_a_key_that_is_let(rig: DoorRig, payload: Any) -> None:
    status, code, topic = answered(rig, by(SIGNING_SOURCE, payload, subject=MARKED_CASE), None)
    assert (status, code, topic) == (403, "out_of_scope", "restricted.grid.reports")
    assert answered(rig, by(TRUSTED, payload, subject=MARKED_CASE), None) == KEPT
    assert rig.outbox()[0][1] == "restricted.grid.reports"


def test_what_everybody_may_know_travels_openly(rig: DoorRig) -> None:
    token = rig.issue(restricted=True)
    assert answered(rig, told(REPORT), token) == KEPT
    assert answered(rig, told(MORE, event_id="e2", subject=OPEN_CASE), token) == KEPT
    assert {row[1] for row in rig.outbox()} == {"grid.reports"}


# --- places --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("territory", "body", "answer"),
    [
        pytest.param(VILLAGE, told(REPORT), KEPT, id="report at home"),
        pytest.param(VILLAGE, told(replace(REPORT, grid=FAR_GRID)), ELSEWHERE, id="report far"),
        pytest.param(TOWNSHIP, told(replace(REPORT, grid=FAR_GRID)), KEPT, id="a township's"),
        pytest.param(VILLAGE, told(MORE, subject=OPEN_CASE), KEPT, id="act at home"),
        pytest.param(VILLAGE, told(MORE, subject=FAR_CASE), ELSEWHERE, id="act far"),
        pytest.param(GRID, told(MORE, subject=OPEN_CASE), KEPT, id="a grid's"),
        pytest.param(TOWNSHIP, told(MORE, subject=FAR_CASE), KEPT, id="act in the township"),
        pytest.param(COUNTY, told(MORE, subject=FAR_CASE), KEPT, id="act in the county"),
        pytest.param(
            VILLAGE,
            told(MORE, subject=derived_id("nobody knows")),
            (409, "case_not_known", ""),
            id="a village's, of what is not known yet",
        ),
        pytest.param(
            TOWNSHIP, told(MORE, subject=derived_id("nobody knows")), KEPT, id="a township's too"
        ),
    ],
)
def test_a_token_reaches_as_far_as_its_territories(
    rig: DoorRig, territory: str, body: Json, answer: tuple[int, str, str]
) -> None:
    assert answered(rig, body, rig.issue(territories=(territory,))) == answer
    assert len(rig.outbox()) == (answer == KEPT)


@pytest.mark.parametrize(
    ("territory", "answer"),
    [(FAR_VILLAGE, KEPT), (f"{TOWNSHIP}203", ELSEWHERE)],
    ids=["one of its villages", "none of them"],
)
def test_a_task_is_every_village_s_that_it_is_put_on(
    rig: DoorRig, territory: str, answer: tuple[int, str, str]
) -> None:
    token = rig.issue(territories=(territory,), event_types=("grid.task.*",), roles=("*",))
    body = {**told(subject=TASK), "type": "grid.task.withdrawn.v1", "data": {}}
    assert answered(rig, body, token) == answer
