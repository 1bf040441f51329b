"""A rig on servers of its own: for tests that ask what an engine does with records and faults."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from time import monotonic, sleep
from typing import Any

from msgspec.structs import replace
from psycopg import Connection, sql
from typer.testing import CliRunner, Result

from events.admission import ENGINE_KEY, ENGINE_SOURCE
from events.contract.envelope import Acting, Payload
from flows.conductor import Outbound
from partygrid.cli.main import app
from partygrid.embedded.child import running
from partygrid.embedded.ports import free_port
from partygrid.embedded.postgres import Postgres
from partygrid.embedded.tansu import Tansu
from partygrid.engine import Engine
from tests.rig import Rig
from tests.world import COUNTY, NOW, directory_events

_numbers = count(1)

#: Who makes the first entries of an empty directory.
FOUNDER = Acting(actor="system:directory", role="system", org=COUNTY)


@contextmanager
def rigged(postgres: Postgres, template: str, folder: Path, **options: Any) -> Iterator[Rig]:
    """Give a rig whose engine is not started, with a database and a broker of its own.

    Whoever asks for it starts the engine (`working`), which closes it again.
    """
    number = next(_numbers)
    name, home = f"rig_{number}", folder / f"rig-{number}"
    postgres.create_database(name, template=template)
    server = Tansu(home / "kafka", free_port())
    with running(server.child()):
        rig = Rig(postgres.url(name), server.bootstrap, home, **options)
        try:
            yield rig
        finally:
            rig.conductor.close()
            rig.db.close()
    postgres.drop_database(name)


@contextmanager
def working(engine: Engine) -> Iterator[Engine]:
    """Let an engine work in a thread; stop it after the batch it is at, and let it leave."""
    stop = Flag()
    thread = Thread(target=engine.run, args=(stop,))
    thread.start()
    try:
        yield engine
    finally:
        stop.set()
        thread.join(timeout=30)
        engine.close()


def found_county(rig: Rig, *more: Payload, at: timedelta = timedelta(days=1)) -> None:
    """Make the tests' county by the events that make a real one; `more` after it."""
    payloads = [*directory_events(tuple(rig.policy.organisation.departments)), *more]
    rig.at(
        NOW - at,
        *[
            replace(
                rig.event(data, FOUNDER, township=COUNTY, source=ENGINE_SOURCE),
                key_id=ENGINE_KEY,
            )
            for data in payloads
        ],
    )


def command(rig: Rig, *arguments: str, given: bytes | None = None) -> Result:
    """Run a subcommand on the rig's installation."""
    settings = rig.settings.changed(
        database_url=rig.url, prefect_api_url="http://127.0.0.1:9/api", log_level="WARNING"
    )
    terminal = {"COLUMNS": "200", "NO_COLOR": "1"}
    return CliRunner().invoke(
        app, list(arguments), input=given, env=settings.environment() | terminal
    )


def raw(topic: str, value: bytes, headers: Mapping[str, bytes] | None = None) -> Outbound:
    """Return a record as a stranger would write it."""
    return Outbound(
        topic=topic, key="330281101", headers=list((headers or {}).items()), value=value
    )


@contextmanager
def put_back(connection: Connection[Any], *tables: str) -> Iterator[None]:
    """Put tables back as they were, whatever happens to their rows meanwhile."""
    kept = {table: (sql.Identifier(table), sql.Identifier(f"kept_{table}")) for table in tables}
    for table, copy in kept.values():
        connection.execute(sql.SQL("CREATE TEMP TABLE {} AS TABLE {}").format(copy, table))
    try:
        yield
    finally:
        for table, copy in kept.values():
            connection.execute(sql.SQL("DELETE FROM {}").format(table))
            connection.execute(sql.SQL("INSERT INTO {} TABLE {}").format(table, copy))
            connection.execute(sql.SQL("DROP TABLE {}").format(copy))


def wait_until(true: Any, *, seconds: float = 60) -> None:
    """Poll until `true()` holds; fail after a deadline."""
    deadline = monotonic() + seconds
    while not true():
        assert monotonic() < deadline, "it did not come true"
        sleep(0.02)
