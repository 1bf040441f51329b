"""Topics on Apache Kafka: made whole, mended by `migrate`, and refused where times are not kept."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic

from events.broker import OWN_TOPICS
from events.layout import MIN_INSYNC, RETENTION, TIME, TooFewBrokers, TopicsUnfit
from partygrid.adapters import broker_of
from partygrid.check import Check, Verdict
from partygrid.checkup_broker import examine_broker
from partygrid.initialise import make_ready
from partygrid.settings import Settings
from tests.rigged import wait_until
from tests.services.apache import Apache

PARTITIONS = 2


def ill(settings: Settings) -> dict[str, Check]:
    return {one.what: one for one in examine_broker(settings) if one.verdict is Verdict.ILL}


def alter(kafka: Apache, topic: str, **configs: str) -> None:
    told = {name.replace("_", "."): value for name, value in configs.items()}
    with closing(kafka.ask()) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, told)])


def settings_of(kafka: Apache, home: Path, url: str, **fields: object) -> Settings:
    return kafka.settings(home, database_url=url, partitions=PARTITIONS, **fields)


def command(
    settings: Settings, *words: str, seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run `partygrid` with these settings and nothing else."""
    return subprocess.run(
        (sys.executable, "-m", "partygrid.cli", *words),
        env={"PATH": os.environ["PATH"], "NO_COLOR": "1"} | settings.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


def test_topics_have_settings_of_their_own_and_hang_on_no_default(
    kafka: Apache, database_url: str, tmp_path: Path
) -> None:
    settings = settings_of(kafka, tmp_path, database_url)
    make_ready(settings)
    with closing(kafka.ask()) as admin:
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in OWN_TOPICS]
        told = admin.describe_configs(asked)["topic"]  # what is not a default
    assert set(told) == set(OWN_TOPICS)
    for configs in told.values():
        assert {TIME, RETENTION, MIN_INSYNC, "cleanup.policy"} <= set(configs)
        assert configs[TIME]["value"] == "LogAppendTime"
    assert ill(settings) == {}


def test_a_cluster_keeps_three_copies_and_needs_two(
    cluster: Apache, database_url: str, tmp_path: Path
) -> None:
    settings = settings_of(cluster, tmp_path, database_url)
    make_ready(settings)
    with closing(broker_of(settings)) as broker:
        known, configs = broker.described(OWN_TOPICS), broker.configs(OWN_TOPICS)
    assert all(len(p["replica_nodes"]) == 3 for one in known.values() for p in one["partitions"])
    assert {one[MIN_INSYNC] for one in configs.values()} == {"2"}
    found = {one.what: one for one in examine_broker(settings)}
    assert found["kept"].told == "3 copies, 2 before it is acknowledged"


def test_too_few_brokers_are_told(kafka: Apache, database_url: str, tmp_path: Path) -> None:
    settings = settings_of(kafka, tmp_path, database_url, kafka_replication=3)
    with pytest.raises(TooFewBrokers, match="PARTYGRID_KAFKA_REPLICATION"):
        make_ready(settings)


# --- whose time a record bears -------------------------------------------------------------------


def test_no_engine_works_on_topics_that_keep_the_writers_time(
    kafka: Apache, database_url: str, tmp_path: Path
) -> None:
    settings = settings_of(kafka, tmp_path, database_url)
    make_ready(settings)
    alter(kafka, "restricted.grid.feedback", message_timestamp_type="CreateTime")
    refused = command(settings, "engine", "--name", "one")
    assert refused.returncode == 3
    last = refused.stderr.strip().splitlines()[-1]
    assert last.startswith("partygrid: restricted.grid.feedback bear the time")
    assert "partygrid migrate" in last
    assert "log time" in ill(settings)
    assert command(settings, "migrate").returncode == 0
    wait_until(lambda: ill(settings) == {})


def test_an_engine_that_waited_for_the_brokers_ends_when_it_sees_such_topics(
    kafka: Apache, database_url: str, tmp_path: Path
) -> None:
    settings = settings_of(kafka, tmp_path, database_url)
    make_ready(settings)
    alter(kafka, "grid.reports", message_timestamp_type="CreateTime")
    kafka.nodes[0].stop()
    written = tmp_path / "engine.log"
    with written.open("wb") as out:
        engine = subprocess.Popen(
            (sys.executable, "-m", "partygrid.cli", "engine", "--name", "one"),
            env={"PATH": os.environ["PATH"]} | settings.environment(),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: "engine one works" in written.read_text(), seconds=60)
        kafka.start()
        assert engine.wait(60) == 3
    finally:
        engine.kill()
        engine.wait()
    assert "grid.reports bear the time" in written.read_text()


def test_a_rehearsal_is_kept_from_topics_in_use(
    kafka: Apache, database_url: str, tmp_path: Path
) -> None:
    settings = settings_of(kafka, tmp_path, database_url)
    make_ready(settings)
    with closing(broker_of(settings, time_lapse=True)) as broker, pytest.raises(TopicsUnfit):
        broker.ensure(OWN_TOPICS)


# --- what an operator changed --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"retention_ms": "604800000"}, "retention.ms is 604800000"),
        ({"cleanup_policy": "compact"}, "cleanup.policy"),
    ],
    ids=["retention", "compaction"],
)
def test_what_would_lose_records_is_found_and_mended(
    kafka: Apache, database_url: str, tmp_path: Path, changed: dict[str, str], told: str
) -> None:
    settings = settings_of(kafka, tmp_path, database_url)
    make_ready(settings)
    alter(kafka, "grid.tasks", **changed)
    # A change reaches the broker that is asked a moment after it is acknowledged.
    wait_until(lambda: set(ill(settings)) == {"kept"})
    assert told in ill(settings)["kept"].told
    make_ready(settings)
    wait_until(lambda: ill(settings) == {})


def test_topics_that_were_there_before_are_taken_as_they_are_and_set(
    kafka: Apache, database_url: str, tmp_path: Path
) -> None:
    with closing(kafka.ask()) as admin:
        admin.create_topics([NewTopic("grid.reports", PARTITIONS, 1)])
    settings = settings_of(kafka, tmp_path, database_url)
    with closing(broker_of(settings)) as broker:
        (before,) = broker.topic_ids(["grid.reports"]).values()
        assert "grid.reports" in broker.arrange(OWN_TOPICS)
        assert broker.topic_ids(["grid.reports"]) == {"grid.reports": before}
        wait_until(lambda: broker.arrange(OWN_TOPICS) == [])
    assert ill(settings) == {}
