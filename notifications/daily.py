"""What a daily digest says, as it travels in the one param of its notice. Pure."""

from collections.abc import Mapping

import msgspec
from msgspec import Struct, field


class Figure(Struct, frozen=True, kw_only=True):
    """One measure of the day. `value` is None where there was nothing to divide by.

    `unit`: `count`, `share` (0 to 1) or `hours`. `name` by language; without it the metric's key
    is looked up among the words.
    """

    value: float | None
    numerator: float | None = None
    denominator: float | None = None
    unit: str = "count"
    name: Mapping[str, str] = field(default_factory=dict)


class SealFoot(Struct, frozen=True, kw_only=True):
    """The last audit seal at the moment of writing; its readers are its witnesses.

    `foot` is the line that `models.seals.read_feet` finds again in a digest somebody kept.
    """

    sequence: int
    foot: str
    sealed_at: str


class DailyDigest(Struct, frozen=True, kw_only=True):
    """One township's day. `day` is the local date, with the time where several are issued a day."""

    township: str
    day: str
    metrics: Mapping[str, Figure]
    seal: SealFoot | None = None


def digest_param(digest: DailyDigest) -> str:
    """Write the digest as the param `digest` of a DIGEST_DAILY notice."""
    return msgspec.json.encode(digest).decode()


def read_digest(param: str) -> DailyDigest:
    """Read it back; raises `msgspec.ValidationError`."""
    return msgspec.json.decode(param, type=DailyDigest)


def shown(figure: Figure) -> str:
    """Write a value: a share as per cent, a missing one as a dash, never as zero."""
    if figure.value is None:
        return "—"
    if figure.unit == "share":
        return f"{figure.value:.1%}"
    return f"{figure.value:g}" + (" h" if figure.unit == "hours" else "")


def parts(figure: Figure) -> str:
    """Write what a value was divided from, so that everybody can check it."""
    if figure.numerator is None or figure.denominator is None:
        return ""
    return f"{figure.numerator:g}/{figure.denominator:g}"
