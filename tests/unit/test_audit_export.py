"""An export is verified without the database, by the command too."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from models.audit_export import (
    ExportExists,
    NotAnExport,
    export,
    main,
    records_in,
    verify_export,
)
from models.findings import FindingKind as Found
from tests.unit.audit_samples import KEY, START, copy_of, kept

WHOLE = kept()
FILES = ("records", "seals", "cases")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    written = tmp_path / "export"
    manifest = export(
        written,
        WHOLE.records,
        seals=[seal.to_json() for seal in WHOLE.seals],
        heads=WHOLE.heads,
        case_heads=WHOLE.case_heads.items(),
        keys=[KEY.public],
        now=START,
    )
    assert manifest.records == len(WHOLE.records)
    return written


def test_export_reads_back_and_is_sound(folder: Path) -> None:
    assert list(records_in(folder)) == WHOLE.records
    report = verify_export(folder, keys={KEY.key_id: KEY.public}, copies=[copy_of(WHOLE.seals)])
    assert report.findings == ()


def test_own_keys_are_noted(folder: Path) -> None:
    report = verify_export(folder)
    assert report.is_sound
    noted = [told for told in report.findings if told.kind is Found.KEYS_UNCONFIRMED]
    assert KEY.key_id in noted[0].explanation


def first(before: bytes, after: bytes) -> "Change":
    return lambda lines: [lines[0].replace(before, after), *lines[1:]]


Change = Callable[[list[bytes]], list[bytes]]
TAMPERED: dict[str, tuple[Change, Found]] = {
    "field": (first(b"person-0", b"person-9"), Found.EDITED),
    "spaces": (first(b'{"action":', b'{"action": '), Found.EDITED),
    "hash no hex": (first(b'"hash":"', b'"hash":"z'), Found.EDITED),
    "more fields": (first(b'{"shard"', b'{"x":1,"shard"'), Found.EDITED),
    "no JSON": (lambda lines: [*lines[:3], b"{", *lines[4:]], Found.EDITED),
    "line gone": (lambda lines: lines[:3] + lines[4:], Found.DELETED),
    "line twice": (lambda lines: lines[:4] + lines[3:], Found.INSERTED),
    "lines swapped": (lambda lines: [lines[1], lines[0], *lines[2:]], Found.REORDERED),
    "end gone": (lambda lines: lines[:-2], Found.TAIL_CUT),
}


@pytest.mark.parametrize(("change", "kind"), TAMPERED.values(), ids=TAMPERED)
def test_tampered_export(folder: Path, change: Change, kind: Found) -> None:
    path = folder / "records.jsonl"
    lines = path.read_bytes().splitlines()
    changed = change(lines)
    assert changed != lines
    path.write_bytes(b"\n".join(changed) + b"\n")
    assert kind in verify_export(folder).kinds()


def test_nothing_is_overwritten(folder: Path) -> None:
    with pytest.raises(ExportExists):
        export(folder, [], seals=[], heads={}, case_heads=[], keys=[], now=START)


@pytest.mark.parametrize(
    "missing", ["manifest.json", "records.jsonl", "seals.jsonl", "cases.jsonl"]
)
def test_incomplete_export_is_no_export(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(NotAnExport):
        verify_export(folder)


BROKEN = {
    "manifest.json": b'{"format":2}',
    "cases.jsonl": b'{"case_id":"a"}',
}


@pytest.mark.parametrize(("name", "content"), BROKEN.items(), ids=BROKEN)
def test_broken_export_is_no_export(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(NotAnExport):
        verify_export(folder)


def test_command_tells_by_its_exit_code(folder: Path) -> None:
    command = [sys.executable, "-m", "models.audit_export", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "audit sound: 80 records" in done.stdout


def test_command_names_the_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "records.jsonl"
    path.write_bytes(path.read_bytes().replace(b"person-3", b"person-4", 1))
    assert main([str(folder)]) == 1
    assert "edited: shard 0, record 4" in capsys.readouterr().out
    assert main([str(folder / "nowhere")]) == 2
    assert main([]) == 2
