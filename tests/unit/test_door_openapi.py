"""The description of the doors: whole, consistent, and true of what the contract takes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from events.codec import SIGNED
from events.contract.registry import EVENT_TYPES, Origin
from tests.integration.door_rig import told
from web.envelopes import ENGINES_OWN
from web.openapi import ATTRIBUTES, description
from web.problems import KINDS

ROOT = Path(__file__).parents[2]
DOCUMENT = description("0")


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def validator(name: str) -> Draft202012Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return Draft202012Validator(schema)


def test_every_reference_leads_somewhere() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    named = {one.removeprefix("#/components/schemas/") for one in references(DOCUMENT)}
    assert named <= schemas.keys()
    assert schemas.keys() - named == set()


def test_it_can_be_sent() -> None:
    assert json.loads(json.dumps(DOCUMENT))["paths"] == DOCUMENT["paths"]


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_every_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(DOCUMENT["components"]["schemas"][name])


def test_every_type_from_outside_is_described_and_no_other() -> None:
    outside = {name for name, kind in EVENT_TYPES.items() if kind.origin is not Origin.ENGINE}
    assert outside == set(DOCUMENT["components"]["schemas"]["Event"]["discriminator"]["mapping"])


def test_every_attribute_is_described() -> None:
    wanted = {*SIGNED, "signature", "assertion"} - set(ENGINES_OWN)
    assert set(ATTRIBUTES) == wanted


def test_every_problem_is_described_somewhere() -> None:
    answers = [
        response["description"]
        for path in DOCUMENT["paths"].values()
        for operation in path.values()
        for response in operation["responses"].values()
    ]
    elsewhere = {"not_found", "method_not_allowed", "refused", "fault"}
    missing = {code for code in KINDS if not any(f"`{code}`" in told for told in answers)}
    # 409 and 500 are told for every door; nothing is described of addresses that are none.
    assert missing <= elsewhere


def test_an_event_that_is_taken_fits_its_description() -> None:
    validator("Event").validate(told())


def test_the_example_of_the_page_fits_it_too() -> None:
    page = (ROOT / "docs" / "connect-an-app.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    validator("Event").validate(json.loads(example))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"type": "grid.report.nonsense.v1"}, id="type"),
        pytest.param({"data": {"grid": "1"}}, id="data"),
        pytest.param({"id": None}, id="no-id"),
        pytest.param({"township": None}, id="no-township"),
        pytest.param({"specversion": "0.3"}, id="version"),
    ],
)
def test_one_that_is_not_taken_does_not(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        validator("Event").validate(told(**changes))
