"""From codes and instants to what people read: one language, one form at a time."""

import pkgutil
import tomllib
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from importlib import import_module
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from models import reasons

TEMPLATES = Path(__file__).parent / "templates"

# Every place this is made for keeps this time, and its offices write it without saying so.
_LOCAL = ZoneInfo("Asia/Shanghai")


class Language(StrEnum):
    """What the addressee reads."""

    ZH = "zh"  # clerks and villagers
    EN = "en"  # operators and visitors from outside


_FULL = {Language.ZH: "y年M月d日（EEE）HH:mm", Language.EN: "EEE d MMM y, HH:mm"}
_BRIEF = {Language.ZH: "M月d日HH:mm", Language.EN: "d MMM HH:mm"}
_LOCALE = {Language.ZH: "zh_Hans_CN", Language.EN: "en_GB"}


def moment(written: str, language: Language, *, brief: bool = False) -> str:
    """Write an ISO 8601 instant as local time; `brief` leaves out year and weekday."""
    pattern = (_BRIEF if brief else _FULL)[language]
    return format_datetime(
        datetime.fromisoformat(written), pattern, tzinfo=_LOCAL, locale=_LOCALE[language]
    )


def word(language: Language, kind: str, name: str, value: str) -> str:
    """Return what the code `value` of a kind's param is called; itself where it is a label.

    A code may carry a part behind a colon, as a clock's key does; the part is not shown.
    """
    words = _words(language)
    code = value.partition(":")[0]
    sections = (words.get(f"{kind}.{name}", {}), words.get(name, {}))
    return next((section[code] for section in sections if code in section), value)


def labels(language: Language) -> Mapping[str, str]:
    """Return the params that are listed as facts under a letter, in order, with their names."""
    return _words(language)["labels"]


@cache
def _words(language: Language) -> Mapping[str, Mapping[str, str]]:
    words = tomllib.loads((TEMPLATES / language / "words.toml").read_text("utf-8"))
    return {**words, "reason": {**_reasons(language), **words.get("reason", {})}}


def _reasons(language: Language) -> Mapping[str, str]:
    """Every step lists its reasons in a module of its own; here they are read as one."""
    at = 0 if language is Language.ZH else 1
    modules = sorted(module.name for module in pkgutil.iter_modules(reasons.__path__))
    return {
        code: sentences[at].rstrip("。.")
        for name in modules
        for code, sentences in import_module(f"{reasons.__name__}.{name}").REASONS.items()
    }
