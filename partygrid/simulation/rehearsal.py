"""One rehearsal from nothing to its summary: `partygrid simulate` and `partygrid demo`."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from msgspec import Struct

from flows.conductor import Conductor
from partygrid import bootstrap
from partygrid.clock import WallClock
from partygrid.embedded.supervisor import Status
from partygrid.initialise import make_ready
from partygrid.operations.reconcile import reconcile
from partygrid.operations.spools import SpoolSeen
from partygrid.settings import Settings
from partygrid.simulation.agenda import TICK
from partygrid.simulation.directing import (
    Acted,
    Connection,
    Direction,
    Disturbs,
    Script,
    Seals,
)
from partygrid.simulation.home import begin_anew, make_secrets
from partygrid.simulation.stage import Stage
from partygrid.simulation.summary import Played, Summary, summarise
from partygrid.simulation.week import Moment
from partygrid.status import end_offsets


class Shows(Protocol):
    """Who tells the operator how far it is."""

    def children(self, statuses: tuple[Status, ...]) -> None:
        """Tell what changed among the processes."""
        ...

    def step(self, told: str) -> None:
        """Tell what begins now."""
        ...

    def moment(self, moment: Moment) -> None:
        """Tell how far the week is."""
        ...


class Rehearsed(Struct, frozen=True, kw_only=True):
    """A played week whose servers still run."""

    stage: Stage
    acted: Acted
    summary: Summary


@contextmanager
def rehearsed(
    settings: Settings,
    script: Script,
    shows: Shows,
    *,
    prefect: bool = False,
    seal_every: timedelta | None = None,
    engines: int = 1,
    disturb: Callable[[Stage], Disturbs] | None = None,
    connect: Callable[[str], Connection] = bootstrap.connect,
    conducted: type[Conductor] = Conductor,
) -> Iterator[Rehearsed]:
    """Play a script in the settings' home, from an empty database, and count what came of it.

    Everything is stopped at the end of the block. Raises `NotASimulation`, `AlreadyRunning`,
    `Stalled`, `Unavailable`.
    """
    begin_anew(settings.home)
    make_secrets(settings, script.seed)
    shows.step(f"drawing the week of seed {script.seed}")
    direction = Direction(script, settings)
    shows.step("starting the servers")
    with Stage(
        settings,
        faults=direction.faults,
        engines=engines,
        prefect=prefect,
        on_change=shows.children,
    ) as stage:
        make_ready(stage.settings, time_lapse=True)
        stage.start_engines()
        shows.step(
            f"bringing the county into the directory: {len(direction.sample.events)} entries"
        )
        begun = time.monotonic()
        acted = direction.play(
            stage,
            shows.moment,
            seal_every=seal_every,
            disturb=disturb,
            connect=connect,
            conducted=conducted,
        )
        took = timedelta(seconds=time.monotonic() - begun)
        shows.step("counting")
        try:
            summary = _summary(stage, direction, acted, took)
            yield Rehearsed(stage=stage, acted=acted, summary=summary)
        finally:
            acted.conductor.close()


def _summary(stage: Stage, direction: Direction, acted: Acted, took: timedelta) -> Summary:
    script, settings, policy = direction.script, stage.settings, direction.shelf.current
    with bootstrap.connected(settings.address("database_url")) as connection:
        seal = Seals(settings, connection).now()
        reconciled = reconcile(
            connection,
            now=script.end,
            offline=policy.deadlines.offline,
            spools=[
                SpoolSeen(source=source, signed_out=last, held=frozenset())
                for source, last in sorted(acted.signed_out.items())
            ],
            ends_of=partial(end_offsets, settings, [*range(settings.partitions)]),
        )
        played = Played(
            seed=script.seed,
            start=script.start,
            end=script.end,
            took=took,
            reports=len(direction.plan.reports),
            acts=acted.acts,
            full=direction.plan.full,
            engine_kills=stage.kills,
        )
        return summarise(connection, policy, played, reconciled=reconciled, seal=seal)


def present_tick() -> datetime:
    """Return the last full tick: the moment at which a demo's week ends."""
    now = WallClock().now()
    return now - (now - datetime.fromtimestamp(0, now.tzinfo)) % TICK
