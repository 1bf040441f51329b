"""What is told of an event that cannot be read repeats nothing that its app wrote freely."""

import json
from typing import Any

import pytest

import events.contract.all  # noqa: F401  (the contract is complete only once every module is read)
from events.codec import Undecodable, decode, headers_of

WORDS = "张三家的孩子"
ATTRIBUTES = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "app/one",
    "type": "grid.report.filed.v1",
    "time": "2026-03-10T04:00:00+00:00",
    "township": "330281101",
    "actor": "p-1",
    "actingrole": "grid_member",
    "actingorg": "330281101201001",
}
REPORT = {"grid": "330281101201001", "source": "grid_member", "title": "路灯"}


def detail(data: Any, **changes: str) -> str:
    value = data if isinstance(data, bytes) else json.dumps({**REPORT, **data}).encode()
    read = decode(value, headers_of({**ATTRIBUTES, **changes}))
    assert isinstance(read, Undecodable)
    return read.detail


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({WORDS: 1}, "Object contains unknown field"),
        ({f"{WORDS}` - at `$.x": 1}, "Object contains unknown field - at `$.x`"),
        ({"place": {"lon": 1.0, "lat": 1.0, WORDS: 1}}, "unknown field - at `$.place`"),
        ({"mark": WORDS}, "Invalid enum value … - at `$.mark`"),
        ({"grid": WORDS}, "at `$.grid`"),
        ({"evidence": [WORDS]}, "at `$.evidence[0]`"),
        ({"title": {WORDS: WORDS}}, "Expected `str`, got `object` - at `$.title`"),
        (WORDS.encode(), "JSON is malformed"),
        (f'{{"title": "{WORDS}"'.encode(), ""),
    ],
    ids=lambda value: str(value)[:30],
)
def test_of_data_only_the_place_is_told(data: Any, told: str) -> None:
    said = detail(data)
    assert told in said
    assert WORDS not in said


@pytest.mark.parametrize("kind", [WORDS.encode().hex() + "!", "Grid Report", "x" * 200, WORDS])
def test_a_type_is_told_only_where_it_may_be_one(kind: str) -> None:
    assert kind not in detail({}, type=kind)
    assert detail({}, type="grid.report.sung.v1") == "grid.report.sung.v1"
