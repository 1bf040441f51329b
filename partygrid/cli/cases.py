"""`partygrid case`: who handled what."""

from typing import TYPE_CHECKING, Annotated

import typer

from partygrid.settings import read_settings

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from partygrid.operations.case_story import Deed, Story

app = typer.Typer(name="case", help="Look at a case.", no_args_is_help=True)


@app.callback()
def cases() -> None:
    """Make it a group, also with one command."""


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(help="Number, id, or reference in the system it was imported from.")
    ],
    lang: Annotated[str, typer.Option(help="Language of the sentences: zh or en.")] = "zh",
    unrestricted: Annotated[
        bool, typer.Option("--unrestricted", help="Show it although it is marked.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print for a program.")] = False,
) -> None:
    """Tell everything about a case: where it stands, why it is due then, and who did what."""
    import msgspec

    from flows.digest_issues import present_moment
    from partygrid import bootstrap
    from partygrid.clock import WallClock
    from partygrid.embedded.installation import located
    from partygrid.operations.case_story import tell_case

    if lang not in ("zh", "en"):
        raise typer.BadParameter("zh or en", param_hint="--lang")
    settings = located(read_settings())
    policy = bootstrap.policy_of(settings)
    with bootstrap.connected(settings.address("database_url")) as connection:
        shelf = bootstrap.shelf_of(connection, policy)
        now = present_moment(connection, WallClock().now())
        with connection.cursor() as cursor:
            story = tell_case(
                cursor,
                shelf,
                name,
                lang="en" if lang == "en" else "zh",
                now=now,
                unrestricted=unrestricted,
            )
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(story)).decode())
    else:
        _show(story, policy.calendar.zone)


def _show(story: "Story", zone: "ZoneInfo") -> None:
    from rich.console import Console

    console = Console(highlight=False)
    mark = "" if story.mark == "none" else f"  [red]{story.mark}[/]"
    console.print(f"[bold]{story.number or story.id}[/]  {story.state}{mark}")
    for label, text in (
        ("id", story.id),
        ("imported as", story.history_ref),
        ("category", story.category),
        ("grid", story.grid),
        ("owner", story.owner),
        ("due", story.due),
        ("policy", story.policy),
        *((f"clock {key}", f"{due.astimezone(zone):%Y-%m-%d %H:%M}") for key, due in story.clocks),
    ):
        if text:
            console.print(f"  {label}: {text}", soft_wrap=True, markup=False)
    for deed in story.deeds:
        console.print(
            f"{deed.decided_at.astimezone(zone):%Y-%m-%d %H:%M:%S}  {deed.action}"
            f"  {deed.before} → {deed.after}",
            soft_wrap=True,
            markup=False,
        )
        for line in _lines(deed, zone):
            console.print(f"    {line}", soft_wrap=True, markup=False)


def _lines(deed: "Deed", zone: "ZoneInfo") -> list[str]:
    """Return what is told of a deed, a line each."""
    who = " · ".join(part for part in (deed.actor, deed.role, deed.organisation) if part)
    happened = deed.occurred_at.astimezone(zone) if deed.occurred_at else None
    told = (
        ("by", who),
        ("on behalf of", deed.on_behalf_of),
        ("recorded by", deed.recorded_by),
        ("through", f"{deed.app} ({deed.asserted_by})" if deed.app else deed.asserted_by),
        ("happened", f"{happened:%Y-%m-%d %H:%M:%S}" if happened else ""),
        ("because", f"{deed.sentence} [{deed.reason}]"),
        ("words", deed.words),
        ("rule", deed.rule),
        ("evidence", ", ".join(one[:12] for one in deed.evidence)),
        ("more", ", ".join(f"{k}={v}" for k, v in deed.detail.items() if v not in (None, ""))),
    )
    return [f"{label}: {text}" for label, text in told if text]
