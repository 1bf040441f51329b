"""`partygrid restored`: say that the database was restored, before anything runs on it."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from partygrid.settings import read_settings

if TYPE_CHECKING:
    from partygrid.operations.restored import Declared

app = typer.Typer()


@app.command()
def restored(
    at: Annotated[
        str, typer.Option("--at", help="When the backup was made, as 2026-11-21T03:00:00+08:00.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print for a program.")] = False,
) -> None:
    """Say that PostgreSQL was restored from a backup, before anything of ours runs on it.

    Holds every notice that may have been sent before, declares the set-back by a seal, and decides
    the directory's backlog. The engines then decide again what the log still holds.
    """
    import msgspec

    from partygrid.clock import WallClock
    from partygrid.embedded.installation import located
    from partygrid.operations.restored import declare_restored

    settings = located(read_settings())
    done = declare_restored(settings, taken_at=instant(at), clock=WallClock())
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(done)).decode())
    else:
        typer.echo(told(done))


def instant(text: str) -> datetime:
    """Return the instant a person wrote, with its zone. Raises typer's `BadParameter`."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        given = None
    if given is None or given.tzinfo is None:
        raise typer.BadParameter(f"{text} is no instant with its zone, as 2026-11-21T03:00+08:00")
    return given


def told(done: "Declared") -> str:
    """Return what was done, and what is left to a person."""
    if done.before:
        return (
            f"declared before, at {done.restored_at:%Y-%m-%d %H:%M} UTC by seal {done.seal};"
            f" {done.held} notices are held: partygrid notices held"
        )
    lines = [
        f"held       {done.held} notices, and all that are made until everything is decided again",
        f"seals      {_seals(done)}",
        *(f"           not compared: {why}" for why in done.not_compared),
        f"directory  {done.directory} records decided again",
        f"log        {done.unread} records wait for the engines",
        "",
        "Next: start everything. When `partygrid doctor` says that all is decided again:",
        "  partygrid notices held              what becomes of them: release or drop",
        "  partygrid reconcile && partygrid audit verify",
        "  partygrid token list                revoke again what was revoked since the backup",
    ]
    return "\n".join(lines)


def _seals(done: "Declared") -> str:
    if not done.last_lost:
        return f"declared by seal {done.seal}; no copy holds a later one"
    given_up: Any = f"{done.first_lost}"
    if done.last_lost != done.first_lost:
        given_up = f"{done.first_lost} to {done.last_lost}"
    return f"declared by seal {done.seal}; what seal {given_up} covered is lost"
