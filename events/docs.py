"""Generates `docs/events.md` and `docs/asyncapi.json` from the contract: `python -m events.docs`.

With `--check` nothing is written; the exit code is 1 where a file is stale.
"""

import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from events.codec import EXTENSIONS, JSON
from events.contract.all import EVENT_TYPES
from events.contract.registry import (
    RESTRICTED_PREFIX,
    STEP_OF_TOPIC,
    EventType,
    Origin,
    Topic,
)
from events.texts import erasable_fields

DOCS = Path(__file__).resolve().parent.parent / "docs"

_ORIGINS = {
    Origin.OUTSIDE: "apps and people",
    Origin.ENGINE: "the engine",
    Origin.BOTH: "apps, people and the engine",
}

_EXTENSION_MEANING = {
    "township": "nine-digit township code (six digits: the county); the record key",
    "actor": "id of the person who acted",
    "actingrole": "role the person acted in",
    "actingorg": "organisation the role is held at",
    "onbehalfof": "person for whom it was done, where somebody acted for another",
    "recordedby": "person who wrote it down, where that was somebody else",
    "sequence": "the app's own running number, without gaps",
    "caseversion": "case version the person looked at",
    "keyid": "which of the app's keys signed it",
    "cause": "id of what the engine made it because of; engine only",
    "wave": "how many follow-ups lie between it and something from outside; engine only",
    "replayof": "dead-lettered event in whose place an operator sent this one",
}


def main(arguments: list[str]) -> int:
    """Write the generated documents, or check that they are up to date."""
    stale = []
    for path, text in documents():
        if path.exists() and path.read_text() == text:
            continue
        if "--check" in arguments:
            stale.append(path.name)
        else:
            path.write_text(text)
    for name in stale:
        sys.stderr.write(f"docs/{name} is stale: run `make docs`\n")
    return 1 if stale else 0


def documents() -> Iterator[tuple[Path, str]]:
    """Yield every generated document with its text."""
    yield DOCS / "events.md", events_page()
    yield DOCS / "asyncapi.json", json.dumps(asyncapi(), indent=2, ensure_ascii=False) + "\n"


def events_page() -> str:
    """Return the page about every event type, by topic."""
    lines = [
        "# Events",
        "",
        "Generated from `events/contract` by `make docs`; do not edit.",
        "",
        "Every record is a [CloudEvents 1.0](https://cloudevents.io) event with JSON data, in"
        " binary mode (`ce_` headers) or structured mode (`application/cloudevents+json`)."
        " Events from apps are signed with Ed25519: see [connecting an app](connect-an-app.md)."
        f" Events of marked cases travel on twins of the topics, named `{RESTRICTED_PREFIX}…`.",
        "",
        "Fields marked *erasable* hold free text: the words are taken out before anything is"
        " decided and can be erased without breaking the audit.",
        "",
        "## Attributes",
        "",
        "| attribute | meaning |",
        "|---|---|",
        "| `id`, `source` | together they name the event; sent twice it counts once |",
        "| `type` | event type and version |",
        "| `time` | when it happened, as the app says |",
        "| `subject` | case or task it is about; empty for what opens one |",
        *(f"| `{name}` | {_EXTENSION_MEANING[name]} |" for name in EXTENSIONS),
        "| `signature` | Ed25519 signature, Base64 |",
        "| `assertion` | the signed-in person's short-lived assertion |",
        "",
    ]
    for topic in Topic:
        lines += _topic(topic)
    return "\n".join(lines).rstrip() + "\n"


def _topic(topic: Topic) -> list[str]:
    kinds = [kind for kind in EVENT_TYPES.values() if kind.topic is topic]
    name = f"{topic}.<township>" if topic is Topic.CASE_UPDATES else str(topic)
    name = f"{topic}.<app>" if topic is Topic.APP_OUTCOMES else name
    step = STEP_OF_TOPIC.get(topic)
    told = f"Decided by the {step} step." if step else "Written by the engine, for apps to read."
    lines = [f"## `{name}`", "", told, ""]
    for kind in kinds:
        lines += _type(kind)
    return lines


