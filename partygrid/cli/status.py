"""`partygrid status`: how the installation stands."""

import time
from contextlib import suppress
from typing import Annotated

import typer

from partygrid.settings import read_settings

app = typer.Typer()

_REFRESH = 2.0


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print for a program.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Go on showing it until Ctrl-C.")] = False,
) -> None:
    """Show processes, lag, cases by state, timers, and everything that waits."""
    import msgspec
    from rich.console import Console
    from rich.live import Live

    from partygrid.clock import WallClock
    from partygrid.embedded.installation import located
    from partygrid.status import Standing, read_standing
    from partygrid.status_view import view

    settings = located(read_settings())

    def read() -> Standing:
        return read_standing(settings, WallClock().now())

    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(read())).decode())
        return
    if not live:
        Console().print(view(read()))
        return
    with Live(view(read()), auto_refresh=False) as shown, suppress(KeyboardInterrupt):
        while True:
            time.sleep(_REFRESH)
            shown.update(view(read()), refresh=True)
