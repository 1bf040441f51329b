"""Progress bars on the terminal; nothing where the output goes elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bars(*, quiet: bool = False) -> Iterator[Callable[[str, int], Callable[[int], None]]]:
    """Give a function that begins a bar and returns what moves it on."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    shown = Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet or not sys.stderr.isatty(),
    )

    def begin(told: str, total: int) -> Callable[[int], None]:
        task = shown.add_task(told, total=total)
        return lambda more: shown.advance(task, more)

    with shown:
        yield begin
