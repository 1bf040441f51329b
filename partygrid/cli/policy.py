"""`partygrid policy`: a county's own rules, looked at before they are switched on."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from partygrid.settings import read_settings

if TYPE_CHECKING:
    from models.policy.checks.finding import Finding
    from models.policy.faults import PolicyFault

app = typer.Typer(name="policy", help="Look at a policy pack.", no_args_is_help=True)


@app.callback()
def policy() -> None:
    """Make it a group, also with one command."""


@app.command()
def check(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of the pack; left out: the one in force.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print for a program.")] = False,
) -> None:
    """Load a pack and tell everything that is odd in it. Ends with 1 where a case could rest."""
    from models.policy.check import check_policy
    from models.policy.faults import PolicyInvalid
    from models.policy.load import default_pack_folder, load_policy

    pack = folder or read_settings().policy_dir or default_pack_folder()
    try:
        loaded = load_policy(pack)
    except PolicyInvalid as error:
        _tell(pack, "", [_fault(one) for one in error.faults], as_json=as_json)
        raise typer.Exit(1) from error
    findings = [_finding(one) for one in check_policy(loaded)]
    _tell(pack, loaded.version, findings, as_json=as_json)
    if any(one["severity"] == "error" for one in findings):
        raise typer.Exit(1)


def _fault(fault: "PolicyFault") -> dict[str, str]:
    where = f"{fault.file}:{fault.line}"
    return _line("error", "not_loadable", f"{where} {fault.field}", fault.message)


def _finding(finding: "Finding") -> dict[str, str]:
    return _line(str(finding.severity), finding.code, finding.place, finding.message)


def _line(severity: str, code: str, place: str, message: str) -> dict[str, str]:
    return {"severity": severity, "code": code, "place": place, "message": message}


def _tell(pack: Path, version: str, findings: list[dict[str, str]], *, as_json: bool) -> None:
    if as_json:
        told = {"pack": str(pack), "version": version, "findings": findings}
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    for one in findings:
        typer.echo(f"{one['severity']}: {one['place']}: {one['message']} [{one['code']}]")
    errors = sum(one["severity"] == "error" for one in findings)
    typer.echo(
        f"{pack}: {version or 'cannot be loaded'}: {errors} errors, "
        f"{len(findings) - errors} warnings"
    )
