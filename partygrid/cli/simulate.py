"""`partygrid simulate`: a seeded week of a county's work, through the servers and the engine."""

from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from partygrid.sample.township_names import TOWNSHIP_NAMES
from partygrid.settings import read_settings

app = typer.Typer()

#: End of the stretch where none is named: always the same, so that a seed is always the same week.
#: A Friday's midnight, with working days before it and no holidays near.
_UNTIL = "2026-06-12T16:00:00"
_DAYS, _REPORTS_A_DAY = 7, 286


@app.command()
def simulate(
    seed: Annotated[int, typer.Option(help="The same seed gives the same week.")] = 1,
    days: Annotated[int, typer.Option(min=1, help="How many days.")] = _DAYS,
    reports: Annotated[
        int | None,
        typer.Option(min=10, help=f"How many reports; left out: {_REPORTS_A_DAY} a day."),
    ] = None,
    townships: Annotated[
        int,
        typer.Option(
            min=1, max=len(TOWNSHIP_NAMES), help="How many townships; fewer are there sooner."
        ),
    ] = len(TOWNSHIP_NAMES),
    until: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%dT%H:%M:%S"], help="Its last instant, in UTC.")
    ] = datetime.fromisoformat(_UNTIL),  # noqa: B008 - typer reads defaults, an instant is frozen
    kill_engine: Annotated[
        int, typer.Option(min=0, help="Kill the engine with SIGKILL so many times.")
    ] = 0,
    home: Annotated[
        Path | None, typer.Option(help="Folder to keep it in; left out: one that is removed.")
    ] = None,
    prefect: Annotated[
        bool, typer.Option("--prefect/--no-prefect", help="Show the work in Prefect's pages.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print for a program.")] = False,
) -> None:
    """Play a stretch of time in the sample county and count what came of it.

    A week of 2000 reports shows everything there is, and ends with 1 where something is missing;
    any stretch ends with 1 where the equations of `partygrid reconcile` do not close.
    """
    from datetime import UTC

    from partygrid.cli.shows import Shown
    from partygrid.simulation.directing import Script
    from partygrid.simulation.home import simulated
    from partygrid.simulation.rehearsal import rehearsed

    end = until.replace(tzinfo=UTC)
    script = Script(
        seed=seed,
        reports=reports or days * _REPORTS_A_DAY,
        start=end - timedelta(days=days),
        end=end,
        kills=kill_engine,
        townships=townships,
    )
    with TemporaryDirectory(prefix="partygrid-", ignore_cleanup_errors=True) as passing:
        settings = simulated(read_settings(), home or Path(passing) / "home")
        with Shown() as shown, rehearsed(settings, script, shown, prefect=prefect) as done:
            summary = done.summary
    if as_json:
        _print_json(summary)
    else:
        from rich.console import Console

        from partygrid.simulation.summary_view import show

        show(Console(), summary)
    if not summary.passed:
        raise typer.Exit(1)


def _print_json(summary: object) -> None:
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(summary)).decode())
