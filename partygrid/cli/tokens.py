"""`partygrid token`: tokens of apps that speak HTTP and have no key of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from partygrid.settings import Settings, read_settings

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from models.tokens import Issued, Token

app = typer.Typer(
    name="token", help="Issue, list and revoke the apps' HTTP tokens.", no_args_is_help=True
)
AsJson = Annotated[bool, typer.Option("--json", help="Print for a program.")]


@contextmanager
def _reached() -> Iterator[tuple[Settings, "psycopg.Cursor[Any]"]]:
    from partygrid import bootstrap
    from partygrid.embedded.installation import located

    settings = located(read_settings())
    with (
        bootstrap.connected(settings.address("database_url")) as connection,
        connection.transaction(),
        connection.cursor() as cursor,
    ):
        yield settings, cursor


@app.command()
def issue(
    source: Annotated[str, typer.Argument(help="The app's source, as app/reporting-page.")],
    name: Annotated[str, typer.Option(help="What it is for, in your words.")],
    door: Annotated[
        list[str], typer.Option(help="events, evidence or identities; any number of times.")
    ] = ["events"],  # noqa: B006 - typer copies it
    type_: Annotated[
        list[str], typer.Option("--type", help="Pattern of event types, as grid.report.*.")
    ] = [],  # noqa: B006
    territory: Annotated[
        list[str], typer.Option(help="Code of a county, township, village or grid.")
    ] = [],  # noqa: B006
    role: Annotated[
        list[str], typer.Option(help="Pattern of the roles its people act in, as villager.")
    ] = [],  # noqa: B006
    restricted: Annotated[
        bool, typer.Option("--restricted", help="It may act on marked cases too.")
    ] = False,
    days: Annotated[int, typer.Option(min=1, max=3660, help="How long it is in force.")] = 365,
    as_json: AsJson = False,
) -> None:
    """Issue a token and show it, this once: only its hash is kept."""
    from datetime import timedelta

    from partygrid.clock import WallClock
    from partygrid.operations.tokens import Wanted
    from partygrid.operations.tokens import issue as issue_now

    wanted = Wanted(
        source=source,
        name=name,
        doors=_doors(door),
        event_types=tuple(type_),
        territories=tuple(territory),
        roles=tuple(role),
        restricted=restricted,
        lasts=timedelta(days=days),
    )
    with _reached() as (_, cursor):
        issued = issue_now(cursor, wanted, now=WallClock().now())
    _show_once(issued, as_json=as_json)


def _doors(named: list[str]) -> Any:
    from models.tokens import Door

    unknown = [name for name in named if name not in set(Door)]
    if unknown:
        told = f"{unknown[0]} is no door; there are {', '.join(Door)}"
        raise typer.BadParameter(told, param_hint="--door")
    return tuple(Door(name) for name in dict.fromkeys(named))


def _show_once(issued: "Issued", *, as_json: bool) -> None:
    import msgspec

    token = issued.token
    if as_json:
        told = {"token": issued.text, **msgspec.to_builtins(token)}
        typer.echo(msgspec.json.format(msgspec.json.encode(told)).decode())
        return
    typer.echo(issued.text)
    # Beside the token, so that a script may take standard output as it is.
    aside = (
        f"\nThe token of {token.source}, in force until {token.expires_at:%Y-%m-%d} (UTC). Only its"
        " hash is kept:\nit cannot be shown again. Give it to the app now, as a secret."
        f"\nTo end it sooner: partygrid token revoke {token.id}"
    )
    typer.echo(aside, err=True)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List all tokens by app, ended ones too; never what an app sends."""
    import msgspec

    from models.tokens import list_tokens
    from partygrid.clock import WallClock
    from partygrid.operations.tokens import standing

    now = WallClock().now()
    with _reached() as (settings, cursor):
        tokens = list_tokens(cursor)
    if as_json:
        told = [{**msgspec.to_builtins(one), "standing": standing(one, now)} for one in tokens]
        typer.echo(msgspec.json.format(msgspec.json.encode({"tokens": told})).decode())
        return
    _table(settings, tokens, now)


def _table(settings: Settings, tokens: "list[Token]", now: "datetime") -> None:
    from rich.console import Console
    from rich.table import Table

    from partygrid import bootstrap
    from partygrid.operations.tokens import standing

    zone = bootstrap.policy_of(settings).calendar.zone
    table = Table("id", "app", "for", "opens", "may say", "issued", "expires", "revoked", "now")
    for one in tokens:
        days = (one.issued_at, one.expires_at, one.revoked_at)
        scope = (one.event_types, one.territories, one.roles)
        table.add_row(
            one.id,
            one.source,
            one.name,
            ", ".join(one.doors),
            " / ".join(", ".join(part) for part in scope if part)
            + (" / marked cases" if one.restricted else ""),
            *(f"{at.astimezone(zone):%Y-%m-%d}" if at else "" for at in days),
            standing(one, now),
        )
    Console().print(table)


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(help="Its id, as `list` shows it, or its whole text.")],
    as_json: AsJson = False,
) -> None:
    """End a token at once. What was accepted with it stays and is decided."""
    import msgspec

    from partygrid.clock import WallClock
    from partygrid.operations.tokens import revoke as revoke_now

    with _reached() as (_, cursor):
        ended = revoke_now(cursor, token, now=WallClock().now())
    if as_json:
        told = {"id": ended.id, "source": ended.source}
        typer.echo(msgspec.json.format(msgspec.json.encode(told)).decode())
    else:
        typer.echo(f"token {ended.id} of {ended.source} is revoked")
