"""`partygrid reconcile`: is everything that came in accounted for?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from partygrid.settings import read_settings

if TYPE_CHECKING:
    from rich.table import Table

    from partygrid.operations.reconciled import Reconciled

app = typer.Typer()


@app.command()
def reconcile(
    as_json: Annotated[bool, typer.Option("--json", help="Print for a program.")] = False,
    spool: Annotated[
        list[Path] | None,
        typer.Option(help="An app's spool: its folder or file; may be given several times."),
    ] = None,
) -> None:
    """Hold what came in against what became of it, from rows alone. Ends with 1 at a gap."""
    import msgspec

    from flows.digest_issues import present_moment
    from partygrid import bootstrap
    from partygrid.clock import WallClock
    from partygrid.embedded.installation import located
    from partygrid.operations.reconcile import reconcile as compute
    from partygrid.operations.spools import look_into
    from partygrid.status import end_offsets

    settings = located(read_settings())
    policy = bootstrap.policy_of(settings)
    spools = [look_into(path) for path in spool or ()]
    with bootstrap.connected(settings.address("database_url")) as connection:
        shards = [row[0] for row in connection.execute("SELECT shard FROM shards ORDER BY shard")]
        connection.commit()
        found = compute(
            connection,
            now=present_moment(connection, WallClock().now()),
            offline=policy.deadlines.offline,
            spools=spools,
            ends_of=lambda: end_offsets(settings, shards),
        )
    if as_json:
        told = msgspec.to_builtins(found) | {"closes": found.closes}
        typer.echo(msgspec.json.format(msgspec.json.encode(told)).decode())
    else:
        _show(found)
    if not found.closes:
        raise typer.Exit(1)


def _show(found: "Reconciled") -> None:
    from rich.console import Console

    console = Console()
    console.print(_records(found), _counts(found), _checks(found))
    for gap in found.gaps:
        console.print(f"[red]gap[/] {gap}", soft_wrap=True, highlight=False)
    console.print("[green]closes[/]" if found.closes else f"[red]{len(found.gaps)} gaps[/]")


def _records(found: "Reconciled") -> "Table":
    from rich.table import Table

    table = Table(
        "topic", "partition", "read", "records", "by fate", title="1. Records", min_width=60
    )
    for count in found.partitions:
        fates = ", ".join(f"{number} {fate}" for fate, number in count.fates.items())
        read = "gone" if count.read is None else str(count.read)
        table.add_row(count.topic, str(count.partition), read, str(count.records), fates)
    return table


def _counts(found: "Reconciled") -> "Table":
    from rich.table import Table

    doors, reports = found.doors, found.reports
    table = Table("what", "in", "accounted for", title="2. Accepted   3. Reports", min_width=60)
    unread = "" if doors.unread is None else f" ({doors.unread} unread)"
    table.add_row(
        "doors",
        str(doors.accepted),
        f"{doors.arrived} arrived, {doors.waiting} waiting, {doors.on_the_way} on the way{unread},"
        f" {doors.unpublishable} unpublishable",
    )
    for one in found.producers:
        held = "" if one.in_spool is None else f", {one.in_spool} in its spool"
        missing = f", missing {', '.join(one.missing)}" if one.missing else ""
        table.add_row(one.source, str(one.signed_out), f"{one.arrived} arrived{held}{missing}")
    own = sum(reports.own.values())
    table.add_row(
        "reports",
        str(reports.applied),
        f"{own} cases of their own, {reports.merged} merged, {reports.rejected} rejected",
    )
    table.add_row("imported rows", str(reports.history_applied), str(reports.history_rows))
    return table


def _checks(found: "Reconciled") -> "Table":
    from rich.table import Table

    table = Table("every row", "rows", "broken", title="Rows", min_width=60)
    for check in found.checks:
        table.add_row(check.name, str(check.rows), str(check.broken))
    return table
