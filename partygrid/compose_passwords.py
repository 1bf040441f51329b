"""The passwords that `docker-compose.yml` asks for, in the file `.env` beside it."""

import os
import re
import secrets
from pathlib import Path

from partygrid.errors import Unavailable

#: What the compose file does not start without → what stands before the random part.
ASKED = {
    "POSTGRES_PASSWORD": "",  # the database's superuser
    "PARTYGRID_DATABASE_PASSWORD": "",  # our role in it
    "PREFECT_DATABASE_PASSWORD": "",  # Prefect's
    "KAFKA_ADMIN_PASSWORD": "",  # the brokers' administrator
    "KAFKA_PASSWORD": "",  # the brokers' account of engines, office and doors
    "PREFECT_AUTH": "operator:",  # Prefect's pages and API
}
#: Containers and volumes are called after it; without it, after the folder, whose name may change.
_PROJECT = "COMPOSE_PROJECT_NAME=partygrid"
_SET = re.compile(r"""^\s*(?:export\s+)?(\w+)\s*=[ \t]*(?!['"]{2}\s*$)[^\s#]""", re.MULTILINE)


def add_passwords(path: Path) -> tuple[str, ...]:
    """Write those that the file lacks, each random; return their names, never a password.

    What is set stays as it is. Afterwards only its owner may read the file. Raises `Unavailable`.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "r+b") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                os.fchmod(file.fileno(), 0o600)
            written = file.read().decode(errors="replace")
            lines = _lacking(written)
            if lines:
                ended = "" if not written or written.endswith("\n") else "\n"
                file.write((ended + "".join(f"{line}\n" for line in lines)).encode())
                file.flush()
                os.fsync(file.fileno())
    except OSError as fault:
        raise Unavailable(f"{path} cannot be written: {fault.strerror}.") from fault
    return tuple(line.split("=")[0] for line in lines)


def _lacking(written: str) -> list[str]:
    """Return the lines that are to be added to what is written."""
    there = set(_SET.findall(written))
    wanted = [
        _PROJECT,
        *(f"{name}={start}{secrets.token_hex(24)}" for name, start in ASKED.items()),
    ]
    return [line for line in wanted if line.split("=")[0] not in there]
