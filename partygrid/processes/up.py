"""Everything on one machine: which processes make an installation, and keeping them running."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from msgspec import Struct

from partygrid.embedded.child import Child
from partygrid.embedded.installation import Installation, sole_owner
from partygrid.embedded.ports import free_port, free_ports, http_ok, listens
from partygrid.embedded.servers import embedded_servers, environment_for
from partygrid.embedded.supervisor import State, Status, supervise
from partygrid.errors import Unavailable
from partygrid.processes.pulse import last_beat
from partygrid.settings import Settings

#: A full batch, and the consumer group's goodbye.
_STOP_LIMIT = timedelta(seconds=30)


class PortTaken(Unavailable):
    """Another program listens on the door's port. Set PARTYGRID_HTTP_PORT to another one."""


class NotPrepared(Unavailable):
    """The database or the topics could not be brought up to date."""


class Prepared(Struct):
    """Brings the database and the topics up to date before the first process of ours starts.

    In a process of its own: what it loads this one, which runs for months, has no use for.
    """

    environment: Mapping[str, str]
    #: what else is run after `migrate`
    restored_at: str = ""
    done: bool = False

    def __call__(self) -> None:
        """Do it once; what fails ends `up`, and is tried again with its next start."""
        if self.done:
            return
        self._run("migrate")
        if self.restored_at:
            # What it says is for the operator, who has things to do afterwards.
            sys.stdout.write(self._run("restored", "--at", self.restored_at))
            sys.stdout.flush()
        self.done = True

    def _run(self, *command: str) -> str:
        ran = subprocess.run(
            (sys.executable, "-m", "partygrid.cli", *command),
            env=dict(self.environment),
            start_new_session=True,  # Ctrl-C is for us
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            raise NotPrepared(ran.stderr.strip().removeprefix("partygrid: "))
        return ran.stdout


class Plan(Struct, frozen=True, kw_only=True):
    """The settled settings and the processes that make the installation."""

    settings: Settings
    children: tuple[Child, ...]


def planned(
    settings: Settings, *, prefect: bool = True, restored_at: datetime | None = None
) -> Plan:
    """Return what `up` runs: servers whose address nobody gave, then our own processes.

    Our own wait for the database and the broker, never for Prefect; with `restored_at` also until
    it is declared that the database was restored from a backup of then. Raises `PortTaken`.
    """
    if settings.http_port and free_port(settings.http_port) != settings.http_port:
        raise PortTaken(f"Port {settings.http_port} is taken. {PortTaken.__doc__}")
    if not prefect:
        settings = settings.changed(prefect_api_url=None, prefect_api_auth=None)
    settled, servers = embedded_servers(settings, prefect=prefect)
    ours = own_processes(settled, servers, prefect=prefect, restored_at=restored_at)
    return Plan(settings=settled, children=(*servers, *ours))


def own_processes(
    settings: Settings,
    servers: tuple[Child, ...],
    *,
    prefect: bool,
    restored_at: datetime | None = None,
) -> tuple[Child, ...]:
    """Return the engines, the office, the door and the digests of settled settings.

    They wait for those of `servers` that they need.
    """
    engines = settings.engines or os.cpu_count() or 1
    commands: dict[str, tuple[str, ...]]
    commands = {f"engine-{number}": ("engine",) for number in range(1, engines + 1)}
    brings_broker = any(server.name == "kafka" for server in servers)
    commands["office"] = ("office", "--topics-anew") if brings_broker else ("office",)
    commands["http"] = ("http",)
    if prefect:
        commands["digests"] = ("digests",)
    needs = tuple(server.name for server in servers if server.name in ("postgres", "kafka"))
    # The brokers' administrator makes the topics; no process that goes on needs to be one.
    plain = settings.changed(kafka_admin_username=None, kafka_admin_password=None)
    environment = environment_for(plain)
    restored = restored_at.isoformat() if restored_at else ""
    ready_first = Prepared(environment_for(settings), restored)
    ports = _metrics_ports(settings, len(commands))
    return tuple(
        Child(
            name=name,
            argv=(sys.executable, "-m", "partygrid.cli", *command, "--name", name),
            folder=settings.home,
            log=settings.home / "logs" / f"{name}.log",
            env={**environment, "PARTYGRID_METRICS_PORT": str(port)},
            needs=needs,
            prepare=ready_first,
            ready=_answers(settings, name),
            stop_limit=_STOP_LIMIT,
            metrics=f"http://{settings.metrics_host}:{port}/metrics",
        )
        for port, (name, command) in zip(ports, commands.items(), strict=True)
    )


def _metrics_ports(settings: Settings, count: int) -> list[int]:
    """Return a port for the metrics of each process: free ones, or from the one that is set."""
    if settings.metrics_port:
        return list(range(settings.metrics_port, settings.metrics_port + count))
    return free_ports(count)


def _answers(settings: Settings, name: str) -> Callable[[int], bool]:
    if name == "http":
        return partial(_door_answers, settings)
    return partial(_has_beaten, settings, name)


def _door_answers(settings: Settings, pid: int) -> bool:
    port = settings.http_port
    return listens(pid, port) and http_ok(port, "/health", host=settings.http_host)


def _has_beaten(settings: Settings, name: str, pid: int) -> bool:
    beat = last_beat(settings.home, name)
    return beat is not None and beat.pid == pid


def run_up(plan: Plan, *, on_change: Callable[[tuple[Status, ...]], None]) -> None:
    """Run everything until this process is asked to end; other commands find it meanwhile.

    Raises `AlreadyRunning`, and `ServerDidNotStart` where something never comes up.
    """
    home = plan.settings.home

    def changed(statuses: tuple[Status, ...]) -> None:
        Installation.of(plan.settings, statuses).write(home)
        on_change(statuses)

    with sole_owner(home):
        supervise(plan.children, on_change=changed)


def all_ready(statuses: tuple[Status, ...]) -> bool:
    """Tell whether everything answers."""
    return all(status.state is State.READY for status in statuses)
