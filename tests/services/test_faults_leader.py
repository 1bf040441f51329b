"""Of three brokers the busiest leader is lost by the wall clock, and no engine is started anew."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from partygrid.embedded.postgres import Postgres
from tests.services.apache import Apache
from tests.services.at_work_live import Flow
from tests.services.holding import everything_holds, fired_over_an_unread_answer, told
from tests.services.live import Live, live
from tests.services.report import Report
from tests.services.test_faults_servers import busiest_leader

pytestmark = pytest.mark.timeout(400)

#: How often a leader is lost; each time another broker leads most.
LOSSES = 2


@pytest.fixture
def county(
    postgres: Postgres, migrated: str, server_folder: Path, cluster: Apache
) -> Iterator[Live]:
    """An installation of this test alone, on three brokers; no engine runs."""
    with live(postgres, migrated, server_folder, cluster) as one:
        yield one


def test_leaders_are_lost_while_work_flows(county: Live, cluster: Apache, report: Report) -> None:
    begun = time.monotonic()
    engines = [county.engine("e1"), county.engine("e2")]
    county.found()
    flow = Flow(county, seed=8)
    for _ in range(LOSSES):
        flow.file(12)
        leader = busiest_leader(cluster)
        leader.kill()
        flow.file(12)
        flow.until(flow.is_over)
        cluster.start(leader)
        cluster.wait_in_sync()
    flow.finish()
    held = everything_holds(county)
    assert all(engine.runs for engine in engines)
    assert fired_over_an_unread_answer(county, held) == []
    assert held.fates.keys() <= {"applied", "duplicate"}
    load = f"{len(flow.ids)} reports worked to their end by the wall clock, two engines"
    fault = f"of three brokers the busiest leader killed (kill -9), {LOSSES} times"
    report.add(told(fault, load, held, begun))
