"""What is wrong in a file, where, in words for the clerk and for the operator."""

from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

#: longest piece of a cell that is shown back
_SHOWN = 40


class Gravity(StrEnum):
    """Whether a file with it may be loaded."""

    #: nothing is loaded until it is mended
    ERROR = "error"
    #: loaded, and worth a look
    WARNING = "warning"


class Place(NamedTuple):
    """Where something stands: file, sheet, row and column as the clerk sees them."""

    file: str
    #: empty in a GeoJSON file
    sheet: str = ""
    #: row of the sheet or number of the feature, from 1; 0 where the whole is meant
    row: int = 0
    column: str = ""


class Fault(Struct, frozen=True, kw_only=True):
    """One thing that is wrong or odd."""

    place: Place
    #: what stands there, shortened; empty where it may be a name or a number of a person
    value: str = ""
    zh: str
    en: str
    gravity: Gravity = Gravity.ERROR
    #: id of the organisation or person whose line it is, where it could be read
    about: str = ""

    def __str__(self) -> str:
        """Write it as one line, Chinese first."""
        place = self.place
        parts = [place.file, place.sheet, f"第{place.row}行" if place.row else "", place.column]
        where = " ".join(part for part in parts if part)
        shown = f"“{self.value}”：" if self.value else ""
        return f"{where}: {shown}{self.zh} / {self.en}"


def shown(value: object) -> str:
    """Return a cell's content shortened to what a message may show."""
    text = " ".join(str(value).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
