"""How far a rehearsal is: a bar on a terminal, plain lines elsewhere."""

import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from partygrid.embedded.supervisor import Status
    from partygrid.simulation.week import Moment

#: Seconds between two lines where there is no terminal.
_EVERY = 5.0


class Shown(AbstractContextManager["Shown"]):
    """Tells it on standard error, so that standard output is the summary alone."""

    def __init__(self) -> None:
        """Look whether somebody watches."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[told]}"),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("the week", total=1.0, told="", visible=False)
        self._states: dict[str, tuple[str, int]] = {}
        self._begun = time.monotonic()
        self._told = 0.0

    def __enter__(self) -> Self:
        """Begin to show."""
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""
        self.stop()

    def stop(self) -> None:
        """Take the bar away; lines go on."""
        self._bar.stop()

    def step(self, told: str) -> None:
        """Tell what begins now."""
        self._line(told)

    def children(self, statuses: "tuple[Status, ...]") -> None:
        """Tell when a process answers, falls, or does not answer."""
        for status in statuses:
            now = (str(status.state), status.starts)
            if self._states.get(status.name) == now:
                continue
            self._states[status.name] = now
            if status.state in ("ready", "fallen", "unwell"):
                again = f", start {status.starts}" if status.starts > 1 else ""
                self._line(f"  {status.name} is {status.state}{again}")

    def moment(self, moment: "Moment") -> None:
        """Tell how far the week is."""
        told = f"{moment.instant:%a %d %b %H:%M} UTC, {moment.reports} reports, {moment.acts} acts"
        self._bar.update(self._task, completed=moment.share, told=told, visible=True)
        seconds = time.monotonic()
        if not self._console.is_terminal and seconds - self._told >= _EVERY:
            self._told = seconds
            self._line(f"{moment.share:5.1%}  {told}")

    def _line(self, told: str) -> None:
        seconds = time.monotonic() - self._begun
        self._console.print(f"{seconds:6.1f} s  {told}", highlight=False, soft_wrap=True)
