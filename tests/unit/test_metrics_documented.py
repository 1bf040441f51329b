"""The table of metrics in docs/operations.md holds every metric there is, and what to do."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("events", "flows", "models", "notifications", "web", "partygrid")
#: What makes a metric → what its name ends with where it is shown.
MAKERS = {
    "Counter": "_total",
    "Info": "_info",
    "Gauge": "",
    "Histogram": "",
    "GaugeMetricFamily": "",
    "Told": "",
}


class Row(NamedTuple):
    """A line of the table."""

    metric: str
    labels: str
    meaning: str
    alarm: str
    what_to_do: str


def made_in(source: str) -> Iterator[str]:
    """Every metric that a module makes under a name of ours."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and node.args):
            continue
        maker, first = ast.unparse(node.func), node.args[0]
        if maker in MAKERS and isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value + MAKERS[maker]


def every_metric() -> set[str]:
    paths = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return {name for path in paths for name in made_in(path.read_text(encoding="utf-8"))}


def table() -> list[Row]:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("| `partygrid_")]
    return [Row(*(cell.strip() for cell in line.strip("|").split(" | "))) for line in lines]


def test_every_metric_is_documented_once_and_none_that_is_gone() -> None:
    assert sorted(row.metric.strip("`") for row in table()) == sorted(every_metric())


@pytest.mark.parametrize("row", table(), ids=lambda row: row.metric.strip("`"))
def test_a_metric_says_what_it_means_and_what_to_do(row: Row) -> None:
    assert len(row.meaning) > 10
    assert row.alarm
    assert len(row.what_to_do) > 5


def test_the_search_sees_each_way_of_making_one() -> None:
    made = ['Counter("a_b", "c")', 'Told("x", "y", f)', 'Info("i", "n")', 'other("z")']
    assert set(made_in("\n".join(made))) == {"a_b_total", "x", "i_info"}
    assert len(every_metric()) > 30
    assert all(re.fullmatch(r"partygrid_[a-z_]+", name) for name in every_metric())
