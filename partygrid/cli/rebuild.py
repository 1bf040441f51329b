"""`partygrid rebuild`: prove that the journal alone makes the state."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from partygrid.settings import read_settings

if TYPE_CHECKING:
    from partygrid.settings import Settings

app = typer.Typer()


@app.command()
def rebuild(
    into: Annotated[
        str | None,
        typer.Option(help="Address of an empty database; left out: a new one on the same server."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Do not drop the new database after.")
    ] = False,
    carry_over: Annotated[
        bool,
        typer.Option(
            "--carry-over",
            help="Copy what is not in the journal, too: to take the old one's place.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print for a program.")] = False,
) -> None:
    """Decide the journal again in an empty database and compare. Ends with 1 where it differs."""
    import msgspec

    from partygrid.embedded.installation import located
    from partygrid.operations.rebuilding import Rebuilt, name_of, new_database

    settings = located(read_settings())
    with nullcontext() if into is not None else new_database(settings) as fresh:
        target = into if fresh is None else fresh.url
        entries, differences = _rebuild(settings, str(target), carry=carry_over, quiet=as_json)
        if fresh is not None:
            fresh.kept = keep or carry_over
    left = name_of(str(target)) if into is not None or keep or carry_over else ""
    done = Rebuilt(database=left, entries=entries, differences=tuple(differences))
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(done)).decode())
    else:
        for one in done.differences:
            typer.echo(f"{one.table}: {one.kind}: {one.row[:300]}")
        typer.echo(f"{entries} journal entries decided again, {len(differences)} differences")
        if left:
            typer.echo(f"kept in the database {left}")
    if differences:
        raise typer.Exit(1)


def _rebuild(
    settings: "Settings", target: str, *, carry: bool, quiet: bool
) -> tuple[int, list[Any]]:
    from rich.progress import Progress

    from partygrid.clock import WallClock
    from partygrid.operations.rebuilding import rebuild_into

    with Progress(disable=quiet) as progress:
        bar = progress.add_task("journal entries", total=None)
        return rebuild_into(
            settings,
            target,
            WallClock().now(),
            carry=carry,
            progress=lambda done, of: progress.update(bar, completed=done, total=of),
        )
