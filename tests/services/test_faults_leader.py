"""Of three brokers the busiest leader is lost by the wall clock, and no engine is started anew."""

import time

import pytest

from tests.services.apache import Apache
from tests.services.at_work_live import Flow
from tests.services.holding import everything_holds, fired_over_an_unread_answer, told
from tests.services.live import Live
from tests.services.report import Report
from tests.services.test_faults_servers import busiest_leader

pytestmark = pytest.mark.timeout(400)

#: How often a leader is lost; each time another broker leads most.
LOSSES = 2


def test_leaders_are_lost_while_work_flows(spread: Live, cluster: Apache, report: Report) -> None:
    begun = time.monotonic()
    engines = [spread.engine("e1"), spread.engine("e2")]
    spread.found()
    flow = Flow(spread, seed=8)
    for _ in range(LOSSES):
        flow.file(12)
        leader = busiest_leader(cluster)
        leader.kill()
        flow.file(12)
        flow.until(flow.is_over)
        cluster.start(leader)
        cluster.wait_in_sync()
    flow.finish()
    held = everything_holds(spread)
    assert all(engine.runs for engine in engines)
    assert fired_over_an_unread_answer(spread, held) == []
    assert held.fates.keys() <= {"applied", "duplicate"}
    load = f"{len(flow.ids)} reports worked to their end by the wall clock, two engines"
    fault = f"of three brokers the busiest leader killed (kill -9), {LOSSES} times"
    report.add(told(fault, load, held, begun))
