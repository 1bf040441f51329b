"""Rows of a log as texts by column, one at a time, from CSV or XES."""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lxml import etree

from partygrid.case_log.mapping import LogMapping
from partygrid.errors import Invalid

#: Before the names of what describes the case, in both formats.
_CASE = "case:"
#: Longest cell.
_FIELD = 1_000_000


class LogUnreadable(Invalid):
    """The log cannot be read to its end."""


class LogRow(NamedTuple):
    """One row: its number as an editor counts (XES: the number of the event), texts by column."""

    number: int
    texts: dict[str, str]
    #: it has more cells than the head has columns
    surplus: bool = False


def read_rows(path: Path, mapping: LogMapping) -> Iterator[LogRow]:
    """Yield the rows of a log. Raises `LogUnreadable` at the place where it breaks off."""
    names = [suffix.lower() for suffix in path.suffixes]
    if ".xes" in names:
        yield from _xes(path)
    else:
        yield from _csv(path, mapping)


def _csv(path: Path, mapping: LogMapping) -> Iterator[LogRow]:
    csv.field_size_limit(_FIELD)
    try:
        with path.open(encoding=mapping.encoding, newline="") as file:
            reader = csv.DictReader(file, delimiter=mapping.delimiter, strict=True)
            _check_columns(mapping, reader.fieldnames or ())
            begins = reader.line_num + 1
            for texts in reader:
                yield LogRow(begins, _known(texts), surplus=None in texts)
                begins = reader.line_num + 1
    except (OSError, UnicodeDecodeError, csv.Error) as wrong:
        raise LogUnreadable(f"{path.name}: {wrong}") from wrong


def _known(texts: dict[Any, Any]) -> dict[str, str]:
    """Return the cells that have a column and a content."""
    return {name: text.strip() for name, text in texts.items() if name and isinstance(text, str)}


def _check_columns(mapping: LogMapping, head: Any) -> None:
    wanted = [name for name in mapping.columns.__struct_fields__ if getattr(mapping.columns, name)]
    missing = [c for n in wanted if (c := getattr(mapping.columns, n)) not in head]
    if missing:
        raise LogUnreadable(f"no column {', '.join(missing)}; there are {', '.join(head)}")


def _xes(path: Path) -> Iterator[LogRow]:
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    number = 0
    try:
        with opener(path, "rb") as file:
            traces = etree.iterparse(
                file, events=("end",), tag="{*}trace", resolve_entities=False, no_network=True
            )
            for _, trace in traces:
                if trace.getroottree().docinfo.internalDTD is not None:
                    raise LogUnreadable(f"{path.name}: declares a document type")
                about_case = {f"{_CASE}{key}": text for key, text in _attributes(trace).items()}
                for event in trace.iterfind("{*}event"):
                    number += 1
                    yield LogRow(number, about_case | _attributes(event))
                _forget(trace)
    except (OSError, etree.XMLSyntaxError) as wrong:
        raise LogUnreadable(f"{path.name}: {wrong}") from wrong


def _attributes(element: Any) -> dict[str, str]:
    """Return an element's own attributes; lists and containers have no value and are left out."""
    return {
        child.get("key"): child.get("value").strip()
        for child in element.iterchildren(tag=etree.Element)
        if child.get("key") and child.get("value") is not None
    }


def _forget(trace: Any) -> None:
    """Free a trace that was read, and what lies before it: a log may be larger than memory."""
    trace.clear()
    while trace.getprevious() is not None:
        del trace.getparent()[0]
