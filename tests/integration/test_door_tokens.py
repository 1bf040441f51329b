"""Tokens by the command: shown once, kept as a hash, good at the door until they are revoked."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from events.contract.reports import ReportMarked, ReportSupplemented
from models.values import Mark, derived_id
from partygrid.cli.main import app
from partygrid.clock import WallClock
from partygrid.embedded.postgres import Postgres
from partygrid.settings import Settings
from tests.integration.door_rig import COUNTY, TOWNSHIP, DoorRig, door_rig, told

Command = Callable[..., Result]

SCOPE = ("--type", "grid.report.*", "--territory", TOWNSHIP, "--role", "grid_*")
ASKED = ("token", "issue", "app/page", "--name", "群众上报页", *SCOPE)


@pytest.fixture(scope="module")
def doors(postgres: Postgres, migrated: str, tmp_path_factory: Any) -> Iterator[DoorRig]:
    postgres.create_database("door_tokens", template=migrated)
    folder = tmp_path_factory.mktemp("doors")
    with door_rig(postgres.url("door_tokens"), folder, clock=WallClock()) as one:
        yield one
    postgres.drop_database("door_tokens")


@pytest.fixture
def rig(doors: DoorRig) -> DoorRig:
    """The doors by the wall clock, as the command is, without any token."""
    doors.begin_anew()
    doors.db.execute("TRUNCATE app_tokens")
    return doors


@pytest.fixture
def command(rig: DoorRig, postgres: Postgres, tmp_path: Path) -> Command:
    """The command on this database."""
    settings = Settings(
        home=tmp_path,
        database_url=SecretStr(postgres.url("door_tokens")),
        kafka_bootstrap="127.0.0.1:9",
        prefect_api_url="http://127.0.0.1:9/api",
    )
    terminal = {"COLUMNS": "240", "NO_COLOR": "1"}

    def run(*arguments: str) -> Result:
        environment = settings.environment() | terminal
        return CliRunner().invoke(app, list(arguments), env=environment)

    return run


def issued(command: Command, *more: str) -> dict[str, Any]:
    done = command(*ASKED, *more, "--json")
    assert done.exit_code == 0, done.output
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def listed(command: Command) -> list[dict[str, Any]]:
    done = command("token", "list", "--json")
    assert done.exit_code == 0, done.output
    tokens: list[dict[str, Any]] = json.loads(done.stdout)["tokens"]
    return tokens


def test_a_token_opens_the_door_until_it_is_revoked(rig: DoorRig, command: Command) -> None:
    done = command(*ASKED)
    assert done.exit_code == 0, done.output
    token = done.stdout.strip()
    assert "cannot be shown again" in done.stderr
    post = told(time=WallClock().now().isoformat())
    assert rig.post(post, token=token).status_code == 202
    ((_, _, _, source, _),) = rig.outbox()
    assert source == "app/page"
    ended = command("token", "revoke", token.split("_")[1])
    assert (ended.exit_code, "is revoked" in ended.stdout) == (0, True)
    assert rig.ask("GET", "/events/e1", token=token).json()["code"] == "bad_token"


def test_its_scope_is_what_was_said(rig: DoorRig, command: Command) -> None:
    token = issued(command)["token"]
    now = WallClock().now().isoformat()
    for outside in (
        told(time=now, township=f"{COUNTY}102"),
        told(time=now, actingrole="villager"),
        {**told(time=now), "type": "grid.assignment.accepted.v1", "data": {}},
    ):
        answer = rig.post({**outside, "subject": derived_id("a case")}, token=token)
        assert (answer.status_code, answer.json()["code"]) == (403, "out_of_scope")
    assert rig.ask("POST", "/identities", token=token, json={}).json()["code"] == "door_closed"
    more = ReportSupplemented(description="补充")
    inside = told(more, time=now, subject=derived_id("a case"))
    assert rig.post(inside, token=token).status_code == 202


@pytest.mark.parametrize("let", [False, True])
def test_whether_it_may_act_on_marked_cases_is_said(
    rig: DoorRig, command: Command, let: bool
) -> None:
    options = ("--restricted",) if let else ()
    token = issued(command, *options, "--role", "acceptor")
    assert [one["restricted"] for one in listed(command)] == [let]
    assert ("marked cases" in command("token", "list").stdout) is let
    marks = ReportMarked(mark=Mark.CONFIDENTIAL, reason="涉及未成年人")
    body = told(marks, time=WallClock().now().isoformat(), actingrole="acceptor")
    answer = rig.post({**body, "subject": derived_id("a case")}, token=token["token"])
    assert answer.status_code == (202 if let else 403)


def test_it_opens_the_doors_that_were_named(rig: DoorRig, command: Command) -> None:
    done = command("token", "issue", "app/vault", "--name", "x", "--door", "identities", "--json")
    token = json.loads(done.stdout)["token"]
    person = {"name": "某人", "mobile": "13800000000"}
    assert rig.ask("POST", "/identities", token=token, json=person).status_code == 201
    assert rig.post(told(), token=token).json()["code"] == "door_closed"


def test_the_list_tells_everything_but_the_token(rig: DoorRig, command: Command) -> None:
    first = issued(command, "--days", "30")
    second = issued(command)
    command("token", "revoke", second["id"])
    shown = {one["id"]: one for one in listed(command)}
    assert shown[first["id"]]["standing"] == "in force"
    assert shown[second["id"]]["standing"] == "revoked"
    assert shown[second["id"]]["revoked_at"] is not None
    one = shown[first["id"]]
    begun, over = (datetime.fromisoformat(one[name]) for name in ("issued_at", "expires_at"))
    assert over - begun == timedelta(days=30)
    assert (one["source"], one["territories"]) == ("app/page", [TOWNSHIP])
    table = command("token", "list").stdout
    assert "群众上报页" in table
    assert first["id"] in table
    for output in (table, json.dumps(list(shown.values()))):
        assert first["token"].split("_", 2)[2] not in output
    rig.db.execute("UPDATE app_tokens SET expires_at = issued_at + interval '1 second'")
    rig.db.execute("UPDATE app_tokens SET issued_at = issued_at - interval '2 seconds'")
    rig.db.execute("UPDATE app_tokens SET expires_at = expires_at - interval '2 seconds'")
    assert {one["standing"] for one in listed(command)} == {"expired", "revoked"}


def test_a_token_that_was_found_is_revoked_by_its_text(rig: DoorRig, command: Command) -> None:
    token = issued(command)
    done = command("token", "revoke", token["token"], "--json")
    assert json.loads(done.stdout) == {"id": token["id"], "source": "app/page"}
    again = command("token", "revoke", token["token"])
    assert (again.exit_code, "has ended already" in again.stderr) == (3, True)
    assert token["token"].split("_", 2)[2] not in again.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["issue", "app/x", "--name", "x"], "event types, territories and roles"),
        (["issue", "system:engine", "--name", "x", *SCOPE], "installation's own"),
        (["issue", "partygrid/engine", "--name", "x", *SCOPE], "installation's own"),
        (["issue", "an app", "--name", "x", *SCOPE], "app's name in events"),
        (["issue", "app/x", "--name", "x", *SCOPE, "--type", "grid.song.*"], "docs/events.md"),
        (["issue", "app/x", "--name", "x", *SCOPE, "--type", "case.updated"], "docs/events.md"),
        (["issue", "app/x", "--name", "x", *SCOPE, "--role", "king"], "roles.yaml"),
        (["issue", "app/x", "--name", "x", *SCOPE, "--role", "system"], "roles.yaml"),
        (["issue", "app/x", "--name", "x", *SCOPE, "--territory", "110101"], "directory load"),
        (["issue", "app/x", "--name", "x", "--door", "back"], "identities"),
        (["revoke", "nobody"], "partygrid token list"),
    ],
    ids=[
        *("no scope", "system", "own source", "blanks", "no such type", "engine's type"),
        *("no such role", "system's role", "no such place", "no such door", "no such token"),
    ],
)
def test_an_error_says_what_to_do(
    rig: DoorRig, command: Command, arguments: list[str], says: str
) -> None:
    done = command("token", *arguments)
    assert done.exit_code == 2
    assert says in done.stderr
    assert rig.rows("SELECT count(*) FROM app_tokens") == [(0,)]
