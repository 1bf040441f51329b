"""From a cell's content to a value, or to what is wrong with it. Pure."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from partygrid.directory_files.sheets import Column, Kind, Words

Value = str | int | bool | datetime | tuple[str, ...] | None


class Unreadable(NamedTuple):
    """What is wrong with a cell."""

    zh: str
    en: str


class Reader(NamedTuple):
    """What cells are read with."""

    words: Words
    zone: ZoneInfo


#: Largest whole number a spreadsheet keeps exactly.
_EXACT = 10**15
_PART = re.compile(r"[^、,，;；\s]+")
_SHAPES = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d", "%Y/%m/%d %H:%M")
_YEARS = range(1949, 2101)
_MIDNIGHT = time(0)


def read_cell(content: object, column: Column, reader: Reader) -> Value | Unreadable:
    """Return the value of a cell; None where it is empty and may be."""
    if isinstance(content, str):
        content = content.strip()
    if content is None or content == "":
        if column.required:
            return Unreadable("必填，不能为空", "must be filled in")
        return None
    return _READ[column.kind](content, column, reader)


def _text(content: object, _column: Column, _reader: Reader) -> Value | Unreadable:
    if isinstance(content, float) and content.is_integer():
        content = int(content)
    return str(content)


def _code(content: object, _column: Column, _reader: Reader) -> Value | Unreadable:
    """Read a code; as a number it may have lost its last digits."""
    if isinstance(content, bool):
        return _no_text()
    if isinstance(content, int | float):
        if not _is_whole(content) or abs(content) >= _EXACT:
            return Unreadable(
                "被存成了数字，末尾几位可能已丢失；请把本列设为“文本”后重填",
                "stored as a number that may have lost digits; format the column as text",
            )
        return str(int(content))
    return content if isinstance(content, str) else _no_text()


def _is_whole(number: float) -> bool:
    """Is it a whole number? Infinity and what is no number are not."""
    return isinstance(number, int) or number.is_integer()


def _no_text() -> Unreadable:
    return Unreadable("应为文字或代码", "must be a text")


def _list(content: object, column: Column, reader: Reader) -> Value | Unreadable:
    read = _code(content, column, reader)
    return tuple(_PART.findall(read)) if isinstance(read, str) else read


def _count(content: object, _column: Column, _reader: Reader) -> Value | Unreadable:
    if isinstance(content, str) and content.isascii() and content.isdigit():
        content = int(content)
    if isinstance(content, bool) or not isinstance(content, int | float) or not _is_whole(content):
        return Unreadable("应为整数", "must be a whole number")
    if content < 0:
        return Unreadable("不能是负数", "must not be negative")
    return int(content)


def _moment(content: object, _column: Column, reader: Reader) -> Value | Unreadable:
    local = _local(content)
    return local if isinstance(local, Unreadable) else _utc(local, reader.zone)


def _last_day(content: object, _column: Column, reader: Reader) -> Value | Unreadable:
    """Read an end: a bare date is over when its day is over."""
    local = _local(content)
    if isinstance(local, Unreadable):
        return local
    whole_day = local.time() == _MIDNIGHT
    return _utc(local + timedelta(days=1) if whole_day else local, reader.zone)


def _local(content: object) -> datetime | Unreadable:
    if isinstance(content, str):
        content = _written(content)
    if isinstance(content, date) and not isinstance(content, datetime):
        content = datetime.combine(content, _MIDNIGHT)
    if not isinstance(content, datetime):
        return Unreadable(
            "不是日期；请写成 2026-01-01 或 2026-01-01 08:00",
            "no date; write 2026-01-01 or 2026-01-01 08:00",
        )
    if content.year not in _YEARS:
        return Unreadable("年份不合理", "the year is not plausible")
    return content


def _written(text: str) -> datetime | None:
    for shape in _SHAPES:
        try:
            return datetime.strptime(text, shape)  # noqa: DTZ007  the zone is the office's
        except ValueError:
            continue
    return None


def _utc(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)


def _choice(content: object, column: Column, reader: Reader) -> Value | Unreadable:
    found = _choose(str(content), reader.words[column.words])
    return _not_listed(reader.words[column.words]) if found is None else found


def _choices(content: object, column: Column, reader: Reader) -> Value | Unreadable:
    words = reader.words[column.words]
    chosen = []
    for part in _PART.findall(str(content)):
        found = _choose(part, words)
        if found is None:
            return _not_listed(words)
        chosen.append(found)
    return tuple(dict.fromkeys(chosen))


def _choose(text: str, words: Mapping[str, str]) -> str | None:
    """Return the value of a word; the value itself is understood too."""
    if text in words:
        return text
    return next((value for value, word in words.items() if word == text), None)


def _not_listed(words: Mapping[str, str]) -> Unreadable:
    known = "、".join(words.values())
    return Unreadable(f"不在可选范围内；可选：{known}", f"not one of: {', '.join(words)}")


def _yes_no(content: object, column: Column, reader: Reader) -> Value | Unreadable:
    if isinstance(content, bool):
        return content
    read = _choice(content, column._replace(words="yes_no"), reader)
    return read if isinstance(read, Unreadable) else read == "yes"


_READ: Mapping[Kind, Callable[[object, Column, Reader], Value | Unreadable]] = {
    Kind.TEXT: _text,
    Kind.CODE: _code,
    Kind.LIST: _list,
    Kind.COUNT: _count,
    Kind.MOMENT: _moment,
    Kind.LAST_DAY: _last_day,
    Kind.CHOICE: _choice,
    Kind.CHOICES: _choices,
    Kind.YES_NO: _yes_no,
}
