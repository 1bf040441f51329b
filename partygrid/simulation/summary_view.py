"""The summary on a terminal, or as plain lines where there is none."""

from collections.abc import Iterator, Mapping

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from partygrid.simulation.expected import Counted
from partygrid.simulation.summary import Summary

_COLUMNS = 3


def view(summary: Summary) -> RenderableType:
    """Return what the console prints."""
    return Group(
        _heads(summary),
        *(_names(what, summary.counts[what]) for what in Counted),
        *_verdict(summary),
    )


def show(console: Console, summary: Summary) -> None:
    """Print it."""
    console.print(view(summary))


def _heads(summary: Summary) -> Table:
    table = Table(title=f"The week of seed {summary.seed}", show_header=False, box=None)
    matters = summary.matters
    shares = ", ".join(f"{level} {share} %" for level, share in matters.levels.items())
    due = "none was due" if matters.close_rate is None else f"{matters.close_rate} % of those due"
    for name, told in (
        ("played", f"{summary.start:%Y-%m-%d %H:%M} to {summary.end:%Y-%m-%d %H:%M} UTC"),
        ("took", f"{summary.took.total_seconds():.0f} s"),
        ("reports", f"{summary.reports}, and {summary.acts} acts of people"),
        ("timers fired", str(summary.timers)),
        ("cases", f"{matters.cases}, of which {matters.settled} are settled: {due}"),
        ("where", f"{shares}"),
        ("of what kind", f"hazards {matters.hazards} %, disputes {matters.disputes} %"),
        ("reopened", str(matters.reopened)),
        ("四议两公开", _joined(summary.four_two)),
        ("refused", _joined(summary.refused)),
        ("engine", f"{summary.engine_starts} starts, {summary.engine_kills} times killed"),
        ("last seal", f"#{summary.seal[0]} {summary.seal[1][:16]}" if summary.seal else "none"),
    ):
        table.add_row(name, told)
    return table


def _joined(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _names(what: Counted, counts: Mapping[str, int]) -> Table:
    """Return a table of names and numbers, in as many columns as fit a page."""
    table = Table(title=f"{what} ({len(counts)})", show_header=False, box=None, expand=False)
    for _ in range(_COLUMNS):
        table.add_column(overflow="fold")
        table.add_column(justify="right")
    cells = [(_short(name), str(count)) for name, count in counts.items()]
    rows = -(-len(cells) // _COLUMNS)
    for row in range(rows):
        line = [cell for at in range(_COLUMNS) for cell in _cell(cells, row + at * rows)]
        table.add_row(*line)
    return table


def _cell(cells: list[tuple[str, str]], at: int) -> tuple[str, str]:
    return cells[at] if at < len(cells) else ("", "")


def _short(name: str) -> str:
    return name.removeprefix("grid.").removesuffix(".v1")


def _verdict(summary: Summary) -> Iterator[RenderableType]:
    yield Text()
    if summary.full:
        yield Text("Not shown in a played week, and why:", style="dim")
        for name, why in summary.exceptions.items():
            yield Text(f"  {name}: {why}", style="dim")
    for what, names in summary.missing.items():
        told = f"{what} that never occurred: {', '.join(names)}"
        yield Text(told, style="bold red" if summary.full else "dim")
    for gap in summary.gaps[:20]:
        yield Text(f"reconcile: {gap}", style="bold red")
    yield Text(
        "reconcile closes" if not summary.gaps else f"reconcile has {len(summary.gaps)} gaps",
        style="green" if not summary.gaps else "bold red",
    )
