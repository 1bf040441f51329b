"""The door does what its description says, whatever is asked: no fault of its own, no surprise."""

import copy
import json
import time
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from partygrid.embedded.postgres import Postgres
from tests.services.attacked_door import AttackedDoor, attacked_door
from web.openapi import description

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: What the description allows, and what it does not.
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
#: Seconds for all of it; what is left then is not asked.
_LONGEST = 90.0
asked = settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Patience:
    """How much time is left, and what was answered until now."""

    def __init__(self) -> None:
        self._until = time.monotonic() + _LONGEST
        self.answers: Counter[int] = Counter()

    @property
    def is_over(self) -> bool:
        """Nothing more is asked."""
        return time.monotonic() > self._until


@pytest.fixture(scope="module")
def door(
    postgres: Postgres, migrated: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AttackedDoor]:
    postgres.create_database("described", template=migrated)
    with attacked_door(postgres.url("described"), tmp_path_factory.mktemp("described")) as one:
        yield one
    postgres.drop_database("described")


@pytest.fixture(scope="module")
def patience() -> Patience:
    return Patience()


DESCRIBED = json.loads(json.dumps(description(version("partygrid"))))
schema = schemathesis.openapi.from_dict(copy.deepcopy(DESCRIBED))
OPERATIONS = [schema[path][method] for path, item in DESCRIBED["paths"].items() for method in item]


@pytest.mark.parametrize("with_token", [True, False], ids=["token", "nobody"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.label)
def test_the_door_does_what_its_description_says(
    operation: Any, with_token: bool, door: AttackedDoor, patience: Patience
) -> None:
    headers = {"Authorization": f"Bearer {door.rig.token}"} if with_token else {}

    @asked
    @given(case=st.one_of(*(operation.as_strategy(mode) for mode in MODES)))
    def ask(case: schemathesis.Case[Any]) -> None:
        if not patience.is_over:
            answer = case.call_and_validate(base_url=door.url, headers=headers, checks=CHECKS)
            patience.answers[answer.status_code] += 1

    ask()


def test_enough_was_asked_and_the_door_is_well(door: AttackedDoor, patience: Patience) -> None:
    assert patience.answers.total() > 300
    assert {200, 201, 400, 401, 404, 415} <= patience.answers.keys(), patience.answers
    told = door.client.get("/openapi.json").json()
    assert told["paths"].keys() == DESCRIBED["paths"].keys()
    assert told["components"]["schemas"].keys() == DESCRIBED["components"]["schemas"].keys()
    assert door.is_well()
    assert '"fault"' not in door.log.read_text()
