"""Real servers for the tests: started once a test process, in private folders, gone afterwards."""

import gc
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from partygrid.embedded.child import running
from partygrid.embedded.ports import free_port
from partygrid.embedded.postgres import Postgres
from partygrid.embedded.prefect_server import PrefectServer
from partygrid.embedded.tansu import Tansu
from tests.one_shard import County, founded

# How long one example takes says nothing where the machine is shared: speed is shown in bench/.
settings.register_profile("partygrid", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("partygrid")

# As the command sets it for its processes; collecting thousands of tests makes objects that stay.
gc.set_threshold(100_000)

TEMPLATE = "migrated"
_numbers = count(1)


#: Servers that stay up for a session, and take their share of the machine from then on.
_STAY = {"running", "prefect_server"}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring files into the order in which a few processes are soonest through with them.

    The longest come first, so that nobody ends alone with one; where servers are started that stay,
    as late as can be. Within a file nothing moves.
    """
    staying = {item.path for item in items if _STAY & set(getattr(item, "fixturenames", ()))}
    items.sort(
        key=lambda item: 2 if item.path in staying else item.path.parent.name != "acceptance"
    )


#: Files that ask for the same play, which takes half a minute: one process makes it for both.
_GOES_WITH = {
    "tests/integration/test_marked_nowhere.py": "tests/integration/test_week_again.py",
}


class _ByPlay(LoadFileScheduling):  # type: ignore[misc]  # has no types
    """Gives a process a file at a time, with those that go with it."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return _GOES_WITH.get(file, file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByPlay:
    """Share the tests out among processes."""
    return _ByPlay(config, log)


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder that the servers' own account may pass through; pytest shuts its own to others."""
    with tempfile.TemporaryDirectory(prefix="pg-tests-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[Postgres]:
    """One PostgreSQL for the session. Tests ask for `database_url` instead."""
    server = Postgres(server_folder / "postgres", databases=(TEMPLATE,), durable=False)
    with running(server.child()):
        yield server


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> str:
    """Name of a database that has all migrations and no rows: the template of the others."""
    if find_spec("partygrid.bootstrap"):
        import_module("partygrid.bootstrap").migrate(postgres.url(TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="session")
def county(postgres: Postgres, migrated: str, server_folder: Path) -> County:
    """A database with the tests' county in it, founded once to be copied; keys lie in its home."""
    return founded(postgres, migrated, server_folder / "founded")


@pytest.fixture
def database_url(postgres: Postgres, migrated: str) -> Iterator[str]:
    """Address of a fresh, migrated database of this test alone (psycopg, SQLAlchemy)."""
    name = f"test_{next(_numbers)}"
    postgres.create_database(name, template=migrated)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
def empty_database_url(postgres: Postgres) -> Iterator[str]:
    """Address of a fresh database without any table."""
    name = f"test_{next(_numbers)}"
    postgres.create_database(name)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def prefect_server(postgres: Postgres, server_folder: Path) -> Iterator[PrefectServer]:
    """A real Prefect server (its `api_url`, its `auth`). Takes ten seconds: mark tests `slow`."""
    postgres.create_database("prefect")
    server = PrefectServer(server_folder / "prefect", free_port(), postgres.asyncpg_url("prefect"))
    with running(server.child()):
        yield server


@contextmanager
def _broker(folder: Path) -> Iterator[str]:
    server = Tansu(folder, free_port())
    with running(server.child()):
        yield server.bootstrap


@pytest.fixture(scope="session")
def broker(server_folder: Path) -> Iterator[str]:
    """Kafka address of a broker that all tests of the session share, topics and all."""
    with _broker(server_folder / "kafka") as address:
        yield address


@pytest.fixture
def fresh_broker(server_folder: Path) -> Iterator[str]:
    """Kafka address of a broker of this test alone, without any topic."""
    with _broker(server_folder / f"kafka-{next(_numbers)}") as address:
        yield address


@pytest.fixture(scope="module", autouse=True)
def every_client_closed() -> Iterator[None]:
    """Hold each module to closing its Kafka clients.

    One left open looks for its broker through all tests to come, and draws from the shared
    `random` while hypothesis makes its examples.
    """
    before = set(threading.enumerate())
    yield
    left = [
        thread.name
        for thread in threading.enumerate()
        if thread not in before and thread.name.startswith("kafka-io")
    ]
    assert left == []
