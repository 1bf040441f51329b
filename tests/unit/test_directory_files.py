"""Directory files: everything that is wrong is told at its row, the rest is what was written."""

import zipfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from events.codec import data_of
from events.contract.directory import DutyRosterSet, OrgSet, PersonSet, RoleSet
from flows.entries import entries_of
from models.directory import Directory
from models.policy.load import default_pack_folder, load_policy
from models.policy.people import OrgKind
from models.policy.schema import Policy
from partygrid.directory_files.fault import Gravity
from partygrid.directory_files.reading import Loaded, read_directory_files
from partygrid.directory_files.sheets import SHEETS
from partygrid.directory_files.writing import write_directory, write_template
from partygrid.sample.county import Sample, sample_county
from tests.unit.directory_folds import fold
from tests.unit.workbooks import (
    APP,
    COUNTY,
    FIRST,
    GRID,
    PERSON,
    ROLE,
    SHIFT,
    SMALL,
    TERRITORY,
    TOWNSHIP,
    VILLAGE,
    Rows,
    fill,
    org,
)

AT = datetime(2026, 3, 1, tzinfo=UTC)


@cache
def policy() -> Policy:
    return load_policy(default_pack_folder())


def load(path: Path, rows: Rows, *, known: Directory | None = None, **more: Any) -> Loaded:
    return read_directory_files(
        [fill(path / "目录.xlsx", rows, **more)], policy=policy(), at=AT, known=known
    )


def spoken(loaded: Loaded) -> list[tuple[str, int, str]]:
    """Return where the errors are."""
    return [(f.place.sheet, f.place.row, f.place.column) for f in loaded.errors]


def test_a_faultless_workbook_becomes_events_in_their_order(tmp_path: Path) -> None:
    loaded = load(tmp_path, SMALL)
    assert loaded.faults == ()
    assert [type(event.data).__name__ for event in loaded.events] == [
        *["OrgSet"] * 4,
        "PersonSet",
        "RoleSet",
        "DutyRosterSet",
        "AppKeySet",
    ]
    assert {event.township for event in loaded.events} == {"990202"}
    assert fold(loaded.events, policy()).refused == []


def test_lines_may_stand_in_any_order(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"组织": TERRITORY[::-1]})
    assert loaded.faults == ()
    assert [e.data.code for e in loaded.events if isinstance(e.data, OrgSet)] == [
        line["代码"] for line in TERRITORY
    ]


# One line changed in an otherwise faultless workbook: sheet, change, column blamed, words told.
BAD = {
    "nothing where something must stand": ("组织", {"名称": None}, "名称", "必填"),
    "kind not listed": ("组织", {"类型": "街道"}, "类型", "可选"),
    "parent that does not exist": ("组织", {"上级编号": "990202199"}, "上级编号", "上级组织不存在"),
    "parent of the wrong kind": ("组织", {"上级编号": "990202"}, "上级编号", "上级"),
    "code of the wrong length": ("组织", {"代码": "9902021012010011"}, "代码", "位数"),
    "code of another territory": ("组织", {"代码": "990202101202001"}, "代码", "开头"),
    "code as a number that lost digits": ("组织", {"代码": 99020210120100123}, "代码", "文本"),
    "no whole number": ("组织", {"户数": "很多"}, "户数", "整数"),
    "below nought": ("组织", {"户数": -1}, "户数", "负数"),
    "ends before it begins": ("组织", {"止": "2025-01-01"}, "止", "结束时间"),
    "no date": ("组织", {"起": "开年"}, "起", "日期"),
    "a year that cannot be": ("组织", {"起": "0206-01-01"}, "起", "年份"),
    "formula": ("组织", {"名称": "=1+1"}, "名称", "公式"),
    "department at a grid": ("组织", {"部门类别": "水利"}, "部门类别", "不符"),
    "too long a name": ("组织", {"名称": "长" * 121}, "名称", "字数"),
    "characters no id has": ("组织", {"编号": "网格 一"}, "编号", "编号"),
    "skill nobody knows": ("人员", {"特长": "调解、飞行"}, "特长", "可选"),
    "home that does not exist": ("人员", {"常住网格": "990202101201009"}, "常住网格", "网格"),
    "party status in other words": ("人员", {"党员身份": "积极分子"}, "党员身份", "可选"),
    "a mobile number as the id": ("人员", {"人员编号": "13900000000"}, "人员编号", "编号不得"),
    "a name as the id": ("人员", {"人员编号": "样例甲"}, "人员编号", "编号不得"),
    "a card number as the id": ("人员", {"人员编号": "99020219000101000X"}, "人员编号", "编号"),
    "role nobody knows": ("任职", {"岗位": "站长"}, "岗位", "可选"),
    "role that is not held there": ("任职", {"岗位": "值班长"}, "岗位", "岗位"),
    "role of nobody": ("任职", {"人员编号": "p-9"}, "人员编号", "人"),
    "role at nothing": ("任职", {"组织编号": "990202101201008"}, "组织编号", "组织"),
    "shift that ends too early": ("值班表", {"结束": "2026-02-01 07:00"}, "结束", "结束时间"),
    "shift of nobody": ("值班表", {"人员编号": "p-9"}, "人员编号", "人"),
    "key that is none": ("应用密钥", {"公钥": "abc"}, "公钥", "公钥"),
    "event type nobody knows": ("应用密钥", {"事项类型": "grid.nothing.*"}, "事项类型", "事项"),
    "neither yes nor no": ("应用密钥", {"可发保密件": "也许"}, "可发保密件", "可选"),
}  # fmt: skip


