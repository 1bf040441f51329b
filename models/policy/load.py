"""Packs from a folder: YAML read, laid over what they extend, checked whole, all faults at once."""

import hashlib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import rfc8785
from pydantic import ValidationError
from pydantic_core import ErrorDetails, to_jsonable_python

from models.policy.faults import PolicyFault, PolicyInvalid
from models.policy.references import dangling
from models.policy.schema import Policy
from models.policy.span import Part
from models.policy.yaml_tree import Mark, Tree, lay_over, place_of, read_tree
from models.policy.yaml_tree import Path as Keys

#: One YAML file a field of `Policy`, of the same name.
SECTIONS = tuple(name for name in Policy.model_fields if name != "version")
#: Largest file that is read, in bytes.
_LARGEST = 2_000_000
_DIGITS = 12
#: Every field name of every part, for "did you mean".
_FIELDS = tuple(sorted({name for part in Part.__subclasses__() for name in part.model_fields}))


def default_pack_folder() -> Path:
    """Return the folder of the default pack: in the repository, or in the installed wheel."""
    root = Path(__file__).resolve().parents[2]
    installed = root / "partygrid" / "_policies" / "default"
    return installed if installed.is_dir() else root / "policies" / "default"


def load_policy(folder: Path) -> Policy:
    """Return the pack in `folder`, laid over the one it extends.

    Raises PolicyInvalid with every fault that was found, not only the first.
    """
    tree = _gathered(folder, ())
    if tree.faults or not isinstance(tree.value, dict):
        raise PolicyInvalid(tree.faults)
    try:
        policy = Policy.model_validate({**tree.value, "version": "unnamed"})
    except ValidationError as error:
        raise PolicyInvalid([_told(detail, tree) for detail in error.errors()]) from None
    faults = [_at(path, message, tree.places) for path, message in dangling(policy)]
    if faults:
        raise PolicyInvalid(faults)
    return policy.model_copy(update={"version": _version(policy)})


def _version(policy: Policy) -> str:
    content = rfc8785.dumps(_ordered(policy.model_dump(exclude={"version"})))
    return f"{policy.pack.version}-{hashlib.sha256(content).hexdigest()[:_DIGITS]}"


def _ordered(value: Any) -> Any:
    """Return the JSON of a value with every set in order: a set has another in each process."""
    if isinstance(value, Mapping):
        return {str(key): _ordered(one) for key, one in value.items()}
    if isinstance(value, frozenset):
        return sorted(map(_ordered, value), key=rfc8785.dumps)
    if isinstance(value, list | tuple):
        return [_ordered(one) for one in value]
    return to_jsonable_python(value)


def _gathered(folder: Path, above: tuple[Path, ...]) -> Tree:
    """Read a folder and what it extends into one tree."""
    folder = folder.resolve()
    own = _read_folder(folder)
    pack = own.value.get("pack") if isinstance(own.value, dict) else None
    if not isinstance(pack, dict) or "extends" not in pack:
        return own
    extends = str(pack.pop("extends"))
    lower_folder = _extended(folder, extends)
    if lower_folder in (folder, *above) or not lower_folder.is_dir():
        message = f"no pack called {extends!r}: name a folder beside this one, or `default`"
        return Tree(None, {}, [*own.faults, _at(("pack", "extends"), message, own.places)])
    lower = _gathered(lower_folder, (*above, folder))
    value = lay_over(lower.value, own.value)
    return Tree(value, {**lower.places, **own.places}, [*lower.faults, *own.faults])


def _extended(folder: Path, name: str) -> Path:
    beside = (folder.parent / name).resolve()
    return beside if beside.is_dir() or name != "default" else default_pack_folder()


def _read_folder(folder: Path) -> Tree:
    if not folder.is_dir():
        fault = PolicyFault(file=str(folder), line=0, field="", message="there is no such folder")
        return Tree(None, {}, [fault])
    files = sorted((*folder.glob("*.yaml"), *folder.glob("*.yml")))
    trees = {path: _read_file(path) for path in files}
    places: dict[Keys, Mark] = {(): Mark(str(folder), 0)}
    value: dict[str, object] = {}
    faults: list[PolicyFault] = []
    for path, tree in trees.items():
        value[path.stem] = tree.value
        places |= tree.places
        faults += tree.faults
    return Tree(value, places, faults)


def _read_file(path: Path) -> Tree:
    def refused(message: str) -> Tree:
        fault = PolicyFault(file=str(path), line=0, field=path.stem, message=message)
        return Tree(None, {}, [fault])

    if path.stem not in SECTIONS:
        return refused(f"no part of a pack has this name{_meant(path.stem, SECTIONS)}")
    if path.stat().st_size > _LARGEST:
        return refused(f"larger than {_LARGEST} bytes")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return refused("not UTF-8; save it as UTF-8")
    tree = read_tree(text, file=str(path), root=(path.stem,))
    if not tree.faults and not isinstance(tree.value, dict):
        return refused("must hold keys and values")
    return tree


def _told(detail: ErrorDetails, tree: Tree) -> PolicyFault:
    path = tuple(part for part in detail["loc"] if part != "[key]")
    match detail["type"]:
        case "extra_forbidden":
            message = f"no such field{_meant(str(path[-1]), _FIELDS)}"
        case "missing":
            message = "is missing"
        case "value_error":
            message = detail["msg"].removeprefix("Value error, ")
        case _:
            message = detail["msg"]
    return _at(path, message, tree.places)


def _at(path: Keys, message: str, places: Mapping[Keys, Mark]) -> PolicyFault:
    mark = place_of(path, places)
    return PolicyFault(
        file=mark.file, line=mark.line, field=".".join(map(str, path)), message=message
    )


def _meant(word: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else "; see docs/policy.md"
