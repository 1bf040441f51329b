"""Rows out of an Excel workbook: no formulas, no bombs, every fault at its cell."""

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, structs
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from partygrid.directory_files.cells import Reader, Unreadable, Value, read_cell
from partygrid.directory_files.fault import Fault, Gravity, Place, shown
from partygrid.directory_files.sheets import EXAMPLE_MARKS, HEAD_ROWS, SHEETS, Column, Sheet

#: Largest workbook: packed, unpacked, and rows of a sheet.
_PACKED, _UNPACKED = 50_000_000, 500_000_000
_MOST_ROWS = 500_000
#: How much of a part is looked at for a document type, which no workbook has.
_PROLOG = 4096


class Row(Struct, frozen=True, kw_only=True):
    """One row whose cells could all be read."""

    sheet: Sheet
    place: Place
    values: dict[str, Value]

    def at(self, key: str) -> Place:
        """Return the place of one of its cells."""
        column = next((c.title for c in self.sheet.columns if c.key == key), "")
        return self.place._replace(column=column)


def read_workbook(path: Path, reader: Reader) -> Iterator[Row | Fault]:
    """Yield the rows of the known sheets in order, and what is wrong, each at its place."""
    unsafe = _unsafe(path)
    if unsafe:
        yield unsafe
        return
    book = load_workbook(path, read_only=True, data_only=False, keep_links=False)
    try:
        known = [sheet for sheet in SHEETS if sheet.title in book.sheetnames]
        if not known:
            yield _whole(path, "没有一张可识别的工作表", "has none of the known sheets")
        for sheet in known:
            yield from _read_sheet(path, sheet, book[sheet.title], reader)
    finally:
        book.close()


def _unsafe(path: Path) -> Fault | None:
    """Return why the file is not even opened."""
    try:
        with zipfile.ZipFile(path) as packed:
            parts = packed.infolist()
            size = sum(part.file_size for part in parts)
            if path.stat().st_size > _PACKED or size > _UNPACKED:
                return _whole(path, "文件过大，请分成几个文件", "is too large; split it")
            if any(_declares(packed, part) for part in parts if part.filename.endswith(".xml")):
                return _whole(path, "含有不允许的内容，请另存为新文件", "declares a document type")
        return None
    except (OSError, zipfile.BadZipFile, InvalidFileException):
        return _whole(path, "打不开，不是 xlsx 文件或已损坏", "is no readable xlsx file")


def _declares(packed: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    """Does a part declare entities, or hide in another encoding whether it does?"""
    with packed.open(part) as stream:
        head = stream.read(_PROLOG)
    return b"<!DOCTYPE" in head or b"<!ENTITY" in head or b"\x00" in head


def _whole(path: Path, zh: str, en: str) -> Fault:
    return Fault(place=Place(path.name), zh=zh, en=en)


def _read_sheet(path: Path, sheet: Sheet, rows: Any, reader: Reader) -> Iterator[Row | Fault]:
    numbered = enumerate(rows.iter_rows(), start=1)
    _, titles = next(numbered, (0, ()))
    columns = _columns(sheet, titles)
    place = Place(path.name, sheet.title, 1)
    missing = [c for c in sheet.columns if c.required and c not in columns]
    for column in missing:
        yield Fault(place=place._replace(column=column.title), zh="缺少这一列", en="column missing")
    yield from _unknown_titles(sheet, titles, place)
    if missing:
        return
    for number, cells in numbered:
        if number > _MOST_ROWS:
            yield Fault(place=place, zh="行数过多，请分成几个文件", en="too many rows; split it")
            return
        if number > HEAD_ROWS and not _is_skipped(cells):
            yield from _read_row(place._replace(row=number), sheet, columns, cells, reader)


def _columns(sheet: Sheet, titles: Sequence[Any]) -> list[Column | None]:
    by_title = {column.title: column for column in sheet.columns}
    return [by_title.get(str(cell.value or "").strip()) for cell in titles]


def _unknown_titles(sheet: Sheet, titles: Iterable[Any], place: Place) -> Iterator[Fault]:
    known = {column.title for column in sheet.columns}
    for cell in titles:
        title = str(cell.value or "").strip()
        if title and title not in known:
            yield Fault(
                place=place._replace(column=shown(title)),
                zh="不认识的列，未读取",
                en="unknown column, not read",
                gravity=Gravity.WARNING,
            )


def _is_skipped(cells: Sequence[Any]) -> bool:
    """Is the row empty, or an example?"""
    first = next((cell.value for cell in cells if cell.value not in (None, "")), None)
    return first is None or str(first).startswith(EXAMPLE_MARKS)


def _read_row(
    place: Place,
    sheet: Sheet,
    columns: Sequence[Column | None],
    cells: Sequence[Any],
    reader: Reader,
) -> Iterator[Row | Fault]:
    values: dict[str, Value] = {}
    faults = []
    contents = [*cells, *[None] * (len(columns) - len(cells))]
    for column, cell in zip(columns, contents, strict=False):
        if column is None:
            continue
        content = getattr(cell, "value", None)
        read = _refuse_formula(cell) or read_cell(content, column, reader)
        if isinstance(read, Unreadable):
            faults.append(
                Fault(
                    place=place._replace(column=column.title),
                    value="" if column.private or content is None else shown(content),
                    zh=read.zh,
                    en=read.en,
                )
            )
        else:
            values[column.key] = read
    about = str(values.get(sheet.columns[0].key) or "")
    if not faults:
        yield Row(sheet=sheet, place=place, values=values)
    for fault in faults:
        yield structs.replace(fault, about=about)


def _refuse_formula(cell: Any) -> Unreadable | None:
    if getattr(cell, "data_type", "") in ("f", "e"):
        return Unreadable(
            "是公式或错误值；请改为直接填写内容", "is a formula or an error; write the value itself"
        )
    return None
