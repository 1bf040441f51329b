"""`partygrid doctor` and `partygrid health`: is everything as it should be?"""

import json
from typing import Annotated

import typer

from partygrid.settings import read_settings

app = typer.Typer()

_COLOURS = {"well": typer.colors.GREEN, "look": typer.colors.YELLOW, "ill": typer.colors.RED}


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print for a program.")] = False,
) -> None:
    """Look at servers, keys, policy and waiting work; ends with 1 where something does not work."""
    import msgspec

    from partygrid.check import Verdict
    from partygrid.checkup import examine
    from partygrid.clock import WallClock
    from partygrid.embedded.installation import NotRunning, located

    settings = read_settings()
    try:
        settings = located(settings)
    except NotRunning as error:
        typer.secho(f"{error} What can be seen without:", fg=_COLOURS["look"], err=True)
    checks = []
    for check in examine(settings, WallClock().now()):
        checks.append(check)
        if not as_json:
            typer.secho(f"{check.verdict:<5}", fg=_COLOURS[check.verdict], nl=False)
            typer.echo(f"{check.what:<14}{check.told}")
            if check.todo:
                typer.echo(f"{'':<19}→ {check.todo}")
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(checks), ensure_ascii=False, indent=2))
    if any(check.verdict is Verdict.ILL for check in checks):
        raise typer.Exit(1)


@app.command()
def health(
    name: Annotated[
        str, typer.Option("--name", help="The process's name; left out: this machine's.")
    ] = "",
) -> None:
    """Tell whether the process of this container goes on; ends with 4 where it is stuck."""
    from partygrid.clock import WallClock
    from partygrid.processes.pulse import STUCK_AFTER, Stuck, last_beat, own_name

    name = name or own_name()
    beat = last_beat(read_settings().home, name)
    if beat is None:
        raise Stuck(f"No process called {name} gives a sign of life.")
    silent = (WallClock().now() - beat.at).total_seconds()
    if silent > STUCK_AFTER:
        raise Stuck(f"{name} gave its last sign of life {silent:.0f} s ago. See its log.")
    typer.echo(f"{name} goes on")