@pytest.mark.parametrize(("sheet", "change", "column", "told"), BAD.values(), ids=BAD.keys())
def test_a_bad_line_is_told_at_its_row_and_column(
    tmp_path: Path, sheet: str, change: dict[str, Any], column: str, told: str
) -> None:
    lines = [*SMALL[sheet][:-1], {**SMALL[sheet][-1], **change}]
    loaded = load(tmp_path, {**SMALL, sheet: lines})
    blamed = [fault for fault in loaded.errors if fault.place.sheet == sheet]
    assert [(f.place.row, f.place.column) for f in blamed] == [(FIRST + len(lines) - 1, column)]
    assert told in blamed[0].zh
    assert blamed[0].en
    assert blamed[0].place.file == "目录.xlsx"


def test_all_errors_are_told_at_once_and_what_only_follows_is_not(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        {
            **SMALL,
            "组织": [COUNTY, TOWNSHIP, {**VILLAGE, "名称": None}, GRID],
            "任职": [{**ROLE, "岗位": "站长"}, ROLE],
            "应用密钥": [{**APP, "公钥": "abc"}],
        },
    )
    # The grid's parent is missing only because the village's line is bad: that is told once.
    assert spoken(loaded) == [
        ("组织", FIRST + 2, "名称"),
        ("任职", FIRST, "岗位"),
        ("应用密钥", FIRST, "公钥"),
    ]


def test_names_and_numbers_of_persons_reach_the_vault_only(tmp_path: Path) -> None:
    loaded = load(tmp_path, {**SMALL, "人员": [{**PERSON, "邮箱": "a@sample.invalid"}]})
    (identity,) = loaded.identities
    assert (identity.name, identity.mobile, identity.mail) == (
        "样例甲",
        "00000000001",
        "a@sample.invalid",
    )
    told = b"".join(data_of(event.data) for event in loaded.events).decode()
    assert identity.ref in told
    for private in (identity.name, identity.mobile, identity.mail):
        assert private not in told


@pytest.mark.parametrize(
    "change", [{"手机": "打他电话"}, {"邮箱": "某甲在家"}, {"姓名": "=某甲"}, {"人员编号": "某甲"}]
)
def test_a_fault_never_shows_what_may_be_personal(tmp_path: Path, change: dict[str, Any]) -> None:
    loaded = load(tmp_path, {**SMALL, "人员": [{**PERSON, **change}]})
    assert loaded.errors
    private = next(iter(change.values()))
    assert not any(private in str(fault) for fault in loaded.faults)


