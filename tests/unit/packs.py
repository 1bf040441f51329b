"""The default pack, and packs that differ from it in one thing."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from models.policy.load import default_pack_folder, load_policy
from models.policy.schema import Policy
from models.policy.yaml_tree import lay_over

Overlay = Mapping[str, Any]


@cache
def default_pack() -> Policy:
    """The pack as it is shipped; loaded once."""
    return load_policy(default_pack_folder())


@cache
def _dumped() -> dict[str, Any]:
    return default_pack().model_dump(mode="json")


def changed(overlay: Overlay) -> Policy:
    """The default pack with `overlay` over it: mappings by key, None removes, lists replaced."""
    return Policy.model_validate(lay_over(_dumped(), overlay))


def part(*keys: str | int) -> Any:
    """A piece of the dumped default pack, to build lists from."""
    found: Any = _dumped()
    for key in keys:
        found = found[key]
    return found


def without(items: list[Any], *indexes: int) -> list[Any]:
    """A list without the items at `indexes`."""
    return [item for index, item in enumerate(items) if index not in indexes]


def with_item(items: list[Any], index: int, **fields: Any) -> list[Any]:
    """A list whose item at `index` has other fields."""
    copy = list(items)
    copy[index] = {**copy[index], **fields}
    return copy
