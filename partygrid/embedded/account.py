"""PostgreSQL refuses to run as root: where we are root it runs under an account of its own."""

import os
import pwd
import shutil
import stat
import subprocess
from functools import cache
from pathlib import Path

from partygrid.errors import Unavailable

ACCOUNT = "partygrid"


@cache
def server_account() -> str | None:
    """Return the servers' account, made where it is missing; None where we are not root."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(ACCOUNT)
    except KeyError:
        _create_account()
    return ACCOUNT


def hand_over(folder: Path) -> None:
    """Make the account the folder's only reader; refuse a folder that somebody else made."""
    info = folder.lstat()
    owner = pwd.getpwnam(account).pw_uid if (account := server_account()) else os.geteuid()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid not in {owner, os.geteuid()}:
        raise Unavailable(f"{folder} belongs to somebody else. Remove it and start again.")
    folder.chmod(0o700)
    if account:
        shutil.chown(folder, account, account)


def open_to(*paths: Path) -> None:
    """Let the account pass through to these folders: passing (`o+x`), not listing, on the way."""
    if server_account() is None:
        return
    for folder in {parent for path in paths for parent in (path, *path.resolve().parents)}:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _create_account() -> None:
    command = ("useradd", "--system", "--user-group", "--no-create-home", ACCOUNT)
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(
            f"PostgreSQL does not run as root and the account {ACCOUNT!r} could not be made. "
            "Run partygrid as another user, or make that account."
        ) from error
