"""A whole log of another system: imported, interrupted, imported again, held against its file.

`PARTYGRID_CASE_LOG` names the public log of permit receipts; without it a log of the same shape is
made up. What the file holds is counted here a second way, with nothing of ours.
"""

import csv
import os
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from models.values import history_case_id
from tests.acceptance.commands import Up, until
from tests.acceptance.filling import Answer, ask, contents, looking, starting
from tests.unit.case_logs import lines, write_csv

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MAPPING = "municipal-permit-receipts"
SOURCE = f"import/{MAPPING}"

Row = dict[str, str]
#: who, in which role, at which group, did what, when
Deed = tuple[str, str, str, str, datetime]


@pytest.fixture(scope="module")
def log(server_folder: Path) -> Path:
    given = os.environ.get("PARTYGRID_CASE_LOG")
    return Path(given) if given else write_csv(server_folder / "log.csv", lines())


@pytest.fixture(scope="module")
def file(log: Path) -> list[Row]:
    with log.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture(scope="module")
def imported(running: Up, log: Path) -> Answer:
    """What the second import says; the first was killed in the middle of the rows."""
    first = starting(running.home, "import", str(log), "--mapping", MAPPING)
    with looking(running) as db:
        until(
            lambda: db.execute("SELECT count(*) > 1000 FROM records").fetchone() == (True,),
            seconds=90,
            what="no rows came in",
        )
    first.kill()
    first.communicate()
    return ask(running.home, "import", str(log), "--mapping", MAPPING)


def named(group: str) -> str:
    """Return what a group of the log is called here, by its id."""
    name = group.removeprefix("mpr-").replace("-", " ")
    return f"{'未注明组别' if name == 'EMPTY' else name} ({group})"


def deeds(rows: list[Row]) -> dict[str, Counter[Deed]]:
    """Return what was done in each case, as the file says."""
    found: dict[str, Counter[Deed]] = defaultdict(Counter)
    for row in rows:
        found[row["case:concept:name"]][
            f"mpr-{row['org:resource'].replace(' ', '-')}",
            "department_handler",
            f"mpr-{row['org:group'].replace(' ', '-')}",
            row["concept:name"],
            datetime.fromisoformat(row["time:timestamp"]).astimezone(UTC),
        ] += 1
    return dict(found)


def recorded(db: Any) -> dict[str, Counter[Deed]]:
    """Return what was done in each case, as the audit says."""
    found: dict[str, Counter[Deed]] = defaultdict(Counter)
    for case, actor, role, org, activity, at in db.execute(
        "SELECT c.history_ref, act->>'actor', act->>'acting_role', act->>'acting_org',"
        " act->'detail'->>'activity', (act->>'occurred_at')::timestamptz"
        " FROM cases c JOIN (SELECT case_id, act::jsonb AS act FROM audit) a"
        " ON a.case_id = c.id::text WHERE c.state = 'HISTORY' AND c.origin = %s",
        (SOURCE,),
    ).fetchall():
        found[case][actor, role, org, activity, at.astimezone(UTC)] += 1
    return dict(found)


def test_every_row_was_imported_once_though_the_first_import_was_killed(
    imported: Answer, file: list[Row]
) -> None:
    assert imported.code == 0, imported.errors
    said = imported.said
    assert said["file"]["rows"] == said["imported"]["rows"] == len(file)
    assert (said["file"]["faulty"], said["file"]["left_out"], said["rows"]["denied"]) == (0, 0, {})
    assert said["rows"]["applied"] + said["rows"]["duplicates"] == len(file)
    assert said["rows"]["duplicates"] > 0  # it went on where the other was killed
    assert set(said["rows"]["new"]) <= {"applied"}
    assert set(said["rows"]["known"]) <= {"applied"}


def test_the_counts_agree_with_the_file_row_by_row(
    running: Up, imported: Answer, file: list[Row]
) -> None:
    told, expected = imported.said, deeds(file)
    people = {row["org:resource"] for row in file}
    assert (told["agrees"], told["differences"]) == (True, [])
    assert told["imported"] == {
        "cases": len(expected),
        "rows": len(file),
        "handlers": len(people),
    }
    assert told["file"]["groups"] == len({row["org:group"] for row in file})
    with looking(running) as db:
        assert recorded(db) == expected
        counted = db.execute(
            "SELECT history_ref, history_rows, closed_at IS NOT NULL FROM cases WHERE origin = %s",
            (SOURCE,),
        ).fetchall()
    assert {case: rows for case, rows, _ in counted} == {
        case: did.total() for case, did in expected.items()
    }
    assert all(closed for _, _, closed in counted)


@pytest.mark.parametrize("seed", range(3))
def test_a_case_says_who_did_what_when_in_which_role(
    running: Up, imported: Answer, file: list[Row], seed: int
) -> None:
    case = Random(seed).choice(sorted({row["case:concept:name"] for row in file}))  # noqa: S311
    answer = ask(running.home, "case", "show", history_case_id(SOURCE, case))
    assert answer.code == 0, answer.errors
    told = answer.said["deeds"]
    assert Counter(
        (
            deed["actor"],
            deed["role"],
            deed["organisation"],
            deed["detail"]["activity"],
            datetime.fromisoformat(deed["occurred_at"]),
        )
        for deed in told
    ) == Counter(
        (who, "部门承办人", named(group), what, when)
        for (who, _, group, what, when), times in deeds(file)[case].items()
        for _ in range(times)
    )
    assert {deed["recorded_by"] for deed in told} == {"mpr-importer"}


def test_nothing_was_decided_anew(running: Up, imported: Answer) -> None:
    with looking(running) as db:
        assert db.execute("SELECT DISTINCT state FROM cases").fetchall() == [("HISTORY",)]
        for table in ("timers", "notices", "dead_letters", "parked"):
            assert db.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)  # noqa: S608


def test_the_audit_verifies(running: Up, imported: Answer, file: list[Row]) -> None:
    answer = ask(running.home, "audit", "verify")
    assert (answer.code, answer.said["sound"]) == (0, True), answer.said
    assert answer.said["records"] > len(file)


def test_the_installation_reconciles(running: Up, imported: Answer, file: list[Row]) -> None:
    answer = ask(running.home, "reconcile")
    assert (answer.code, answer.said["gaps"]) == (0, [])
    reports = answer.said["reports"]
    assert reports["history_applied"] == reports["history_rows"] >= len(file)
    assert answer.said["doors"]["accepted"] == answer.said["doors"]["arrived"] >= len(file)


def test_importing_again_changes_nothing(
    running: Up, imported: Answer, log: Path, file: list[Row]
) -> None:
    with looking(running) as db:
        before = contents(db)
        again = ask(running.home, "import", str(log), "--mapping", MAPPING)
        assert contents(db) == before
    assert (again.code, again.said["agrees"]) == (0, True)
    assert again.said["directory"]["applied"] == again.said["rows"]["applied"] == 0
    assert again.said["rows"]["duplicates"] == len(file)
