"""Bytes and headers to an event, and back: CloudEvents 1.0, binary and structured mode. Pure.

Both modes are read; the engine and the producer write binary mode. The signed input is the same in
both: the attributes by name and the data's bytes as they stand in the record.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from msgspec import Struct

import events.contract.all  # noqa: F401  (the contract is complete only once every module is read)
from events.contract.envelope import Acting, Event, Payload
from events.contract.registry import EVENT_TYPES, TYPE_OF_PAYLOAD
from models.values import DeadLetterReason

Headers = Iterable[tuple[str, bytes]]

STRUCTURED = "application/cloudevents+json"
JSON = "application/json"
#: Attributes of ours, in CloudEvents' spelling, beside the standard ones.
EXTENSIONS = (
    "township",
    "actor",
    "actingrole",
    "actingorg",
    "onbehalfof",
    "recordedby",
    "sequence",
    "caseversion",
    "keyid",
    "cause",
    "wave",
    "replayof",
)
#: What the signature covers, besides the data. `signature` and `assertion` stand outside.
SIGNED = ("specversion", "id", "source", "type", "time", "subject", *EXTENSIONS)
_CARRIED = (*SIGNED, "signature", "assertion")
#: Longest attribute in characters; only signatures and assertions are longer.
ATTRIBUTE_LIMIT = 200
_LONG = frozenset({"signature", "assertion"})
_LARGEST = 2**31 - 2
_QUOTED = re.compile(r"'.*'", re.DOTALL)
#: What may be a name; anything else that stands in its place may be somebody's words.
_NAME = re.compile(r"[a-z0-9_.]{1,120}", re.ASCII)
#: The name of a field nobody knows is as much the app's own words as a value; its place is ours.
_UNKNOWN_FIELD = re.compile(r"unknown field `.*?`( - at `\$[\w.\[\]]*`)?$", re.DOTALL)


class Undecodable(Struct, frozen=True):
    """Why bytes are no event; with what could still be read of its identity."""

    reason: DeadLetterReason
    detail: str
    source: str = ""
    event_id: str = ""
    event_type: str = ""
    township: str = ""
    #: what a signature can still be checked against
    attributes: dict[str, str] = {}
    data: bytes = b""
    signature: str = ""


class Decoded(Struct, frozen=True):
    """An event, with what its signature and sign-in are checked against."""

    event: Event
    attributes: dict[str, str]
    data: bytes
    signature: str = ""
    assertion: str = ""


class Encoded(NamedTuple):
    """An event as a record's headers and value, binary mode."""

    headers: list[tuple[str, bytes]]
    value: bytes


_data_decoders = {name: msgspec.json.Decoder(kind.payload) for name, kind in EVENT_TYPES.items()}
_envelope = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder(order="sorted").encode
_as_time = msgspec.json.Decoder(datetime)


def decode(value: bytes, headers: Headers) -> Decoded | Undecodable:
    """Read a record. Never raises for bad input: an `Undecodable` says what is wrong."""
    try:
        attributes, data = _split(value, dict(headers))
    except RecursionError:
        return Undecodable(DeadLetterReason.MALFORMED, "nested too deeply")
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as fault:
        return Undecodable(DeadLetterReason.MALFORMED, _told(fault))
    return _read(attributes, data)


def _read(attributes: dict[str, str], data: bytes) -> Decoded | Undecodable:
    signed = {name: attributes[name] for name in SIGNED if attributes.get(name)}
    signature = attributes.get("signature", "")

    def unreadable(reason: DeadLetterReason, detail: str) -> Undecodable:
        return Undecodable(
            reason=reason,
            detail=detail,
            **_identity(attributes),
            attributes=signed,
            data=data,
            signature=signature,
        )

    missing = [name for name in ("id", "source", "type", "time") if not attributes.get(name)]
    if attributes.get("specversion") != "1.0" or missing:
        told = f"missing {', '.join(missing)}" if missing else "specversion is not 1.0"
        return unreadable(DeadLetterReason.MALFORMED, told)
    if odd := [name for name, text in attributes.items() if not _is_plain(name, text)]:
        told = ", ".join(name for name in odd if _NAME.fullmatch(name))
        return unreadable(DeadLetterReason.MALFORMED, f"too long or unprintable: {told}")
    decoder = _data_decoders.get(attributes["type"])
    if decoder is None:
        named = attributes["type"] if _NAME.fullmatch(attributes["type"]) else ""
        return unreadable(_unknown(attributes["type"]), named)
    if b"\\u0000" in data:
        return unreadable(DeadLetterReason.INVALID_DATA, "a text with the character NUL")
    try:
        event = _event(attributes, decoder.decode(data))
    except RecursionError:
        return unreadable(DeadLetterReason.MALFORMED, "nested too deeply")
    except msgspec.ValidationError as fault:
        return unreadable(DeadLetterReason.INVALID_DATA, _told(fault))
    except (ValueError, msgspec.DecodeError) as fault:
        return unreadable(DeadLetterReason.MALFORMED, _told(fault))
    return Decoded(
        event=event,
        attributes=signed,
        data=data,
        signature=signature,
        assertion=attributes.get("assertion", ""),
    )


def encode(event: Event, *, signature: str = "", assertion: str = "") -> Encoded:
    """Write an event in binary mode. Attributes without a value are left out."""
    attributes = attributes_of(event)
    for name, text in (("signature", signature), ("assertion", assertion)):
        if text:
            attributes[name] = text
    return Encoded(headers_of(attributes), data_of(event.data))


