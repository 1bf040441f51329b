"""Brokers that die, hang and are lost: nothing that was decided tells of it."""

from contextlib import closing
from pathlib import Path

import pytest

from partygrid import bootstrap
from partygrid.embedded.postgres import Postgres
from partygrid.simulation.stage import Stage
from tests.services.apache import Apache
from tests.services.hardness import HARD
from tests.services.holding import ends
from tests.services.lapse import Strikes
from tests.services.node import Node
from tests.services.play import Play, disturbed, stay_away, stayed
from tests.services.report import Report
from tests.services.waiting import soon

pytestmark = pytest.mark.timeout(HARD.patience)

TIMES = f", {HARD.losses} times" if HARD.losses > 1 else ""


def test_the_broker_is_killed_and_comes_back_with_its_log(play: Play, kafka: Apache) -> None:
    strikes: list[Strikes] = []

    def kill(stage: Stage) -> bool:
        kafka.nodes[0].kill()
        stay_away(stage)
        kafka.start()
        return True

    play(
        f"broker killed and started again{stayed()}, {HARD.broker_kills} times",
        disturbed(kill, HARD.broker_kills, strikes),
    )
    assert strikes[0].hits == HARD.broker_kills


def test_the_broker_hangs_longer_than_any_client_waits(play: Play, kafka: Apache) -> None:
    strikes: list[Strikes] = []

    def freeze(stage: Stage) -> bool:
        kafka.nodes[0].freeze()
        try:
            soon(lambda: False, stage, seconds=HARD.silent)
        finally:
            kafka.nodes[0].thaw()
        return True

    play(f"broker silent (SIGSTOP) for {HARD.silent:.0f} s", disturbed(freeze, 1, strikes))
    assert strikes[0].hits == 1


class Loss:
    """Kills who leads the busiest partition, and another time starts it again."""

    def __init__(self, cluster: Apache) -> None:
        self._cluster = cluster
        self._decided = 0
        #: how much was decided while each of them was away
        self.without: list[int] = []

    def __call__(self, stage: Stage) -> bool:
        away = [node for node in self._cluster.nodes if not node.runs]
        if away:
            self.without.append(decided(stage) - self._decided)
            assert busiest_leader(self._cluster) not in away
            self._cluster.start(*away)
            self._cluster.wait_in_sync()
        else:
            leader = busiest_leader(self._cluster)
            self._decided = decided(stage)
            leader.kill()
        return True


def test_one_of_three_brokers_is_lost_and_comes_back(
    cluster: Apache, undisturbed: Postgres, server_folder: Path, report: Report
) -> None:
    strikes, loss = list[Strikes](), Loss(cluster)
    Play(cluster, undisturbed, server_folder, report)(
        f"of three brokers the busiest leader killed (kill -9), back later{TIMES}",
        disturbed(loss, 2 * HARD.losses, strikes, replication=3),
    )
    assert strikes[0].hits == 2 * HARD.losses
    assert max(loss.without) > 0


def busiest_leader(cluster: Apache) -> Node:
    """Return the node that leads the partition with the most records."""
    counted = ends(cluster.client())
    topic, number = max(counted, key=lambda one: (counted[one], one))
    with closing(cluster.ask()) as admin:
        (told,) = admin.describe_topics([topic])
    (leader,) = (one["leader_id"] for one in told["partitions"] if one["partition_index"] == number)
    (node,) = (node for node in cluster.nodes if node.number == leader)
    return node


def decided(stage: Stage) -> int:
    """Return how many entries the journal has."""
    with bootstrap.connected(stage.settings.address("database_url")) as connection:
        row = connection.execute("SELECT count(*) FROM journal").fetchone()
    return int(row[0]) if row else 0
