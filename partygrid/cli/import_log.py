"""`partygrid import`: another system's case log as history."""

import json
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from partygrid.settings import Settings, read_settings

if TYPE_CHECKING:
    from partygrid.case_log.carrying import Carried
    from partygrid.case_log.importing import CaseLog

app = typer.Typer()

#: Faults and differences that are shown one by one; `--json` shows all that are kept.
_SHOWN = 20


@app.command("import")
def import_(
    log: Annotated[Path, typer.Argument(help="The log: CSV, XES or packed XES.")],
    mapping: Annotated[
        str, typer.Option("--mapping", help="Mapping file, or the name of one that is shipped.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read the log and tell what is in it; send nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print for a program.")] = False,
) -> None:
    """Import a case log into a county of its own: what happened, not decided again.

    Importing again adds what is new and changes nothing else. Ends with 1 where rows were not
    imported or the result differs from the file.
    """
    from partygrid.case_log.importing import CaseLog
    from partygrid.case_log.mapping import find_mapping, read_mapping

    read = CaseLog(log, read_mapping(find_mapping(mapping)))
    told = _surveyed(read)
    if not as_json:
        _print_survey(read)
    if not dry_run:
        began = time.monotonic()
        carried = _carry(read, quiet=as_json)
        told |= _outcome(carried, seconds=time.monotonic() - began)
        if not as_json:
            _print_outcome(carried, seconds=time.monotonic() - began)
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2, default=str))
    if read.survey.faulty or not told.get("agrees", True) or told.get("rows", {}).get("denied"):
        raise typer.Exit(1)


def _carry(log: "CaseLog", *, quiet: bool) -> "Carried":
    from partygrid import bootstrap
    from partygrid.case_log.carrying import carry
    from partygrid.cli.bars import bars
    from partygrid.clock import WallClock
    from partygrid.embedded.installation import located
    from partygrid.sending import sender_of

    settings, now = located(read_settings()), WallClock().now()
    policy = bootstrap.policy_of(settings)
    with sender_of(settings) as (sender, connection), bars(quiet=quiet) as progress:
        return carry(
            log,
            sender=sender,
            connection=connection,
            policy=policy,
            at=now,
            progress=progress,
            introduce=partial(_introduce, log, settings),
        )


def _introduce(log: "CaseLog", settings: Settings) -> None:
    if not log.identities:
        return
    from partygrid.cli.introductions import introduce_all

    introduce_all(settings, log.identities)


def _surveyed(log: "CaseLog") -> dict[str, Any]:
    survey = log.survey
    return {
        "log": log.mapping.log,
        "source": log.mapping.source,
        "file": {
            "rows": survey.rows,
            "to_import": survey.imported,
            "left_out": survey.left_out,
            "faulty": survey.faulty,
            "faults": [fault._asdict() for fault in survey.faults],
            "fault_counts": dict(survey.fault_counts),
            "cases": len(survey.cases),
            "handlers": len(survey.handlers),
            "groups": len(survey.groups),
        },
    }


def _outcome(carried: "Carried", *, seconds: float) -> dict[str, Any]:
    compared, rows = carried.compared, carried.rows
    return {
        "directory": {
            "known": carried.lines_known,
            "applied": carried.lines.applied,
        },
        "rows": {
            "new": dict(rows.new),
            "known": dict(rows.known),
            "applied": rows.applied,
            "duplicates": rows.known.total(),
            "denied": _reasons(carried),
        },
        "imported": {
            "cases": compared.cases,
            "rows": compared.rows,
            "handlers": compared.handlers,
        },
        "agrees": compared.agrees,
        "differences": [
            {
                "case": one.case_ref,
                "in_file": _handling(one.in_file),
                "imported": _handling(one.imported),
            }
            for one in compared.differences
        ],
        "seconds": round(seconds, 2),
    }


def _reasons(carried: "Carried") -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in carried.rows.denied:
        counts[one.reason] = counts.get(one.reason, 0) + 1
    return counts


def _handling(handling: Any) -> dict[str, Any] | None:
    if handling is None:
        return None
    return {
        "rows": handling.rows,
        "handlers": sorted(handling.handlers),
        "first": handling.first,
        "last": handling.last,
    }


def _print_survey(log: "CaseLog") -> None:
    survey = log.survey
    typer.echo(
        f"log        {log.mapping.log}: {survey.rows:,} rows, {survey.imported:,} to import, "
        f"{survey.left_out:,} left out, {survey.faulty:,} faulty"
    )
    typer.echo(
        f"           {len(survey.cases):,} cases, {len(survey.handlers):,} handlers, "
        f"{len(survey.groups):,} groups"
    )
    for fault in survey.faults[:_SHOWN]:
        column = f" {fault.column}" if fault.column else ""
        typer.echo(f"faulty     第{fault.row}行{column}: {fault.zh} / {fault.en}")
    if survey.faulty > _SHOWN:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in survey.fault_counts.items())
        typer.echo(f"           of {survey.faulty:,}: {counts}")


def _print_outcome(carried: "Carried", *, seconds: float) -> None:
    from partygrid.cli.introductions import reason_told

    lines, rows, compared = carried.lines, carried.rows, carried.compared
    typer.echo(f"directory  {lines.applied:,} lines applied, {carried.lines_known:,} known before")
    typer.echo(
        f"rows       {rows.applied:,} applied, {rows.known.total():,} known before, "
        f"{len(rows.denied):,} not applied"
    )
    for reason, count in _reasons(carried).items():
        typer.echo(f"           {count:,} {reason_told(reason)}")
    typer.echo(
        f"imported   {compared.cases:,} cases, {compared.rows:,} rows, "
        f"{compared.handlers:,} handlers"
    )
    for one in compared.differences[:_SHOWN]:
        typer.echo(f"differs    {one.case_ref}: in the file {one.in_file}, imported {one.imported}")
    if compared.agrees:
        typer.echo(
            "compared   agrees: every case has the rows, the handlers, the first and the last time"
            " of the file"
        )
    else:
        typer.echo(f"compared   DIFFERS in {len(compared.differences):,} cases")
    speed = rows.new.total() / seconds if seconds else 0
    typer.echo(f"took       {seconds:.1f} s, {speed:,.0f} new rows a second")
