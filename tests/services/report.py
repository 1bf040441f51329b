"""What every fault came to: a line in the session's folder, a table at its end, a page of docs."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from tests.services.hardness import IS_SOAK

FILE = "reliability.jsonl"
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
_HEADS = ("fault", "load", "records by fate", "repeats", "differences", "seconds")


class Row(Struct, frozen=True, kw_only=True):
    """One fault."""

    fault: str
    #: what was going on meanwhile
    load: str
    #: records by what became of them
    fates: dict[str, int]
    #: records that were known already when they were read
    repeats: int
    #: rows that were not as they are without the fault, and findings of the checks
    differences: int
    seconds: float
    #: what was compared
    checked: str

    def cells(self) -> tuple[str, ...]:
        """Return it as it is printed."""
        fates = ", ".join(f"{name} {count}" for name, count in sorted(self.fates.items()))
        figures = (str(self.repeats), str(self.differences), f"{self.seconds:.0f}")
        return (self.fault, self.load, fates or "–", *figures)


class Report:
    """The rows of a session, kept in its folder."""

    def __init__(self, folder: Path) -> None:
        """Begin without a row."""
        self.file = folder / FILE

    def add(self, row: Row) -> None:
        """Keep a row."""
        with self.file.open("ab") as file:
            file.write(msgspec.json.encode(row) + b"\n")

    def rows(self) -> list[Row]:
        """Return all rows so far, in the order of what they are called."""
        if not self.file.exists():
            return []
        lines = self.file.read_bytes().splitlines()
        return sorted((msgspec.json.decode(line, type=Row) for line in lines), key=_fault)


def _fault(row: Row) -> str:
    return row.fault


def table(rows: Iterable[Row]) -> list[str]:
    """Return the rows as lines of a Markdown table."""
    lines = [_HEADS, tuple("---" for _ in _HEADS), *(row.cells() for row in rows)]
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def write_page(rows: Sequence[Row], page: Path = PAGE) -> bool:
    """Put the figures into the page, between their marks, where the session was asked to.

    Those of `make soak` have marks of their own.
    """
    if not os.environ.get("PARTYGRID_WRITE_DOCS") or not rows:
        return False
    begin, end = (f"<!-- {one}figures{' of the soak' * IS_SOAK} -->" for one in ("", "end of "))
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    figures = "\n".join(table(rows))
    page.write_text(f"{before}{begin}\n\n{figures}\n\n{end}{after}", encoding="utf-8")
    return True
