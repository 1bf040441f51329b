"""A branch app and a real broker: sent until answered, through kills, outages and lost logs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from msgspec.structs import replace

from events.broker import OWN_TOPICS, Broker
from events.codec import Decoded, decode
from events.contract.envelope import Acting
from events.contract.outgoing import EventOutcome
from events.contract.reports import ReportFiled, ReportSource
from events.partitions import partition_of
from events.producer import Patience, Producer
from events.signing import is_signed
from events.topics import app_topic
from flows.outgoing import Outgoing
from models.keys import SigningKey
from models.policy.load import default_pack_folder, load_policy
from models.setting import Setting, Shelf
from models.values import Fate
from partygrid.clock import SetClock
from partygrid.embedded.child import running
from partygrid.embedded.ports import free_port
from partygrid.embedded.tansu import Tansu
from partygrid.errors import Unavailable

PARTITIONS = 3
KEY = SigningKey.generate()
ACTING = Acting(actor="p-1", role="grid_member", org="330281101201001")
REPORT = ReportFiled(grid="330281101201001", source=ReportSource.GRID_MEMBER, title="路灯不亮")
TOWNSHIP = "330281101"
NOON = datetime(2026, 3, 10, 4, tzinfo=UTC)
SHORTLY = timedelta(milliseconds=200)


class Counterpart:
    """What the engine's side of the broker sees and says."""

    def __init__(self, bootstrap: str, source: str) -> None:
        self.client = {"bootstrap_servers": [bootstrap]}
        self.source, self.topic = source, app_topic(source)
        broker = Broker(self.client, partitions=PARTITIONS, replication=1)
        broker.ensure((*OWN_TOPICS, self.topic))
        broker.close()
        setting = Setting(
            shelf=Shelf(load_policy(default_pack_folder())),
            partitions=PARTITIONS,
            own_key=b"o" * 32,
            text_key=b"t" * 32,
        )
        self.outgoing = Outgoing(setting, shard=0, recorded_at=NOON, instant=None)

    def answer(self, event_id: str, fate: Fate, **told: Any) -> None:
        """Tell the app what became of its event, as the engine's relay does."""
        data = EventOutcome(event_id=event_id, fate=str(fate), **told)
        row = self.outgoing.outcome(data, source=self.source, township=TOWNSHIP, now=NOON)
        headers = [(name, text.encode()) for name, text in row["headers"]]
        out = KafkaProducer(**self.client)
        out.send(row["topic"], value=row["value"], headers=headers, partition=0).get(10)
        out.close()

    def read(self, topic: str = "grid.reports") -> list[tuple[int, Decoded]]:
        """Return everything on a topic: partition and event."""
        reader = KafkaConsumer(**self.client, group_id=None, auto_offset_reset="earliest")
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        reader.assign(partitions)
        ends = reader.end_offsets(partitions)
        found: list[tuple[int, Decoded]] = []
        while any(reader.position(one) < ends[one] for one in partitions):
            for some in reader.poll(timeout_ms=200).values():
                for record in some:
                    read = decode(record.value, record.headers)
                    assert isinstance(read, Decoded)
                    found.append((record.partition, read))
        reader.close()
        return found


@contextmanager
def app(
    bootstrap: str, folder: Path, source: str = "app/branch-1", **changes: Any
) -> Iterator[Producer]:
    one = Producer(source, KEY, bootstrap=bootstrap, folder=folder, **changes)
    try:
        yield one
    finally:
        one.close()


def eventually(look: Callable[[], bool]) -> None:
    """Wait until something is so, at most a minute."""
    until = time.monotonic() + 60
    while not look():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)


def pumped_until_answered(one: Producer, answers: int) -> None:
    got = 0

    def look() -> bool:
        nonlocal got
        got += one.pump(wait=SHORTLY).answered
        return got >= answers

    eventually(look)


def ids(read: Sequence[tuple[int, Decoded]]) -> list[str]:
    return [one.event.id for _, one in read]


def test_events_go_out_in_order_to_the_shard_of_their_township(broker: str, tmp_path: Path) -> None:
    source = "app/in-order"
    other = Counterpart(broker, source)
    with app(broker, tmp_path, source) as one:
        sent = [one.send(REPORT, township=TOWNSHIP, acting=ACTING) for _ in range(20)]
        marked = one.send(REPORT, township=TOWNSHIP, acting=ACTING, marked=True)
        assert one.pump().published == 21
    mine = [(where, read) for where, read in other.read() if read.event.source == source]
    assert ids(mine) == sent
    assert {where for where, _ in mine} == {partition_of(TOWNSHIP, PARTITIONS)}
    assert all(
        is_signed(KEY.public, read.attributes, read.data, signature=read.signature)
        for _, read in mine
    )
    assert marked in ids(other.read("restricted.grid.reports"))


