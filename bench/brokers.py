"""The brokers of a run: Apache Kafka where its jars lie, else the one that comes along."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from partygrid.embedded.child import running
from partygrid.embedded.ports import free_port
from partygrid.embedded.tansu import Tansu
from partygrid.settings import Settings
from tests.services import jars
from tests.services.apache import Apache


class Brokers(ABC):
    """Gives each measurement a broker in which nothing lies."""

    #: as the page calls it
    name: str

    @abstractmethod
    @contextmanager
    def empty(self, home: Path, *, partitions: int, database: str) -> Iterator[Settings]:
        """Give the settings of an installation at an empty broker, for as long as the block."""


class Embedded(Brokers):
    """One for each measurement: it keeps all that was written in memory."""

    name = "the broker that comes along"

    def __init__(self, folder: Path) -> None:
        """Start nothing yet. The brokers' files go into the folder."""
        self._folder, self._numbers = folder, count(1)

    @contextmanager
    def empty(self, home: Path, *, partitions: int, database: str) -> Iterator[Settings]:
        """Start one, and end it."""
        server = Tansu(self._folder / f"kafka-{next(self._numbers)}", free_port())
        with running(server.child()):
            told = {"home": home, "kafka_bootstrap": server.bootstrap}
            yield Settings.model_validate({**told, **_shared(partitions, database)})


class OnApache(Brokers):
    """One for all of them, on disk; its topics are made anew for each."""

    name = f"Apache Kafka {jars.kafka_version()} (one node, TLS, SCRAM)"

    def __init__(self, server: Apache) -> None:
        """`server` runs."""
        self._server = server

    @contextmanager
    def empty(self, home: Path, *, partitions: int, database: str) -> Iterator[Settings]:
        """Make the topics anew."""
        self._server.fresh_topics(partitions)
        yield self._server.settings(home, None, **_shared(partitions, database))


def _shared(partitions: int, database: str) -> dict[str, object]:
    return {"database_url": database, "partitions": partitions, "log_level": "WARNING"}


@contextmanager
def brokers(folder: Path, *, embedded: bool) -> Iterator[Brokers]:
    """Start Apache Kafka where it can be; say why where it cannot."""
    missing = jars.missing()
    if embedded or missing:
        print(f"on {Embedded.name}{f': {missing}' if missing else ''}")
        yield Embedded(folder)
        return
    print(f"on {OnApache.name}")
    with Apache(folder / "apache") as server:
        yield OnApache(server)
