"""Reading the log again from an older offset: everything ends as read before, or as a duplicate."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from events.contract.registry import INBOUND_TOPICS
from partygrid.adapters import GROUP
from partygrid.embedded.postgres import Postgres
from tests.integration.restoring import Restorable, restorable
from tests.rigged import wait_until, working

#: What is decided: nothing of it may be written a second time, or otherwise.
DECIDED = (
    *("journal", "audit", "cases", "assignments", "timers", "notices", "outcomes", "parked"),
    *("case_numbers", "free_texts", "orgs", "persons", "roles_held", "dead_letters"),
)


@pytest.fixture(scope="module")
def one(postgres: Postgres, migrated: str, server_folder: Path) -> Iterator[Restorable]:
    """Two reports were decided, and a record that is no event."""
    with restorable(postgres, migrated, server_folder, "reread") as it:
        with it.working():
            for title in ("第一件", "第二件"):
                it.decided(it.report(title))
            it.settled()
        yield it


def contents(one: Restorable, *tables: str) -> dict[str, Any]:
    return {
        table: one.rig.rows(f"SELECT t::text FROM {table} t ORDER BY 1")  # noqa: S608
        for table in tables
    }


def positions(one: Restorable) -> dict[int, dict[str, list[Any]]]:
    return dict(one.rig.rows("SELECT shard, positions FROM shards ORDER BY shard"))


def set_back(one: Restorable) -> None:
    """Let every shard begin again where its topics begin."""
    one.rig.db.execute(
        "UPDATE shards SET positions = (SELECT jsonb_object_agg(key,"
        " jsonb_build_array(value->0, value->2, value->2)) FROM jsonb_each(positions))"
        " WHERE positions <> '{}'"
    )


def caught_up(one: Restorable, before: dict[int, dict[str, list[Any]]]) -> None:
    """Let an engine read until it stands where it stood."""
    with working(one.rig.build_engine()):
        wait_until(lambda: positions(one) == before)
        one.settled()


def fates(one: Restorable) -> dict[str, int]:
    return dict(one.rig.rows("SELECT fate, count(*) FROM records GROUP BY 1"))


def test_the_groups_offsets_say_nothing(one: Restorable) -> None:
    """They are for tools that show the lag: reading goes on where the database says."""
    partitions = [TopicPartition(topic, shard) for topic in INBOUND_TOPICS for shard in (0, 1)]
    everything = contents(one, *DECIDED, "records", "outbox")
    for group in ("rig", GROUP):
        consumer = KafkaConsumer(
            bootstrap_servers=one.rig.settings.kafka_bootstrap,
            group_id=group,
            enable_auto_commit=False,
        )
        consumer.assign(partitions)
        consumer.commit({one: OffsetAndMetadata(0, "", -1) for one in partitions})
        consumer.close(autocommit=False)
    new = one.report("第三件")
    with one.working():
        one.decided(new)
        one.settled()
    more = contents(one, *DECIDED, "records", "outbox")
    for table in ("journal", "records"):
        added = [row for row in more[table] if row not in everything[table]]
        assert len(more[table]) == len(everything[table]) + len(added)
        assert added
    assert one.told("reconcile")["gaps"] == []


def test_positions_set_back_lead_to_nothing_where_the_rows_are_there(one: Restorable) -> None:
    before, stood = contents(one, *DECIDED, "records", "outbox"), positions(one)
    set_back(one)
    assert positions(one) != stood
    caught_up(one, stood)
    after = contents(one, *DECIDED, "records", "outbox")
    assert {table for table in before if before[table] != after[table]} == set()
    assert one.rig.rows("SELECT count(*) FROM attempts") == [(0,)]
    assert one.told("reconcile")["gaps"] == []


def test_half_of_a_batch_may_have_been_read_before(one: Restorable) -> None:
    stood = positions(one)
    new = one.report("第四件")
    set_back(one)
    with one.working():
        one.decided(new)
        one.settled()
    moved = positions(one)
    assert all(
        moved[shard][topic][1] >= stood[shard][topic][1]
        for shard in stood
        for topic in stood[shard]
    )
    assert one.told("reconcile")["gaps"] == []


def test_as_after_a_restore_what_is_known_is_a_duplicate(one: Restorable) -> None:
    """The rows of the records are gone as well; that the events were decided is known."""
    before, stood, applied = contents(one, *DECIDED), positions(one), fates(one)
    one.rig.db.execute("DELETE FROM records")
    set_back(one)
    caught_up(one, stood)
    after = contents(one, *DECIDED)
    assert {table for table in before if before[table] != after[table]} == set()
    assert fates(one) == {"duplicate": sum(applied.values())}
    answers = one.rig.rows(
        "SELECT count(*) FROM outbox WHERE topic LIKE 'app.outcomes.%%'"
        " AND position('duplicate'::bytea IN value) > 0"
    )
    assert answers[0][0] > 0
