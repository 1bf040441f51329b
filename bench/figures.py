"""What a run found, as tables for the terminal and as the page in docs/."""

import os
import platform
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil
from rich.console import Console
from rich.table import Table

from bench.engine import Run
from bench.floor import Ceiling, Floor
from bench.latency import Latency
from bench.stages import Stage
from bench.ways import Way

#: What was last accepted; written by hand or by `--accept`.
ACCEPTED = Path(__file__).with_name("accepted.toml")
PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
METHOD = Path(__file__).with_name("README.md")


class Shown(NamedTuple):
    """A table of its own."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


class Figures(NamedTuple):
    """Everything one run measured."""

    floor: Floor
    #: what was switched on → run
    engines: dict[str, Run]
    #: the same rows by COPY
    ceiling: Ceiling | None = None
    #: two processes of the floor at once, and two engines
    pair: tuple[Floor, Run] | None = None
    latencies: Sequence[Latency] = ()
    stages: Sequence[Stage] = ()
    #: one event at a time; the engine first
    ways: Sequence[Way] = ()
    more: Sequence[Shown] = ()

    def ratio(self, name: str) -> float:
        """Return engine ÷ floor."""
        return self.engines[name].rate / self.floor.rate


_SPEED = (
    "",
    "records",
    "records/s",
    "÷ floor",
    "as recorded",
    "unpublished",
    "µs main",
    "µs others",
)
_LATENCY = ("events/s", "events", "p50 ms", "p95 ms", "p99 ms")
_WAYS = ("one event at a time", "events", "events/s", "engine ÷ it")
_STAGES = ("deciding and writing", "share", "µs a record, under the profiler")


def speeds(found: Figures) -> list[tuple[str, ...]]:
    """Return the rows of the table of speeds."""
    rows = [_bare("floor", found.floor, found.floor)]
    if found.ceiling is not None:
        rows.append(_bare("the same rows by COPY", found.ceiling.speed, found.floor))
    rows += [_speed(name, run, found.floor) for name, run in found.engines.items()]
    if found.pair is not None:
        floor, run = found.pair
        rows += [_bare("two processes: floor", floor, floor), _speed("two engines", run, floor)]
    return rows


def _bare(name: str, one: Floor, floor: Floor) -> tuple[str, ...]:
    ratio = f"{one.rate / floor.rate:.2f}"
    return (name, f"{one.records:,}", f"{one.rate:,.0f}", ratio, "", "", "", "")


def _speed(name: str, run: Run, floor: Floor) -> tuple[str, ...]:
    counts = (f"{run.records:,}", f"{run.rate:,.0f}", f"{run.rate / floor.rate:.2f}")
    threads = (f"{1e6 * one / run.records:,.0f}" for one in run.processor)
    return (name, *counts, f"{run.agreed:.1%}", f"{run.unpublished:,}", *threads)


def delays(found: Figures) -> list[tuple[str, ...]]:
    """Return the rows of the table of latencies."""
    return [
        (str(one.rate), str(one.events), *(f"{ms:.0f}" for ms in (one.p50, one.p95, one.p99)))
        for one in found.latencies
    ]


def one_at_a_time(found: Figures) -> list[tuple[str, ...]]:
    """Return the rows of the table of ways to decide event by event."""
    return [
        (one.name, f"{one.events:,}", f"{one.rate:,.1f}", f"{found.ways[0].rate / one.rate:,.0f}")
        for one in found.ways
    ]


def parts(found: Figures) -> list[tuple[str, ...]]:
    """Return the rows of the table of where the time goes."""
    return [(one.name, f"{one.share:.0%}", f"{one.each:,.0f}") for one in found.stages]


def tables(found: Figures) -> list[Shown]:
    """Return every table of which anything was measured."""
    every = (
        Shown(_SPEED, speeds(found)),
        Shown(_LATENCY, delays(found)),
        Shown(_STAGES, parts(found)),
        Shown(_WAYS, one_at_a_time(found)),
        *found.more,
    )
    return [one for one in every if one.rows]


def show(found: Figures) -> None:
    """Print the tables."""
    for table in tables(found):
        show_table(table)


def show_table(table: Shown) -> None:
    """Print one table."""
    _print(*table)


def _print(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table()
    for place, head in enumerate(heads):
        table.add_column(head, justify="right" if place or not rows[0][0].isalpha() else "left")
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)


def beside_accepted(found: Figures, name: str) -> str:
    """Say the ratio, and the one that was last accepted."""
    said = f"engine ÷ floor: {found.ratio(name):.2f} with {found.floor.records:,} records"
    if not ACCEPTED.exists():
        return f"{said}; none was accepted yet"
    kept = tomllib.loads(ACCEPTED.read_text(encoding="utf-8"))
    return (
        f"{said}; last accepted: {kept['engine_by_floor']:.2f} with {kept['records']:,}"
        f" on {kept['broker']}"
    )


def accept(found: Figures, name: str, broker: str) -> None:
    """Keep the ratio as the one to be beside."""
    ACCEPTED.write_text(
        "# engine ÷ floor of `python -m bench --short --accept`; it hangs on how many records\n"
        f"engine_by_floor = {found.ratio(name):.2f}\n"
        f"records = {found.floor.records}\n"
        f'broker = "{broker}"\n',
        encoding="utf-8",
    )


def write(found: Figures, broker: str) -> None:
    """Write docs/performance.md: tables, machine, method."""
    method = METHOD.read_text(encoding="utf-8").partition("\n## ")
    page = [
        "# How quick it is",
        "Written by `python -m bench --write`. Times are of one run on one machine that others use"
        " too: compare within a table, not between two of them.",
        *(_markdown(*table) for table in tables(found)),
        machine(broker),
        method[1].strip("\n") + method[2].rstrip("\n"),
    ]
    PAGE.write_text("\n\n".join(page) + "\n", encoding="utf-8")


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine(broker: str) -> str:
    """Say on what it was measured."""
    memory = psutil.virtual_memory().total / 2**30
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GB of memory, {platform.system()},"
        f" Python {platform.python_version()}, {broker}, the PostgreSQL that comes along;"
        f" load average {load:.1f} at the end."
    )
