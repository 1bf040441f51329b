"""`partygrid init` and `partygrid migrate`: making an installation and keeping it current."""

import typer

from partygrid.settings import read_settings

app = typer.Typer()


@app.command()
def init() -> None:
    """Make the home folder, keys, passwords, database and shards. Harmless where they exist."""
    from partygrid.initialise import initialise

    settings = read_settings()
    made = initialise(settings)
    typer.echo(f"home       {made.home}")
    for key in made.keys:
        typer.echo(f"key        {key}")
    if made.passwords is not None:
        typer.echo(f"passwords  {made.passwords}")
    typer.echo(f"database   ready, {settings.partitions} shards")
    if made.embedded_broker:
        typer.echo("topics     made when the broker that comes along starts")
    typer.echo(
        "\nKeep a copy of the keys where the database is not: without them nobody reads the"
        " reporters'\nidentities any more, and nobody can seal the audit.\n"
        "\nNext: `partygrid up` starts everything on this machine."
        f"\nOr:   `docker compose --env-file {made.home / '.env'} up -d` beside docker-compose.yml."
    )


@app.command()
def migrate() -> None:
    """Bring keys, database and topics to what this release needs."""
    from partygrid.embedded.installation import located
    from partygrid.initialise import make_ready

    make_ready(located(read_settings()))
    typer.echo("database and topics are current")
