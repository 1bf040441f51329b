"""`partygrid up`: everything on this machine in one command."""

from typing import TYPE_CHECKING, Annotated

import typer

from partygrid.settings import read_settings

if TYPE_CHECKING:
    from partygrid.embedded.supervisor import Status
    from partygrid.settings import Settings

app = typer.Typer()


@app.command()
def up(
    prefect: Annotated[
        bool, typer.Option("--prefect/--no-prefect", help="Show the work in Prefect's pages.")
    ] = True,
    engines: Annotated[
        int | None, typer.Option("--engines", min=1, help="Engine processes; default one a core.")
    ] = None,
    restored_at: Annotated[
        str | None,
        typer.Option(help="The database was restored from a backup made then: hold notices."),
    ] = None,
) -> None:
    """Start everything on this machine and keep it running until Ctrl-C.

    Servers whose address is not set come along; data stays in the home folder, and the next start
    goes on where this one stopped.
    """
    from partygrid.cli.restored import instant
    from partygrid.processes.up import planned, run_up

    taken_at = instant(restored_at) if restored_at else None
    settings = read_settings()
    if engines is not None:
        settings = settings.changed(engines=engines)
    plan = planned(settings, prefect=prefect, restored_at=taken_at)
    typer.echo(f"starting {len(plan.children)} processes, data in {plan.settings.home}")
    run_up(plan, on_change=Progress(plan.settings))
    typer.echo("stopped")


class Progress:
    """Tells each change once, and where everything is as soon as all of it answers."""

    def __init__(self, settings: "Settings") -> None:
        """Know the addresses."""
        self._settings = settings
        self._told: dict[str, str] = {}
        self._ready = False

    def __call__(self, statuses: "tuple[Status, ...]") -> None:
        """Tell what changed."""
        for status in statuses:
            if self._told.get(status.name, "waiting") != status.state:
                self._told[status.name] = status.state
                log = f"  see {status.log}" if status.state in ("fallen", "unwell") else ""
                typer.echo(f"  {status.state:<9} {status.name}{log}")
        if not self._ready and all(status.state == "ready" for status in statuses):
            self._ready = True
            typer.echo(addresses(self._settings))


def addresses(settings: "Settings") -> str:
    """Return where everything is, and what to do next."""
    door = f"http://{settings.http_host}:{settings.http_port}"
    lines = [
        f"ready\n\n  HTTP doors        {door}",
        f"                    described at {door}/docs",
    ]
    if settings.prefect_api_url is not None:
        lines.append(f"  Prefect           {settings.prefect_api_url.removesuffix('/api')}")
        if settings.prefect_api_auth is not None:
            # Only where its password lies: a terminal's scrollback is no place for it.
            lines.append(
                f"                    sign in as {settings.home / 'prefect' / 'auth'} says"
            )
    lines.append("\n  Look:  partygrid status --live     Check:  partygrid doctor")
    lines.append("  Stop:  Ctrl-C")
    return "\n".join(lines)