def headers_of(attributes: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """Return attributes as the record headers of binary mode."""
    return [(name, text.encode()) for name, text in text_headers_of(attributes)]


def text_headers_of(attributes: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the record headers of binary mode before they are bytes, as they are stored."""
    return [("content-type", JSON), *((f"ce_{name}", text) for name, text in attributes.items())]


def data_of(payload: Payload) -> bytes:
    """Return a payload's bytes: JSON with sorted keys, so that equal payloads are equal bytes."""
    return _encode(payload)


def attributes_of(event: Event) -> dict[str, str]:
    """Return the attributes of an event, those without a value left out."""
    acting = event.acting
    every = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "time": event.time.isoformat(),
        "subject": event.subject,
        "township": event.township,
        "actor": acting.actor,
        "actingrole": acting.role,
        "actingorg": acting.org,
        "onbehalfof": acting.on_behalf_of,
        "recordedby": acting.recorded_by,
        "sequence": str(event.sequence) if event.sequence >= 0 else "",
        "caseversion": str(event.case_version) if event.case_version >= 0 else "",
        "keyid": event.key_id,
        "cause": event.cause,
        "wave": str(event.wave) if event.wave else "",
        "replayof": event.replay_of,
    }
    return {name: text for name, text in every.items() if text}


def type_name(payload: Payload | type[Payload]) -> str:
    """Return the CloudEvents type of a payload."""
    kind = payload if isinstance(payload, type) else type(payload)
    return TYPE_OF_PAYLOAD[kind].full_name


def _split(value: bytes, headers: dict[str, bytes]) -> tuple[dict[str, str], bytes]:
    """Return the attributes as text and the data's bytes, from whichever mode it is."""
    lower = {name.lower(): text for name, text in headers.items()}
    content_type = lower.get("content-type", b"").decode().split(";")[0].strip()
    if content_type == STRUCTURED or "ce_id" not in lower:
        fields = _envelope.decode(value)
        data = bytes(fields.pop("data", b""))
        return {name: _text(fields[name]) for name in _CARRIED if name in fields}, data
    found = {name: lower[f"ce_{name}"].decode() for name in _CARRIED if f"ce_{name}" in lower}
    return found, value


def _text(raw: msgspec.Raw) -> str:
    """Return a JSON string or number as text; anything else is no attribute."""
    value = msgspec.json.decode(raw)
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError("an attribute is neither a text nor a whole number")


def _event(attributes: dict[str, str], payload: Payload) -> Event:
    get = attributes.get
    return Event(
        id=attributes["id"],
        source=attributes["source"],
        type=attributes["type"],
        time=_moment(attributes["time"]),
        township=_township(get("township", "")),
        subject=get("subject", ""),
        acting=Acting(
            actor=get("actor", ""),
            role=get("actingrole", ""),
            org=get("actingorg", ""),
            on_behalf_of=get("onbehalfof", ""),
            recorded_by=get("recordedby", ""),
        ),
        data=payload,
        sequence=_number(get("sequence", "-1")),
        case_version=_number(get("caseversion", "-1")),
        key_id=get("keyid", ""),
        cause=get("cause", ""),
        wave=_number(get("wave", "0")),
        replay_of=get("replayof", ""),
    )


def _number(text: str) -> int:
    number = int(text)
    if abs(number) > _LARGEST:
        raise ValueError("a number beyond what is counted here")
    return number


def _moment(text: str) -> datetime:
    moment = _as_time.decode(f'"{text}"'.encode())
    if moment.tzinfo is None:
        raise ValueError("time has no zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("time lies before the first year or after the last") from None


def _township(text: str) -> str:
    if len(text) not in (6, 9) or not text.isdigit():
        raise ValueError("township is not a six- or nine-digit code")
    return text


def _is_plain(name: str, text: str) -> bool:
    return text.isprintable() and (name in _LONG or len(text) <= ATTRIBUTE_LIMIT)


def _unknown(name: str) -> DeadLetterReason:
    base = name.rpartition(".v")[0]
    known = {kind.name for kind in EVENT_TYPES.values()}
    return DeadLetterReason.UNKNOWN_VERSION if base in known else DeadLetterReason.UNKNOWN_TYPE


def _identity(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return what can be told of an event that cannot be read, cut to what fits a column."""
    return {
        "source": _cut(attributes.get("source", "")),
        "event_id": _cut(attributes.get("id", "")),
        "event_type": _cut(attributes.get("type", "")),
        "township": _cut(attributes.get("township", ""))[:9],
    }


def _told(fault: Exception) -> str:
    """Return what was wrong without the values: they may be somebody's words."""
    told = _UNKNOWN_FIELD.sub(r"unknown field\1", str(fault))
    return _QUOTED.sub("…", told)[:ATTRIBUTE_LIMIT]


def _cut(text: str) -> str:
    return "".join(one for one in text[:ATTRIBUTE_LIMIT] if one.isprintable())


class _Kept(Struct):
    """An event as the journal keeps it; `data` is typed by `type`."""

    id: str
    source: str
    type: str
    time: datetime
    township: str
    acting: Acting
    data: msgspec.Raw
    subject: str = ""
    sequence: int = -1
    case_version: int = -1
    key_id: str = ""
    content_hash: str = ""
    cause: str = ""
    wave: int = 0
    replay_of: str = ""
    out_of_order: bool = False


_kept = msgspec.json.Decoder(_Kept)


def to_journal(event: Event) -> str:
    """Return an event as the journal keeps it."""
    return _encode(event).decode()


def from_journal(body: str | bytes) -> Event:
    """Return an event the journal kept."""
    kept = _kept.decode(body)
    fields = {name: getattr(kept, name) for name in _Kept.__struct_fields__}
    return Event(**{**fields, "data": _data_decoders[kept.type].decode(kept.data)})
