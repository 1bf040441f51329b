"""YAML read with the place of every value, and packs laid over one another. Pure."""

from collections.abc import Hashable, Mapping
from typing import NamedTuple

import yaml

from models.policy.faults import PolicyFault

#: Where a value stands: keys from the root of the pack, joined as a tuple.
Path = tuple[str | int, ...]


#: The C reader where the wheel brings it: five times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


class Mark(NamedTuple):
    """File and line, 1 the first."""

    file: str
    line: int


class Tree(NamedTuple):
    """A value, the place of every part of it, and what was wrong in reading it."""

    value: object
    places: dict[Path, Mark]
    faults: list[PolicyFault]


def read_tree(text: str, *, file: str, root: Path) -> Tree:
    """Read one YAML file whose content stands at `root` of the pack. Never raises for bad YAML."""
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        problem = f"not YAML: {error.problem or error.context}"
        return Tree(None, {}, [_fault(Mark(file, line), root, problem)])
    except yaml.YAMLError as error:
        return Tree(None, {}, [_fault(Mark(file, 0), root, f"not YAML: {error}")])
    reader = _Reader(file)
    if node is None:
        return Tree({}, {root: Mark(file, 0)}, [])
    return Tree(reader.value(node, root), reader.places, reader.faults)


def lay_over(lower: object, upper: object) -> object:
    """Return `lower` with `upper` over it: mappings key by key, all else replaced, null removes."""
    if not isinstance(lower, Mapping) or not isinstance(upper, Mapping):
        return upper
    merged = dict(lower)
    for key, value in upper.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = lay_over(merged.get(key), value)
    return merged


def place_of(path: Path, places: Mapping[Path, Mark]) -> Mark:
    """Return the place of `path`, or of the nearest part around it."""
    for length in range(len(path), -1, -1):
        found = places.get(path[:length])
        if found is not None:
            return found
    return Mark("", 0)


def _fault(mark: Mark, path: Path, message: str) -> PolicyFault:
    return PolicyFault(
        file=mark.file, line=mark.line, field=".".join(map(str, path)), message=message
    )


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.places: dict[Path, Mark] = {}
        self.faults: list[PolicyFault] = []
        self._seen: set[int] = set()
        self._scalars = yaml.SafeLoader("")

    def value(self, node: yaml.Node, path: Path) -> object:
        """Return what stands in `node`, and remember where."""
        mark = Mark(self.file, node.start_mark.line + 1)
        self.places[path] = mark
        if id(node) in self._seen:
            self.faults.append(_fault(mark, path, "write it out; aliases are not read"))
            return None
        self._seen.add(id(node))
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _PLAIN:
            self.faults.append(_fault(mark, path, f"take the tag {node.tag} away"))
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(part, (*path, index)) for index, part in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = self._scalar(key_node, path)
            mark = Mark(self.file, key_node.start_mark.line + 1)
            if not isinstance(key, str):
                self.faults.append(_fault(mark, path, f"put the key {key!r} in quotes"))
                continue
            if key in found:
                self.faults.append(_fault(mark, (*path, key), "stands here twice; keep one"))
            found[key] = self.value(value_node, (*path, key))
            self.places[(*path, key)] = mark
        return found

    def _scalar(self, node: yaml.Node, path: Path) -> Hashable:
        try:
            plain: Hashable = self._scalars.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError) as error:
            mark = Mark(self.file, node.start_mark.line + 1)
            self.faults.append(_fault(mark, path, f"cannot be read: {error}"))
            return None
        return plain
