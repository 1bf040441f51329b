"""The servers of a simulation and its engines, kept running by the process that conducts."""

import signal
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

from flows.conductor import Stalled
from partygrid.embedded.child import Child
from partygrid.embedded.installation import Installation, sole_owner
from partygrid.embedded.servers import embedded_servers, environment_for
from partygrid.embedded.supervisor import Status, Supervisor
from partygrid.processes.pulse import last_beat
from partygrid.processes.up import own_processes
from partygrid.settings import Settings
from partygrid.simulation.faults import FaultPlan

ENGINE = "engine-{}"
#: Limits for slow machines; both are usually up in seconds.
_SERVERS_WITHIN = timedelta(minutes=3)
_OURS_WITHIN = timedelta(minutes=2)
#: A killed engine is started again at once, or the week would take for ever.
_LONGEST_PAUSE = timedelta(milliseconds=100)
_LOOK_EVERY = 0.05
#: Seconds for which engines that stall may write where they stand.
_SHOWN_WITHIN = 0.5


class Stage:
    """A running installation in time-lapse. Children are looked after whenever `keep` is called."""

    def __init__(
        self,
        settings: Settings,
        *,
        faults: FaultPlan,
        engines: int = 1,
        prefect: bool = False,
        on_change: Callable[[tuple[Status, ...]], None] = lambda _: None,
    ) -> None:
        """Settle every address; start nothing yet.

        Of several engines one decides at a time, and the others stand by.
        """
        self.settings, self._servers_to_run = embedded_servers(
            settings, prefect=prefect, durable=False
        )
        self._prefect, self._faults, self._on_change = prefect, faults, on_change
        self._servers = Supervisor(self._servers_to_run, on_change=self._changed)
        self._grouped = engines > 1
        self.engines = tuple(ENGINE.format(number + 1) for number in range(engines))
        #: by name of what runs
        self._ours: dict[str, Supervisor] = {}
        self._exit, self._looked = ExitStack(), 0.0
        #: how often an engine was killed on purpose
        self.kills = 0
        self._killed: psutil.Process | None = None

    # --- servers -------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Hold the home folder and start the servers: Prefect's goes on starting meanwhile."""
        self._exit.enter_context(sole_owner(self.settings.home))
        self._exit.callback(self._stop)
        needed = {child.name for child in self._servers_to_run} & {"postgres", "kafka"}
        self._wait(self._servers, needed, _SERVERS_WITHIN)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything, those that need others first."""
        if isinstance(fault, Stalled):
            self._let_engines_show_where_they_stand()
        self._exit.close()

    def _stop(self) -> None:
        self._stop_ours()
        self._servers.stop()

    def _stop_ours(self) -> None:
        for supervisor in self._ours.values():
            supervisor.stop()
        self._ours.clear()

    def keep(self) -> None:
        """Look after the children, not more often than they need it."""
        if time.monotonic() - self._looked >= _LOOK_EVERY:
            self._looked = time.monotonic()
            self._servers.step()
            for supervisor in self._ours.values():
                supervisor.step()

    def wait_for_prefect(self) -> None:
        """Return when every server answers."""
        self._servers.wait_ready(_SERVERS_WITHIN)

    # --- engines -------------------------------------------------------------------------------

    def start_engines(self) -> None:
        """Start every engine of the time-lapse and return when all of them work."""
        for name in self.engines:
            self.let_join(name)
        for name in self.engines:
            self._wait(self._ours[name], {name}, _OURS_WITHIN)

    def let_join(self, name: str) -> None:
        """Start an engine that does not run; it works a little later."""
        self._ours[name] = Supervisor(
            (self._engine(name),), on_change=self._changed, longest_pause=_LONGEST_PAUSE
        )

    def let_leave(self, name: str) -> None:
        """End an engine as an operator would, and do not start it again."""
        self._ours.pop(name).stop()

    def process_of(self, name: str) -> psutil.Process | None:
        """Return an engine's own process, once it has given a sign of life."""
        if name not in self._ours:
            return None
        (launcher,) = self._ours[name].statuses()
        return _engine_of(self.settings, name, launcher.pid)

    def kill_engine(self, name: str = "") -> bool:
        """End an engine's process with SIGKILL, if it runs; its launcher starts it again."""
        engine = self.process_of(name or self.engines[0])
        if engine is None or engine == self._killed:
            return False
        with suppress(psutil.NoSuchProcess):
            engine.kill()
            self.kills, self._killed = self.kills + 1, engine
            return True
        return False

    def go_live(self) -> None:
        """Stop the time-lapse's engine and start what `partygrid up` would, by the wall clock."""
        self._stop_ours()
        children = own_processes(self.settings, self._servers_to_run, prefect=self._prefect)
        live = self._ours["live"] = Supervisor(
            [replace(child, needs=(), prepare=None) for child in children],
            on_change=self._changed,
        )
        live.wait_ready(_OURS_WITHIN)

    def _let_engines_show_where_they_stand(self) -> None:
        """Have each engine's log say what it was at when nothing went on any more."""
        for name in self.engines:
            engine = self.process_of(name)
            if engine is not None:
                with suppress(psutil.NoSuchProcess):
                    engine.send_signal(signal.SIGUSR1)
        time.sleep(_SHOWN_WITHIN)

    def _engine(self, name: str) -> Child:
        settings = self.settings
        faults = settings.home / "faults.json"
        self._faults.write(faults)
        module = "partygrid.simulation.engine_process"
        grouped = ("--grouped",) if self._grouped else ()
        return Child(
            name=name,
            argv=(sys.executable, "-m", module, "--name", name, "--faults", str(faults), *grouped),
            folder=settings.home,
            log=settings.home / "logs" / f"{name}.log",
            env=environment_for(settings),
            ready=partial(_works, settings, name),
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
        ours = (one for supervisor in self._ours.values() for one in supervisor.statuses())
        statuses = (*self._servers.statuses(), *ours)
        Installation.of(self.settings, statuses).write(self.settings.home)
        self._on_change(statuses)


def _engine_of(settings: Settings, name: str, launcher: int | None) -> psutil.Process | None:
    """Return the engine that this launcher started, once it has given a sign of life."""
    beat = last_beat(settings.home, name)
    with suppress(psutil.Error):
        if beat is not None and (engine := psutil.Process(beat.pid)).ppid() == launcher:
            return engine
    return None


def _works(settings: Settings, name: str, launcher: int) -> bool:
    return _engine_of(settings, name, launcher) is not None
