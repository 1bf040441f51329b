"""In which language somebody is answered, and the sentences for reasons in it. Pure."""

import pkgutil
from functools import cache
from importlib import import_module

from models import reasons
from notifications.wording import Language


def language_of(accept: str) -> Language:
    """Return the language an `Accept-Language` header asks for most; Chinese where it asks none."""
    best, best_weight = Language.ZH, 0.0
    for part in accept.split(","):
        tag, _, parameter = part.strip().partition(";")
        weight = _weight(parameter)
        known = tag.strip().lower().partition("-")[0]
        if known in tuple(Language) and weight > best_weight:
            best, best_weight = Language(known), weight
    return best


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def sentence(code: str, language: Language) -> str:
    """Return what a reason's code means; empty where no step gives it."""
    said = _sentences().get(code)
    return "" if said is None else said[0 if language is Language.ZH else 1]


@cache
def _sentences() -> dict[str, tuple[str, str]]:
    """Every step lists its reasons in a module of its own; here they are read as one."""
    found: dict[str, tuple[str, str]] = {}
    for name in sorted(module.name for module in pkgutil.iter_modules(reasons.__path__)):
        found |= import_module(f"{reasons.__name__}.{name}").REASONS
    return found
