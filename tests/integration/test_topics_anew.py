"""Topics of a broker that forgot them: made again, with as many partitions as there are shards."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer

from events.broker import OWN_TOPICS
from events.contract.registry import INBOUND_TOPICS
from partygrid.errors import Unavailable
from partygrid.processes.topics import TopicKeeper
from partygrid.settings import Settings


@pytest.fixture
def settings(fresh_broker: str, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, kafka_bootstrap=fresh_broker, partitions=6)


@pytest.fixture
def asked_for(settings: Settings) -> Iterator[list[str]]:
    """Topics that a client made appear by asking for them."""
    names = list(INBOUND_TOPICS[:3])
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka_bootstrap)
    consumer.subscribe(names)
    consumer.poll(timeout_ms=500)
    yield names
    consumer.close()


def partitions(settings: Settings) -> dict[str, int]:
    admin = KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    told = admin.describe_topics()
    admin.close()
    return {str(topic["name"]): len(topic["partitions"]) for topic in told}


def looked_after(settings: Settings, *, anew: bool) -> dict[str, int]:
    keeper = TopicKeeper(settings, anew=anew)
    keeper.look()
    keeper.close()
    return partitions(settings)


def test_every_inbound_topic_gets_as_many_partitions_as_there_are_shards(
    settings: Settings, asked_for: list[str]
) -> None:
    assert {partitions(settings)[name] for name in asked_for} != {6}
    found = looked_after(settings, anew=True)
    assert set(OWN_TOPICS) <= set(found)
    assert {found[name] for name in INBOUND_TOPICS} == {6}


def test_a_broker_of_ones_own_keeps_what_it_has(settings: Settings, asked_for: list[str]) -> None:
    before = partitions(settings)
    found = looked_after(settings, anew=False)
    assert {name: found[name] for name in asked_for} == {name: before[name] for name in asked_for}
    assert set(OWN_TOPICS) <= set(found)


def test_a_broker_that_is_away_is_told(settings: Settings) -> None:
    keeper = TopicKeeper(settings.changed(kafka_bootstrap="127.0.0.1:1"), anew=True)
    with pytest.raises(Unavailable):
        keeper.look()
    keeper.close()
