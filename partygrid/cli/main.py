"""The command's entry point. A module of subcommands is one line in `MODULES`."""

import gc
import logging
import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from partygrid.errors import Invalid, PartygridError, Refused, Unavailable

#: Modules of `partygrid.cli`, each with its `app`; their order is that of the help. They import
#: what they need inside their commands, so that the help is there at once.
MODULES = (
    "up",
    "demo",
    "setup",
    "directory",
    "import_log",
    "policy",
    "status",
    "doctor",
    "cases",
    "parked",
    "dead_letters",
    "produce",
    "tokens",
    "kafka",
    "reconcile",
    "audit",
    "restored",
    "notices",
    "keys",
    "erase",
    "rebuild",
    "simulate",
    "processes",
)

#: Exit codes, by who must act. 1 is left for a program's own faults and for findings.
EXIT_CODES: dict[type[PartygridError], int] = {Invalid: 2, Refused: 3, Unavailable: 4}


#: So many new objects are waited for before cycles are looked for. Of what starting makes, nearly
#: all stays; looking through it again and again is a seventh of the start.
_OBJECTS_BETWEEN_LOOKS = 100_000


class Commands(TyperGroup):
    """Tells an error in one line: what happened and what to do. Tracebacks are for `--debug`."""

    def invoke(self, ctx: Any) -> object:
        """Run the subcommand."""
        try:
            return super().invoke(ctx)
        except PartygridError as error:
            if ctx.params.get("debug"):
                raise
            typer.secho(f"partygrid: {error}", err=True, fg=typer.colors.RED)
            raise typer.Exit(exit_code(error)) from error


def exit_code(error: PartygridError) -> int:
    """Return the exit code of an error's family."""
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Case engine for Party building + grid (党建+网格) work in rural townships.",
    epilog="Settings are environment variables PARTYGRID_…; see docs/settings.md.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("partygrid"))
        raise typer.Exit


@app.callback()
def root(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False,
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Take the options that stand before the subcommand."""


for name in MODULES:
    app.add_typer(import_module(f"partygrid.cli.{name}").app)


def main() -> None:
    """Run the command line."""
    gc.set_threshold(_OBJECTS_BETWEEN_LOOKS)
    try:
        app(prog_name="partygrid" if sys.argv[0].endswith("__main__.py") else None)
    except Exception as error:  # a fault of the program's own, told as shortly as the others
        if "--debug" in sys.argv:
            raise
        if logging.getLogger().handlers:
            logging.getLogger(__name__).exception("ended by a fault of its own")
        told = f"partygrid: unexpected {type(error).__name__}. Say --debug before the subcommand."
        typer.secho(told, err=True, fg=typer.colors.RED)
        sys.exit(1)
