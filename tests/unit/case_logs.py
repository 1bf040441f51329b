"""A made-up log of the shape of a real one: as many cases, rows, handlers, groups; CSV and XES."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from msgspec.structs import replace

from events.contract.reports import HistoryRecorded
from events.outgoing_event import Outgoing
from partygrid.case_log import mapping as mappings
from partygrid.case_log.importing import CaseLog
from partygrid.case_log.mapping import LogMapping, read_mapping

CASES, ROWS, HANDLERS, GROUPS = 1434, 8577, 48, 10
FILE = Path(mappings.__file__).parent / "mappings" / "municipal_permit_receipts.yaml"
_ACTIVITIES = ("Receipt", "Check", "Determine", "Print & send", "Advise", "Close")
_CHANNELS = ("Internet", "Desk", "Post", "e-mail", "Intern")
_BEGAN = datetime(2010, 10, 2, 7, 20, 39, 266000, tzinfo=UTC)
#: Summer and winter, as the log's country writes them.
_OFFSETS = (timezone(timedelta(hours=2)), timezone(timedelta(hours=1)))

Line = dict[str, str]


def lines(*, cases: int = CASES, rows: int = ROWS) -> Iterator[Line]:
    """Yield the rows: six a case, the first cases one fewer until the number is right."""
    short = cases * len(_ACTIVITIES) - rows
    for case in range(cases):
        for at in range(len(_ACTIVITIES) - (case < short)):
            yield line(case, at)


def line(case: int, at: int, **changes: str) -> Line:
    """Return one row; `changes` by column, with `__` for `:` and blanks."""
    began = _BEGAN + timedelta(hours=8 * case)
    handler, group = (case * 7 + at * 3) % HANDLERS, (case + at) % GROUPS
    made = {
        "case:channel": _CHANNELS[case % len(_CHANNELS)],
        "case:concept:name": f"case-{case}",
        "case:department": "General",
        "case:enddate": _written(began + timedelta(days=9)) if case % 3 else "",
        "case:enddate_planned": _written(began + timedelta(days=56)),
        "case:group": f"Group {case % 7}" if case % 2 else "",
        "case:responsible": f"Resource{case % 50:02}",
        "case:startdate": _written(began),
        "concept:instance": f"task-{case}-{at}",
        "concept:name": _ACTIVITIES[at],
        "lifecycle:transition": "complete",
        "org:group": f"Group {group}" if group else "EMPTY",
        "org:resource": f"Resource{handler:02}",
        "time:timestamp": _written(began + timedelta(hours=at, milliseconds=at)),
    }
    return made | {name.replace("__", ":"): text for name, text in changes.items()}


def _written(moment: datetime) -> str:
    local = moment.astimezone(_OFFSETS[moment.month in (11, 12, 1, 2, 3)])
    return local.isoformat(sep=" ", timespec="microseconds")


def write_csv(path: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    """Write the rows as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(line(0, 0)))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_xes(path: Path, rows: Iterable[Line]) -> Path:
    """Write the rows as XES; those of a case must stand together."""
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write('<log xes.version="1.0" xmlns="http://www.xes-standard.org/">\n')
        file.write('<global scope="event"><string key="concept:name" value="name"/></global>\n')
        for _, events in groupby(rows, key=lambda row: row["case:concept:name"]):
            own = list(events)
            file.write("<trace>")
            file.write(_attributes(own[0], of_case=True))
            for event in own:
                file.write(f"<event>{_attributes(event, of_case=False)}</event>")
            file.write("</trace>\n")
        file.write("</log>\n")
    return path


def _attributes(row: Line, *, of_case: bool) -> str:
    return "".join(
        f"<{'date' if 'time' in key or 'date' in key else 'string'}"
        f" key={quoteattr(key.removeprefix('case:'))} value={quoteattr(text)}/>"
        for key, text in row.items()
        if key.startswith("case:") is of_case and text
    )


@cache
def mapping() -> LogMapping:
    """Return the mapping that is shipped."""
    return read_mapping(FILE)


def small(folder: Path, *rows: Line, **changes: Any) -> CaseLog:
    """Return a log of these rows, under the mapping with `changes`."""
    return CaseLog(write_csv(folder / "log.csv", rows), replace(mapping(), **changes))


def told(event: Outgoing) -> HistoryRecorded:
    """Return what a row's event says."""
    assert isinstance(event.data, HistoryRecorded)
    return event.data
