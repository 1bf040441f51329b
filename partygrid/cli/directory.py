"""`partygrid directory`: who is who, from files that administrators fill in."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from partygrid.settings import Settings, read_settings

if TYPE_CHECKING:
    from events.outgoing_event import Outgoing
    from models.policy.schema import Policy
    from partygrid.directory_files.identity import Identity
    from partygrid.directory_files.introducing import Introduced
    from partygrid.directory_files.reading import Loaded
    from partygrid.sending import Sent

app = typer.Typer(
    name="directory",
    help="Organisations, people, roles, rosters and apps: fill in files, load them.",
    no_args_is_help=True,
)

#: Weeks that the sample's duty rosters reach ahead.
_ROSTERS = timedelta(weeks=6)


@app.command()
def template(
    folder: Annotated[Path, typer.Argument(help="Where the workbook is put.")],
) -> None:
    """Write the empty workbook, with hints, lists to choose from and an example a sheet."""
    from partygrid.directory_files.writing import write_template

    folder.mkdir(parents=True, exist_ok=True)
    typer.echo(write_template(folder, _policy()))


@app.command()
def sample(
    out: Annotated[Path, typer.Option("--out", help="Where the files are put.")],
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another county.")] = 1,
) -> None:
    """Write an invented county: workbook, outlines, and the private keys of its apps.

    The keys follow from the seed, so anybody can make them: for trying only.
    """
    from partygrid.clock import WallClock
    from partygrid.directory_files.writing import write_directory
    from partygrid.sample.county import sample_county

    policy = _policy()
    today = WallClock().now().astimezone(policy.calendar.zone)
    today = today.replace(hour=0, minute=0, second=0, microsecond=0)
    since = today.replace(month=1, day=1)
    county = sample_county(seed, since=since, duty=(today, today + _ROSTERS), policy=policy)
    out.mkdir(parents=True, exist_ok=True)
    files = write_directory(out, county.entries, policy, identities=county.identities)
    for file in files:
        typer.echo(file)
    for source, key in county.keys.items():
        path = out / f"{source.replace('/', '-')}.key"
        path.unlink(missing_ok=True)
        key.save(path)
        typer.echo(path)


@app.command()
def load(
    files: Annotated[list[Path], typer.Argument(help="Workbooks (.xlsx) and outlines (.geojson).")],
    by: Annotated[
        str, typer.Option("--by", help="Directory administrator who enters it (person's id).")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and check; send nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before sending.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print for a program.")] = False,
) -> None:
    """Load files into the directory of the installation that runs here.

    All that is wrong is told at once, with its row; while there is one error nothing is sent, and
    it ends with 2. What the directory knows already is left out. Ends with 3 where the engine
    refused something.
    """
    from partygrid.clock import WallClock
    from partygrid.embedded.installation import located
    from partygrid.sending import sender_of

    settings, now = located(read_settings()), WallClock().now()
    with sender_of(settings) as (sender, _):
        from partygrid.cli.bars import bars
        from partygrid.directory_files.dry_run import SOURCE

        if not dry_run:
            sender.settle(SOURCE)
        loaded = _read(files, settings, by, now, sender.directory())
        told = _read_told(loaded)
        if not as_json:
            _print_read(loaded)
        if loaded.errors or dry_run:
            _end(told, as_json=as_json, code=2 if loaded.errors else 0)
        if loaded.events and not yes:
            typer.confirm(f"Send {len(loaded.events):,} changes?", abort=True, err=True)
        with bars(quiet=as_json) as begin:
            progress = begin("directory", len(loaded.events))
            sent = sender.send(loaded.events, on_answer=progress)
    introduced = _introduce(settings, loaded, sent)
    if not as_json:
        _print_sent(sent, introduced)
    _end(told | _sent_told(sent, introduced), as_json=as_json, code=3 if sent.denied else 0)


def _policy() -> "Policy":
    from partygrid import bootstrap

    return bootstrap.policy_of(read_settings())


def _read(files: list[Path], settings: Settings, by: str, now: datetime, known: Any) -> "Loaded":
    from partygrid import bootstrap
    from partygrid.directory_files.entering import acting_of, refuse_founder
    from partygrid.directory_files.reading import read_directory_files

    acting = acting_of(known, by, now) if by else None
    loaded = read_directory_files(
        files, policy=bootstrap.policy_of(settings), at=now, known=known, acting=acting
    )
    if acting is None and loaded.events:
        refuse_founder(known, now)
    return loaded


def _introduce(settings: Settings, loaded: "Loaded", sent: "Sent") -> "Introduced":
    from events.contract.directory import PersonSet
    from partygrid.cli.introductions import introduce_all

    denied = {one.event.data.person for one in sent.denied if isinstance(one.event.data, PersonSet)}
    known: list[Identity] = [one for one in loaded.identities if one.person not in denied]
    return introduce_all(settings, known)


def _end(told: dict[str, Any], *, as_json: bool, code: int) -> None:
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    raise typer.Exit(code)


def _read_told(loaded: "Loaded") -> dict[str, Any]:
    return {
        "faults": [
            {
                **fault.place._asdict(),
                "gravity": str(fault.gravity),
                "value": fault.value,
                "zh": fault.zh,
                "en": fault.en,
            }
            for fault in loaded.faults
        ],
        "changes": len(loaded.events),
        "unchanged": loaded.unchanged,
    }


def _sent_told(sent: "Sent", introduced: "Introduced") -> dict[str, Any]:
    return {
        "applied": sent.applied,
        "refused": [
            {"about": _about(one.event), "fate": one.fate, "reason": one.reason}
            for one in sent.denied
        ],
        "identities": introduced.identities,
        "addresses": introduced.addresses,
    }


def _about(event: "Outgoing") -> str:
    """Return which line it is: what it says and its ids, nothing that is somebody's words."""
    data = event.data
    named = (getattr(data, name, "") for name in ("org", "person", "role", "source"))
    return " ".join([type(data).__name__, *(str(part) for part in named if part)])


def _print_read(loaded: "Loaded") -> None:
    from partygrid.directory_files.fault import Gravity

    for fault in loaded.faults:
        wrong = fault.gravity is Gravity.ERROR
        typer.secho("错误 error    " if wrong else "提示 warning  ", nl=False, fg=_COLOURS[wrong])
        typer.echo(str(fault))
    warnings = len(loaded.faults) - len(loaded.errors)
    typer.echo(
        f"read       {len(loaded.events):,} changes, {loaded.unchanged:,} known already, "
        f"{len(loaded.errors):,} errors, {warnings:,} warnings"
    )
    if loaded.errors:
        typer.echo(
            "有错误，未提交任何内容；改好后重新导入。/ Nothing was sent: mend the errors first."
        )


_COLOURS = {True: typer.colors.RED, False: typer.colors.YELLOW}


def _print_sent(sent: "Sent", introduced: "Introduced") -> None:
    from partygrid.cli.introductions import reason_told

    typer.echo(f"sent       {sent.applied:,} applied, {len(sent.denied):,} refused")
    for one in sent.denied:
        typer.echo(f"  {one.fate}  {_about(one.event)}: {reason_told(one.reason)}")
    typer.echo(
        f"kept       {introduced.identities:,} identities in the vault, "
        f"{introduced.addresses:,} addresses; {introduced.unchanged:,} were known"
    )
