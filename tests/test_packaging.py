"""What is shipped: our packages, no namesakes, a wheel that works alone, no registry's host."""

import ast
import importlib
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.test_compose import OURS

ROOT = Path(__file__).parent.parent
PACKAGES = ("events", "flows", "models", "notifications", "web", "partygrid")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

LEFT_OUT = {".git", ".venv", ".partygrid", "data", "dist", "build", "__pycache__"}
CACHES = {".pytest_cache", ".mypy_cache", ".ruff_cache", ".import_linter_cache", ".hypothesis"}
LOCKS_WITH_ADDRESSES = {"uv.lock", "poetry.lock", "pdm.lock", "pylock.toml", "Pipfile.lock"}
# Written in two parts, so that this file does not name them either.
REGISTRIES = re.compile(
    "|".join(
        re.escape(first + last)
        for first, last in [
            ("pypi.", "org"),
            ("files.pythonhosted", ".org"),
            ("pypi.tuna", ".tsinghua"),
            ("mirrors.", "aliyun"),
            ("registry.", "npmjs"),
            ("repo1.maven", ".org"),
            ("repo.maven", ".apache"),
            ("proxy.", "golang"),
            ("index.", "crates"),
            ("static.", "crates"),
            ("deb.", "debian"),
        ]
    )
)


def shipped_files() -> list[Path]:
    """Everything in the checkout but environments, caches and data."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in LEFT_OUT | CACHES]
        found += [Path(folder, name) for name in names]
    return found


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the wheel's files and nothing else."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(target), str(wheel)], check=True)
    return target


def run_installed(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program that finds the wheel's files before any others."""
    program = f"import sys; sys.path.insert(0, {str(installed)!r}); {arguments[0]}"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments[1:]],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_a_root_package_is_ours(package: str) -> None:
    """The index has a package named `Events`: whoever installs it must not get it here."""
    file = importlib.import_module(package).__file__
    assert file
    assert Path(file).is_relative_to(ROOT)


def test_the_wheel_holds_our_packages_and_the_policies_and_nothing_else(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    packed = {n.removeprefix("partygrid/_policies/") for n in names if "/_policies/" in n}
    policies = ROOT / "policies"
    assert packed == {str(p.relative_to(policies)) for p in policies.rglob("*") if p.is_file()}
    assert packed


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    """Templates, migrations and page files are data that a packager easily forgets."""
    packed = set(ZipFile(wheel).namelist())
    folders = [ROOT / package for package in PACKAGES]
    present = chain.from_iterable(folder.rglob("*") for folder in folders)
    wanted = {
        str(path.relative_to(ROOT))
        for path in present
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted <= packed


def test_the_installed_wheel_finds_its_own_policies(installed: Path) -> None:
    load = "from models.policy.load import default_pack_folder as own, load_policy"
    program = f"{load}; load_policy(own()); print(own())"
    folder = Path(run_installed(installed, program).stdout.strip())
    assert folder.is_relative_to(installed)


def test_the_command_runs_from_the_installed_wheel(installed: Path) -> None:
    done = run_installed(installed, "from partygrid.cli.main import main; main()", "--help")
    assert done.returncode == 0, done.stderr
    assert re.search(r"\bup\b", done.stdout)


def test_no_file_names_a_registry() -> None:
    named = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in shipped_files()
        if (match := REGISTRIES.search(path.read_text(encoding="utf-8", errors="ignore")))
    ]
    assert named == []


def test_no_lock_file_records_addresses() -> None:
    assert [path.name for path in shipped_files() if path.name in LOCKS_WITH_ADDRESSES] == []


@pytest.mark.parametrize(
    "name", ["requirements", "requirements-dev", "requirements-bench", "requirements-build"]
)
def test_every_pinned_package_has_hashes_and_no_address(name: str) -> None:
    text = (ROOT / f"{name}.txt").read_text()
    assert not re.search(r"://|--index-url|--extra-index-url|--find-links", text)
    pins = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert [pin.split()[0] for pin in pins if not re.search(r"==.*--hash=sha256:", pin, re.S)] == []


@pytest.mark.parametrize(
    ("group", "file"),
    [
        (PROJECT["project"]["dependencies"], "requirements.txt"),
        (PROJECT["project"]["optional-dependencies"]["dev"], "requirements-dev.txt"),
        (PROJECT["project"]["optional-dependencies"]["bench"], "requirements-bench.txt"),
        (PROJECT["build-system"]["requires"], "requirements-build.txt"),
    ],
    ids=["runs", "develops", "measures", "builds"],
)
def test_what_the_project_asks_for_is_pinned(group: list[str], file: str) -> None:
    pinned = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / file).read_text(), re.MULTILINE))
    wanted = {re.split(r"[\[<>=~]", line)[0].lower().replace("_", "-") for line in group}
    assert wanted - pinned == set()


def test_every_imported_package_is_asked_for() -> None:
    """What only comes along with another package may stop coming along."""
    asked = {re.split(r"[\[<>=~]", line)[0] for line in PROJECT["project"]["dependencies"]}
    carriers = importlib.metadata.packages_distributions()
    known = {*sys.stdlib_module_names, *PACKAGES, "pydantic_core"}  # released with pydantic
    unasked = {
        f"{path.relative_to(ROOT)}: {root}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for root in imported_roots(path) - known
        if not {canonical(name) for name in carriers.get(root, [root])} & asked
    }
    assert sorted(unasked) == []


def imported_roots(path: Path) -> set[str]:
    roots: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            roots.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            roots.add(node.module.split(".")[0])
    return roots


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", sorted(n for n, s in OURS.items() if "entrypoint" not in s))
def test_every_container_runs_an_existing_command(name: str, installed: Path) -> None:
    command = OURS[name]["command"]
    done = run_installed(
        installed, "from partygrid.cli.main import main; main()", *command, "--help"
    )
    assert done.returncode == 0, done.stderr
