"""One thing that is odd in a pack."""

from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct


class Severity(StrEnum):
    """Whether a pack with it may be switched on."""

    #: cases would rest, or a rule of law would be broken: not switched on
    ERROR = "error"
    #: works, and is probably not meant
    WARNING = "warning"


class Finding(Struct, frozen=True, kw_only=True):
    """What was found, where, and what to do."""

    severity: Severity
    #: fixed word for tests and pages
    code: str
    #: path inside the pack, joined by dots
    place: str
    message: str


Findings = Iterator[Finding]


def error(code: str, place: str, message: str) -> Finding:
    """Return a finding that keeps the pack from being switched on."""
    return Finding(severity=Severity.ERROR, code=code, place=place, message=message)


def warning(code: str, place: str, message: str) -> Finding:
    """Return a finding that somebody should look at."""
    return Finding(severity=Severity.WARNING, code=code, place=place, message=message)
