"""A whole log of another system: imported, interrupted, imported again, held against its file.

`PARTYGRID_CASE_LOG` names the public log of permit receipts; without it a log of the same shape is
made up. What the file holds is counted here a second way, with nothing of ours.
"""

import csv
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from models.values import history_case_id
from partygrid.operations.reconcile import reconcile
from tests.acceptance.commands import Up, until, up
from tests.acceptance.filling import Answer, ask, contents, looking, starting, verified
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
def one(server_folder: Path) -> Iterator[Up]:
    with up(server_folder / "importing", "--no-prefect") as running:
        yield running


@pytest.fixture(scope="module")
def imported(one: Up, log: Path) -> Answer:
    """What the second import says; the first was killed in the middle of the rows."""
    first = starting(one.home, "import", str(log), "--mapping", MAPPING)
    with looking(one) as db:
        until(
            lambda: db.execute("SELECT count(*) > 1000 FROM records").fetchone() == (True,),
            seconds=90,
            what="no rows came in",
        )
    first.kill()
    first.communicate()
    return ask(one.home, "import", str(log), "--mapping", MAPPING)


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


def recorded(db: Any, case_ref: str = "") -> dict[str, Counter[Deed]]:
    """Return what was done in each case, or in one, as the audit says."""
    found: dict[str, Counter[Deed]] = defaultdict(Counter)
    only = history_case_id(SOURCE, case_ref) if case_ref else ""
    for case, actor, role, org, activity, at in db.execute(
        "SELECT c.history_ref, act->>'actor', act->>'acting_role', act->>'acting_org',"
        " act->'detail'->>'activity', (act->>'occurred_at')::timestamptz"
        " FROM cases c JOIN (SELECT case_id, act::jsonb AS act FROM audit) a"
        " ON a.case_id = c.id::text"
        " WHERE c.state = 'HISTORY' AND c.origin = %s AND c.id::text LIKE %s",
        (SOURCE, only or "%"),
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
    one: Up, imported: Answer, file: list[Row]
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
    with looking(one) as db:
        assert recorded(db) == expected
        counted = db.execute(
            "SELECT history_ref, history_rows, closed_at IS NOT NULL FROM cases WHERE origin = %s",
            (SOURCE,),
        ).fetchall()
    assert {case: rows for case, rows, _ in counted} == {
        case: did.total() for case, did in expected.items()
    }
    assert all(closed for _, _, closed in counted)


@pytest.mark.parametrize("seed", range(5))
def test_a_case_says_who_did_what_when_in_which_role(
    one: Up, imported: Answer, file: list[Row], seed: int
) -> None:
    case = Random(seed).choice(sorted({row["case:concept:name"] for row in file}))  # noqa: S311
    with looking(one) as db:
        assert recorded(db, case) == {case: deeds(file)[case]}


def test_nothing_was_decided_anew(one: Up, imported: Answer) -> None:
    with looking(one) as db:
        assert db.execute("SELECT DISTINCT state FROM cases").fetchall() == [("HISTORY",)]
        for table in ("timers", "notices", "dead_letters", "parked"):
            assert db.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)  # noqa: S608


def test_the_audit_verifies(one: Up, imported: Answer, file: list[Row]) -> None:
    with looking(one) as db:
        report = verified(db)
    assert report.is_sound, str(report)
    assert report.records > len(file)
    assert report.cases == len({row["case:concept:name"] for row in file})


def test_the_installation_reconciles(one: Up, imported: Answer, file: list[Row]) -> None:
    with looking(one) as db:
        found = reconcile(db, now=datetime.now(UTC), offline=timedelta(hours=24))
    assert found.closes, list(map(str, found.gaps))
    assert found.reports.history_applied == found.reports.history_rows == len(file)
    assert (found.doors.waiting, found.doors.on_the_way) == (0, 0)


def test_importing_again_changes_nothing(
    one: Up, imported: Answer, log: Path, file: list[Row]
) -> None:
    with looking(one) as db:
        before = contents(db)
        again = ask(one.home, "import", str(log), "--mapping", MAPPING)
        assert contents(db) == before
    assert (again.code, again.said["agrees"]) == (0, True)
    assert again.said["directory"]["applied"] == again.said["rows"]["applied"] == 0
    assert again.said["rows"]["duplicates"] == len(file)


def test_a_file_that_differs_from_what_was_imported_is_told(
    one: Up, imported: Answer, file: list[Row], tmp_path: Path
) -> None:
    """A row less than was imported: its case differs, and nothing is taken away."""
    per_case = Counter(row["case:concept:name"] for row in file)
    at = next(n for n, row in enumerate(file) if per_case[row["case:concept:name"]] > 2)
    cut = tmp_path / "cut.csv"
    with cut.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, fieldnames=list(file[0]))
        writer.writeheader()
        writer.writerows(file[:at] + file[at + 1 :])
    with looking(one) as db:
        before = contents(db)
        answer = ask(one.home, "import", str(cut), "--mapping", MAPPING)
        assert contents(db) == before
    assert (answer.code, answer.said["agrees"]) == (1, False)
    (difference,) = answer.said["differences"]
    assert difference["case"] == file[at]["case:concept:name"]
    assert difference["in_file"]["rows"] + 1 == difference["imported"]["rows"]
