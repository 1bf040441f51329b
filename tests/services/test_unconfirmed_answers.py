"""An answer that only the leader has, and nobody can read yet, came in time all the same.

For seconds after a broker died everything that is written lies so.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest

from events.consumer import ShardConsumer
from events.contract.envelope import Event
from models.case import Case
from models.values import case_id_of
from partygrid.embedded.postgres import Postgres
from partygrid.sample.draw import Draw
from tests.services.apache import Apache
from tests.services.county_people import next_act, report
from tests.services.live import PARTITIONS, SOURCE, Live, live, wait_until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def county(
    postgres: Postgres, migrated: str, server_folder: Path, cluster: Apache
) -> Iterator[Live]:
    """An installation of this test alone, on three brokers; no engine runs."""
    with live(postgres, migrated, server_folder, cluster) as one:
        yield one


def waiting_case(county: Live) -> Case:
    """File a report; return the case as soon as somebody must do something."""
    data, who, township = report(Draw(5), 0)
    event = county.event(data, who, township=township)
    county.send(event)
    case_id = case_id_of(SOURCE, event.id)

    def waits() -> Case | None:
        case = county.cases([case_id]).get(case_id)
        return case if case is not None and next_act(case) is not None else None

    wait_until(waits)
    county.settle()
    return county.cases([case_id])[case_id]


@contextmanager
def asking(county: Live) -> Iterator[ShardConsumer]:
    """Ask how far topics reach, besides the engine."""
    consumer = ShardConsumer(county.client, group="", fetch_wait_ms=20, alone=PARTITIONS)
    with closing(consumer):
        consumer.poll(wait_ms=100, at_most=1)
        yield consumer


def let_it_lead_nothing(cluster: Apache) -> None:
    """What a node led is led by others when it comes back."""
    cluster.nodes[-1].kill()
    cluster.start(cluster.nodes[-1])
    cluster.wait_in_sync()


def leave_unconfirmed(county: Live, cluster: Apache, shard: int, answer: Event) -> Thread:
    """Let only its leader have an answer; it is confirmed when the node that died is given up."""
    answering = Thread(target=county.send, args=(answer,))
    with asking(county) as asks:
        readable = asks.ends([shard])[shard]
        assert asks.log_ends(shard) == readable
        cluster.nodes[-1].kill()
        answering.start()
        wait_until(lambda: sum(asks.log_ends(shard).values()) == sum(readable.values()) + 1)
        assert asks.ends([shard])[shard] == readable
    return answering


def test_a_timer_waits_for_an_answer_that_only_the_leader_has(
    county: Live, cluster: Apache
) -> None:
    county.engine("e1")
    county.found()
    let_it_lead_nothing(cluster)
    case = waiting_case(county)
    ((shard,),) = county.rows("SELECT shard FROM cases WHERE id = %s", case.id)
    said = next_act(case)
    assert said is not None
    answer = county.event(*said, subject=case.id, township=case.township)
    answering = leave_unconfirmed(county, cluster, shard, answer)
    assert county.rows(
        "UPDATE timers SET due_at = %s WHERE subject = %s RETURNING key", datetime.now(UTC), case.id
    )
    answering.join()
    county.settle()
    said_first = county.rows(
        "SELECT f.seq > a.seq FROM journal f, journal a"
        " WHERE f.kind = 'firing' AND f.subject = %s AND a.shard = f.shard AND a.event_id = %s",
        case.id,
        answer.id,
    )
    assert {first for (first,) in said_first} == {True}
