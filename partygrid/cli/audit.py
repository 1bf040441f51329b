"""`partygrid audit`: prove that nobody changed what was written, and take it away."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from partygrid.settings import read_settings

if TYPE_CHECKING:
    from models.findings import Report
    from models.seal_walk import OutsideCopy
    from partygrid.settings import Settings

app = typer.Typer(name="audit", help="Verify and export the audit.", no_args_is_help=True)


@app.command()
def verify(
    folder: Annotated[
        Path | None, typer.Option("--export", help="Verify an export instead of the database.")
    ] = None,
    copy: Annotated[
        list[Path] | None,
        typer.Option(help="A kept copy: a file of seals, or a digest's text with its foot (封印)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print for a program.")] = False,
) -> None:
    """Verify chains, seals and copies, and name the place of every finding. Ends with 1 at one."""
    from partygrid.operations.audit import copy_of_text

    settings = read_settings()
    copies = [copy_of_text(path) for path in copy or ()]
    if folder is None:
        report, missing = _database(settings, copies)
    else:
        report, missing = _export(settings, folder, copies), []
    _tell(report, missing, as_json=as_json)
    if not report.is_sound:
        raise typer.Exit(1)


def _database(settings: "Settings", copies: list["OutsideCopy"]) -> tuple["Report", list[str]]:
    """Verify the database with every copy that can be reached; tell which could not."""
    from partygrid import bootstrap
    from partygrid.clock import WallClock
    from partygrid.embedded.installation import located
    from partygrid.keyring import Keyring
    from partygrid.operations.audit import note_verified, outside_copies, verify_database

    settings = located(settings)
    reached, missing = outside_copies(settings)
    copies = [*copies, *reached]
    with bootstrap.connected(settings.address("database_url")) as connection:
        report = verify_database(connection, keys=Keyring(settings).seal_publics(), copies=copies)
        note_verified(connection, report, WallClock().now())
    return report, missing


def _export(settings: "Settings", folder: Path, copies: list["OutsideCopy"]) -> "Report":
    """Verify an export with the keys of this installation, where it has any."""
    from models.audit_export import verify_export
    from partygrid.keyring import Keyring

    return verify_export(folder, keys=Keyring(settings).seal_publics() or None, copies=copies)


def _tell(report: "Report", missing: list[str], *, as_json: bool) -> None:
    import msgspec

    if as_json:
        told: dict[str, Any] = {"sound": report.is_sound, "not_compared": missing}
        told |= msgspec.to_builtins(report)
        typer.echo(msgspec.json.format(msgspec.json.encode(told)).decode())
        return
    typer.echo(str(report))
    for name in missing:
        typer.echo(f"not compared: {name}")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="An empty or a new folder.")],
    case: Annotated[
        str | None, typer.Option(help="Only this case's records: an excerpt, by the case's id.")
    ] = None,
) -> None:
    """Write the audit to a folder that anybody can verify without the database."""
    from partygrid import bootstrap
    from partygrid.clock import WallClock
    from partygrid.embedded.installation import located
    from partygrid.keyring import Keyring
    from partygrid.operations.audit import export_case, export_database

    settings = located(read_settings())
    with bootstrap.connected(settings.address("database_url")) as connection:
        if case is not None:
            count = export_case(connection, folder, case)
        else:
            keys = Keyring(settings).seal_publics()
            count = export_database(connection, folder, keys=keys, now=WallClock().now()).records
    typer.echo(f"{count} records in {folder}")
