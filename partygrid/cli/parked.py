"""`partygrid parked`: what came too early and waits."""

from typing import Annotated

import typer

from partygrid.settings import read_settings

app = typer.Typer()


@app.command()
def parked(
    unrestricted: Annotated[
        bool, typer.Option("--unrestricted", help="Show those of marked cases too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print for a program.")] = False,
) -> None:
    """List events that wait for their case, that first whose patience ends first."""
    import msgspec
    from rich.console import Console
    from rich.table import Table

    from partygrid import bootstrap
    from partygrid.embedded.installation import located
    from partygrid.operations.parked import list_parked

    settings = located(read_settings())
    zone = bootstrap.policy_of(settings).calendar.zone
    with (
        bootstrap.connected(settings.address("database_url")) as connection,
        connection.cursor() as cursor,
    ):
        every = list_parked(cursor)
    shown = [one for one in every if unrestricted or not one.restricted]
    if as_json:
        told = {"parked": shown, "restricted": len(every) - len(shown)}
        typer.echo(msgspec.json.format(msgspec.json.encode(told)).decode())
        return
    table = Table("event", "from", "case", "waits because", "since", "until")
    for one in shown:
        since, until = (at.astimezone(zone) for at in (one.parked_at, one.patience_until))
        table.add_row(
            f"{one.type} {one.event_id}",
            one.source,
            one.number or one.case_id,
            one.reason,
            f"{since:%m-%d %H:%M}",
            f"{until:%m-%d %H:%M}",
        )
    Console().print(table)
    if len(shown) < len(every):
        typer.echo(f"{len(every) - len(shown)} more are restricted: --unrestricted")
