import ast
from pathlib import Path

import pytest

from flows.decide import escalation
from models.reasons import escalation as words
from models.reasons import general

FOLDER = Path(escalation.__file__).parent
MODULES = sorted(
    path
    for pattern in ("escalation*.py", "whistle*.py", "ladder.py", "late.py")
    for path in FOLDER.glob(pattern)
)
KNOWN = general.REASONS.keys() | words.REASONS.keys()


def codes(path: Path) -> set[str]:
    """Every code a module refuses with or writes as a reason, as it stands in its source."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name in ("Refusal", "Listener"):
            found |= _texts(node.args[0] if name == "Refusal" else node.args[-1])
        for keyword in node.keywords:
            if keyword.arg == "reason":
                found |= _texts(keyword.value)
    return found - {""}


def _texts(node: ast.expr) -> set[str]:
    parts = [node.body, node.orelse] if isinstance(node, ast.IfExp) else [node]
    return {p.value for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str)}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_reason_has_its_sentences(path: Path) -> None:
    assert codes(path) <= KNOWN


def test_the_scan_sees_the_codes() -> None:
    seen = set().union(*(codes(path) for path in MODULES))
    assert {"whistle_running", "no_longer_needed", "late_received", "held_by_nobody"} <= seen


@pytest.mark.parametrize("code", sorted(words.REASONS))
def test_both_languages_say_something_of_their_own(code: str) -> None:
    chinese, english = words.REASONS[code]
    assert chinese.endswith("。")
    assert english.endswith(".")
    assert not any("一" <= letter <= "鿿" for letter in english)
