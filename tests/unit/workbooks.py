"""Small workbooks as a clerk would fill them in, and a small county to fill them with."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook

from partygrid.directory_files.sheets import SHEETS

Rows = Mapping[str, Sequence[Mapping[str, Any]]]

FROM = "2026-01-01"
#: Row of the first line of data.
FIRST = 3


def org(code: str, kind: str, name: str, parent: str = "", **more: Any) -> dict[str, Any]:
    """Return a line of the sheet 组织; its id is its code unless told otherwise."""
    return {
        "编号": code,
        "类型": kind,
        "名称": name,
        "上级编号": parent,
        "代码": code,
        "起": FROM,
        **more,
    }


COUNTY = org("990202", "县", "甲县")
TOWNSHIP = org("990202101", "乡镇", "乙镇", "990202")
VILLAGE = org("990202101201", "行政村", "丙村", "990202101")
GRID = org("990202101201001", "网格", "丙村第一网格", "990202101201", 网格类型="综合网格", 户数=200)
TERRITORY = (COUNTY, TOWNSHIP, VILLAGE, GRID)
PERSON = {"人员编号": "p-1", "姓名": "样例甲", "手机": "00000000001", "起": FROM}
ROLE = {"人员编号": "p-1", "岗位": "网格员", "组织编号": GRID["编号"], "起": FROM}
SHIFT = {
    "组织编号": TOWNSHIP["编号"],
    "值班岗位": "值班长",
    "人员编号": "p-1",
    "开始": "2026-02-01 08:00",
    "结束": "2026-02-01 20:00",
}
APP = {
    "来源": "app/one",
    "名称": "支部通",
    "公钥": "A" * 43 + "=",
    "地域": "990202",
    "事项类型": "grid.report.*",
    "起": FROM,
}
SMALL: Rows = {
    "组织": TERRITORY,
    "人员": [PERSON],
    "任职": [ROLE],
    "值班表": [SHIFT],
    "应用密钥": [APP],
}


def fill(path: Path, rows: Rows, *, titles: Mapping[str, Sequence[str]] | None = None) -> Path:
    """Write lines under the usual titles, or under `titles` of a sheet."""
    book = Workbook()
    book.remove(book.active)
    for sheet in SHEETS:
        if sheet.title not in rows:
            continue
        page = book.create_sheet(sheet.title)
        head = (titles or {}).get(sheet.title) or [column.title for column in sheet.columns]
        page.append(list(head))
        page.append(["说明"])
        for line in rows[sheet.title]:
            page.append([line.get(title) for title in head])
    book.save(path)
    return path
