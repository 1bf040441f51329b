"""The rules of this house, as checks on the source itself."""

import ast
import statistics
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("events", "flows", "models", "notifications", "web", "partygrid")
PRODUCT = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
BENCH = sorted((ROOT / "bench").rglob("*.py"))
GENERATED = ROOT / "models" / "migrations" / "versions"
WRITTEN = [path for path in PRODUCT + TESTS + BENCH if GENERATED not in path.parents]

MOST_LINES = 400
VAGUE = {"utils", "helpers", "helper", "manager", "base", "service", "common", "misc"}
SHADOWING = {"email", "queue", "types", "logging"}  # names of the standard library
WALL_CLOCK = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"}
ENVIRONMENT = {"os.environ", "os.getenv", "os.putenv"}
SKIPPING = {
    *("pytest.skip", "pytest.xfail", "pytest.importorskip"),
    *("pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail"),
}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def dotted(path: Path) -> Iterator[str]:
    """Every `a.b.c` written in the file."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)


def uses(paths: list[Path], names: set[str]) -> list[str]:
    return [
        f"{name_of(path)}: {used}"
        for path in paths
        for used in dotted(path)
        if any(used == name or used.endswith(f".{name}") for name in names)
    ]


def functions(paths: list[Path]) -> Iterator[tuple[str, int]]:
    for path in paths:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[0]
                documented = isinstance(first, ast.Expr) and ast.get_docstring(node) is not None
                start = (first.end_lineno or first.lineno) if documented else first.lineno - 1
                yield f"{name_of(path)}:{node.name}", max((node.end_lineno or 0) - start, 1)


def test_the_layers_are_kept() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_everything_of_ours_is_in_a_layer() -> None:
    """What stands in no layer may import anything, and nothing tells."""
    written = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = written["tool"]["importlinter"]["contracts"]
    (layers,) = (one["layers"] for one in contracts if one["type"] == "layers")
    named = [name.strip() for layer in layers for name in layer.split("|")]
    ours = {
        f"partygrid.{path.stem}"
        for path in (ROOT / "partygrid").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert sorted(named) == sorted({*PACKAGES, *ours} - {"partygrid", "partygrid.__init__"})


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_no_file_is_too_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_functions_are_short() -> None:
    lengths = [lines for _, lines in functions(PRODUCT)]
    short = sum(lines <= 40 for lines in lengths) / len(lengths)
    assert statistics.median(lengths) <= 8
    assert short >= 0.95, sorted(functions(PRODUCT), key=lambda pair: -pair[1])[:20]


@pytest.mark.parametrize("path", [p for p in WRITTEN if p.name == "__init__.py"], ids=name_of)
def test_a_package_file_holds_at_most_a_docstring(path: Path) -> None:
    body = tree_of(path).body
    assert not body or (len(body) == 1 and ast.get_docstring(tree_of(path)))


def test_no_module_has_a_vague_or_borrowed_name() -> None:
    assert [name_of(path) for path in WRITTEN if path.stem in VAGUE | SHADOWING] == []


def test_only_the_clock_reads_the_time() -> None:
    """A decision that reads the clock cannot be replayed."""
    others = [path for path in PRODUCT if path != ROOT / "partygrid" / "clock.py"]
    assert uses(others, WALL_CLOCK) == []


def test_only_the_embedded_servers_see_the_environment() -> None:
    """Settings are read once, by `Settings`; what is read elsewhere nobody documents."""
    others = [path for path in PRODUCT if ROOT / "partygrid" / "embedded" not in path.parents]
    assert uses(others, ENVIRONMENT) == []


def test_table_modules_keep_their_annotations() -> None:
    """SQLModel reads them when the class is made: as strings they give wrong columns."""
    postponed = [
        path for path in PRODUCT if "from __future__ import annotations" in path.read_text()
    ]
    assert [name_of(path) for path in postponed if "table=True" in path.read_text()] == []


def test_test_files_have_names_of_their_own() -> None:
    names = Counter(path.name for path in TESTS if path.name.startswith("test_"))
    assert [name for name, times in names.items() if times > 1] == []


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    """But for servers that do not come along: one place skips, and fails where CI is set."""
    others = [path for path in TESTS if path != ROOT / "tests" / "services" / "conftest.py"]
    assert uses(others, SKIPPING) == []


def test_no_test_mocks_our_own_code() -> None:
    mocking = [path for path in TESTS if "unittest.mock" in imports(path)]
    assert [name_of(path) for path in mocking] == []


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import datetime\ndatetime.datetime.now()", True),
        ("from datetime import datetime\ndatetime.now(UTC)", True),
        ("clock.now()", False),
    ],
)
def test_the_check_for_the_clock_sees(source: str, found: bool, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(source)
    seen = [n for n in dotted(path) if any(n == c or n.endswith(f".{c}") for c in WALL_CLOCK)]
    assert bool(seen) is found
