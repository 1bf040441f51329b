"""`partygrid keys`: the installation's keys, by fingerprint, and new ones in their place."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from partygrid.settings import Settings, read_settings

if TYPE_CHECKING:
    import psycopg

    from partygrid.operations.keys import KeyLine, Kind

app = typer.Typer(
    name="keys", help="List the installation's keys, put new ones in place.", no_args_is_help=True
)
AsJson = Annotated[bool, typer.Option("--json", help="Print for a program.")]
Name = Annotated[str, typer.Argument(help="own, text, seal, vault or addresses.")]
Sure = Annotated[bool, typer.Option("--yes", help="Do it; without it nothing is changed.")]


@contextmanager
def _reached() -> Iterator[tuple[Settings, "psycopg.Connection[tuple[object, ...]]"]]:
    """Reach the database, also where nothing of ours runs: the one that comes along is started."""
    from partygrid import bootstrap
    from partygrid.initialise import with_database

    with (
        with_database(read_settings()) as settings,
        bootstrap.connected(settings.address("database_url")) as connection,
    ):
        yield settings, connection


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the keys by fingerprint: the one in use, older ones, and what still needs those."""
    import msgspec
    from rich.console import Console
    from rich.table import Table

    from partygrid.operations.keys import list_keys

    with _reached() as (settings, connection):
        lines = list_keys(settings, connection)
    if as_json:
        told = msgspec.json.format(msgspec.json.encode({"keys": lines}))
        typer.echo(told.decode())
        return
    table = Table("key", "in use", "older", "rows that need an older one")
    for line in lines:
        rows = "" if line.rows is None else str(line.rows)
        table.add_row(line.kind, line.key, "\n".join(line.older), rows)
    Console().print(table)


@app.command()
def rotate(name: Name, sure: Sure = False, as_json: AsJson = False) -> None:
    """Make a new key; the old one stays behind it for what needs it. Nothing of ours may run."""
    from partygrid.clock import WallClock
    from partygrid.operations.keys import rotate as rotate_now

    kind = _kind(name)
    _ask(sure, f"a new {kind} key would be made")
    with _reached() as (settings, connection):
        line = rotate_now(settings, connection, kind, WallClock().now())
    _tell(line, "in use", as_json=as_json)


@app.command()
def forget(name: Name, sure: Sure = False, as_json: AsJson = False) -> None:
    """Forget the older keys of a kind for good. Nothing of ours may run."""
    from partygrid.clock import WallClock
    from partygrid.operations.keys import forget as forget_now

    kind = _kind(name)
    _ask(sure, f"what only older {kind} keys open, in the log or in backups, would stay closed")
    with _reached() as (settings, connection):
        line = forget_now(settings, connection, kind, WallClock().now())
    _tell(line, "the only one", as_json=as_json)


def _kind(name: str) -> "Kind":
    from partygrid.operations.keys import Kind

    if name not in set(Kind):
        raise typer.BadParameter(f"{name} is no key; there are {', '.join(Kind)}")
    return Kind(name)


def _ask(sure: bool, told: str) -> None:
    from partygrid.errors import Refused

    if not sure:
        raise Refused(f"Nothing was changed: {told}. Say --yes.")


def _tell(line: "KeyLine", what: str, *, as_json: bool) -> None:
    import msgspec

    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(line)).decode())
        return
    typer.echo(f"{line.kind} key {line.key} is {what}; copy the secrets folder elsewhere now")