def test_the_brokers_word_is_not_enough_only_an_outcome_empties_the_spool(
    broker: str, tmp_path: Path
) -> None:
    source = "app/outcomes"
    other = Counterpart(broker, source)
    told: list[EventOutcome] = []
    with app(broker, tmp_path, source, on_outcome=told.append) as one:
        names = ("applied", "refused", "parked", "dead", "open")
        sent = {name: one.send(REPORT, township=TOWNSHIP, acting=ACTING) for name in names}
        one.pump()
        assert one.status().waiting == 5
        other.answer(sent["applied"], Fate.APPLIED, case_number="330281101201001202603100001")
        other.answer(sent["refused"], Fate.REFUSED, reason="wrong_state", message="不能办理")
        other.answer(sent["parked"], Fate.PARKED, reason="case_unknown")
        other.answer(sent["dead"], Fate.DEAD_LETTERED, reason="unknown_place")
        pumped_until_answered(one, 4)
        status = one.status()
        assert (status.signed_out, status.waiting, status.parked) == (5, 1, 1)
        assert [(it.event_id, it.reason) for it in status.refused] == [
            (sent["refused"], "wrong_state")
        ]
        assert [it.event_id for it in status.dead_lettered] == [sent["dead"]]
        assert one.payload(sent["dead"]) == REPORT
        assert [it.case_number for it in told if it.fate == "applied"] == [
            "330281101201001202603100001"
        ]
        other.answer(sent["parked"], Fate.APPLIED)
        pumped_until_answered(one, 1)
        assert one.status().parked == 0


def test_what_has_no_outcome_is_sent_again_as_it_was_and_less_and_less_often(
    broker: str, tmp_path: Path
) -> None:
    source = "app/again"
    other = Counterpart(broker, source)
    clock = SetClock(NOON)
    patience = Patience(answer=timedelta(seconds=30), answer_at_most=timedelta(seconds=100))
    with app(broker, tmp_path, source, clock=clock, patience=patience) as one:
        event_id = one.send(REPORT, township=TOWNSHIP, acting=ACTING)
        sent_at = []
        for second in range(0, 400, 10):
            clock.instant = NOON + timedelta(seconds=second)
            if one.pump().published:
                sent_at.append(second)
        assert sent_at == [0, 30, 90, 190, 290, 390]
        mine = [read for _, read in other.read() if read.event.source == source]
        assert {read.event.id for read in mine} == {event_id}
        assert len(mine) == 6
        assert len({(str(read.attributes), read.data, read.signature) for read in mine}) == 1
        other.answer(event_id, Fate.APPLIED)
        pumped_until_answered(one, 1)
        clock.instant = NOON + timedelta(days=1)
        assert one.pump().published == 0


_KILLED_BEFORE_PUBLISHING = """
import os, signal, sys
from pathlib import Path
from events.app_link import AppLink
from events.contract.envelope import Acting
from events.contract.reports import ReportFiled, ReportSource
from events.producer import Producer
from models.keys import SigningKey

bootstrap, folder, published = sys.argv[1:]
genuine = AppLink.publish

def killed(link, events):
    if published == "yes":
        genuine(link, events)
    os.kill(os.getpid(), signal.SIGKILL)

AppLink.publish = killed
one = Producer("app/killed-" + published, SigningKey.from_pem(sys.stdin.buffer.read()),
               bootstrap=bootstrap, folder=Path(folder))
acting = Acting(actor="p-1", role="grid_member", org="330281101201001")
report = ReportFiled(grid="330281101201001", source=ReportSource.GRID_MEMBER, title="x")
print(one.send(report, township="330281101", acting=acting), flush=True)
one.pump()
"""


