"""`partygrid demo`: a county at work for a week that ends now, to look around in afterwards."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from partygrid.sample.township_names import TOWNSHIP_NAMES
from partygrid.settings import read_settings

if TYPE_CHECKING:
    from partygrid.simulation.rehearsal import Rehearsed

app = typer.Typer()

_DAYS = 7
_SEAL_EVERY = timedelta(minutes=1)


@app.command()
def demo(
    leave: Annotated[bool, typer.Option("--exit", help="End by itself after the summary.")] = False,
    seed: Annotated[int, typer.Option(help="Another seed is another week.")] = 1,
    reports: Annotated[int, typer.Option(min=10, help="How many reports.")] = 2000,
    townships: Annotated[
        int,
        typer.Option(
            min=1, max=len(TOWNSHIP_NAMES), help="How many townships; fewer are there sooner."
        ),
    ] = len(TOWNSHIP_NAMES),
    prefect: Annotated[
        bool, typer.Option("--prefect/--no-prefect", help="Show the work in Prefect's pages.")
    ] = True,
) -> None:
    """Play a week of the sample county, then go on by the wall clock until Ctrl-C.

    Servers come along; everything lies in the folder `demo` of the home folder and is made anew
    each time. Ends with 1 where the week did not show everything, or does not add up.
    """
    from rich.console import Console

    from partygrid.cli.shows import Shown
    from partygrid.simulation.directing import Script
    from partygrid.simulation.home import simulated
    from partygrid.simulation.rehearsal import present_tick, rehearsed
    from partygrid.simulation.summary_view import show

    given = read_settings()
    settings = simulated(given, given.home / "demo")
    end = present_tick()
    start = end - timedelta(days=_DAYS)
    script = Script(seed=seed, reports=reports, start=start, end=end, townships=townships)
    with (
        Shown() as shown,
        rehearsed(settings, script, shown, prefect=prefect, seal_every=_SEAL_EVERY) as done,
    ):
        shown.stop()
        shown.step("handing the county to the wall clock")
        done.acted.conductor.hand_over()
        done.stage.go_live()
        show(Console(), done.summary)
        if not leave:
            _look_around(done)
    if not done.summary.passed:
        raise typer.Exit(1)


def _look_around(done: "Rehearsed") -> None:
    """Keep everything running until this process is asked to end."""
    from partygrid.cli.up import addresses
    from partygrid.embedded.supervisor import stop_asked

    settings = done.stage.settings
    typer.echo(addresses(settings))
    typer.echo(f"\n  Commands find it with  PARTYGRID_HOME={settings.home}")
    with stop_asked() as asked:
        while not asked.wait(0.2):
            done.stage.keep()
