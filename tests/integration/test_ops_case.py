"""Who handled what: a case told from its audit, what waits, one event by hand, and the rebuild."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from events.contract.envelope import Event
from events.contract.reports import (
    HistoryRecorded,
    ReportFiled,
    ReportRejected,
    ReportSource,
    ReportSupplemented,
)
from models.policy.people import Role
from models.values import Mark, case_id_of, derived_id
from partygrid.embedded.postgres import Postgres
from tests.rig import Rig
from tests.rigged import command, found_county, put_back, rigged, working
from tests.world import COUNTY, GRID, NOW, TOWNSHIP, acting, person

MEMBER = acting(Role.GRID_MEMBER, GRID)
SUPERVISOR = acting(Role.DUTY_SUPERVISOR, TOWNSHIP)


@pytest.fixture(scope="module")
def rig(postgres: Postgres, migrated: str, server_folder: Path) -> Iterator[Rig]:
    with rigged(postgres, migrated, server_folder) as rig, working(rig.engine):
        found_county(rig)
        happen(rig)
        yield rig


def report(rig: Rig, event_id: str, title: str, *, category: str = "", **more: Any) -> Event:
    data = ReportFiled(
        grid=GRID, category=category, source=ReportSource.GRID_MEMBER, title=title, **more
    )
    return rig.event(data, MEMBER, township=TOWNSHIP, event_id=event_id)


def id_of(event_id: str) -> str:
    return case_id_of("app/test", event_id)


def happen(rig: Rig) -> None:
    """A lamp at work, a hoax refused, a confidential matter, an imported case, something early."""
    rig.at(
        NOW,
        report(rig, "lamp", "路灯不亮", category="06-02"),
        report(rig, "hoax", "没有的事"),
        report(rig, "child", "留守儿童", mark=Mark.CONFIDENTIAL),
    )
    refusal = ReportRejected(reason="现场核实并无此事")
    unknown = derived_id("nobody", "knows")
    rig.at(
        NOW + timedelta(minutes=1),
        rig.event(refusal, SUPERVISOR, township=TOWNSHIP, subject=id_of("hoax")),
        rig.event(
            ReportSupplemented(description="早了"), MEMBER, township=TOWNSHIP, subject=unknown
        ),
        rig.event(
            HistoryRecorded(
                grid=GRID, case_ref="信-2023-7", activity="登记", instance="1", responsible="张某"
            ),
            acting(Role.OPERATOR, COUNTY),
            township=TOWNSHIP,
            source="app/log",
        ),
    )


def story(rig: Rig, name: str, *options: str) -> dict[str, Any]:
    done = command(rig, "case", "show", name, "--json", *options)
    assert done.exit_code == 0, done.output
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_a_case_is_found_by_number_and_by_id(rig: Rig) -> None:
    by_id = story(rig, id_of("lamp"))
    assert story(rig, by_id["number"]) == by_id
    assert by_id["number"].startswith(GRID)
    assert by_id["category"].startswith("06-02 ")


def test_it_tells_who_did_what_in_which_role_and_why(rig: Rig) -> None:
    deeds = story(rig, id_of("hoax"))["deeds"]
    filed, rejected = deeds[0], deeds[-1]
    assert filed["actor"] == MEMBER.actor
    assert filed["role"] == "网格员"
    assert GRID in filed["organisation"]
    assert (rejected["actor"], rejected["role"]) == (SUPERVISOR.actor, "值班长")
    assert (rejected["before"], rejected["after"]) == ("REPORTED", "REJECTED")
    assert rejected["words"] == "现场核实并无此事"
    assert rejected["sentence"] != rejected["reason"]
    assert [one["number"] for one in deeds] == list(range(1, len(deeds) + 1))


def test_it_explains_why_the_case_is_due_then(rig: Rig) -> None:
    chinese = story(rig, id_of("lamp"))["due"]
    assert "到期" in chinese
    assert "个工作日" in chinese
    english = story(rig, id_of("lamp"), "--lang", "en")["due"]
    assert english.startswith("Due ")


def test_people_read_it_in_local_time(rig: Rig) -> None:
    done = command(rig, "case", "show", id_of("lamp"), "--lang", "en")
    assert done.exit_code == 0
    assert f"{NOW + timedelta(hours=8):%Y-%m-%d %H:%M:%S}" in done.stdout
    assert "because: " in done.stdout
    assert "Grid member" in done.stdout


def test_erased_words_are_said_to_be_erased(rig: Rig) -> None:
    with put_back(rig.db, "free_texts"):
        rig.db.execute("DELETE FROM free_texts")
        told = story(rig, id_of("hoax"))["deeds"][-1]
    assert told["words"] == "（文字已按规定删除）"


def test_a_marked_case_is_shown_only_to_who_says_so(rig: Rig) -> None:
    done = command(rig, "case", "show", id_of("child"))
    assert (done.exit_code, "--unrestricted" in done.output) == (3, True)
    assert story(rig, id_of("child"), "--unrestricted")["mark"] == "confidential"


def test_an_imported_case_is_told_by_what_the_other_system_said(rig: Rig) -> None:
    told = story(rig, "信-2023-7")
    assert told["state"] == "HISTORY"
    assert told["deeds"][0]["detail"]["activity"] == "登记"
    assert told["deeds"][0]["actor"] == person(Role.OPERATOR, COUNTY)


@pytest.mark.parametrize("name", ["330281999", "00000000-0000-5000-8000-000000000000", "' OR 1=1"])
def test_what_is_no_case_is_said_so(rig: Rig, name: str) -> None:
    done = command(rig, "case", "show", name)
    assert done.exit_code == 2
    assert "no case" in done.output


def test_what_waits_is_listed_with_its_patience(rig: Rig) -> None:
    (line,) = json.loads(command(rig, "parked", "--json").stdout)["parked"]
    assert line["reason"] == "case_unknown"
    assert line["type"] == "grid.report.supplemented.v1"
    assert "case_unknown" in command(rig, "parked").stdout


def produce(rig: Rig, name: str, data: dict[str, Any], *more: str) -> Any:
    return command(
        rig,
        *("produce", name, "--data", "-", "--township", TOWNSHIP, "--wait", "0", "--json"),
        *("--as", SUPERVISOR.actor, "--role", SUPERVISOR.role, "--org", SUPERVISOR.org),
        *more,
        given=json.dumps(data).encode(),
    )


def test_an_event_sent_by_hand_goes_the_way_of_the_doors(rig: Rig) -> None:
    reason = {"reason": "重复"}
    done = produce(rig, "grid.report.rejected", reason, "--subject", id_of("child"))
    assert done.exit_code == 0, done.output
    event_id = json.loads(done.stdout)["id"]
    rig.at(NOW + timedelta(minutes=2))
    rows = rig.rows(
        "SELECT r.topic, r.fate, o.fate FROM records r JOIN outcomes o USING (source, event_id)"
        " WHERE event_id = %s",
        event_id,
    )
    assert rows[0][0] == "restricted.grid.reports"  # its case is marked
    assert rows[0][1] == rows[0][2]


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        pytest.param("grid.report.whispered", {}, 2, id="no such type"),
        pytest.param("grid.report.rejected", {"why": "?"}, 2, id="other data"),
        pytest.param("grid.escalation.case_breached", {}, 2, id="engine's own, data missing"),
    ],
)
def test_what_is_no_event_is_not_sent(rig: Rig, name: str, data: dict[str, Any], code: int) -> None:
    before = rig.rows("SELECT count(*) FROM outbox")
    assert produce(rig, name, data, "--subject", id_of("lamp")).exit_code == code
    assert rig.rows("SELECT count(*) FROM outbox") == before


def test_nobody_speaks_as_the_system(rig: Rig) -> None:
    done = produce(
        rig,
        "grid.report.rejected",
        {"reason": "x"},
        "--as",
        "system:intake",
        "--subject",
        id_of("lamp"),
    )
    assert done.exit_code == 3


def rebuilt(rig: Rig, *options: str) -> tuple[int, dict[str, Any]]:
    done = command(rig, "rebuild", "--json", *options)
    return done.exit_code, json.loads(done.stdout)


def databases(rig: Rig) -> set[str]:
    return {row[0] for row in rig.rows("SELECT datname FROM pg_database")}


def test_the_journal_alone_makes_the_same_state(rig: Rig) -> None:
    before = databases(rig)
    code, told = rebuilt(rig)
    assert (code, told["differences"]) == (0, [])
    assert told["entries"] == rig.rows("SELECT sum(seq)::int FROM shards")[0][0]
    assert databases(rig) == before


def test_a_state_that_does_not_follow_from_the_journal_is_told(rig: Rig) -> None:
    with put_back(rig.db, "cases"):
        rig.db.execute("UPDATE cases SET tier = 4 WHERE number <> '' AND category = '06-02'")
        code, told = rebuilt(rig)
    assert code == 1
    assert {(one["table"], one["kind"]) for one in told["differences"]} == {
        ("cases", "missing"),
        ("cases", "extra"),
    }


def test_a_rebuilt_database_may_be_kept_and_its_audit_is_the_same(
    rig: Rig, postgres: Postgres
) -> None:
    code, told = rebuilt(rig, "--keep")
    try:
        assert (code, told["differences"]) == (0, [])
        assert told["database"] in databases(rig) - {rig.rows("SELECT current_database()")[0][0]}
    finally:
        postgres.drop_database(told["database"])


def test_it_is_not_rebuilt_into_what_is_not_empty(rig: Rig) -> None:
    done = command(rig, "rebuild", "--into", rig.url)
    assert (done.exit_code, "empty" in done.output) == (3, True)


def test_it_is_rebuilt_into_a_given_database(rig: Rig, empty_database_url: str) -> None:
    code, told = rebuilt(rig, "--into", empty_database_url)
    assert (code, told["differences"]) == (0, [])
    assert told["database"] in empty_database_url
