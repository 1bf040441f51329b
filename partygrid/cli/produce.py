"""`partygrid produce`: send one event by hand."""

from pathlib import Path
from typing import Annotated

import typer

from partygrid.settings import read_settings

app = typer.Typer()


@app.command()
def produce(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="As in docs/events.md.")],
    data: Annotated[str, typer.Option(help="File with the event's data as JSON; `-`: from stdin.")],
    township: Annotated[str, typer.Option(help="Code of the township, or of the county.")],
    person: Annotated[str, typer.Option("--as", help="Who acts.")],
    role: Annotated[str, typer.Option(help="In which role.")],
    org: Annotated[str, typer.Option(help="At which organisation.")],
    subject: Annotated[str, typer.Option(help="The case or task it is about.")] = "",
    on_behalf_of: Annotated[str, typer.Option(help="For whom the person acts.")] = "",
    version: Annotated[int, typer.Option(help="Case version the person looked at.")] = -1,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the outcome.")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print for a program.")] = False,
) -> None:
    """Send one event as the doors do, and tell what became of it. Ends with 1 unless applied."""
    from datetime import timedelta
    from uuid import uuid4

    import msgspec

    from flows.digest_issues import present_moment
    from models.values import Fate
    from partygrid import bootstrap
    from partygrid.clock import WallClock
    from partygrid.embedded.installation import located
    from partygrid.initialise import fixed_partitions
    from partygrid.operations.produce import await_outcome, event_of, send

    settings = located(read_settings())
    attributes = {
        "township": township,
        "subject": subject,
        "actor": person,
        "actingrole": role,
        "actingorg": org,
        "onbehalfof": on_behalf_of,
        "caseversion": str(version) if version >= 0 else "",
    }
    content = _read(data)
    own_key = bootstrap.installation_key(bootstrap.secrets_folder(settings), "own.key")
    with bootstrap.connected(settings.address("database_url")) as connection:
        now = present_moment(connection, WallClock().now())
        event = event_of(type_, content, attributes, event_id=str(uuid4()), now=now)
        partitions = fixed_partitions(connection) or settings.partitions
        send(connection, event, own_key=own_key, partitions=partitions, now=now)
        outcome = await_outcome(connection, event, timedelta(seconds=wait))
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(outcome)).decode())
    else:
        case = f" case {outcome.case_number or outcome.case_id}" if outcome.case_id else ""
        typer.echo(f"{outcome.id}: {outcome.fate} {outcome.reason}{case}")
    if wait > 0 and outcome.fate != Fate.APPLIED:
        raise typer.Exit(1)


def _read(name: str) -> bytes:
    if name == "-":
        return typer.get_binary_stream("stdin").read()
    try:
        return Path(name).read_bytes()
    except OSError as fault:
        raise typer.BadParameter(f"{name}: {fault.strerror}", param_hint="--data") from fault