def test_a_person_told_again_without_a_name_keeps_the_pseudonym(tmp_path: Path) -> None:
    known = fold(load(tmp_path, SMALL).events, policy()).directory
    nameless = {key: value for key, value in PERSON.items() if key not in ("姓名", "手机")}
    loaded = load(tmp_path, {"人员": [{**nameless, "可否联系": "外出"}]}, known=known)
    (event,) = loaded.events
    assert isinstance(event.data, PersonSet)
    assert event.data.availability == "away"
    before = known.person("p-1", AT)
    assert before is not None
    assert event.data.identity_ref == before.identity_ref != ""


def test_what_the_directory_knows_already_is_left_out(tmp_path: Path) -> None:
    known = fold(load(tmp_path, SMALL).events, policy()).directory
    again = load(tmp_path, SMALL, known=known)
    assert (again.events, again.faults, again.unchanged) == ((), (), 8)
    changed = load(tmp_path, {"组织": [{**GRID, "户数": 210}]}, known=known)
    assert [e.data.households for e in changed.events if isinstance(e.data, OrgSet)] == [210]


def test_a_dry_run_changes_nothing_it_was_given(tmp_path: Path) -> None:
    known = Directory()
    load(tmp_path, SMALL, known=known)
    assert known.orgs(AT) == []


def test_a_last_day_is_still_a_day_of_it(tmp_path: Path) -> None:
    loaded = load(tmp_path, {**SMALL, "任职": [{**ROLE, "止": "2026-06-30"}]})
    (role,) = [e.data for e in loaded.events if isinstance(e.data, RoleSet)]
    assert role.valid_from == datetime(2025, 12, 31, 16, tzinfo=UTC)
    assert role.valid_to == datetime(2026, 6, 30, 16, tzinfo=UTC)


def test_two_lines_about_one_thing_that_differ_are_told(tmp_path: Path) -> None:
    loaded = load(tmp_path, {"组织": [*TERRITORY, {**GRID, "名称": "别名"}, GRID]})
    assert spoken(loaded) == [("组织", FIRST + 4, "")]
    assert f"第{FIRST + 3}行" in loaded.errors[0].zh


def test_parents_that_go_round_in_a_circle_are_told_and_nothing_else(tmp_path: Path) -> None:
    one = org("a", "党委", "甲党委", "b", 代码="990202")
    other = org("b", "党委", "乙党委", "a", 代码="990202")
    below = org("c", "村党组织", "丙党总支", "a", 代码="990202101201")
    loaded = load(tmp_path, {"组织": [*TERRITORY, one, other, below]})
    assert [row for _, row, _ in spoken(loaded)] == [FIRST + 4, FIRST + 5]


def test_shifts_of_one_roster_are_one_event_and_blamed_one_by_one(tmp_path: Path) -> None:
    later = {**SHIFT, "开始": "2026-02-02 08:00", "结束": "2026-02-02 20:00"}
    loaded = load(tmp_path, {**SMALL, "值班表": [SHIFT, later]})
    (roster,) = [e.data for e in loaded.events if isinstance(e.data, DutyRosterSet)]
    assert len(roster.shifts) == 2
    twice = load(tmp_path, {**SMALL, "值班表": [SHIFT, later, SHIFT]})
    assert spoken(twice) == [("值班表", FIRST + 2, "开始")]


def test_unusual_figures_are_warnings_and_stop_nothing(tmp_path: Path) -> None:
    branch = org("pb-1", "网格党支部", "丙村第一网格党支部", GRID["编号"], 代码=GRID["代码"])
    loaded = load(tmp_path, {"组织": [*TERRITORY[:3], {**GRID, "户数": 9000}, branch]})
    assert loaded.errors == ()
    assert len(loaded.events) == 5
    assert [(f.place.row, f.place.column) for f in loaded.faults] == [
        (FIRST + 3, "户数"),
        (FIRST + 4, ""),
    ]
    assert {fault.gravity for fault in loaded.faults} == {Gravity.WARNING}


# --- the file itself ---------------------------------------------------------------------------


