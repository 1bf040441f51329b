"""How other commands find the installation that runs in a home folder."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from partygrid.embedded.supervisor import Status
from partygrid.errors import Refused, Unavailable
from partygrid.settings import Settings

FILE = "installation.json"
LOCK = "lock"
#: The disk, or our share of it.
_FULL = (errno.ENOSPC, errno.EDQUOT)


class AlreadyRunning(Refused):
    """An installation already runs in this home folder."""


class NotRunning(Unavailable):
    """No installation runs in this home folder. Start it with `partygrid up`."""


class Installation(BaseModel):
    """What runs in a home folder, as its supervisor last wrote it down."""

    model_config = ConfigDict(frozen=True)

    pid: int = Field(description="The supervisor's process.")
    database_url: str = Field(repr=False)  # may hold a password, so the file is its owner's alone
    kafka_bootstrap: str
    prefect_api_url: str | None = None  # None: it was started without
    prefect_api_auth: str | None = Field(default=None, repr=False)
    http_url: str
    #: shards it was made with: a demo has fewer than the default
    partitions: int
    children: tuple[Status, ...] = ()

    @classmethod
    def of(cls, settings: Settings, children: tuple[Status, ...] = ()) -> Self:
        """Describe this process's installation; its own addresses must be settled."""
        auth = settings.prefect_api_auth
        return cls(
            pid=os.getpid(),
            database_url=settings.address("database_url"),
            kafka_bootstrap=settings.address("kafka_bootstrap"),
            prefect_api_url=settings.prefect_api_url,
            prefect_api_auth=auth.get_secret_value() if auth else None,
            http_url=f"http://{settings.http_host}:{settings.http_port}",
            partitions=settings.partitions,
            children=children,
        )

    @classmethod
    def read(cls, home: Path) -> Self | None:
        """Return what runs in the home folder, or None where nothing runs."""
        path = home / FILE
        if not _locked(home) or not path.exists():
            return None
        return cls.model_validate_json(path.read_text())

    def write(self, home: Path) -> None:
        """Put the file in place whole, readable by its owner only.

        Where the disk is full what was written before stays: that must not end what runs.
        """
        unfinished = home / f"{FILE}.new"
        try:
            unfinished.touch(mode=0o600)
            unfinished.write_text(self.model_dump_json(indent=2))
            unfinished.replace(home / FILE)
        except OSError as fault:
            if fault.errno not in _FULL or not (home / FILE).exists():
                raise


def located(settings: Settings) -> Settings:
    """Complete the settings by the addresses and the shards of what runs in their home folder.

    What is given stays. Raises `NotRunning` where the database's or the broker's is
    missing and nothing runs. Prefect may be missing: the work does not depend on it.
    """
    wanted = ("database_url", "kafka_bootstrap", "prefect_api_url")
    missing = [name for name in wanted if getattr(settings, name) is None]
    if not missing:
        return settings
    running = Installation.read(settings.home)
    if running is None and missing == ["prefect_api_url"]:
        return settings
    if running is None:
        raise NotRunning(f"Nothing runs in {settings.home}. Start it with `partygrid up`.")
    if "prefect_api_url" in missing:
        missing.append("prefect_api_auth")
    if "partitions" not in settings.model_fields_set:
        missing.append("partitions")
    return settings.changed(**{name: getattr(running, name) for name in missing})


@contextmanager
def sole_owner(home: Path) -> Iterator[None]:
    """Hold the home folder for this process; the kernel lets go of it when the process ends."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(f"An installation already runs in {home}.") from error
        try:
            yield
        finally:
            (home / FILE).unlink(missing_ok=True)


def _locked(home: Path) -> bool:
    try:
        with (home / LOCK).open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
