"""Posted requests to events: CloudEvents over HTTP, in its three modes. Pure."""

from collections.abc import Mapping
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from events.codec import JSON, SIGNED, STRUCTURED
from models.values import DeadLetterReason
from web.problems import Problem

BATCH = "application/cloudevents-batch+json"
CARRIED = (*SIGNED, "signature", "assertion")
#: What only the engine sets: an app that does would speak in its name.
ENGINES_OWN = ("cause", "wave", "replayof")

_one = msgspec.json.Decoder(dict[str, msgspec.Raw])
_many = msgspec.json.Decoder(list[msgspec.Raw])


class Posted(Struct, frozen=True):
    """One event as it was posted, not looked at yet."""

    attributes: dict[str, str]
    #: JSON
    data: bytes


def read_posted(headers: Mapping[str, str], body: bytes, *, at_most: int) -> list[Posted | Problem]:
    """Return the events of a body, each or what is wrong with it. Raises `Problem` for the whole.

    One event in binary and structured mode, up to `at_most` in a batch.
    """
    kind, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.partition("charset=")[2].strip(' "').lower() or "utf-8"
    if charset != "utf-8":
        raise Problem("media_type", "only UTF-8 is read")
    match kind.strip().lower():
        case "application/json":
            return [_binary(headers, body)]
        case kind if kind == STRUCTURED:
            return [_structured(body)]
        case kind if kind == BATCH:
            return [_in_batch(bytes(one)) for one in _elements(body, at_most)]
    raise Problem("media_type", f"{JSON}, {STRUCTURED} or {BATCH}")


def _binary(headers: Mapping[str, str], body: bytes) -> Posted:
    attributes = {
        name: _unquoted(headers[f"ce-{name}"]) for name in CARRIED if f"ce-{name}" in headers
    }
    return _without_engines_own(Posted(attributes, body))


def _unquoted(text: str) -> str:
    """Undo the percent-encoding of header values (CloudEvents, HTTP binding, section 3.1.3.2)."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise Problem(DeadLetterReason.MALFORMED, "a header is not UTF-8") from None


def _elements(body: bytes, at_most: int) -> list[msgspec.Raw]:
    try:
        elements = _many.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(DeadLetterReason.MALFORMED, "a batch is a JSON list of events") from None
    if len(elements) > at_most:
        raise Problem(DeadLetterReason.TOO_LARGE, f"at most {at_most} events in a batch")
    return elements


def _in_batch(element: bytes) -> Posted | Problem:
    try:
        return _structured(element)
    except Problem as problem:
        return problem


def _structured(body: bytes) -> Posted:
    try:
        fields = _one.decode(body)
        attributes = {name: _text(fields[name]) for name in CARRIED if name in fields}
        content_type = _text(fields.get("datacontenttype", msgspec.Raw(b'""')))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        told = "an event is a JSON object whose attributes are texts"
        raise Problem(DeadLetterReason.MALFORMED, told) from None
    if "data_base64" in fields or content_type.partition(";")[0].strip() not in ("", JSON):
        raise Problem("media_type", "data is JSON, as it is")
    attributes = {name: text for name, text in attributes.items() if text}
    return _without_engines_own(Posted(attributes, bytes(fields.get("data", b""))))


def _text(raw: msgspec.Raw) -> str:
    """Return an attribute as text; null is none at all."""
    value = msgspec.json.decode(raw, type=str | int | None)
    if isinstance(value, bool):
        raise msgspec.ValidationError
    return "" if value is None else str(value)


def _without_engines_own(posted: Posted) -> Posted:
    named = [name for name in ENGINES_OWN if posted.attributes.get(name)]
    if named:
        raise Problem("engine_only", ", ".join(named), event_id=posted.attributes.get("id", ""))
    return posted
