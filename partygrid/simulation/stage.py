"""The servers of a simulation and its one engine, kept running by the process that conducts."""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import TracebackType
from typing import Self

import psutil

from partygrid.embedded.child import Child
from partygrid.embedded.installation import Installation, sole_owner
from partygrid.embedded.servers import embedded_servers, environment_for
from partygrid.embedded.supervisor import Status, Supervisor
from partygrid.processes.pulse import last_beat
from partygrid.processes.up import own_processes
from partygrid.settings import Settings
from partygrid.simulation.faults import FaultPlan

ENGINE = "engine-1"
#: Limits for slow machines; both are usually up in seconds.
_SERVERS_WITHIN = timedelta(minutes=3)
_OURS_WITHIN = timedelta(minutes=2)
#: A killed engine is started again at once, or the week would take for ever.
_LONGEST_PAUSE = timedelta(milliseconds=100)
_LOOK_EVERY = 0.05


class Stage:
    """A running installation in time-lapse. Children are looked after whenever `keep` is called."""

    def __init__(
        self,
        settings: Settings,
        *,
        faults: FaultPlan,
        prefect: bool = False,
        on_change: Callable[[tuple[Status, ...]], None] = lambda _: None,
    ) -> None:
        """Settle every address; start nothing yet."""
        self.settings, self._servers_to_run = embedded_servers(
            settings, prefect=prefect, durable=False
        )
        self._prefect, self._faults, self._on_change = prefect, faults, on_change
        self._servers = Supervisor(self._servers_to_run, on_change=self._changed)
        self._ours = Supervisor((), on_change=self._changed)
        self._exit, self._looked = ExitStack(), 0.0
        #: how often the engine was killed on purpose
        self.kills = 0
        self._killed: psutil.Process | None = None

    # --- servers -------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Hold the home folder and start the servers: Prefect's goes on starting meanwhile."""
        self._exit.enter_context(sole_owner(self.settings.home))
        self._exit.callback(self._stop)
        self._wait(self._servers, {"postgres", "kafka"}, _SERVERS_WITHIN)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything, those that need others first."""
        self._exit.close()

    def _stop(self) -> None:
        self._ours.stop()
        self._servers.stop()

    def keep(self) -> None:
        """Look after the children, not more often than they need it."""
        if time.monotonic() - self._looked >= _LOOK_EVERY:
            self._looked = time.monotonic()
            self._servers.step()
            self._ours.step()

    def wait_for_prefect(self) -> None:
        """Return when every server answers."""
        self._servers.wait_ready(_SERVERS_WITHIN)

    # --- the engine ----------------------------------------------------------------------------

    def start_engine(self) -> None:
        """Start the one engine of the time-lapse and return when it works."""
        self._ours = Supervisor(
            (self._engine(),), on_change=self._changed, longest_pause=_LONGEST_PAUSE
        )
        self._wait(self._ours, {ENGINE}, _OURS_WITHIN)

    def kill_engine(self) -> bool:
        """End the engine's process with SIGKILL, if it runs; its launcher starts it again."""
        (launcher,) = self._ours.statuses()
        engine = _engine_of(self.settings, launcher.pid)
        if engine is None or engine == self._killed:
            return False
        with suppress(psutil.NoSuchProcess):
            engine.kill()
            self.kills, self._killed = self.kills + 1, engine
            return True
        return False

    def go_live(self) -> None:
        """Stop the time-lapse's engine and start what `partygrid up` would, by the wall clock."""
        self._ours.stop()
        children = own_processes(self.settings, self._servers_to_run, prefect=self._prefect)
        self._ours = Supervisor(
            [replace(child, needs=(), prepare=None) for child in children],
            on_change=self._changed,
        )
        self._ours.wait_ready(_OURS_WITHIN)

    def _engine(self) -> Child:
        settings = self.settings
        faults = settings.home / "faults.json"
        self._faults.write(faults)
        module = "partygrid.simulation.engine_process"
        return Child(
            name=ENGINE,
            argv=(sys.executable, "-m", module, "--name", ENGINE, "--faults", str(faults)),
            folder=settings.home,
            log=settings.home / "logs" / f"{ENGINE}.log",
            env=environment_for(settings),
            ready=partial(_works, settings),
            stop_limit=timedelta(seconds=30),
        )

    # --- telling -------------------------------------------------------------------------------

    def _wait(self, supervisor: Supervisor, names: set[str], limit: timedelta) -> None:
        """Step until these answer, whatever others do."""
        deadline = time.monotonic() + limit.total_seconds()
        while not names <= {one.name for one in supervisor.statuses() if one.state == "ready"}:
            if time.monotonic() > deadline:
                supervisor.wait_ready(timedelta())
            supervisor.step()
            time.sleep(0.02)

    def _changed(self, _: tuple[Status, ...]) -> None:
        statuses = (*self._servers.statuses(), *self._ours.statuses())
        Installation.of(self.settings, statuses).write(self.settings.home)
        self._on_change(statuses)


def _engine_of(settings: Settings, launcher: int | None) -> psutil.Process | None:
    """Return the engine that this launcher started, once it has given a sign of life."""
    beat = last_beat(settings.home, ENGINE)
    with suppress(psutil.Error):
        if beat is not None and (engine := psutil.Process(beat.pid)).ppid() == launcher:
            return engine
    return None


def _works(settings: Settings, launcher: int) -> bool:
    return _engine_of(settings, launcher) is not None
