"""Workbooks and outlines that administrators fill in, or look at: templates and directories."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from events.contract.directory import (
    AppKeySet,
    DutyRosterSet,
    OrgSet,
    PersonSet,
    RoleSet,
)
from events.contract.envelope import Payload
from models.policy.schema import Policy
from partygrid.directory_files.identity import Identity
from partygrid.directory_files.outlines import write_outlines
from partygrid.directory_files.sheets import (
    APPS,
    EXAMPLE_MARKS,
    HEAD_ROWS,
    ORGS,
    PERSONS,
    ROLES,
    ROSTERS,
    SHEETS,
    Column,
    Kind,
    Sheet,
    Words,
    words_of,
)

WORKBOOK, OUTLINES, TEMPLATE = "目录.xlsx", "边界.geojson", "目录模板.xlsx"
_LISTS = "选项"
_HEAD = PatternFill("solid", fgColor="FFC8102E")
_HINT = PatternFill("solid", fgColor="FFF5F0E6")
_WHITE, _GREY = Font(bold=True, color="FFFFFFFF"), Font(italic=True, color="FF7F7F7F")
_TEXT_FORMAT, _MOMENT_FORMAT = "@", "yyyy-mm-dd hh:mm"
_MOMENTS = (Kind.MOMENT, Kind.LAST_DAY)
_SEPARATOR = "、"
#: How far down a template offers its lists.
_OFFERED_ROWS = 5000
_WIDTHS: Mapping[Kind, int] = {Kind.TEXT: 24, Kind.CODE: 22, Kind.LIST: 24, Kind.COUNT: 8}
_WIDTH = 18


def write_template(folder: Path, policy: Policy) -> Path:
    """Write the empty workbook, with one example a sheet that is never read; return its path."""
    words = words_of(policy)
    rows = {sheet.title: [_example(sheet)] for sheet in SHEETS}
    return _write(folder / TEMPLATE, rows, words)


def write_directory(
    folder: Path, entries: Iterable[Payload], policy: Policy, *, identities: Iterable[Identity] = ()
) -> tuple[Path, Path]:
    """Write a directory as workbook and outlines; return both paths.

    Reading them again gives the same entries, to the second.
    """
    entries, words = tuple(entries), words_of(policy)
    known = {identity.ref: identity for identity in identities}
    rows: dict[str, list[Sequence[Any]]] = {sheet.title: [] for sheet in SHEETS}
    for data in entries:
        sheet, fields = _sheet_of(data), _fields_of(data, known)
        for values in fields:
            rows[sheet.title].append(
                [_shown(values.get(c.key), c, words, policy.calendar.zone) for c in sheet.columns]
            )
    outlines = folder / OUTLINES
    write_outlines(outlines, (data for data in entries if isinstance(data, OrgSet)))
    return _write(folder / WORKBOOK, rows, words), outlines


def _example(sheet: Sheet) -> list[str]:
    first, *others = sheet.columns
    return [EXAMPLE_MARKS[0] + first.example, *(column.example for column in others)]


def _sheet_of(data: Payload) -> Sheet:
    of: Mapping[type[Payload], Sheet] = {
        OrgSet: ORGS,
        PersonSet: PERSONS,
        RoleSet: ROLES,
        DutyRosterSet: ROSTERS,
        AppKeySet: APPS,
    }
    return of[type(data)]


def _fields_of(data: Payload, known: Mapping[str, Identity]) -> Iterator[Mapping[str, object]]:
    """Yield the rows of an entry as fields; a roster has one for each shift."""
    fields = {name: getattr(data, name) for name in data.__struct_fields__}
    if isinstance(data, DutyRosterSet):
        for shift in data.shifts:
            own = {name: getattr(shift, name) for name in shift.__struct_fields__}
            yield {**fields, **own}
        return
    identity = known.get(data.identity_ref) if isinstance(data, PersonSet) else None
    if identity is not None:
        fields |= {"name": identity.name, "mobile": identity.mobile, "mail": identity.mail}
    yield fields


def _shown(value: object, column: Column, words: Words, zone: ZoneInfo) -> object:
    if column.kind is Kind.YES_NO:
        return words["yes_no"]["yes" if value else "no"]
    if value in (None, "", (), 0):
        return None
    if isinstance(value, datetime):
        return _local(value, zone, last_day=column.kind is Kind.LAST_DAY)
    listed = words.get(column.words, {})
    if isinstance(value, tuple):
        return _SEPARATOR.join(listed.get(str(part), str(part)) for part in value)
    if isinstance(value, int):
        return value
    return listed.get(str(value), str(value))


def _local(moment: datetime, zone: ZoneInfo, *, last_day: bool) -> datetime:
    """Return the office's wall time; an end at midnight as the last day before it."""
    local = moment.astimezone(zone).replace(tzinfo=None)
    return local - timedelta(days=1) if last_day and local.time() == time(0) else local


