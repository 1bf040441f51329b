"""What apps still hold: their spools, looked at without touching them."""

import sqlite3
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from events.spool import FILE
from partygrid.errors import Invalid


class NotASpool(Invalid):
    """The file is no spool of a producer."""


class SpoolSeen(Struct, frozen=True, kw_only=True):
    """One app's spool at the moment it was looked at."""

    source: str
    #: highest sequence number ever given
    signed_out: int
    #: numbers of the events that are still in it
    held: frozenset[int]


def look_into(path: Path) -> SpoolSeen:
    """Read a spool: its folder, or the file in it. Raises `NotASpool`."""
    file = path / FILE if path.is_dir() else path
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as spool:
            ((source,),) = spool.execute("SELECT value FROM facts WHERE name = 'source'")
            last = spool.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
            held = frozenset(row[0] for row in spool.execute("SELECT sequence FROM events"))
    except (sqlite3.Error, ValueError) as fault:
        raise NotASpool(f"{file}: {NotASpool.__doc__} ({fault})") from None
    return SpoolSeen(source=source, signed_out=last[0] if last else 0, held=held)
