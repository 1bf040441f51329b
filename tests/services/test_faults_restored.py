"""A backup put back while the log was kept: what happened since is decided again, and the same."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from partygrid import bootstrap, rebuild
from partygrid.clock import WallClock
from partygrid.embedded.postgres import Postgres
from partygrid.operations.restored import declare_restored
from tests.integration.restoring import run
from tests.services.apache import Apache
from tests.services.at_work_live import Flow
from tests.services.holding import everything_holds, told
from tests.services.live import Live, live
from tests.services.report import Report

pytestmark = pytest.mark.timeout(400)

#: So many that what people did lies further apart than is read or decided at once.
REPORTS = 60
#: Everything but what has a number in its shard: what came at the same moment may change places.
STATE = rebuild.COMPARED.keys() - {"journal", "audit"}
CONTENT = (
    "SELECT kind, source, event_id, event_type, subject, decided_at FROM journal",
    "SELECT act FROM audit",
    # What lies in the log twice is counted once.
    "SELECT DISTINCT source, event_id, fate FROM records WHERE fate <> 'duplicate'",
)
#: A timer that is set in a transaction fires after all of it; so each record has one of its own.
ONE_BY_ONE = {"PARTYGRID_BATCH_MAX": "1"}


@pytest.fixture
def county(postgres: Postgres, migrated: str, server_folder: Path, kafka: Apache) -> Iterator[Live]:
    """An installation of this test alone; no engine runs."""
    with live(postgres, migrated, server_folder, kafka) as one:
        yield one


def test_what_came_after_the_backup_is_decided_again_and_the_same(
    county: Live, postgres: Postgres, tmp_path: Path, report: Report
) -> None:
    begun, dump = time.monotonic(), tmp_path / "backup.dump"
    engine = county.engine("before")
    county.found()
    engine.leave()
    run("pg_dump", "--format=custom", f"--file={dump}", county.url)
    taken_at = datetime.now(UTC)
    engine = county.engine("lost", **ONE_BY_ONE)
    flow = Flow(county, seed=6)
    for _ in range(REPORTS // 12):
        flow.file(12)
        flow.finish()
    engine.leave()

    lost = county.url
    postgres.create_database("restored_live", template="template0")
    run("pg_restore", "--exit-on-error", f"--dbname={postgres.url('restored_live')}", str(dump))
    county.move_to(postgres.url("restored_live"))
    declared = declare_restored(county.settings, taken_at=taken_at, clock=WallClock())
    assert declared.unread > flow.sent
    county.engine("again")
    flow.finish()
    held = everything_holds(county)
    with bootstrap.connected(lost) as one, bootstrap.connected(county.url) as other:
        assert rebuild.compare(one, other, tables=STATE) == []
        assert [gone for query in CONTENT for gone in differences(one, other, query)] == []
    row = told(
        "a backup restored, the log kept",
        f"{len(flow.ids)} reports worked to their end after the backup",
        held,
        begun,
        checked="decided again as before: state, audit content, notices, every record's fate",
    )
    report.add(row)
    county.move_to(lost)
    postgres.drop_database("restored_live")


def differences(one: rebuild.Connection, other: rebuild.Connection, query: str) -> list[str]:
    before, after = Counter(one.execute(query)), Counter(other.execute(query))
    missing, extra = before - after, after - before
    return [f"missing {row}" for row in missing] + [f"extra {row}" for row in extra]
