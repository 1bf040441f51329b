"""`partygrid notices`: what is kept back after a restore, and letting it go."""

from typing import TYPE_CHECKING, Annotated

import typer

from partygrid.settings import Settings, read_settings

if TYPE_CHECKING:
    from notifications.holding import Held, Which
    from partygrid.operations.held import Kept

app = typer.Typer(
    name="notices", help="Look at notices held after a restore, let them go.", no_args_is_help=True
)
MadeBefore = Annotated[
    str | None, typer.Option(help="Only those made before, as 2026-11-21T03:00:00+08:00.")
]
Kind = Annotated[str | None, typer.Option(help="Only those of a kind, as digest_daily.")]
Case = Annotated[str | None, typer.Option(help="Only those about the case of this number.")]
AtOnce = Annotated[
    bool, typer.Option("--at-once", help="Also while the backlog is still decided again.")
]
Sure = Annotated[bool, typer.Option("--yes", help="Do it; without it nothing is changed.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print for a program.")]


@app.command()
def held(
    made_before: MadeBefore = None,
    kind: Kind = None,
    case: Case = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List what is held, urgent first. Those it is for see it in their inbox all the same."""
    import msgspec

    from partygrid.operations.held import held as find

    settings = _settings()
    found = find(settings, _which(made_before, kind, case), limit=limit)
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        _table(settings, found)


@app.command()
def release(
    made_before: MadeBefore = None,
    kind: Kind = None,
    case: Case = None,
    at_once: AtOnce = False,
    sure: Sure = False,
    as_json: AsJson = False,
) -> None:
    """Send what is held: people hear it, those who had heard it before a second time."""
    _let_go(_which(made_before, kind, case), drop=False, at_once=at_once, sure=sure, json=as_json)


@app.command()
def drop(
    made_before: MadeBefore = None,
    kind: Kind = None,
    case: Case = None,
    at_once: AtOnce = False,
    sure: Sure = False,
    as_json: AsJson = False,
) -> None:
    """Leave what is held unsent for good; it stays in the inboxes."""
    _let_go(_which(made_before, kind, case), drop=True, at_once=at_once, sure=sure, json=as_json)


def _settings() -> Settings:
    from partygrid.embedded.installation import located

    return located(read_settings())


def _which(made_before: str | None, kind: str | None, case: str | None) -> "Which":
    from notifications.holding import Which
    from partygrid.cli.restored import instant

    return Which(
        made_before=instant(made_before) if made_before else None, kind=kind, case_number=case
    )


def _let_go(which: "Which", *, drop: bool, at_once: bool, sure: bool, json: bool) -> None:
    from partygrid.clock import WallClock
    from partygrid.errors import Refused
    from partygrid.operations.held import held, let_go

    settings = _settings()
    does = "left unsent" if drop else "sent"
    if not sure:
        count = held(settings, which, limit=1).count
        raise Refused(f"Nothing was changed: {count} notices would be {does}. Say --yes.")
    count = let_go(settings, which, drop=drop, at_once=at_once, now=WallClock().now())
    typer.echo(f'{{"notices": {count}}}' if json else f"{count} notices: {does}")


def _table(settings: Settings, found: "Kept") -> None:
    from rich.console import Console
    from rich.table import Table

    from partygrid import bootstrap

    zone = bootstrap.policy_of(settings).calendar.zone
    table = Table("made", "kind", "case", "for")
    for one in found.notices:
        table.add_row(
            f"{one.created_at.astimezone(zone):%m-%d %H:%M:%S}",
            f"[red]{one.kind}[/]" if one.urgent else one.kind,
            "restricted" if one.discreet else one.case_number or "",
            "restricted" if one.discreet else _whom(one),
        )
    Console().print(table)
    typer.echo(f"{found.count} held" + (" in all" if found.count > len(found.notices) else ""))
    if found.catching_up is not None:
        typer.echo("what happened since the backup is still being decided again: more may come")


def _whom(one: "Held") -> str:
    if one.role is not None:
        return f"{one.addressee or 'nobody'} as {one.role} of {one.org}"
    return f"{one.addressee_kind} {one.addressee or ''}".strip()