def test_columns_may_stand_in_any_order_and_unknown_ones_are_told(tmp_path: Path) -> None:
    titles = [*reversed([column.title for column in SHEETS[0].columns]), "备注"]
    loaded = load(tmp_path, {"组织": TERRITORY}, titles={"组织": titles})
    assert len(loaded.events) == 4
    assert [(f.place.column, f.gravity) for f in loaded.faults] == [("备注", Gravity.WARNING)]


def test_a_column_that_must_be_there_is_asked_for(tmp_path: Path) -> None:
    titles = [c.title for c in SHEETS[0].columns if c.title not in ("代码", "户数")]
    loaded = load(tmp_path, {"组织": TERRITORY}, titles={"组织": titles})
    assert spoken(loaded) == [("组织", 1, "代码")]
    assert loaded.events == ()


def _no_zip(path: Path) -> None:
    path.write_bytes(b"not a workbook")


def _with_entity(path: Path) -> None:
    book = fill(path, SMALL)
    with zipfile.ZipFile(book) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(book, "w") as packed:
        for name, content in parts.items():
            evil = b'<!DOCTYPE a [<!ENTITY b "c">]>' if name == "xl/workbook.xml" else b""
            packed.writestr(name, evil + content)


def _other_sheets(path: Path) -> None:
    book = load_workbook(fill(path, SMALL))
    for page in book.worksheets:
        page.title = f"旧{page.title}"
    book.save(path)


@pytest.mark.parametrize("spoil", [_no_zip, _with_entity, _other_sheets])
def test_a_file_that_is_no_directory_is_told_as_a_whole(tmp_path: Path, spoil: Any) -> None:
    path = tmp_path / "目录.xlsx"
    spoil(path)
    loaded = read_directory_files([path], policy=policy(), at=AT)
    assert [(f.place.file, f.place.row) for f in loaded.errors] == [("目录.xlsx", 0)]
    assert loaded.events == ()


@pytest.mark.parametrize("name", ["missing.xlsx", "missing.geojson", "notes.docx"])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, name: str) -> None:
    loaded = read_directory_files([tmp_path / name], policy=policy(), at=AT)
    assert [fault.place.file for fault in loaded.errors] == [name]


def test_the_template_is_empty_to_the_reader_and_explains_itself(tmp_path: Path) -> None:
    path = write_template(tmp_path, policy())
    loaded = read_directory_files([path], policy=policy(), at=AT)
    assert (loaded.events, loaded.faults) == ((), ())
    book = load_workbook(path)
    for sheet in SHEETS:
        page = book[sheet.title]
        assert [cell.value for cell in page[1]] == [c.title for c in sheet.columns]
        assert all(cell.value for cell in page[2])
        assert str(page.cell(3, 1).value).startswith("例：")
        offered = {str(v.sqref).split(":")[0] for v in page.data_validations.dataValidation}
        wanted = sum(column.kind in ("choice", "yes_no") for column in sheet.columns)
        assert len(offered) == wanted


# --- what was written is what is read ------------------------------------------------------------


@cache
def sample() -> Sample:
    return sample_county(1, since=AT, policy=policy())


def test_a_written_directory_reads_as_the_same_directory(tmp_path: Path) -> None:
    paths = write_directory(tmp_path, sample().entries, policy(), identities=sample().identities)
    loaded = read_directory_files(paths, policy=policy(), at=AT)
    assert loaded.faults == ()
    assert set(loaded.identities) == set(sample().identities)
    wanted = {spell for data in sample().entries for spell in entries_of(data)}
    assert {spell for e in loaded.events for spell in entries_of(e.data)} == wanted


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+86", "-1", "@here", "'quoted"])
def test_no_text_is_written_so_that_a_spreadsheet_takes_it_for_a_formula(
    tmp_path: Path, text: str
) -> None:
    data = OrgSet(org="990202", kind=OrgKind.COUNTY, name=text, code="990202", valid_from=AT)
    book, _ = write_directory(tmp_path, [data], policy())
    cell = load_workbook(book)["组织"].cell(FIRST, 3)
    assert (cell.value, cell.data_type) == (text, "s")
    loaded = read_directory_files([book], policy=policy(), at=AT)
    assert [e.data.name for e in loaded.events if isinstance(e.data, OrgSet)] == [text]
