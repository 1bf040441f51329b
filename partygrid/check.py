"""One thing that was looked at: whether it is well, and what to do where it is not."""

from enum import StrEnum

from msgspec import Struct


class Verdict(StrEnum):
    """Whether somebody must act."""

    #: as it should be
    WELL = "well"
    #: works, and somebody should look
    LOOK = "look"
    #: does not work
    ILL = "ill"


class Check(Struct, frozen=True, kw_only=True):
    """One thing that was looked at, and what to do where it is not well."""

    what: str
    verdict: Verdict
    told: str
    todo: str = ""


def well(what: str, told: str) -> Check:
    """Return a check that found nothing."""
    return Check(what=what, verdict=Verdict.WELL, told=told)


def look(what: str, told: str, todo: str) -> Check:
    """Return a finding that may wait."""
    return Check(what=what, verdict=Verdict.LOOK, told=told, todo=todo)


def ill(what: str, told: str, todo: str) -> Check:
    """Return a finding that may not."""
    return Check(what=what, verdict=Verdict.ILL, told=told, todo=todo)