def _type(kind: EventType) -> list[str]:
    right = f" Right: `{kind.action}`." if kind.action else ""
    lines = [
        f"### `{kind.full_name}`",
        "",
        f"{inspect.cleandoc(kind.payload.__doc__ or '')}",
        "",
        f"Made by {_ORIGINS[kind.origin]}.{right}",
        "",
    ]
    info = msgspec.inspect.type_info(kind.payload)
    if not isinstance(info, msgspec.inspect.StructType) or not info.fields:
        return [*lines, "No fields.", ""]
    erasable = set(erasable_fields(kind.payload))
    notes = _field_notes(kind.payload)
    lines += ["| field | type | | |", "|---|---|---|---|"]
    for field in info.fields:
        needed = "required" if field.required else ""
        marks = ["erasable"] if field.name in erasable else []
        told = "; ".join([*marks, *([notes[field.name]] if field.name in notes else [])])
        lines.append(f"| `{field.name}` | {_type_name(field.type)} | {needed} | {told} |")
    return [*lines, ""]


def _field_notes(payload: type[Any]) -> dict[str, str]:
    """Return the `#:` comments above the fields of a payload."""
    notes: dict[str, str] = {}
    pending: list[str] = []
    for line in inspect.getsource(payload).splitlines():
        stripped = line.strip()
        if stripped.startswith("#:"):
            pending.append(stripped[2:].strip())
        elif (found := re.match(r"(\w+):", stripped)) and pending:
            notes[found[1]] = " ".join(pending).replace("|", "\\|")
            pending = []
    return notes


def _type_name(kind: Any) -> str:
    inspected = msgspec.inspect
    match kind:
        case inspected.Metadata(type=inner):
            return _type_name(inner)
        case inspected.UnionType(types=parts):
            return " or ".join(_type_name(part) for part in parts)
        case inspected.VarTupleType(item_type=item) | inspected.ListType(item_type=item):
            return f"list of {_type_name(item)}"
        case inspected.TupleType(item_types=items):
            return f"[{', '.join(_type_name(item) for item in items)}]"
        case inspected.DictType(key_type=key, value_type=value):
            return f"map of {_type_name(key)} to {_type_name(value)}"
        case inspected.EnumType(cls=cls):
            return "one of " + ", ".join(f"`{member.value}`" for member in cls)
        case inspected.StructType(cls=cls):
            return f"object {cls.__name__}"
    return type(kind).__name__.removesuffix("Type").replace("Str", "text").lower()


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3 document: channels, messages, operations and schemas."""
    # By topic: the contract's own order is that in which its modules happened to be imported.
    kinds = [kind for topic in Topic for kind in EVENT_TYPES.values() if kind.topic is topic]
    schemas, components = msgspec.json.schema_components(
        [kind.payload for kind in kinds], ref_template="#/components/schemas/{name}"
    )
    messages = {
        kind.full_name: {
            "name": kind.full_name,
            "title": inspect.cleandoc(kind.payload.__doc__ or "").splitlines()[0],
            "contentType": JSON,
            "headers": _headers(kind),
            "payload": schema,
        }
        for kind, schema in zip(kinds, schemas, strict=True)
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "partygrid events",
            "version": "1",
            "description": "Event-driven workflow of Party building + grid governance.",
        },
        "defaultContentType": JSON,
        "channels": {str(topic): _channel(topic) for topic in Topic},
        "operations": {
            f"{'receive' if topic in STEP_OF_TOPIC else 'send'}-{topic}": {
                "action": "receive" if topic in STEP_OF_TOPIC else "send",
                "channel": {"$ref": f"#/channels/{topic}"},
            }
            for topic in Topic
        },
        "components": {"messages": messages, "schemas": components},
    }


def _channel(topic: Topic) -> dict[str, Any]:
    part = {Topic.CASE_UPDATES: "township", Topic.APP_OUTCOMES: "app"}.get(topic)
    channel: dict[str, Any] = {
        "address": f"{topic}.{{{part}}}" if part else str(topic),
        "messages": {
            kind.full_name: {"$ref": f"#/components/messages/{kind.full_name}"}
            for kind in EVENT_TYPES.values()
            if kind.topic is topic
        },
    }
    if part:
        channel["parameters"] = {part: {"description": f"the {part} it is for"}}
    return channel


def _headers(kind: EventType) -> dict[str, Any]:
    required = ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_township"]
    if kind.needs_subject:
        required.append("ce_subject")
    properties = {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string"},
        "ce_source": {"type": "string"},
        "ce_type": {"const": kind.full_name},
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_subject": {"type": "string"},
        "ce_signature": {"type": "string"},
        "ce_assertion": {"type": "string"},
        **{
            f"ce_{name}": {"type": "string", "description": _EXTENSION_MEANING[name]}
            for name in EXTENSIONS
        },
    }
    return {"type": "object", "required": required, "properties": properties}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