def _write(path: Path, rows: Mapping[str, Sequence[Sequence[Any]]], words: Words) -> Path:
    book = Workbook()
    book.remove(book.active)
    for sheet in SHEETS:
        page = book.create_sheet(sheet.title)
        _write_head(page, sheet)
        for number, values in enumerate(rows[sheet.title], start=HEAD_ROWS + 1):
            for at, (column, value) in enumerate(zip(sheet.columns, values, strict=True), start=1):
                if value is not None and value != "":
                    _write_cell(page.cell(number, at), value, column)
    _write_lists(book, words)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def _write_cell(cell: Any, value: object, column: Column) -> None:
    """Write a value that no spreadsheet takes for a formula."""
    cell.value = value
    if isinstance(value, str):
        cell.data_type = "s"
        cell.number_format = _TEXT_FORMAT
        cell.quotePrefix = value[:1] in ("=", "+", "-", "@")
    elif column.kind in _MOMENTS:
        cell.number_format = _MOMENT_FORMAT


def _write_head(page: Any, sheet: Sheet) -> None:
    page.freeze_panes = f"B{HEAD_ROWS + 1}"
    for number, column in enumerate(sheet.columns, start=1):
        title, hint = page.cell(1, number, column.title), page.cell(2, number, column.hint)
        title.fill, title.font = _HEAD, _WHITE
        hint.fill, hint.font = _HINT, _GREY
        hint.alignment = Alignment(wrap_text=True, vertical="top")
        dimension = page.column_dimensions[get_column_letter(number)]
        dimension.width = _WIDTHS.get(column.kind, _WIDTH)
        dimension.number_format = (
            _MOMENT_FORMAT
            if column.kind in _MOMENTS
            else _TEXT_FORMAT
            if column.kind is not Kind.COUNT
            else "General"
        )


def _write_lists(book: Workbook, words: Words) -> None:
    """Write the lists to choose from on a hidden sheet, and offer them in their columns."""
    lists = book.create_sheet(_LISTS)
    lists.sheet_state = "hidden"
    ranges = {}
    for number, (name, listed) in enumerate(words.items(), start=1):
        letter = get_column_letter(number)
        for row, word in enumerate(listed.values(), start=1):
            lists.cell(row, number, word)
        ranges[name] = f"{_LISTS}!${letter}$1:${letter}${len(listed)}"
    for sheet in SHEETS:
        for number, column in enumerate(sheet.columns, start=1):
            name = "yes_no" if column.kind is Kind.YES_NO else column.words
            if name and column.kind is not Kind.CHOICES:
                _offer(book[sheet.title], get_column_letter(number), ranges[name])


def _offer(page: Any, letter: str, of: str) -> None:
    choice = DataValidation(type="list", formula1=of, allow_blank=True, showErrorMessage=True)
    choice.error = "请从下拉列表中选择"
    choice.add(f"{letter}{HEAD_ROWS + 1}:{letter}{HEAD_ROWS + _OFFERED_ROWS}")
    page.add_data_validation(choice)