@pytest.mark.parametrize("published", ["no", "yes"])
def test_killed_between_the_spool_and_the_broker(
    published: str, broker: str, tmp_path: Path
) -> None:
    """Before publishing nothing is lost; after it, the same event goes out once more."""
    source = f"app/killed-{published}"
    other = Counterpart(broker, source)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _KILLED_BEFORE_PUBLISHING, broker, str(tmp_path), published],
        input=KEY.pem(),
        capture_output=True,
        check=False,
        cwd=root,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(root)},
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    event_id = done.stdout.decode().strip()
    with app(broker, tmp_path, source) as one:
        assert one.status().waiting == 1
        assert one.pump().published == 1
    mine = [read.event.id for _, read in other.read() if read.event.source == source]
    assert mine == [event_id] * (2 if published == "yes" else 1)


def test_the_thread_sends_and_reads_by_itself(broker: str, tmp_path: Path) -> None:
    source = "app/by-itself"
    other = Counterpart(broker, source)
    patience = Patience(look=timedelta(milliseconds=50))
    with Producer(source, KEY, bootstrap=broker, folder=tmp_path, patience=patience) as one:
        event_id = one.send(REPORT, township=TOWNSHIP, acting=ACTING)
        eventually(lambda: event_id in ids(other.read()))
        other.answer(event_id, Fate.APPLIED)
        eventually(lambda: one.status().waiting == 0)


def test_the_broker_goes_away_and_comes_back_without_its_log(tmp_path: Path) -> None:
    """What was acknowledged and not answered is sent to the new log; its answers are found."""
    port, source = free_port(), "app/lost-log"
    clock = SetClock(NOON)
    bootstrap = f"127.0.0.1:{port}"
    with app(bootstrap, tmp_path / "spool", source, clock=clock) as one:
        first = one.send(REPORT, township=TOWNSHIP, acting=ACTING)
        with pytest.raises(Unavailable):
            one.pump()
        with running(Tansu(tmp_path / "kafka-1", port).child()):
            other = Counterpart(bootstrap, source)
            assert one.pump().published == 1
            for _ in range(3):
                other.answer("someone-elses", Fate.APPLIED)
            other.answer(first, Fate.APPLIED)
            pumped_until_answered(one, 4)
            second = one.send(REPORT, township=TOWNSHIP, acting=ACTING)
            assert one.pump().published == 1
        clock.instant = NOON + timedelta(minutes=1)
        with pytest.raises(Unavailable):
            one.pump()
        assert one.status().waiting == 1
        with running(Tansu(tmp_path / "kafka-2", port).child()):
            other = Counterpart(bootstrap, source)
            eventually(lambda: _published(one) == 1)
            assert ids(other.read()) == [second]
            other.answer(second, Fate.APPLIED)
            pumped_until_answered(one, 1)
            assert one.status().waiting == 0


def _published(one: Producer) -> int:
    try:
        return one.pump().published
    except Unavailable:
        return 0


def test_an_outcome_topic_made_anew_is_read_from_its_beginning(broker: str, tmp_path: Path) -> None:
    """The new one may be longer already than what was read of the old one."""
    source = "app/made-anew"
    other = Counterpart(broker, source)
    clock = SetClock(NOON)
    with app(broker, tmp_path, source, clock=clock) as one:
        first = one.send(REPORT, township=TOWNSHIP, acting=ACTING)
        one.pump()
        other.answer(first, Fate.APPLIED)
        pumped_until_answered(one, 1)
        second = one.send(REPORT, township=TOWNSHIP, acting=ACTING)
        one.pump()
        admin = KafkaAdminClient(**other.client)
        admin.delete_topics([other.topic])
        admin.close()
        Counterpart(broker, source)
        other.answer(second, Fate.REFUSED, reason="wrong_state")
        other.answer("someone-elses", Fate.APPLIED)
        clock.instant = NOON + timedelta(minutes=1)
        eventually(lambda: _pumped(one) and one.status().waiting == 0)
        assert [it.event_id for it in one.status().refused] == [second]


def _pumped(one: Producer) -> bool:
    with suppress(Unavailable):
        one.pump(wait=SHORTLY)
    return True


def test_an_event_the_broker_refuses_for_good_stops_no_other(broker: str, tmp_path: Path) -> None:
    source = "app/too-large"
    Counterpart(broker, source)
    with app(broker, tmp_path, source) as one:
        huge = replace(REPORT, evidence=("a" * 64,) * 130_000)
        too_large = one.send(huge, township=TOWNSHIP, acting=ACTING)
        one.send(REPORT, township=TOWNSHIP, acting=ACTING)
        assert one.pump().published == 1
        (letter,) = one.status().dead_lettered
        assert (letter.event_id, letter.reason) == (too_large, "unpublishable")
