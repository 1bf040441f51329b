"""`partygrid init` and `partygrid migrate`: making an installation and keeping it current."""

from pathlib import Path
from typing import Annotated

import typer

from partygrid.settings import read_settings

app = typer.Typer()


@app.command()
def init(
    compose: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Make nothing but random passwords for docker-compose.yml, in this file: `.env`"
            " beside it is found by itself. What the file has already stays.",
        ),
    ] = None,
) -> None:
    """Make the home folder, keys, database and shards. Harmless where they exist."""
    if compose is not None:
        _passwords(compose)
        return
    from partygrid.initialise import initialise

    settings = read_settings()
    made = initialise(settings)
    typer.echo(f"home       {made.home}")
    for key in made.keys:
        typer.echo(f"key        {key}")
    typer.echo(f"database   ready, {settings.partitions} shards")
    if made.embedded_broker:
        typer.echo("topics     made when the broker that comes along starts")
    typer.echo(
        "\nKeep a copy of the keys where the database is not: without them nobody reads the"
        " reporters'\nidentities any more, and nobody can seal the audit.\n"
        "\nNext: `partygrid up` starts everything on this machine."
        "\nIn containers: `partygrid init --compose .env` beside docker-compose.yml."
    )


def _passwords(file: Path) -> None:
    """Add what the compose file asks for, and say which, never what."""
    from partygrid.compose_passwords import add_passwords

    added = add_passwords(file)
    if added:
        typer.echo(f"{file} has new values for {', '.join(added)}")
    else:
        typer.echo(f"{file} has everything, nothing was changed")
    typer.echo(
        "\nKeep a copy of it: servers that are made keep the passwords they were made with."
        "\n\nNext: `docker compose up -d` beside docker-compose.yml."
    )


@app.command()
def migrate() -> None:
    """Bring keys, database and topics to what this release needs."""
    from partygrid.embedded.installation import located
    from partygrid.initialise import make_ready

    make_ready(located(read_settings()))
    typer.echo("database and topics are current")
