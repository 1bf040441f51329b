"""Real servers that not every machine has. On a laptop what is missing is skipped; in CI it fails.

    kafka     Apache Kafka, one node, for this test alone: no topics, accounts or rights of others
    cluster   the same with three nodes, every topic in three copies, two of which must be in sync

Both are started once a session. A test may kill, stop and freeze their nodes; before the next one
everything runs again.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from partygrid.embedded.child import running
from partygrid.embedded.postgres import Postgres
from tests.services import jars
from tests.services.apache import Apache
from tests.services.lapse import UNDISTURBED, played
from tests.services.live import Live, live
from tests.services.play import Play
from tests.services.report import Report, table, write_page

#: Where the processes of one run put together what their faults came to.
_FOLDER = "PARTYGRID_FAULTS_FOLDER"


def pytest_configure(config: pytest.Config) -> None:
    """Make the run's folder; processes that share the tests inherit its name."""
    if _FOLDER not in os.environ:
        folder = tempfile.TemporaryDirectory(prefix="pg-faults-")
        os.environ[_FOLDER] = folder.name
        config.add_cleanup(folder.cleanup)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies here, so that it can be chosen or left out."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.services)


def need(missing: str) -> None:
    """Skip the test where something is missing, and say what; fail where CI is to have it."""
    if missing and os.environ.get("CI"):
        pytest.fail(f"{missing}; CI must have it")
    if missing:
        pytest.skip(missing)


@pytest.fixture(scope="session")
def kafka_server(server_folder: Path) -> Iterator[Apache]:
    """One node. Tests ask for `kafka` instead."""
    need(jars.missing())
    with Apache(server_folder / "apache") as server:
        yield server


@pytest.fixture
def kafka(kafka_server: Apache) -> Apache:
    """Apache Kafka with one node, running and empty."""
    kafka_server.mend()
    kafka_server.empty()
    return kafka_server


@pytest.fixture(scope="session")
def cluster_server(server_folder: Path) -> Iterator[Apache]:
    """Three nodes. Tests ask for `cluster` instead."""
    need(jars.missing())
    with Apache(server_folder / "cluster", nodes=3) as server:
        yield server


@pytest.fixture
def cluster(cluster_server: Apache) -> Apache:
    """Apache Kafka with three nodes, running, in sync and empty."""
    cluster_server.mend()
    cluster_server.empty()
    cluster_server.wait_in_sync()
    return cluster_server


# --- installations -------------------------------------------------------------------------------


@pytest.fixture
def spread(
    postgres: Postgres, migrated: str, server_folder: Path, cluster: Apache
) -> Iterator[Live]:
    """An installation of a test alone, on three brokers; no engine runs."""
    with live(postgres, migrated, server_folder, cluster) as one:
        yield one


# --- faults --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def report() -> Report:
    """Where each fault leaves a row."""
    return Report(Path(os.environ[_FOLDER]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what every fault came to."""
    if not (rows := Report(Path(os.environ[_FOLDER])).rows()):
        return
    terminalreporter.section("faults")
    for line in table(rows):
        terminalreporter.write_line(line)
    if write_page(rows):
        terminalreporter.write_line("written into docs/reliability.md")


@pytest.fixture(scope="session")
def undisturbed(kafka_server: Apache, server_folder: Path) -> Iterator[Postgres]:
    """The database of a day in which nothing went wrong, played once a session."""
    kafka_server.mend()
    home = server_folder / "undisturbed"
    with played(kafka_server, home, UNDISTURBED) as one:
        assert one.summary.gaps == []
    server = Postgres(home / "postgres", durable=False)
    with running(server.child()):
        yield server


@pytest.fixture
def play(kafka: Apache, undisturbed: Postgres, server_folder: Path, report: Report) -> Play:
    """Play the day with a fault."""
    return Play(kafka, undisturbed, server_folder, report)
