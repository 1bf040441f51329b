"""The doors' OpenAPI description, made from the contract and from what the doors really say."""

import inspect
from functools import cache
from typing import Any

import msgspec

import events.contract.all  # noqa: F401  (the contract is complete only once every module is read)
from events.codec import ATTRIBUTE_LIMIT, JSON, STRUCTURED
from events.contract.registry import EVENT_TYPES, EventType, Origin
from models.policy.reach import EvidenceKind
from web.envelopes import BATCH
from web.identity_door import PersonIdentity
from web.outcomes import Outcome
from web.problems import KINDS, MEDIA_TYPE

Json = dict[str, Any]

_REF = "#/components/schemas/{name}"
_DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}

#: Attribute → what it says. Those an app must always give come first.
ATTRIBUTES: dict[str, str] = {
    "specversion": "Always `1.0`.",
    "id": "Names the event within its source, for good: the same id again is the same event.",
    "type": "Type and version, such as `grid.report.filed.v1`.",
    "time": "When it happened, with a zone.",
    "township": "Nine-digit code of the township, or the county's six digits.",
    "actor": "Id of the person who acted.",
    "actingrole": "Role the person acted in.",
    "actingorg": "Organisation at which the role is held.",
    "source": "The app. With a token it may be left out.",
    "subject": "The case or task it is about; none where it opens one.",
    "onbehalfof": "For whom it was done, where somebody acted for another.",
    "recordedby": "Who wrote it down, where that was somebody else.",
    "sequence": "The app's own running number.",
    "caseversion": "Version of the case the person looked at.",
    "keyid": "Id of the key that signed it.",
    "signature": "Ed25519 signature, Base64.",
    "assertion": "The signed-in person's assertion for this event.",
}
_REQUIRED = [*list(ATTRIBUTES)[:8], "data"]
_LONG = ("signature", "assertion")


def posted_types() -> list[EventType]:
    """Return the event types that come from outside."""
    return [kind for kind in EVENT_TYPES.values() if kind.origin is not Origin.ENGINE]


@cache
def description(version: str, evidence: frozenset[EvidenceKind] = frozenset(EvidenceKind)) -> Json:
    """Return the OpenAPI 3.1 document of doors that take these kinds of evidence."""
    kinds = sorted(map(str, evidence))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "partygrid",
            "version": version,
            "description": "The doors of a partygrid installation: events in, outcomes out.",
        },
        "paths": {
            "/events": {"post": _post_event()},
            "/events/{id}": {"get": _get_event()},
            "/evidence": {"post": _post_evidence(kinds)},
            "/evidence/{sha256}": {"get": _get_evidence()},
            "/identities": {"post": _post_identity()},
            "/health": {"get": _health()},
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
        },
    }


def _schemas() -> Json:
    kinds = posted_types()
    (_, _), components = _components([PersonIdentity, Outcome])
    _, payloads = _components([kind.payload for kind in kinds])
    return {
        **payloads,
        **components,
        "Problem": _problem(),
        "Envelope": _envelope(),
        **{_event_name(kind): _event(kind) for kind in kinds},
        "Event": {
            "oneOf": [_ref(_event_name(kind)) for kind in kinds],
            "discriminator": {
                "propertyName": "type",
                "mapping": {kind.full_name: _REF.format(name=_event_name(kind)) for kind in kinds},
            },
        },
        "Kept": _object(
            sha256=_DIGEST,
            media_type={"enum": [str(kind) for kind in EvidenceKind]},
            size={"type": "integer"},
        ),
        "Result": _object(
            required=("status",),
            id={"type": "string"},
            status={"type": "integer"},
            location={"type": "string"},
        ),
    }


def _components(kinds: list[Any]) -> tuple[Any, Json]:
    return msgspec.json.schema_components(kinds, ref_template=_REF)


def _event_name(kind: EventType) -> str:
    return f"{kind.payload.__name__}Event"


def _event(kind: EventType) -> Json:
    own: Json = {"type": {"const": kind.full_name}, "data": _ref(kind.payload.__name__)}
    required = ["subject"] if kind.needs_subject else []
    return {
        "description": inspect.getdoc(kind.payload) or "",
        "allOf": [_ref("Envelope"), {"type": "object", "properties": own, "required": required}],
    }


def _envelope() -> Json:
    attributes = {name: _attribute(name, told) for name, told in ATTRIBUTES.items()}
    attributes["specversion"] = {"const": "1.0"}
    attributes["datacontenttype"] = {"const": JSON}
    attributes["data"] = {}
    return {"type": "object", "properties": attributes, "required": _REQUIRED}


def _attribute(name: str, told: str) -> Json:
    kind: Json = {"type": "string", "description": told}
    if name in ("sequence", "caseversion"):
        kind["type"] = ["integer", "string"]
    if name == "time":
        kind["format"] = "date-time"
    return kind if name in _LONG else {**kind, "maxLength": ATTRIBUTE_LIMIT}


