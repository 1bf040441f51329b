"""`partygrid dead-letters`: what could never be applied as it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from partygrid.settings import Settings, read_settings

if TYPE_CHECKING:
    import psycopg

    from partygrid.operations.letters import Letter

app = typer.Typer(
    name="dead-letters", help="Look at dead letters and send them again.", no_args_is_help=True
)
Unrestricted = Annotated[
    bool, typer.Option("--unrestricted", help="Show those of marked cases too.")
]
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


@app.command("list")
def list_(
    reason: Annotated[str, typer.Option(help="Only those of this reason.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Also those that were replayed.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    unrestricted: Unrestricted = False,
    as_json: AsJson = False,
) -> None:
    """List dead letters, the newest first."""
    import msgspec

    from partygrid import bootstrap
    from partygrid.operations.letters import list_letters

    with _reached() as (settings, cursor):
        policy = bootstrap.policy_of(settings)
        found = list_letters(cursor, policy=policy, reason=reason, every=every, limit=limit)
    shown = [one for one in found if unrestricted or not one.restricted]
    if as_json:
        told = {"letters": [_plain(one) for one in shown], "restricted": len(found) - len(shown)}
        typer.echo(msgspec.json.format(msgspec.json.encode(told)).decode())
        return
    _table(shown)
    if len(shown) < len(found):
        typer.echo(f"{len(found) - len(shown)} more are restricted: --unrestricted")


def _plain(letter: "Letter") -> dict[str, Any]:
    """Return a letter without what may be somebody's words."""
    import msgspec

    told: dict[str, Any] = msgspec.to_builtins(letter)
    return {name: value for name, value in told.items() if name not in ("headers", "value")}


def _table(letters: list["Letter"]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("letter", "reason", "detail", "event", "from", "at (UTC)", "replayed")
    for one in letters:
        table.add_row(
            one.id[:13],
            one.reason,
            one.detail[:60],
            f"{one.event_type} {one.event_id}",
            one.source if one.proved else f"{one.source} (unproved)",
            f"{one.at:%m-%d %H:%M:%S}",
            one.replayed_by,
        )
    Console().print(table)


@app.command()
def show(
    letter: Annotated[str, typer.Argument(help="Id of the letter, or how it begins.")],
    event: Annotated[
        bool, typer.Option("--event", help="Print only the event, to be edited and replayed.")
    ] = False,
    unrestricted: Unrestricted = False,
    as_json: AsJson = False,
) -> None:
    """Show one letter; its event may hold people's words."""
    import msgspec

    from partygrid import bootstrap
    from partygrid.operations.letters import LetterIsRestricted, as_cloudevent, find_letter

    with _reached() as (settings, cursor):
        found = find_letter(cursor, letter, policy=bootstrap.policy_of(settings))
        if found.restricted and not unrestricted:
            raise LetterIsRestricted
        content = as_cloudevent(cursor, found)
    if event:
        typer.echo(content.decode())
        return
    told = _plain(found) | {"event": msgspec.Raw(content)}
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(told)).decode())
        return
    for name, value in _plain(found).items():
        if value not in ("", None):
            typer.echo(f"{name}: {value}")
    typer.echo(content.decode())


@app.command()
def replay(
    letter: Annotated[str, typer.Argument(help="Id of the letter, or how it begins.")],
    by: Annotated[str, typer.Option("--as", help="The operator who answers for it.")],
    edit: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The event as it should be, a CloudEvent."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send a letter's event again, as it is or edited; its app is answered under its own id."""
    import msgspec

    from flows.digest_issues import present_moment
    from partygrid import bootstrap
    from partygrid.clock import WallClock
    from partygrid.operations.letters import find_letter
    from partygrid.operations.replay import replay as send_again

    with _reached() as (settings, cursor):
        folder = bootstrap.secrets_folder(settings)
        policy = bootstrap.policy_of(settings)
        made = send_again(
            cursor,
            find_letter(cursor, letter, policy=policy),
            by=by,
            policy=policy,
            own_key=bootstrap.installation_key(folder, "own.key"),
            partitions=_partitions(cursor) or settings.partitions,
            now=present_moment(cursor.connection, WallClock().now()),
            edited=edit.read_bytes() if edit else None,
        )
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(made)).decode())
    else:
        typer.echo(f"letter {made.letter} sent again as {made.event_id}")


def _partitions(cursor: "psycopg.Cursor[Any]") -> int:
    row = cursor.execute("SELECT value FROM installation WHERE name = 'partitions'").fetchone()
    return int(row[0]) if row else 0
