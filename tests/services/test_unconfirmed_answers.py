"""An answer that only the leader has, and nobody can read yet, came in time all the same.

For seconds after a broker died everything that is written lies so.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Flag

import pytest

from events.consumer import ShardConsumer
from events.contract.envelope import Event
from models.case import Case
from models.values import case_id_of
from partygrid.sample.draw import Draw
from tests.services.apache import Apache
from tests.services.county_people import next_act, report
from tests.services.live import PARTITIONS, SOURCE, Live, wait_until

pytestmark = pytest.mark.timeout(300)


#: For so long a broker that died is still counted on, and what is written cannot be read.
COUNTED_ON = timedelta(seconds=20)
#: An engine looks for timers that operators set every second.
LOOKED_AT = timedelta(seconds=3)


@pytest.fixture
def cluster(server_folder: Path) -> Iterator[Apache]:
    """Three brokers of this test alone; leaders stay where they are."""
    timeout = str(int(COUNTED_ON / timedelta(milliseconds=1)))
    with Apache(
        server_folder / "unconfirmed-kafka",
        nodes=3,
        broker_session_timeout_ms=timeout,
        auto_leader_rebalance_enable="false",
    ) as server:
        yield server


def waiting_case(spread: Live) -> Case:
    """File a report; return the case as soon as somebody must do something."""
    data, who, township = report(Draw(5), 0)
    event = spread.event(data, who, township=township)
    spread.send(event)
    case_id = case_id_of(SOURCE, event.id)

    def waits() -> Case | None:
        case = spread.cases([case_id]).get(case_id)
        return case if case is not None and next_act(case) is not None else None

    wait_until(waits)
    spread.settle()
    return spread.cases([case_id])[case_id]


@contextmanager
def asking(spread: Live) -> Iterator[ShardConsumer]:
    """Ask how far topics reach, besides the engine."""
    consumer = ShardConsumer(spread.client, group="", fetch_wait_ms=20, alone=PARTITIONS)
    with closing(consumer):
        consumer.poll(wait_ms=100, at_most=1)
        yield consumer


def let_it_lead_nothing(cluster: Apache) -> None:
    """What the last node led is led by others when it comes back."""
    cluster.nodes[-1].stop()
    cluster.start(cluster.nodes[-1])
    cluster.wait_in_sync()


def rang(spread: Live, case: Case) -> int:
    """How often a timer of the case fired."""
    query = "SELECT count(*) FROM journal WHERE kind = 'firing' AND subject = %s"
    ((count,),) = spread.rows(query, case.id)
    return int(count)


def all_overdue(spread: Live, case: Case) -> int:
    """Let every timer of the case be due now; return how many there are."""
    query = "UPDATE timers SET due_at = %s WHERE subject = %s RETURNING key"
    return len(spread.rows(query, datetime.now(UTC), case.id))


def answered_first(spread: Live, case: Case, answer: Event) -> list[bool]:
    """Return for each firing of the case whether it was decided after the answer."""
    rows = spread.rows(
        "SELECT f.seq > a.seq FROM journal f, journal a"
        " WHERE f.kind = 'firing' AND f.subject = %s AND a.shard = f.shard AND a.event_id = %s",
        case.id,
        answer.id,
    )
    return [after for (after,) in rows]


def test_a_timer_waits_for_an_answer_that_only_the_leader_has(
    spread: Live, cluster: Apache
) -> None:
    spread.engine("e1")
    spread.found()
    let_it_lead_nothing(cluster)
    case = waiting_case(spread)
    ((shard,),) = spread.rows("SELECT shard FROM cases WHERE id = %s", case.id)
    said = next_act(case)
    assert said is not None
    answer = spread.event(*said, subject=case.id, township=case.township)
    with asking(spread) as asks, ThreadPoolExecutor(1) as beside:
        readable = asks.ends([shard])[shard]
        wait_until(lambda: asks.log_ends(shard) == readable)
        cluster.nodes[-1].kill()
        answering = beside.submit(spread.send, answer)
        written = sum(readable.values()) + 1
        wait_until(lambda: sum(asks.log_ends(shard).values()) == written)
        assert all_overdue(spread, case)
        Flag().wait(LOOKED_AT.total_seconds())
        assert rang(spread, case) == 0
        # Or nothing was shown: it could be read in the meantime.
        assert asks.ends([shard])[shard] == readable
        answering.result(timeout=60)
    wait_until(lambda: rang(spread, case))
    spread.settle()
    assert set(answered_first(spread, case, answer)) == {True}
