"""Reading packs: every fault at its line, packs over packs, versions by content."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from models.policy.faults import PolicyInvalid
from models.policy.load import SECTIONS, default_pack_folder, load_policy
from tests.unit.packs import default_pack


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A full copy of the default pack, to be spoilt."""
    return Path(shutil.copytree(default_pack_folder(), tmp_path / "own"))


def overlay(folder: Path, **files: str) -> Path:
    """A pack that extends the default one."""
    own = folder / "county"
    own.mkdir()
    about = 'name: {zh: 某县, en: A county}\nversion: "1"\neffective_from: 2026-07-01\n'
    files.setdefault("pack", f"extends: default\n{about}region: '330281'\n")
    for name, text in files.items():
        (own / f"{name}.yaml").write_text(text, encoding="utf-8")
    return own


def faults_of(folder: Path) -> list[tuple[str, int, str]]:
    with pytest.raises(PolicyInvalid) as caught:
        load_policy(folder)
    return [(Path(fault.file).name, fault.line, fault.field) for fault in caught.value.faults]


def line_of(path: Path, text: str) -> int:
    lines = path.read_text("utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def spoil(path: Path, old: str, new: str) -> int:
    """Replace the first `old` and return its line."""
    line = line_of(path, old)
    path.write_text(path.read_text("utf-8").replace(old, new, 1), encoding="utf-8")
    return line


def test_every_section_has_its_file() -> None:
    assert {path.stem for path in default_pack_folder().glob("*.yaml")} == set(SECTIONS)


@pytest.mark.parametrize(
    ("file", "old", "new", "field"),
    [
        pytest.param("deadlines", "verify: 24h", "verify: soon", "deadlines.verify", id="length"),
        pytest.param("deadlines", "returns: 1", "returns: -1", "deadlines.returns", id="number"),
        pytest.param("deadlines", "warning: 0.8", "alert: 0.8", "deadlines.alert", id="unknown"),
        pytest.param("intake", "grid_sources", "grid_source", "intake.grid_source", id="near miss"),
        pytest.param(
            "categories",
            "  urgency: U",
            "  urgency: X",
            "categories.items.01-05.urgency",
            id="enum",
        ),
        pytest.param(
            "categories",
            'owners: ["dept:discipline"]',
            'owners: ["dept:secrets"]',
            "categories.items.11-04.owners",
            id="no such department",
        ),
        pytest.param(
            "roles", "own_grid: [report.file]", "own_grid: [report.fly]", "roles.roles", id="action"
        ),
        pytest.param("calendar", '"14:00"', "14:00", "calendar.hours.1.start", id="unquoted time"),
        pytest.param(
            "categories", "body: council", "body: choir", "categories.items.11-06.body", id="body"
        ),
        pytest.param(
            "responsibility",
            'categories: ["01-07"]',
            'categories: ["99-07"]',
            "responsibility.items.B-04.categories",
            id="no such category",
        ),
        pytest.param("organisation", r"'\d{6}'", "'[0-9'", "organisation.codes.county", id="regex"),
        pytest.param(
            "limits", "application/pdf", "image/gif", "limits.evidence.kinds", id="media type"
        ),
        pytest.param(
            "limits",
            "picture_pixels: 60000000",
            "picture_pixels: 600000000",
            "limits.evidence.picture_pixels",
            id="more than the decoder bears",
        ),
        pytest.param(
            "limits",
            "picture_side: 2560",
            "picture_side: 0",
            "limits.evidence.picture_side",
            id="0",
        ),
        pytest.param("pack", "region: default", "region: 'x'", "pack.region", id="region"),
    ],
)
def test_a_fault_is_told_with_file_and_line(
    pack: Path, file: str, old: str, new: str, field: str
) -> None:
    line = spoil(pack / f"{file}.yaml", old, new)
    found = faults_of(pack)
    assert any(
        name == f"{file}.yaml" and there == line and path.startswith(field)
        for name, there, path in found
    ), (line, found)


def test_all_faults_are_told_at_once(pack: Path) -> None:
    spoil(pack / "deadlines.yaml", "verify: 24h", "verify: soon")
    spoil(pack / "deadlines.yaml", "check: 2h", "check: 2 hours")
    spoil(pack / "matching.yaml", "shown: 5", "shown: many")
    assert {field for _, _, field in faults_of(pack)} == {
        "deadlines.verify",
        "deadlines.check",
        "matching.shown",
    }


def test_broken_yaml_in_two_files_is_told_for_both(pack: Path) -> None:
    (pack / "limits.yaml").write_text("event_bytes: [1", encoding="utf-8")
    (pack / "notices.yaml").write_text("quiet: {", encoding="utf-8")
    assert {name for name, _, _ in faults_of(pack)} == {"limits.yaml", "notices.yaml"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("a: 1\na: 2\n", "twice", id="key twice"),
        pytest.param("12: 1\n", "quotes", id="key that is no text"),
        pytest.param("a: &x {b: 1}\nc: *x\n", "aliases", id="alias"),
        pytest.param("- 1\n", "keys and values", id="a list"),
        pytest.param("a: !!python/object:os.system {}\n", "tag", id="foreign tag"),
        pytest.param("a: 2026-13-45\n", "cannot be read", id="a date that is none"),
    ],
)
def test_yaml_that_would_be_misread_is_refused(pack: Path, text: str, said: str) -> None:
    (pack / "limits.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(PolicyInvalid, match=said):
        load_policy(pack)


def test_bytes_that_are_no_text_are_refused(pack: Path) -> None:
    (pack / "limits.yaml").write_bytes("event_bytes: 1 # 入口".encode("gbk"))
    with pytest.raises(PolicyInvalid, match="UTF-8"):
        load_policy(pack)


def test_a_file_with_an_unknown_name_is_refused(pack: Path) -> None:
    (pack / "deadline.yaml").write_text("{}", encoding="utf-8")
    with pytest.raises(PolicyInvalid, match="did you mean 'deadlines'"):
        load_policy(pack)


def test_a_near_miss_is_helped(pack: Path) -> None:
    spoil(pack / "deadlines.yaml", "warning: 0.8", "warnings: 0.8")
    with pytest.raises(PolicyInvalid, match="did you mean 'warning'"):
        load_policy(pack)


def test_a_missing_section_is_told(pack: Path) -> None:
    (pack / "ladders.yaml").unlink()
    assert ("own", 0, "ladders") in faults_of(pack)


def test_a_missing_member_of_a_list_of_kinds_is_told(pack: Path) -> None:
    spoil(pack / "deadlines.yaml", "accept: {E: 10m, U: 2h, N: 2wh}", "accept: {E: 10m, N: 2wh}")
    with pytest.raises(PolicyInvalid, match="missing: U"):
        load_policy(pack)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalid, match="no such folder"):
        load_policy(tmp_path / "nowhere")