def _problem() -> Json:
    return _object(
        required=("type", "title", "status", "code"),
        type={"type": "string", "format": "uri"},
        title={"type": "string", "description": "In the caller's language."},
        status={"type": "integer"},
        code={"enum": sorted(str(code) for code in KINDS)},
        at={"type": "string", "description": "Where in the data it is wrong."},
        detail={"type": "string", "description": "What exactly was wrong, in English."},
        id={"type": "string", "description": "Id of the event."},
    )


def _object(*, required: tuple[str, ...] | None = None, **properties: Json) -> Json:
    wanted = list(properties) if required is None else list(required)
    return {"type": "object", "properties": properties, "required": wanted}


def _ref(name: str) -> Json:
    return {"$ref": _REF.format(name=name)}


def _post_event() -> Json:
    headers = [
        {
            "name": f"ce-{name}",
            "in": "header",
            "required": False,
            "description": f"Binary mode: {told}",
            "schema": _attribute(name, ""),
        }
        for name, told in ATTRIBUTES.items()
    ]
    payloads = [_ref(kind.payload.__name__) for kind in posted_types()]
    return {
        "summary": "Post one event, or a batch.",
        "description": "One event is accepted with 202. A batch is answered with 200 and a list:"
        " for each event what it would have been answered alone. The same event posted again is"
        " answered alike and counts once.",
        "security": [{"token": []}, {}],
        "parameters": [_language(), *headers],
        "requestBody": {
            "required": True,
            "content": {
                STRUCTURED: {"schema": _ref("Event")},
                BATCH: {"schema": {"type": "array", "items": _ref("Event")}},
                JSON: {"schema": {"anyOf": payloads}},
            },
        },
        "responses": {
            "202": _answer("Kept; `Location` says where its outcome will be.", _ref("Outcome")),
            "200": _answer(
                "The results of a batch, in its order.",
                {"type": "array", "items": {"anyOf": [_ref("Result"), _ref("Problem")]}},
            ),
            **_problems(400, 401, 403, 408, 409, 413, 415, 422, 429, 503),
        },
    }


def _get_event() -> Json:
    return {
        "summary": "What became of an event of the caller's own.",
        "security": [{"token": []}],
        "parameters": [_language(), _in_path("id", {"type": "string"})],
        "responses": {
            "200": _answer("Its outcome, or `pending`.", _ref("Outcome")),
            **_problems(401, 404, 429, 503),
        },
    }


def _post_evidence(kinds: list[str]) -> Json:
    file = {"type": "string", "format": "binary"}
    return {
        "summary": "Keep a photo, a document or a text.",
        "description": "Pictures are drawn anew: place, device and hidden parts are not kept. The"
        " hash is that of what is kept; events name it in `evidence`.",
        "security": [{"token": []}],
        "parameters": [_language()],
        "requestBody": {
            "required": True,
            "content": {
                **{kind: {"schema": file} for kind in kinds},
                "multipart/form-data": {"schema": _object(file=file)},
            },
        },
        "responses": {
            "201": _answer("Kept.", _ref("Kept")),
            **_problems(400, 401, 403, 408, 413, 415, 422, 429, 503),
        },
    }


def _get_evidence() -> Json:
    content: Json = {str(kind): {} for kind in EvidenceKind}
    return {
        "summary": "Fetch a file the caller itself brought.",
        "security": [{"token": []}],
        "parameters": [_language(), _in_path("sha256", _DIGEST)],
        "responses": {
            "200": {"description": "The file.", "content": content},
            **_problems(401, 403, 404, 429, 503),
        },
    }


def _post_identity() -> Json:
    return {
        "summary": "Hand an identity to the vault.",
        "description": "What comes back is a pseudonym; the identity is never shown again here.",
        "security": [{"token": []}],
        "parameters": [_language()],
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": _ref("PersonIdentity")}},
        },
        "responses": {
            "201": _answer("Sealed.", _object(reporter_ref={"type": "string"})),
            **_problems(401, 403, 408, 413, 415, 422, 429, 503),
        },
    }


def _health() -> Json:
    return {
        "summary": "Whether the door and its database are there.",
        "security": [],
        "responses": {
            "200": _answer("They are.", _object(status={"const": "ok"})),
            **_problems(503),
        },
    }


def _language() -> Json:
    told = "`zh` or `en`: the language of reasons and problems."
    return {
        "name": "Accept-Language",
        "in": "header",
        "required": False,
        "description": told,
        "schema": {"type": "string"},
    }


def _in_path(name: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _answer(told: str, schema: Json) -> Json:
    return {"description": told, "content": {JSON: {"schema": schema}}}


def _problems(*statuses: int) -> Json:
    return {
        str(status): {
            "description": ", ".join(
                f"`{code}`" for code, kind in KINDS.items() if kind.status == status
            ),
            "content": {MEDIA_TYPE: {"schema": _ref("Problem")}},
        }
        for status in statuses
    }
