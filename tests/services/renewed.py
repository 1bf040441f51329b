"""The conductor's connections, which are made anew after the database was away.

The engines must find their way back by themselves; the one who plays the day need not.
"""

from contextlib import suppress
from typing import Any, cast

import psutil
import psycopg

from partygrid import bootstrap
from partygrid.embedded.installation import Installation
from partygrid.errors import Unavailable
from partygrid.simulation.stage import Stage
from tests.services.lapse import Connection
from tests.services.waiting import soon


class Renewed:
    """A connection that can be opened anew in its place while the conductor waits."""

    def __init__(self, url: str) -> None:
        self._url, self._connection = url, bootstrap.connect(url)
        self._listens: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, query: str, *rest: Any) -> Any:
        if query.startswith("LISTEN"):
            self._listens.append(query)
        return self._connection.execute(query, *rest)

    def renew(self) -> None:
        """Connect again, and hear what was heard before."""
        self._connection.close()
        self._connection = bootstrap.connect(self._url)
        for query in self._listens:
            self._connection.execute(query)
        self._connection.commit()


class Renewals:
    """All connections of the one who plays the day."""

    def __init__(self) -> None:
        self._made: list[Renewed] = []

    def connect(self, url: str) -> Connection:
        """Connect, and remember it."""
        self._made.append(Renewed(url))
        return cast("Connection", self._made[-1])

    def backends(self) -> list[int]:
        """Return PostgreSQL's processes that serve them."""
        return [one.info.backend_pid for one in self._made if not one.closed]

    def back(self, stage: Stage) -> None:
        """Wait until PostgreSQL answers, and have all of them anew."""

        def answers() -> bool:
            with suppress(psycopg.OperationalError, Unavailable):
                bootstrap.connect(stage.settings.address("database_url")).close()
                return True
            return False

        assert soon(answers, stage, seconds=60)
        for one in self._made:
            one.renew()


def server_of(stage: Stage) -> psutil.Process:
    """Return the process of the stage's PostgreSQL."""
    known = Installation.read(stage.settings.home)
    assert known is not None
    (child,) = (one for one in known.children if one.name == "postgres")
    return psutil.Process(child.pid)