def test_a_county_changes_single_keys(tmp_path: Path) -> None:
    own = overlay(
        tmp_path,
        categories="items:\n  '06-02': {limit: 5wd}\n  '06-05': null\n",
        responsibility="items:\n  A-12: null\n",
        deadlines="reopen: 30d\n",
    )
    policy, default = load_policy(own), default_pack()
    assert str(policy.categories.items["06-02"].limit) == "5wd"
    assert policy.categories.items["06-02"].name == default.categories.items["06-02"].name
    assert policy.category("06-05") is None
    assert policy.deadlines.reopen.days == 30
    assert policy.deadlines.check == default.deadlines.check
    assert policy.region == "330281"
    assert policy.version.startswith("1-")


def test_a_fault_in_an_overlay_is_told_in_the_overlays_file(tmp_path: Path) -> None:
    own = overlay(tmp_path, deadlines="# ours\nreopen: long\n")
    assert faults_of(own) == [("deadlines.yaml", 2, "deadlines.reopen")]
    with pytest.raises(PolicyInvalid) as caught:
        load_policy(own)
    assert caught.value.faults[0].file.startswith(str(own))


def test_a_removal_that_leaves_something_dangling_is_told(tmp_path: Path) -> None:
    own = overlay(tmp_path, categories="items:\n  '06-05': null\n")
    assert [field for _, _, field in faults_of(own)] == ["responsibility.items.A-12.categories"]


@pytest.mark.parametrize("name", ["county", "nothing"], ids=["itself", "nobody"])
def test_a_pack_that_extends_in_a_circle_or_nothing_is_refused(tmp_path: Path, name: str) -> None:
    own = overlay(tmp_path, pack=f"extends: {name}\n")
    assert faults_of(own) == [("pack.yaml", 1, "pack.extends")]


def test_the_version_follows_the_content_and_nothing_else(pack: Path) -> None:
    same = load_policy(pack)
    assert same.version == default_pack().version
    (pack / "limits.yaml").write_text(
        "# another comment\n" + (pack / "limits.yaml").read_text("utf-8"), encoding="utf-8"
    )
    assert load_policy(pack).version == same.version
    spoil(pack / "limits.yaml", "crash_attempts: 3", "crash_attempts: 4")
    changed = load_policy(pack)
    assert changed.version != same.version
    assert changed.version.split("-")[0] == same.version.split("-")[0]


def test_the_version_is_the_same_in_every_process() -> None:
    """Sets come in another order in each: cases would name versions that nobody has."""
    code = "from models.policy.load import *; print(load_policy(default_pack_folder()).version)"
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert told == {f"{default_pack().version}\n"}
