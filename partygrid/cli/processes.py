"""The processes of an installation, one a command: what compose files and `up` start."""

from typing import TYPE_CHECKING, Annotated

import typer

from partygrid.settings import read_settings

if TYPE_CHECKING:
    from partygrid.settings import Settings

app = typer.Typer()

Name = Annotated[str, typer.Option("--name", help="Its name in logs, audit and signs of life.")]


@app.command()
def engine(
    name: Name = "",
    lapse: Annotated[
        bool, typer.Option("--lapse", help="Follow a conductor's instants, not the wall clock.")
    ] = False,
) -> None:
    """Run one engine: reads events, decides them, fires what is due. Start one for each core."""
    from partygrid.processes.engine import run_engine
    from partygrid.processes.pulse import own_name

    name = name or own_name()
    run_engine(_settled(name, engine=name), name=name, time_lapse=lapse)


@app.command()
def http(name: Name = "http") -> None:
    """Run the HTTP doors: apps post events and evidence and read outcomes; described at /docs."""
    from web.serve import serve

    serve(_settled(name), name=name)


@app.command()
def office(
    name: Name = "",
    topics_anew: Annotated[
        bool, typer.Option("--topics-anew", help="Only with the broker that comes along.")
    ] = False,
) -> None:
    """Run the office: sends notices, seals the audit, sends digests that no schedule has sent."""
    from partygrid.processes.office import run_office
    from partygrid.processes.pulse import own_name

    name = name or own_name()
    run_office(_settled(name), name=name, topics_anew=topics_anew)


@app.command()
def digests(name: Name = "digests") -> None:
    """Let Prefect's schedule wake the digests. Without it the office sends them."""
    from partygrid.processes.digests import run_digests

    run_digests(_settled(name), name=name)


def _settled(name: str, **always: str) -> "Settings":
    """Return the settings with every address, and begin to log under the process's name.

    `always` are fields of each of its lines.
    """
    from partygrid.embedded.installation import located
    from partygrid.logs import show_stacks_when_asked, start_logging

    settings = located(read_settings())
    start_logging(settings, name, always=always)
    show_stacks_when_asked()
    return settings
