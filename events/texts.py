"""Takes the words out of an event before it is decided. Pure.

A field typed `Text` is replaced by a token, the salted commitment of its words. Decisions, journal
and audit only ever see tokens; the words go to an erasable table.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from events.contract.envelope import Payload


class FreeText(NamedTuple):
    """Words that were taken out: the field they stood in, and the token that took their place."""

    field: str
    token: str
    words: str


@cache
def erasable_fields(payload: type[Payload]) -> tuple[str, ...]:
    """Return the names of the payload's fields that hold free text."""
    info = msgspec.inspect.type_info(payload)
    fields = info.fields if isinstance(info, msgspec.inspect.StructType) else ()
    return tuple(field.name for field in fields if _erasable(field.type))


def redact(payload: Payload, commit: Callable[[str, str], str]) -> tuple[Payload, list[FreeText]]:
    """Return the payload with tokens for words, and the words.

    `commit(field, words)` makes the token. Empty texts stay empty.
    """
    texts = [
        FreeText(name, commit(name, words), words)
        for name in erasable_fields(type(payload))
        if (words := getattr(payload, name))
    ]
    if not texts:
        return payload, texts
    return replace(payload, **{text.field: text.token for text in texts}), texts


def restore(payload: Payload, words: dict[str, str]) -> Payload:
    """Put words back in place of their tokens, where they are still known (field → words)."""
    known = {name: words[name] for name in erasable_fields(type(payload)) if name in words}
    return replace(payload, **known) if known else payload


def _erasable(kind: Any) -> bool:
    if isinstance(kind, msgspec.inspect.UnionType):
        return any(_erasable(part) for part in kind.types)
    if isinstance(kind, msgspec.inspect.Metadata):
        return bool((kind.extra or {}).get("erasable")) or _erasable(kind.type)
    return False
