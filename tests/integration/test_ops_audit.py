"""Whatever somebody with all rights in the database changes, the verification finds and places."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec.structs import astuple, replace

from events.contract.reports import ReportFiled, ReportSource, ReportSupplemented
from flows.sealing import Sealer
from models.audit_chain import AuditRecord, chain, genesis, read_act, read_circumstance
from models.keys import SigningKey
from models.policy.people import Role
from models.seal_file import SealFile
from models.seals import foot, make_seal, read_seal, sealed_range
from models.values import case_id_of
from partygrid.embedded.postgres import Postgres
from partygrid.keyring import Keyring
from tests.rig import Rig
from tests.rigged import command, found_county, put_back, rigged, wait_until, working
from tests.world import GRID, NOW, TOWNSHIP, acting

MEMBER = acting(Role.GRID_MEMBER, GRID)


@pytest.fixture(scope="module")
def rig(postgres: Postgres, migrated: str, server_folder: Path) -> Iterator[Rig]:
    """Three cases with some records each, sealed twice, the seals published."""
    with rigged(postgres, migrated, server_folder) as rig, working(rig.engine):
        found_county(rig)
        sealer = Sealer(
            Keyring(rig.settings).seal(),
            SealFile(rig.settings.home / "seals.jsonl"),
            own_key=rig.setting.own_key,
        )
        reports = [
            rig.event(
                ReportFiled(grid=GRID, source=ReportSource.GRID_MEMBER, title=f"第{n}件"),
                MEMBER,
                township=TOWNSHIP,
            )
            for n in range(3)
        ]
        for minute, half in enumerate((reports[:2], reports[2:])):
            at = NOW + timedelta(minutes=2 * minute)
            rig.at(at, *half)
            rig.at(
                at + timedelta(minutes=1),
                *[
                    rig.event(
                        ReportSupplemented(description="补充"),
                        MEMBER,
                        township=TOWNSHIP,
                        subject=case_id_of(one.source, one.id),
                    )
                    for one in half
                ],
            )
            assert sealer.seal(rig.db, at)
        rig.at(NOW + timedelta(minutes=5))
        rig.rows("UPDATE outbox SET instant = NULL WHERE published_at IS NULL RETURNING 1")
        rig.at(NOW + timedelta(minutes=6))
        wait_until(
            lambda: rig.rows("SELECT count(*) FROM outbox WHERE published_at IS NULL") == [(0,)]
        )
        yield rig


def verified(rig: Rig, *options: str) -> dict[str, Any]:
    done = command(rig, "audit", "verify", "--json", *options)
    told: dict[str, Any] = json.loads(done.stdout)
    assert done.exit_code == (0 if told["sound"] else 1)
    return told


def kinds(told: dict[str, Any]) -> set[str]:
    return {one["kind"] for one in told["findings"]}


def test_what_nobody_touched_is_sound_and_every_copy_agrees(rig: Rig) -> None:
    told = verified(rig)
    assert told["sound"]
    assert told["findings"] == []
    assert told["not_compared"] == []
    assert {one["name"]: one["agrees_to"] for one in told["copies"]} == {
        "the seal file": 2,
        "topic audit.seals": 2,
    }
    assert (told["seals"], told["cases"]) == (2, 3)


def test_people_read_which_copies_were_compared(rig: Rig) -> None:
    done = command(rig, "audit", "verify")
    assert "audit sound" in done.stdout
    assert "compared with the seal file: 2 seals, 0 feet, agrees to seal 2" in done.stdout


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET act = '{}' WHERE seq = 1",
        "DELETE FROM audit WHERE seq = 1",
        "TRUNCATE audit",
        "UPDATE seals SET seal = '' WHERE number = 1",
        "DELETE FROM seals",
        "TRUNCATE seals",
    ],
)
def test_the_database_refuses_changes_even_to_its_owner(rig: Rig, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        rig.db.execute(statement.encode())


@contextmanager
def tampering(rig: Rig) -> Iterator[psycopg.Connection[Any]]:
    """A superuser with the triggers switched off; afterwards everything is as it was."""
    with psycopg.connect(rig.url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        with put_back(connection, "audit", "seals", "shards", "cases"):
            yield connection


def place(rig: Rig, *, of_case: int = 1, record: int = 1) -> tuple[int, str]:
    """Number in its shard of a case's record, and the case's id; cases in their order."""
    rows = rig.rows(
        "SELECT seq, case_id FROM audit WHERE case_id <> '' AND case_seq = %s ORDER BY seq", record
    )
    seq, case_id = rows[of_case]
    return seq, case_id


def test_one_changed_field_is_found(rig: Rig) -> None:
    seq, _ = place(rig)
    with tampering(rig) as connection:
        connection.execute(
            "UPDATE audit SET act = replace(act, 'grid_member', 'grid_head')"
            " WHERE shard = 0 AND seq = %s",
            (seq,),
        )
        told = verified(rig)
    assert kinds(told) == {"edited"}
    assert {(one["shard"], one["seq"]) for one in told["findings"]} == {(0, seq)}


def test_a_deleted_row_is_found(rig: Rig) -> None:
    seq, case_id = place(rig)
    with tampering(rig) as connection:
        connection.execute("DELETE FROM audit WHERE shard = 0 AND seq = %s", (seq,))
        told = verified(rig)
    assert "deleted" in kinds(told)
    assert (0, seq) in {(one["shard"], one["seq"]) for one in told["findings"]}
    assert case_id in {one["case_id"] for one in told["findings"]}


def test_a_deleted_case_is_found(rig: Rig) -> None:
    _, case_id = place(rig)
    with tampering(rig) as connection:
        connection.execute("DELETE FROM audit WHERE case_id = %s", (case_id,))
        told = verified(rig)
    assert case_id in {one["case_id"] for one in told["findings"] if one["kind"] == "case_deleted"}


def test_a_cut_tail_is_found_even_where_its_heads_were_set_back(rig: Rig) -> None:
    last, before = rig.rows("SELECT seq, hash FROM audit WHERE shard = 0 ORDER BY seq DESC LIMIT 2")
    with tampering(rig) as connection:
        connection.execute("DELETE FROM audit WHERE shard = 0 AND seq = %s", (last[0],))
        assert "tail_cut" in kinds(verified(rig))
        connection.execute(
            "UPDATE shards SET audit_seq = %s, audit_hash = %s WHERE shard = 0", before
        )
        told = verified(rig)
    cut = [one for one in told["findings"] if one["kind"] == "tail_cut"]
    assert [(one["shard"], one["to_seq"]) for one in cut if one["shard"] == 0] == [(0, last[0])]


def test_an_inserted_row_is_found(rig: Rig) -> None:
    last = rig.rows("SELECT max(seq) FROM audit WHERE shard = 0")[0][0]
    with tampering(rig) as connection:
        connection.execute(
            "INSERT INTO audit SELECT (jsonb_populate_record(a, jsonb_build_object('seq', %s))).*"
            " FROM audit a WHERE shard = 0 AND seq = %s",
            (last + 1, last),
        )
        told = verified(rig)
    assert {"inserted", "reordered"} & kinds(told)
    assert last + 1 in {one["seq"] for one in told["findings"]}


def test_two_swapped_rows_are_found(rig: Rig) -> None:
    (one, _), (other, _) = place(rig, of_case=0), place(rig, of_case=1)
    with tampering(rig) as connection:
        for moved_to, seq in ((-1, one), (one, other), (other, -1)):
            connection.execute(
                "UPDATE audit SET seq = %s WHERE shard = 0 AND seq = %s", (moved_to, seq)
            )
        told = verified(rig)
    assert "reordered" in kinds(told)
    assert {one, other} <= {finding["seq"] for finding in told["findings"]}


def test_a_chain_made_anew_with_its_seals_is_found_by_the_copies_outside(rig: Rig) -> None:
    """The forger has the database and the key of the seals: only what left the house tells."""
    seq, _ = place(rig)
    with tampering(rig) as connection:
        forge_everything(rig, connection, seq)
        told = verified(rig)
        kept = told["copies"]
    assert "seal_recomputed" in kinds(told)
    assert "edited" not in kinds(told)
    assert {one["agrees_to"] for one in kept} == {0}
    recomputed = [one for one in told["findings"] if one["kind"] == "recomputed"]
    assert recomputed
    assert all(one["seq"] <= seq <= one["to_seq"] for one in recomputed if one["shard"] == 0)


def test_a_forger_without_the_seals_key_is_found_in_the_database_itself(
    rig: Rig, tmp_path: Path
) -> None:
    seq, _ = place(rig)
    with tampering(rig) as connection:
        forge_everything(rig, connection, seq, key=SigningKey.generate())
        assert "seal_forged" in kinds(verified(rig))


def forge_everything(
    rig: Rig, connection: psycopg.Connection[Any], seq: int, *, key: SigningKey | None = None
) -> None:
    """Change one act, and compute every hash, head and seal behind it anew."""
    rows = connection.execute("TABLE audit ORDER BY shard, seq").fetchall()
    rows = [row for row in rows if row[0] == 0]
    entries = []
    for row in rows:
        act = read_act(row[5])
        if row[1] == seq:
            act = replace(act, actor="p-somebody-else")
        entries.append((act, read_circumstance(row[6])))
    chained = chain(entries, shard=0, head=genesis(0), case_heads={})
    connection.execute("DELETE FROM audit WHERE shard = 0")
    with connection.cursor().copy("COPY audit FROM STDIN") as copy:
        for record in chained.records:
            copy.write_row(astuple(record))
    connection.execute("UPDATE shards SET audit_hash = %s WHERE shard = 0", (chained.head.hash,))
    for case_id, head in chained.case_heads.items():
        connection.execute(
            "UPDATE cases SET audit_hash = %s WHERE id = %s", (head.hash.hex(), case_id)
        )
    forge_seals(connection, chained.records, key or Keyring(rig.settings).seal())


def forge_seals(
    connection: psycopg.Connection[Any], records: list[AuditRecord], key: SigningKey
) -> None:
    previous = None
    for number, text in connection.execute(
        "SELECT number, seal FROM seals ORDER BY number"
    ).fetchall():
        old = read_seal(text)
        ranges = [
            sealed_range(
                shard=0,
                from_seq=one.from_seq,
                hashes=[record.hash for record in records[one.from_seq - 1 : one.to_seq]],
            )
            if one.shard == 0
            else one
            for one in old.ranges
        ]
        previous = make_seal(ranges, previous=previous, key=key, now=old.made_at)
        connection.execute(
            "UPDATE seals SET seal = %s WHERE number = %s", (previous.to_json().decode(), number)
        )


def test_a_digest_somebody_kept_bears_witness(rig: Rig, tmp_path: Path) -> None:
    (seal,) = rig.rows("SELECT seal FROM seals WHERE number = 2")[0]
    letter = tmp_path / "日报.txt"
    letter.write_text(f"今日无事。\n\n{foot(read_seal(seal))}\n", encoding="utf-8")
    told = verified(rig, "--copy", str(letter))
    assert {one["name"]: one["agrees_to"] for one in told["copies"]}[str(letter)] == 2
    seq, _ = place(rig)
    with tampering(rig) as connection:
        forge_everything(rig, connection, seq)
        told = verified(rig, "--copy", str(letter))
    assert {one["name"]: one["agrees_to"] for one in told["copies"]}[str(letter)] == 0


def test_an_export_is_verified_without_the_database(rig: Rig, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    assert command(rig, "audit", "export", str(folder)).exit_code == 0
    assert verified(rig, "--export", str(folder))["sound"]
    again = command(rig, "audit", "export", str(folder))
    assert again.exit_code == 3
    records = folder / "records.jsonl"
    records.write_bytes(records.read_bytes().replace(b"grid_member", b"grid_head__", 1))
    assert "edited" in kinds(verified(rig, "--export", str(folder)))


def test_one_case_is_taken_out_as_an_excerpt(rig: Rig, tmp_path: Path) -> None:
    _, case_id = place(rig)
    done = command(rig, "audit", "export", str(tmp_path / "case"), "--case", case_id)
    lines = (tmp_path / "case" / "records.jsonl").read_text().splitlines()
    assert done.exit_code == 0
    assert [json.loads(line)["case_seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert {json.loads(line)["case_id"] for line in lines} == {case_id}
    nothing = command(rig, "audit", "export", str(tmp_path / "none"), "--case", "nobody")
    assert nothing.exit_code == 2


def test_records_no_seal_covers_and_seals_no_copy_confirms_are_said(rig: Rig) -> None:
    """After the last seal something happens; and the seal file is taken away."""
    file = rig.settings.home / "seals.jsonl"
    away = file.rename(file.with_suffix(".away"))
    try:
        rig.at(
            NOW + timedelta(minutes=9),
            rig.event(
                ReportFiled(grid=GRID, source=ReportSource.GRID_MEMBER, title="封印之后"),
                MEMBER,
                township=TOWNSHIP,
            ),
        )
        told = verified(rig)
    finally:
        away.rename(file)
    assert told["sound"]
    assert kinds(told) == {"unsealed"}
    assert told["not_compared"] == ["the seal file: not there, or empty"]
