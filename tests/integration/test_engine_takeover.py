"""Engines that stop, die, wake up again or lose their servers: nothing lost, nothing twice."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from msgspec.structs import replace

from events.contract.envelope import Event
from events.contract.registry import INBOUND_TOPICS
from events.contract.reports import ReportFiled, ReportSource
from flows.apply import Directories
from flows.attempts import Survived
from flows.batch import Batch, Coordinate, RawRecord
from flows.owner import Owner
from models.policy.people import Role
from models.shard_store import ShardLost, note_attempt
from models.values import Step, case_id_of
from partygrid import bootstrap
from partygrid.clock import WallClock
from partygrid.embedded.postgres import Postgres
from partygrid.errors import Unavailable
from tests.rig import Rig
from tests.rigged import found_county, rigged, wait_until, working
from tests.world import GRID, NOW, TOWNSHIP, acting

MEMBER = acting(Role.GRID_MEMBER, GRID)


@pytest.fixture(scope="module")
def rig(postgres: Postgres, migrated: str, server_folder: Path) -> Iterator[Rig]:
    """No engine runs between the tests; each starts its own."""
    with rigged(postgres, migrated, server_folder) as rig:
        with working(rig.engine):
            found_county(rig)
        yield rig


def report(rig: Rig, title: str, at: datetime) -> Event:
    data = ReportFiled(grid=GRID, category="06-02", source=ReportSource.GRID_MEMBER, title=title)
    return rig.event(data, MEMBER, township=TOWNSHIP, time=at)


def fates(rig: Rig, event: Event) -> list[str]:
    rows = rig.rows(
        'SELECT fate FROM records WHERE source = %s AND event_id = %s ORDER BY "offset"',
        event.source,
        event.id,
    )
    return [row[0] for row in rows]


def owned(rig: Rig, shard: int) -> tuple[int, int]:
    """Epoch and last journal entry."""
    epoch, seq = rig.rows("SELECT epoch, seq FROM shards WHERE shard = %s", shard)[0]
    return epoch, seq


def test_another_engine_goes_on_exactly_where_the_last_one_stopped(rig: Rig) -> None:
    at = NOW
    with working(rig.build_engine()):
        rig.at(at, early := report(rig, "前一台引擎", at))
    epoch, seq = owned(rig, 0)
    late = report(rig, "后一台引擎", at)
    with working(rig.build_engine()):
        rig.at(at + timedelta(minutes=1), late)
        assert fates(rig, early) == fates(rig, late) == ["applied"]
    assert owned(rig, 0)[0] > epoch
    assert owned(rig, 0)[1] > seq
    numbers = [row[0] for row in rig.rows("SELECT seq FROM journal WHERE shard = 0 ORDER BY seq")]
    assert numbers == list(range(1, len(numbers) + 1))


def test_what_a_relay_published_and_did_not_mark_is_done_once(rig: Rig) -> None:
    """Killed between the two it publishes again; whoever reads it knows it by its id."""
    at = NOW + timedelta(hours=1)
    with working(rig.build_engine()):
        rig.at(at, filed := report(rig, "重复发布", at))
        before = rig.case(case_id_of(filed.source, filed.id))
        entries = rig.rows("SELECT count(*) FROM journal")
        again = rig.rows(
            "UPDATE outbox SET published_at = NULL WHERE topic = ANY(%s) RETURNING event_id",
            list(INBOUND_TOPICS),
        )
        assert again
        rig.at(at + timedelta(minutes=1))
        assert rig.rows("SELECT count(*) FROM outbox WHERE published_at IS NULL") == [(0,)]
    assert rig.case(before.id) == before
    assert rig.rows("SELECT count(*) FROM journal") == entries
    twice = rig.rows(
        "SELECT DISTINCT fate FROM records WHERE event_id = ANY(%s) AND fate <> 'applied'",
        [row[0] for row in again],
    )
    assert twice == [("duplicate",)]


class Hand:
    """The owner of shard 0 without an engine around it, and records as if they had been read."""

    def __init__(self, rig: Rig, name: str, survived: Survived | None = None):
        self.rig = rig
        self.connection = bootstrap.connect(rig.url)
        self.notes = bootstrap.connect(rig.url, autocommit=True)
        setting = replace(rig.setting, engine=name)
        self.owner = Owner(
            0, self.connection, self.notes, setting, Directories(), WallClock(), survived
        )

    def batch(self, *events: Event, first: int, topic_id: str) -> Batch:
        records = tuple(
            RawRecord(
                at=Coordinate(
                    topic="grid.reports", topic_id=topic_id, partition=0, offset=first + n
                ),
                key=None,
                headers=self.rig.outbound(event).headers,
                value=self.rig.outbound(event).value,
                now=event.time,
            )
            for n, event in enumerate(events)
        )
        return Batch(shard=0, step=Step.INTAKE, records=records, recorded_at=datetime.now(UTC))

    def close(self) -> None:
        self.connection.close()
        self.notes.close()


@pytest.fixture
def hands(rig: Rig) -> Iterator[list[Hand]]:
    made: list[Hand] = []
    yield made
    for hand in made:
        hand.close()


def test_a_zombie_that_wakes_up_writes_nothing(rig: Rig, hands: list[Hand]) -> None:
    hands += [zombie := Hand(rig, "zombie"), heir := Hand(rig, "heir")]
    at = NOW + timedelta(hours=2)
    filed, other = report(rig, "僵尸", at), report(rig, "继承", at)
    before = rig.rows("SELECT count(*) FROM journal"), rig.rows("SELECT count(*) FROM audit")
    with pytest.raises(ShardLost):
        zombie.owner.run(zombie.batch(filed, first=0, topic_id="zombies"))
    assert fates(rig, filed) == []
    assert (
        rig.rows("SELECT count(*) FROM journal"),
        rig.rows("SELECT count(*) FROM audit"),
    ) == before
    heir.owner.run(heir.batch(other, first=0, topic_id="zombies"))
    assert fates(rig, other) == ["applied"]


def test_two_batches_of_the_same_owner_must_follow_each_other(rig: Rig, hands: list[Hand]) -> None:
    """A transaction whose positions are not the stored ones finds no row either."""
    hands.append(hand := Hand(rig, "steady"))
    at = NOW + timedelta(hours=2)
    stale = hand.owner.state
    hand.owner.run(hand.batch(report(rig, "先", at), first=0, topic_id="steps"))
    hand.owner.state = stale
    with pytest.raises(ShardLost):
        hand.owner.run(hand.batch(report(rig, "后", at), first=1, topic_id="steps"))


@pytest.mark.parametrize(("crashes", "fate"), [(2, "applied"), (3, "dead-lettered")])
def test_a_record_that_killed_three_engines_is_put_aside_by_the_fourth(
    rig: Rig, hands: list[Hand], crashes: int, fate: str
) -> None:
    """What an engine notes before a batch is there after its death; the last batches held one."""
    topic_id, at = f"crash-{crashes}", NOW + timedelta(hours=3)
    with psycopg.connect(rig.url, autocommit=True) as notes, notes.cursor() as cursor:
        for _ in range(crashes):
            note_attempt(cursor, shard=0, topic_id=topic_id, partition=0, first=0, last=0, now=at)
    hands.append(hand := Hand(rig, "fourth"))
    deadly, after = report(rig, "致命", at), report(rig, "其后", at)
    hand.owner.run(hand.batch(deadly, after, first=0, topic_id=topic_id))
    assert fates(rig, deadly) == [fate]
    assert fates(rig, after) == ["applied"]
    letters = rig.rows("SELECT reason FROM dead_letters WHERE event_id = %s", deadly.id)
    assert letters == ([("crashed",)] if crashes == 3 else [])
    assert not rig.rows("SELECT 1 FROM attempts WHERE topic_id = %s", topic_id)


def test_a_record_that_kills_whoever_reads_it_is_put_aside_unread(
    rig: Rig, hands: list[Hand]
) -> None:
    at = NOW + timedelta(hours=3)
    with psycopg.connect(rig.url, autocommit=True) as notes, notes.cursor() as cursor:
        for _ in range(4):
            note_attempt(cursor, shard=0, topic_id="unseen", partition=0, first=0, last=0, now=at)
    hands.append(hand := Hand(rig, "fifth"))
    deadly = report(rig, "读即崩溃", at)
    hand.owner.run(hand.batch(deadly, first=0, topic_id="unseen"))
    rows = rig.rows(
        "SELECT reason, source, proved, value FROM dead_letters WHERE topic_id = 'unseen'"
    )
    assert rows == [("crashed", "", False, rig.outbound(deadly).value)]


def test_a_batch_under_way_at_a_death_is_decided_record_by_record(
    rig: Rig, hands: list[Hand]
) -> None:
    """Only so it shows which of them it was."""
    at = NOW + timedelta(hours=4)
    with psycopg.connect(rig.url, autocommit=True) as notes, notes.cursor() as cursor:
        note_attempt(cursor, shard=0, topic_id="many", partition=0, first=0, last=2, now=at)
    hands.append(hand := Hand(rig, "careful"))
    events = [report(rig, f"第{n}件", at) for n in range(4)]
    results = hand.owner.run(hand.batch(*events, first=0, topic_id="many"))
    assert len(results) == 4
    assert [fates(rig, event) for event in events] == [["applied"]] * 4


def test_a_database_that_cuts_us_off_again_and_again_is_no_crash(
    rig: Rig, hands: list[Hand]
) -> None:
    at = NOW + timedelta(hours=5)
    filed, survived = report(rig, "断线", at), Survived()
    for _ in range(5):
        hands.append(hand := Hand(rig, "cut-off", survived))
        with psycopg.connect(rig.url) as blocker, blocker.cursor() as cursor:
            cursor.execute("LOCK journal IN ACCESS EXCLUSIVE MODE")
            hand.connection.execute("SET lock_timeout = '50ms'")
            hand.connection.commit()
            with pytest.raises(Unavailable):
                hand.owner.run(hand.batch(filed, first=0, topic_id="cuts"))
    hands.append(hand := Hand(rig, "connected", survived))
    hand.owner.run(hand.batch(filed, first=0, topic_id="cuts"))
    assert fates(rig, filed) == ["applied"]


def test_an_engine_whose_connections_are_cut_goes_on(rig: Rig) -> None:
    at = NOW + timedelta(hours=6)
    ours = [row[0] for row in rig.rows("SELECT pid FROM pg_stat_activity")]
    with working(rig.build_engine()):
        rig.at(at, before := report(rig, "断开之前", at))
        epoch = owned(rig, 0)[0]
        rig.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> ALL(%s)",
            ours,
        )
        rig.at(at + timedelta(minutes=1), after := report(rig, "断开之后", at))
        wait_until(lambda: owned(rig, 0)[0] > epoch)
    assert fates(rig, before) == fates(rig, after) == ["applied"]
