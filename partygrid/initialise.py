"""Making an installation: keys, tables, shards, topics. Harmless where it is made already."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from msgspec import Struct

from events.broker import OWN_TOPICS
from partygrid import bootstrap
from partygrid.adapters import administered, broker_of, check_retention
from partygrid.clock import WallClock
from partygrid.embedded.child import running
from partygrid.embedded.installation import AlreadyRunning, located, sole_owner
from partygrid.embedded.servers import embedded_servers
from partygrid.errors import Refused
from partygrid.keyring import Keyring
from partygrid.settings import Settings

#: Any constant will do, as long as every process asks for the same one.
_LOCK = 0x696E6974


class OtherPartitions(Refused):
    """This installation was made with another number of shards; it cannot be changed afterwards."""


class Made(Struct, frozen=True, kw_only=True):
    """What `init` found to do."""

    home: Path
    keys: tuple[Path, ...]
    #: whether the broker is one of the installation's own, which makes its topics when it starts
    embedded_broker: bool


def initialise(settings: Settings) -> Made:
    """Make everything an installation has, with the embedded database where none is given.

    Raises `OtherPartitions`, `Unavailable`, `PolicyInvalid`.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    keys = Keyring(settings).make_all()
    with with_database(settings) as reached:
        make_ready(reached)
    return Made(
        home=settings.home,
        keys=keys,
        embedded_broker=reached.kafka_bootstrap is None,
    )


@contextmanager
def with_database(settings: Settings) -> Iterator[Settings]:
    """Reach the database: the given one, that of a running installation, or one for this moment."""
    if settings.database_url is not None:
        yield settings
        return
    with ExitStack() as stack:
        try:
            stack.enter_context(sole_owner(settings.home))
        except AlreadyRunning:
            yield located(settings)
            return
        settled, children = embedded_servers(settings, prefect=False)
        stack.enter_context(running(next(child for child in children if child.name == "postgres")))
        yield settings.changed(database_url=settled.database_url)


def make_ready(settings: Settings, *, time_lapse: bool = False) -> None:
    """Bring keys, database and topics to what this release needs; of several, one at a time.

    Topics are left out where no broker is settled. Raises `RetentionTooShort` too.
    """
    Keyring(settings).make_all()
    policy = bootstrap.policy_of(settings)
    check_retention(settings, policy)
    url = settings.address("database_url")
    with bootstrap.connected(url) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        connection.commit()
        bootstrap.migrate(url)
        _fix_partitions(connection, settings.partitions)
        bootstrap.prepare(url, settings, policy, WallClock().now())
    if settings.kafka_bootstrap is not None:
        make_topics(settings, time_lapse=time_lapse)


def make_topics(settings: Settings, *, time_lapse: bool = False) -> None:
    """Create the topics that are missing, and set those that are there. Raises `Unavailable`."""
    with closing(broker_of(administered(settings), time_lapse=time_lapse)) as broker:
        broker.arrange(OWN_TOPICS)


def _fix_partitions(connection: psycopg.Connection[Any], wanted: int) -> None:
    """Write down how many shards the installation has; refuse another number ever after."""
    connection.execute(
        "INSERT INTO installation (name, value) VALUES ('partitions', %s) ON CONFLICT DO NOTHING",
        (str(wanted),),
    )
    fixed = fixed_partitions(connection)
    if fixed != wanted:
        raise OtherPartitions(
            f"The installation was made with {fixed} shards, PARTYGRID_PARTITIONS says {wanted}. "
            f"Set it to {fixed}."
        )


def fixed_partitions(connection: psycopg.Connection[Any]) -> int | None:
    """Return how many shards the installation was made with; None before that."""
    row = connection.execute("SELECT value FROM installation WHERE name = 'partitions'").fetchone()
    connection.commit()
    return int(row[0]) if row else None
