"""`partygrid kafka`: the apps' and the engines' accounts at the brokers."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from partygrid.settings import read_settings

if TYPE_CHECKING:
    from events.accounts import Accounts
    from events.broker import Broker
    from partygrid.operations.kafka_accounts import Change, Wish

app = typer.Typer(
    name="kafka",
    help="Give apps and engines accounts, rights and topics at Apache Kafka, and take them away.",
    no_args_is_help=True,
)
AsJson = Annotated[bool, typer.Option("--json", help="Print for a program.")]


class _Reached(NamedTuple):
    accounts: "Accounts"
    broker: "Broker"
    wished: "list[Wish]"


@contextmanager
def _reached(named: list[str] | None, *, engine: bool) -> Iterator[_Reached]:
    """Reach the database, and the brokers as their administrator."""
    from partygrid import bootstrap
    from partygrid.adapters import accounts_of, administered, broker_of
    from partygrid.clock import WallClock
    from partygrid.embedded.installation import located
    from partygrid.operations.kafka_accounts import wishes

    settings = located(read_settings())
    with (
        bootstrap.connected(settings.address("database_url")) as connection,
        connection.cursor() as cursor,
    ):
        wished = wishes(cursor, settings, WallClock().now(), named=named, engine=engine)
    with (
        closing(accounts_of(settings)) as accounts,
        closing(broker_of(administered(settings))) as broker,
    ):
        yield _Reached(accounts, broker, wished)


@app.command()
def accounts(as_json: AsJson = False) -> None:
    """List the accounts of apps and engines: who has one, and whether it may do what it must."""
    from rich.console import Console
    from rich.table import Table

    from partygrid.operations.kafka_accounts import standings

    with _reached(None, engine=True) as reached:
        found = standings(reached.accounts, reached.broker, reached.wished)
    if as_json:
        _print({"accounts": found})
        return
    table = Table("account", "of", "stands", "may")
    for one in found:
        who = one.source or ("" if one.state == "not registered" else "engines, office, doors")
        table.add_row(one.account, who, one.state, "\n".join(one.rights))
    Console().print(table)


@app.command()
def grant(
    source: Annotated[
        list[str] | None,
        typer.Argument(help="Apps, as app/branch-1; left out: all, and the engines."),
    ] = None,
    engine: Annotated[
        bool, typer.Option("--engine", help="The engines', where apps are named too.")
    ] = False,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="A new password for those that are named.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be changed, and change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make accounts, rights and topics as apps are registered; show new passwords, this once."""
    from partygrid.operations.kafka_accounts import carry_out, changes

    everything = not source and not engine
    if rotate and everything:
        raise typer.BadParameter("name the apps, or --engine", param_hint="--rotate")
    named = None if everything else list(source or ())
    told: list[dict[str, Any]] = []
    with _reached(named, engine=engine or everything) as reached:
        planned = changes(reached.accounts, reached.broker, reached.wished, rotate=rotate)
        done = carry_out(reached.accounts, reached.broker, () if dry_run else planned)
        try:
            for change, password in ((one, "") for one in planned) if dry_run else done:
                told.append(_line(change, password))
                if not as_json:
                    _tell(change, password)
        finally:  # a password that was set already must not be lost with what went wrong after it
            if as_json:
                _print({"dry_run": dry_run, "changes": told})
    if not as_json and all(change.is_none for change in planned):
        typer.echo(f"nothing to change: {len(planned)} accounts are as they must be")


def _tell(change: "Change", password: str) -> None:
    if change.is_none:
        return
    typer.echo(f"{change.wish.account}  {change.wish.source or 'engines, office, doors'}")
    if change.is_new:
        typer.echo("  + account")
    if change.rotates:
        typer.echo("  + another password: the old one opens nothing new any more")
    for sign, rights in (("+", change.granted), ("-", change.withdrawn)):
        for right in rights:
            typer.echo(f"  {sign} {right}")
    for topic in change.topics:
        typer.echo(f"  + topic {topic}")
    if password:
        typer.echo(f"  password, shown this once: {password}")


def _line(change: "Change", password: str) -> dict[str, Any]:
    return {
        "account": change.wish.account,
        "source": change.wish.source,
        "new_account": change.is_new,
        "new_password": change.sets_password,
        "granted": [str(right) for right in change.granted],
        "withdrawn": [str(right) for right in change.withdrawn],
        "topics": list(change.topics),
        **({"password": password} if password else {}),
    }


@app.command()
def revoke(
    source: Annotated[str, typer.Argument(help="The app, as app/branch-1.")],
    as_json: AsJson = False,
) -> None:
    """Take an app's rights and password away at once; what it sent before is decided."""
    from partygrid.operations.kafka_accounts import revoke as revoke_now

    with _reached([], engine=False) as reached:
        account, rights = revoke_now(reached.accounts, source)
    if as_json:
        _print({"account": account, "withdrawn": [str(right) for right in rights]})
        return
    typer.echo(f"{account} is revoked")
    for right in rights:
        typer.echo(f"  - {right}")


def _print(told: dict[str, Any]) -> None:
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(told)).decode())
