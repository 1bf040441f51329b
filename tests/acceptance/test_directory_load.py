"""Who is who, from files: checked row by row, loaded, loaded again, changed by an administrator."""

from pathlib import Path
from typing import Any

import pytest

from models.vault import SealedIdentity, Vault
from notifications.addresses import AddressBook
from partygrid.directory_files.identity import identity_ref_of
from partygrid.keyring import Keyring
from partygrid.settings import Settings
from tests.acceptance.commands import Up, run
from tests.acceptance.filling import Answer, ask, contents, everywhere, looking
from tests.unit.workbooks import FROM, GRID, PERSON, SMALL, Rows, fill

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

NAME, MOBILE = "样例人甲乙丙", "00099900001"
ADMINISTRATOR = {"人员编号": "p-admin", "起": FROM}
OFFICE = {"人员编号": "p-admin", "岗位": "directory_admin", "组织编号": "990202", "起": FROM}
ROWS: Rows = {
    **SMALL,
    "人员": [{**PERSON, "姓名": NAME, "手机": MOBILE}, ADMINISTRATOR],
    "任职": [*SMALL["任职"], OFFICE],
}


def book(folder: Path, rows: Rows) -> str:
    return str(fill(folder / "目录.xlsx", rows))


def load(one: Up, file: str, *options: str) -> Answer:
    return ask(one.home, "directory", "load", file, *options)


@pytest.fixture(scope="module")
def loaded(running: Up, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Answer]:
    """The workbook, and what its first loading said."""
    file = book(tmp_path_factory.mktemp("files"), ROWS)
    return file, load(running, file, "--yes")


def test_the_template_says_nothing_by_itself(running: Up, tmp_path: Path) -> None:
    made = run(tmp_path, "directory", "template", str(tmp_path / "files"))
    assert made.returncode == 0, made.stderr
    answer = load(running, made.stdout.strip(), "--dry-run")
    assert (answer.code, answer.said) == (0, {"faults": [], "changes": 0, "unchanged": 0})


def test_the_sample_can_be_loaded_as_it_is(running: Up, tmp_path: Path) -> None:
    made = run(tmp_path, "directory", "sample", "--out", str(tmp_path), "--seed", "7")
    assert made.returncode == 0, made.stderr
    files = [line for line in made.stdout.splitlines() if not line.endswith(".key")]
    with looking(running) as db:
        before = contents(db)
        answer = ask(running.home, "directory", "load", *files, "--dry-run")
        assert contents(db) == before
    assert (answer.code, answer.said["faults"]) == (0, [])
    assert answer.said["changes"] > 8000


def test_faults_are_told_at_their_rows_and_nothing_is_sent(running: Up, tmp_path: Path) -> None:
    file = book(
        tmp_path,
        {
            "组织": [*SMALL["组织"][:3], {**GRID, "上级编号": "990202999"}],
            "人员": [{**PERSON, "手机": "not a number"}],
        },
    )
    with looking(running) as db:
        before = contents(db)
        told = run(running.home, "directory", "load", file, "--yes")
        assert contents(db) == before
    assert told.returncode == 2
    faults = [line for line in told.stdout.splitlines() if "error" in line and "目录.xlsx" in line]
    assert len(faults) == 2
    assert "组织 第6行 上级编号" in faults[0]
    assert "人员 第3行 手机" in faults[1]
    assert all(" / " in line for line in faults)  # in both languages
    assert "not a number" not in told.stdout + told.stderr  # it may be somebody's


def test_a_load_applies_every_line(running: Up, loaded: tuple[str, Answer]) -> None:
    _, answer = loaded
    assert answer.code == 0, answer.errors
    # One roster has one line for all its shifts.
    lines = sum(len(rows) for rows in ROWS.values())
    assert answer.said == {
        "faults": [],
        "changes": lines,
        "unchanged": 0,
        "applied": lines,
        "refused": [],
        "identities": 1,
        "addresses": 1,
    }
    with looking(running) as db:
        roles = db.execute("SELECT role FROM roles_held WHERE person = 'p-1'").fetchall()
    assert roles == [("grid_member",)]


def test_names_and_numbers_are_sealed_and_nowhere_else(
    running: Up, loaded: tuple[str, Answer]
) -> None:
    keys = Keyring(Settings(home=running.home))
    with looking(running) as db:
        assert everywhere(db, NAME) == everywhere(db, MOBILE) == []
        (row,) = db.execute(
            "SELECT reporter_ref, key_id, ciphertext FROM identities WHERE reporter_ref = %s",
            (identity_ref_of("p-1"),),
        ).fetchall()
        (address,) = db.execute(
            "SELECT channel, sealed FROM channel_addresses WHERE owner = 'p-1'"
        ).fetchall()
    vault: Vault = keys.vault()
    sealed = SealedIdentity(row[0], row[1], bytes(row[2]))
    assert vault.open(sealed) == {"name": NAME, "mobile": MOBILE}
    assert address[0] == "sms"
    assert AddressBook(keys.addresses()).open(bytes(address[1])) == MOBILE
    for log in (running.home / "logs").glob("*.log"):
        assert not {NAME, MOBILE} & set(log.read_text().split())


def test_loading_again_changes_nothing(running: Up, loaded: tuple[str, Answer]) -> None:
    file, first = loaded
    with looking(running) as db:
        before = contents(db)
        again = load(running, file)
        assert contents(db) == before
    assert (again.code, again.said["changes"], again.said["applied"]) == (0, 0, 0)
    assert again.said["unchanged"] == first.said["changes"]
    assert (again.said["identities"], again.said["addresses"]) == (0, 0)


@pytest.mark.parametrize(
    ("options", "told", "code"),
    [
        (("--yes",), "--by", 3),
        (("--yes", "--by", "p-1"), "no directory administrator", 3),
        (("--by", "p-admin"), "Aborted", 1),
    ],
    ids=["nobody answers for it", "somebody without the role", "nobody says yes"],
)
def test_a_change_needs_an_administrator_and_a_yes(
    running: Up,
    loaded: tuple[str, Answer],
    tmp_path: Path,
    options: tuple[str, ...],
    told: str,
    code: int,
) -> None:
    file = book(tmp_path, {"组织": [{**GRID, "户数": 220}]})
    with looking(running) as db:
        before = contents(db)
        ended = run(running.home, "directory", "load", file, *options)
        assert contents(db) == before
    assert (ended.returncode, told in ended.stderr) == (code, True), ended.stderr


def test_an_administrator_changes_what_lies_in_the_own_territory(
    running: Up, loaded: tuple[str, Answer], tmp_path: Path
) -> None:
    changed: dict[str, Any] = {"组织": [{**GRID, "户数": 230}]}
    answer = load(running, book(tmp_path, changed), "--yes", "--by", "p-admin")
    assert (answer.code, answer.said["applied"]) == (0, 1), answer.errors
    with looking(running) as db:
        acts = db.execute(
            "SELECT act::jsonb->>'actor', act::jsonb->>'acting_role' FROM audit"
            " WHERE act::jsonb->>'actor' = 'p-admin'"
        ).fetchall()
    assert acts == [("p-admin", "directory_admin")]


def test_without_an_installation_that_runs_it_says_so(tmp_path: Path) -> None:
    ended = run(tmp_path / "home", "directory", "load", book(tmp_path, ROWS))
    assert (ended.returncode, "partygrid up" in ended.stderr) == (4, True)
