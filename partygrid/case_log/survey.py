"""First reading of a log: who acted where and when, which row ends a case, what cannot be read."""

from collections import Counter
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct, field

from partygrid.case_log.mapping import LogMapping
from partygrid.case_log.rows import LogRow, read_rows

#: Faults that are told one by one; more of them are only counted.
_TOLD = 1000
#: What every row must say, and what must be a time.
_REQUIRED = frozenset({"case", "activity", "time", "person", "group"})
_MOMENTS = ("time", "started", "planned_end", "ended")
#: Characters of a label in an event.
_LONGEST = 120


class Span(NamedTuple):
    """From the first to the last appearance."""

    first: datetime
    last: datetime

    def with_(self, moment: datetime) -> "Span":
        """Return the span that reaches to `moment` too."""
        return Span(min(self.first, moment), max(self.last, moment))


class RowFault(NamedTuple):
    """A row that is not imported, and why."""

    row: int
    column: str
    zh: str
    en: str


class Step(Struct, frozen=True, kw_only=True):
    """What a row says happened."""

    row: int
    case_ref: str
    #: id of the row within the log
    key: str
    activity: str
    instance: str
    at: datetime
    person: str
    group: str
    channel: str = ""
    started: datetime | None = None
    planned_end: datetime | None = None
    ended: datetime | None = None
    responsible: str = ""
    department: str = ""
    responsible_group: str = ""


class Survey(Struct, kw_only=True):
    """What a whole log comes to. Every row is imported, left out or faulty."""

    rows: int = 0
    imported: int = 0
    #: rows whose transition the mapping does not want
    left_out: int = 0
    faulty: int = 0
    #: the first of the faulty rows, each with its reason
    faults: list[RowFault] = []
    #: by reason, all of them
    fault_counts: Counter[str] = field(default_factory=Counter)
    #: case → moment and number of its last row
    cases: dict[str, tuple[datetime, int]] = {}
    #: person and group → when they acted there
    acted: dict[tuple[str, str], Span] = {}
    #: names of those who are responsible for cases
    responsible: set[str] = set()
    #: rows that are not imported because their id was there before
    repeated: set[int] = set()

    @property
    def handlers(self) -> list[str]:
        """Names of those who acted, sorted."""
        return sorted({person for person, _ in self.acted})

    @property
    def persons(self) -> list[str]:
        """Names of those who acted or are responsible, sorted."""
        return sorted(self.responsible.union(self.handlers))

    @property
    def groups(self) -> list[str]:
        """Names of the groups, sorted."""
        return sorted({group for _, group in self.acted})

    @property
    def span(self) -> Span:
        """From the first to the last imported row. Raises ValueError where there is none."""
        spans = self.acted.values()
        return Span(min(span.first for span in spans), max(span.last for span in spans))

    def blame(self, fault: RowFault) -> None:
        """Count a row that is not imported."""
        self.faulty += 1
        self.fault_counts[fault.en] += 1
        if len(self.faults) < _TOLD:
            self.faults.append(fault)


def survey_log(path: Path, mapping: LogMapping) -> Survey:
    """Read a log once from end to end. Raises `LogUnreadable`."""
    survey = Survey()
    seen: set[bytes] = set()
    for row in read_rows(path, mapping):
        survey.rows += 1
        if is_left_out(row, mapping):
            survey.left_out += 1
            continue
        step = step_of(row, mapping)
        if isinstance(step, RowFault):
            survey.blame(step)
            continue
        key = sha256(step.key.encode()).digest()[:16]
        if key in seen:
            survey.repeated.add(row.number)
            survey.blame(_repeated(row, mapping))
            continue
        seen.add(key)
        _count(survey, step)
    return survey


def _repeated(row: LogRow, mapping: LogMapping) -> RowFault:
    column = mapping.columns.instance
    return RowFault(row.number, column, "编号与前面的行重复", "the id was there before")


def _count(survey: Survey, step: Step) -> None:
    survey.imported += 1
    survey.responsible.update({step.responsible} - {""})
    ends = survey.cases.get(step.case_ref)
    # Of rows at the same instant the later one in the log counts as the later one.
    survey.cases[step.case_ref] = max(ends, (step.at, step.row)) if ends else (step.at, step.row)
    acted = survey.acted.get((step.person, step.group))
    survey.acted[step.person, step.group] = (
        acted.with_(step.at) if acted else Span(step.at, step.at)
    )


def is_left_out(row: LogRow, mapping: LogMapping) -> bool:
    """Does the mapping not want rows of this transition?"""
    wanted = mapping.transitions
    return bool(wanted) and row.texts.get(mapping.columns.transition, "") not in wanted


def step_of(row: LogRow, mapping: LogMapping) -> Step | RowFault:
    """Return what a row says, or why it cannot be imported."""
    if row.surplus:
        return RowFault(row.number, "", "单元格比表头多", "has more cells than the head")
    said = _said(row, mapping)
    for name, text in said.items():
        column = getattr(mapping.columns, name) or name
        if name in _REQUIRED and not text:
            return RowFault(row.number, column, "没有内容", "is empty")
        if len(text) > _LONGEST:
            return RowFault(row.number, column, "内容过长", f"is longer than {_LONGEST}")
    moments: dict[str, datetime] = {}
    for name in _MOMENTS:
        try:
            moments |= {name: mapping.moment(said[name])} if said[name] else {}
        except (ValueError, OverflowError):
            column = getattr(mapping.columns, name)
            return RowFault(row.number, column, "时间无法识别", "is no time")
    return _step(row, said, moments)


def _said(row: LogRow, mapping: LogMapping) -> dict[str, str]:
    """Return the texts by what they mean, with what the mapping puts where a row is silent."""
    said = {}
    for name in mapping.columns.__struct_fields__:
        column = getattr(mapping.columns, name)
        said[name] = row.texts.get(column, "") if column else ""
    said["person"] = said["person"] or mapping.missing.person
    said["group"] = said["group"] or mapping.missing.group
    return said


def _step(row: LogRow, said: dict[str, str], moments: dict[str, datetime]) -> Step:
    instance = said["instance"]
    return Step(
        row=row.number,
        case_ref=said["case"],
        key=f"{instance}|{said['transition']}" if instance else f"row {row.number}",
        activity=said["activity"],
        instance=instance or f"row-{row.number}",
        at=moments["time"],
        person=said["person"],
        group=said["group"],
        channel=said["channel"],
        started=moments.get("started"),
        planned_end=moments.get("planned_end"),
        ended=moments.get("ended"),
        responsible=said["responsible"],
        department=said["department"],
        responsible_group=said["responsible_group"],
    )
