"""Logs that grow, have faults, or hold real names: small ones, into an installation that runs."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from events.contract.directory import OrgSet
from events.outgoing_event import directory_event
from models.policy.people import OrgKind
from models.vault import SealedIdentity, Vault
from partygrid.case_log.importing import CaseLog
from partygrid.case_log.mapping import read_mapping
from partygrid.directory_files.identity import identity_ref_of
from partygrid.sending import sender_of
from partygrid.settings import Settings
from tests.acceptance.commands import Up, run
from tests.acceptance.filling import ask, contents, everywhere, looking
from tests.unit.case_logs import FILE, Line, line, write_csv, write_xes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def mapping_of(folder: Path, number: int, *, names: str = "pseudonyms") -> str:
    """Write the shipped mapping for another log, with a county of its own."""
    text = FILE.read_text("utf-8").replace("municipal-permit-receipts", f"log-{number}")
    text = text.replace("990301", f"9903{number:02}").replace("prefix: mpr", f"prefix: l{number}")
    path = folder / f"mapping-{number}.yaml"
    path.write_text(text.replace("names: pseudonyms", f"names: {names}"), "utf-8")
    return str(path)


def rows_of(*cases: int, steps: int = 6) -> list[Line]:
    return [line(case, at) for case in cases for at in range(steps)]


def test_a_log_that_grew_adds_its_new_rows(running: Up, tmp_path: Path) -> None:
    mapping = mapping_of(tmp_path, 11)
    short = write_csv(tmp_path / "short.csv", rows_of(1, 2, 3, steps=4))
    grown = write_xes(tmp_path / "grown.xes", rows_of(1, 2, 3, 4))
    first = ask(running.home, "import", str(short), "--mapping", mapping)
    assert (first.code, first.said["imported"]["rows"]) == (0, 12), first.errors
    then = ask(running.home, "import", str(grown), "--mapping", mapping)
    assert (then.code, then.said["agrees"]) == (0, True), then.errors
    assert then.said["rows"]["applied"] == then.said["rows"]["duplicates"] == 12
    assert then.said["imported"]["cases"] == 4
    with looking(running) as db:
        before = contents(db)
        again = ask(running.home, "import", str(short), "--mapping", mapping)
        assert contents(db) == before
    # The shorter file takes nothing away, and is told not to be all there is.
    assert (again.code, again.said["agrees"], again.said["rows"]["applied"]) == (1, False, 0)
    differences = {one["case"]: one for one in again.said["differences"]}
    assert set(differences) == {"case-1", "case-2", "case-3", "case-4"}
    assert differences["case-4"]["in_file"] is None
    assert differences["case-1"]["in_file"]["rows"] == 4
    assert differences["case-1"]["imported"]["rows"] == 6


def test_rows_at_fault_are_told_and_the_others_imported(running: Up, tmp_path: Path) -> None:
    bad = line(6, 0, org__resource="")
    log = write_csv(tmp_path / "bad.csv", [*rows_of(5), bad])
    answer = ask(running.home, "import", str(log), "--mapping", mapping_of(tmp_path, 12))
    assert (answer.code, answer.said["agrees"]) == (1, True), answer.errors
    assert (answer.said["file"]["faulty"], answer.said["imported"]["rows"]) == (1, 6)
    assert answer.said["file"]["faults"][0]["row"] == 8


def test_real_names_go_to_the_vault_and_nowhere_else(running: Up, tmp_path: Path) -> None:
    name = "Wilhelmina Vandersteen"
    log = write_csv(tmp_path / "named.csv", [line(7, 0, org__resource=name), line(7, 1)])
    answer = ask(
        running.home, "import", str(log), "--mapping", mapping_of(tmp_path, 13, names="real")
    )
    assert (answer.code, answer.said["agrees"]) == (0, True), answer.errors
    with looking(running) as db:
        assert everywhere(db, name) == []
        persons = db.execute(
            "SELECT id FROM persons WHERE id LIKE 'l13-%' AND identity_ref <> ''"
        ).fetchall()
        vault = Vault.load(running.home / "secrets" / "vault.key")
        found = [
            vault.open(SealedIdentity(ref, key_id, bytes(sealed)))
            for ref, key_id, sealed in db.execute(
                "SELECT reporter_ref, key_id, ciphertext FROM identities"
                " WHERE reporter_ref = ANY(%s)",
                ([identity_ref_of(person) for (person,) in persons],),
            ).fetchall()
        ]
    assert {"name": name} in found
    for written in (running.home / "logs").glob("*.log"):
        assert name not in written.read_text()


@pytest.mark.parametrize(
    ("change", "told", "code"),
    [
        (("department: ecology", "department: nobody"), "no such kind", 2),
        (("case: case:concept:name", "case: case:nothing"), "no column case:nothing", 2),
    ],
    ids=["a department that policy does not know", "a column that the log does not have"],
)
def test_what_does_not_fit_is_told_before_anything_is_sent(
    running: Up, tmp_path: Path, change: tuple[str, str], told: str, code: int
) -> None:
    mapping = Path(mapping_of(tmp_path, 14))
    mapping.write_text(mapping.read_text("utf-8").replace(*change), "utf-8")
    log = write_csv(tmp_path / "log.csv", rows_of(1))
    with looking(running) as db:
        before = contents(db)
        ended = run(running.home, "import", str(log), "--mapping", str(mapping))
        assert contents(db) == before
    assert (ended.returncode, told in ended.stderr.lower()) == (code, True), ended.stderr


def test_events_that_are_not_applied_are_told_with_their_reasons(
    running: Up, tmp_path: Path
) -> None:
    """One the engine refuses, one it puts aside and answers nobody: its sender is this machine."""
    at = datetime.now(UTC)
    orphan = OrgSet(
        org="o-1", kind=OrgKind.VILLAGE, name="甲", parent="nobody", code="1" * 12, valid_from=at
    )
    log = CaseLog(
        write_csv(tmp_path / "log.csv", rows_of(1, steps=1)),
        read_mapping(Path(mapping_of(tmp_path, 16))),
    )
    found = running.installation
    settings = Settings(
        home=running.home,
        database_url=SecretStr(found.database_url),
        kafka_bootstrap=found.kafka_bootstrap,
        partitions=2,
    )
    with sender_of(settings) as (sender, _):
        sent = sender.send(
            [
                directory_event(orphan, county="990316", source="directory/test", at=at),
                *log.history_events(),
            ]
        )
    assert {one.fate: one.reason for one in sent.denied} == {
        "refused": "unknown_parent",
        "dead-lettered": "unknown_place",
    }


def test_a_dry_run_needs_no_installation(tmp_path: Path) -> None:
    log = write_csv(tmp_path / "log.csv", rows_of(1, 2))
    answer = ask(tmp_path, "import", str(log), "--mapping", mapping_of(tmp_path, 15), "--dry-run")
    assert (answer.code, answer.said["file"]["to_import"]) == (0, 12)
    assert "rows" not in answer.said


def test_a_mapping_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    ended = run(tmp_path, "import", "any.csv", "--mapping", "nothing")
    assert (ended.returncode, "municipal-permit-receipts" in ended.stderr) == (2, True)
