"""`partygrid erase`: take words or an identity out for good, at a person's word."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from partygrid.settings import read_settings

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from partygrid.operations.erasure import Erased
    from partygrid.settings import Settings

app = typer.Typer(
    name="erase", help="Erase a case's words or a reporter's identity.", no_args_is_help=True
)
Sure = Annotated[bool, typer.Option("--yes", help="Erase; without it nothing is changed.")]
By = Annotated[
    str, typer.Option("--as", help="The operator who answers for it; empty: your login here.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print for a program.")]


@contextmanager
def _reached() -> Iterator[tuple["Settings", "psycopg.Cursor[Any]"]]:
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
def words(
    case: Annotated[str, typer.Argument(help="Number or id of a case, id of a village task.")],
    sure: Sure = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Erase every word of a case. Who did what, and when, stays and stays provable."""
    from partygrid.clock import WallClock
    from partygrid.operations.erasure import erase_words, subject_of

    by, now = by or _login(), WallClock().now()
    with _reached() as (settings, cursor):
        subject = subject_of(cursor, case)
        _ask(sure, f"every word of {case} would be erased for good")
        erased = erase_words(cursor, subject=subject, by=by, now=now)
    _note(settings, erased, by=by, now=now)
    _tell(erased, as_json)


@app.command()
def identity(
    ref: Annotated[str, typer.Argument(help="Pseudonym under which the vault keeps the person.")],
    sure: Sure = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Erase who stands behind a pseudonym. Nobody can be told or asked any more."""
    from partygrid.clock import WallClock
    from partygrid.operations.erasure import erase_identity, open_cases_of

    by, now = by or _login(), WallClock().now()
    with _reached() as (settings, cursor):
        waiting = open_cases_of(cursor, ref)
        _ask(sure, f"the identity would be erased for good; {waiting} open cases wait to tell it")
        erased = erase_identity(cursor, reporter_ref=ref, by=by, now=now)
    _note(settings, erased, by=by, now=now)
    _tell(erased, as_json)


def _ask(sure: bool, told: str) -> None:
    from partygrid.errors import Refused

    if not sure:
        raise Refused(f"Nothing was changed: {told}. Say --yes.")


def _login() -> str:
    return f"operator:{getpass.getuser()}"


def _note(settings: "Settings", erased: "Erased", *, by: str, now: "datetime") -> None:
    """Write it down outside the database, so that a restore does not bring it back for good."""
    from partygrid.operations.erasure_file import Noted, erasure_file, note

    path = erasure_file(settings)
    try:
        note(path, Noted(at=now, kind=erased.kind, subject=erased.subject, by=by))
    except OSError as fault:
        told = f"erased, but {path} could not be written ({fault.strerror}): after a restore from a"
        typer.echo(f"{told} backup made before now, erase it again", err=True)


def _tell(erased: "Erased", as_json: bool) -> None:
    import msgspec

    from partygrid.operations.erasure import told

    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(erased)).decode())
        return
    typer.echo(f"erased: {told(erased.counts)}")
    if erased.undecided:
        typer.echo(f"{erased.undecided} events with words are not decided yet: erase again later")
