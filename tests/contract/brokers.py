"""What the engine relies on in a broker: one class, run on every broker we start or are given.

A subclass says in `address` which broker; where a broker cannot keep something, the subclass
overrides that test and says so.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError

from events.broker import OWN_TOPICS, Broker, client_settings
from events.consumer import Read, ShardConsumer
from events.contract.registry import INBOUND_TOPICS, Topic
from events.writer import Record, Told, Writer
from partygrid.errors import Unavailable
from partygrid.settings import Settings

PARTITIONS = 4
REPORTS, FEEDBACK = str(Topic.REPORTS), str(Topic.FEEDBACK)
EVERY = frozenset(range(PARTITIONS))
#: More than a broker takes unless it is told to, and less than our producers would send.
TOO_LARGE = 3_000_000
#: Seconds for members to find together and part again.
_PATIENCE = 60.0


class Sent(NamedTuple):
    """A record as it is written."""

    value: bytes
    key: bytes | None = b"330281101"
    headers: tuple[tuple[str, bytes], ...] = ()


ODD_RECORDS = {
    "plain": Sent(b'{"title": "1"}', headers=(("ce_id", b"e1"), ("ce_source", b"app/x"))),
    "Chinese": Sent("路灯不亮".encode(), headers=(("ce_actor", "张".encode()),)),
    "a header twice": Sent(b"v", headers=(("a", b"1"), ("b", b"2"), ("a", b"3"))),
    "an empty header": Sent(b"v", headers=(("a", b""),)),
    "no text at all": Sent(bytes(range(256)), headers=(("h", bytes(range(256))),)),
    "no key": Sent(b"v", key=None),
    "no value": Sent(b""),
}


def until(come: Callable[[], object], *, seconds: float = _PATIENCE) -> None:
    """Ask again and again until it is so; fail after a deadline."""
    deadline = time.monotonic() + seconds
    while not come():
        assert time.monotonic() < deadline, "it did not come true"


class BrokerContract:
    """The promises, each with the test that asks for it."""

    @pytest.fixture
    def address(self) -> str:
        """Where a broker answers that has none of our topics yet, for one test alone."""
        raise NotImplementedError

    @pytest.fixture
    def client(self, address: str) -> dict[str, Any]:
        """How clients connect."""
        return client_settings(Settings(), address)

    @pytest.fixture
    def broker(self, client: dict[str, Any]) -> Iterator[Broker]:
        """The broker with our topics on it."""
        one = Broker(client, partitions=PARTITIONS, replication=1)
        one.ensure(OWN_TOPICS)
        yield one
        one.close()

    @pytest.fixture
    def admin(self, client: dict[str, Any]) -> Iterator[KafkaAdminClient]:
        one = KafkaAdminClient(**client)
        yield one
        one.close()

    @pytest.fixture
    def producer(self, broker: Broker, client: dict[str, Any]) -> Iterator[KafkaProducer]:
        """A producer as careful as the relay's."""
        one = KafkaProducer(
            **client,
            allow_auto_create_topics=False,
            acks="all",
            enable_idempotence=True,
            max_request_size=8_000_000,
        )
        yield one
        one.close(timeout=5)

    @pytest.fixture
    def reader(self, broker: Broker, client: dict[str, Any]) -> Iterator[ShardConsumer]:
        """Reads every shard, without a group."""
        one = ShardConsumer(client, group="reader", fetch_wait_ms=20, alone=PARTITIONS)
        yield one
        one.close()

    # --- topics --------------------------------------------------------------------------------

    def test_inbound_topics_have_a_partition_for_each_shard(
        self, broker: Broker, admin: KafkaAdminClient
    ) -> None:
        found = {
            str(topic["name"]): len(topic["partitions"])
            for topic in admin.describe_topics(list(OWN_TOPICS))
        }
        wanted = {name: PARTITIONS if name in INBOUND_TOPICS else 1 for name in OWN_TOPICS}
        assert found == wanted

    def test_topics_are_made_once_by_however_many(self, client: dict[str, Any]) -> None:
        def ensure(_: int) -> dict[str, str]:
            one = Broker(client, partitions=PARTITIONS, replication=1)
            try:
                one.ensure([REPORTS])
                one.ensure([REPORTS])
                until(lambda: one.topic_ids([REPORTS]))
                return one.topic_ids([REPORTS])
            finally:
                one.close()

        with ThreadPoolExecutor(max_workers=3) as threads:
            ids = [told[REPORTS] for told in threads.map(ensure, range(3))]
        assert len(set(ids)) == 1

    def test_a_topic_made_anew_has_another_id_and_no_records(
        self,
        broker: Broker,
        admin: KafkaAdminClient,
        producer: KafkaProducer,
        reader: ShardConsumer,
    ) -> None:
        before = broker.topic_ids([REPORTS, FEEDBACK])
        assert broker.topic_ids(["grid.never"]) == {}
        write(producer, REPORTS, 0, Sent(b"lost"))
        admin.delete_topics([REPORTS])

        def anew() -> bool:
            broker.ensure([REPORTS])
            return broker.topic_ids([REPORTS]).get(REPORTS, before[REPORTS]) != before[REPORTS]

        until(anew)
        after = broker.topic_ids([REPORTS, FEEDBACK])
        assert after[FEEDBACK] == before[FEEDBACK]
        until(lambda: _ends(reader).get(REPORTS) == 0)

    # --- records -------------------------------------------------------------------------------

    def test_a_partition_keeps_the_order(
        self, producer: KafkaProducer, reader: ShardConsumer
    ) -> None:
        wanted = [str(number).encode() for number in range(1500)]
        for value in wanted:
            producer.send(REPORTS, value, partition=1)
            producer.send(REPORTS, b"beside", partition=2)
        producer.flush(timeout=30)
        found = read(reader, REPORTS, 1, len(wanted))
        assert [record.value for record in found] == wanted
        assert [record.offset for record in found] == list(range(len(wanted)))

    @pytest.mark.parametrize("sent", ODD_RECORDS.values(), ids=ODD_RECORDS)
    def test_a_record_comes_back_as_it_was_written(
        self, sent: Sent, producer: KafkaProducer, reader: ShardConsumer
    ) -> None:
        write(producer, FEEDBACK, 3, sent)
        (found,) = read(reader, FEEDBACK, 3, 1)
        assert (found.value, found.key, tuple(found.headers)) == (
            sent.value,
            sent.key,
            sent.headers,
        )
        assert abs(found.timestamp / 1000 - time.time()) < 60

    def test_a_record_that_is_too_large_is_refused_and_stops_nobody(
        self, broker: Broker, client: dict[str, Any], reader: ShardConsumer
    ) -> None:
        """What is written of it by `Writer`: a plain producer fails whatever it writes next."""
        told = write_carefully(client, b"before", b"x" * TOO_LARGE, b"after")
        assert [isinstance(one, MessageSizeTooLargeError) for one in told] == [False, True, False]
        found = read(reader, REPORTS, 0, 2)
        assert [record.value for record in found] == [b"before", b"after"]

    def test_the_ends_lie_behind_the_last_records(
        self, producer: KafkaProducer, reader: ShardConsumer
    ) -> None:
        for _ in range(3):
            write(producer, REPORTS, 2, Sent(b"v"))
        ends = reader.ends(EVERY)
        assert set(ends) == EVERY
        assert all(set(shard) == set(INBOUND_TOPICS) for shard in ends.values())
        counted = {(s, t): n for s, shard in ends.items() for t, n in shard.items() if n}
        assert counted == {(2, REPORTS): 3}
        assert set(reader.begins(2).values()) == {0}
        assert reader.begins_told(2, [REPORTS]) == {REPORTS: 0}
        assert reader.log_ends(2) == ends[2]

    # --- the group -----------------------------------------------------------------------------

    @pytest.mark.slow
    def test_a_shard_is_one_members_whole_and_anothers_when_that_leaves(
        self, broker: Broker, client: dict[str, Any]
    ) -> None:
        """The same partition of every topic lies with one member: what is decided together."""
        group = f"engines-{uuid4()}"
        members = [ShardConsumer(client, group=group, fetch_wait_ms=20) for _ in range(2)]
        try:
            # One may learn later than the other that it lost shards: for that is the fence.
            until(lambda: _together(members) and _parted(*(one.shards() for one in members)))
            members.pop().close()
            until(lambda: _together(members))
            assert members[0].shards() == EVERY
        finally:
            for one in members:
                one.close()

    @pytest.mark.slow
    def test_a_new_member_goes_on_where_the_last_one_committed(
        self, producer: KafkaProducer, admin: KafkaAdminClient, client: dict[str, Any]
    ) -> None:
        for number in range(6):
            write(producer, REPORTS, 1, Sent(str(number).encode()))
        group = f"resumed-{uuid4()}"
        first = ShardConsumer(client, group=group, fetch_wait_ms=20)

        def is_told() -> bool:
            first.poll(wait_ms=50, at_most=1)
            return _committed(admin, group) == 4

        try:
            assert len(read(first, REPORTS, 1, 6)) == 6
            first.commit(1, {REPORTS: 4})
            until(is_told)
        finally:
            first.close()
        second = ShardConsumer(client, group=group, fetch_wait_ms=20)
        try:
            found = read(second, REPORTS, 1, 2)
        finally:
            second.close()
        assert [(record.offset, record.value) for record in found] == [(4, b"4"), (5, b"5")]


def write(producer: KafkaProducer, topic: str, partition: int, sent: Sent) -> None:
    """Write a record and wait for the broker's word."""
    future = producer.send(
        topic, sent.value, key=sent.key, headers=list(sent.headers), partition=partition
    )
    future.get(timeout=30)


def write_carefully(client: dict[str, Any], *values: bytes) -> list[Told]:
    """Write reports to partition 0 as relay and apps do; return what became of each."""
    writer = Writer(client, flush_seconds=30, max_request_size=8_000_000)
    try:
        return writer.write([Record(REPORTS, b"330281101", value, [], 0) for value in values])
    finally:
        writer.drop(seconds=5)


def read(consumer: ShardConsumer, topic: str, partition: int, count: int) -> list[Read]:
    """Read so many records of one partition."""
    found: list[Read] = []

    def enough() -> bool:
        polled = consumer.poll(wait_ms=100, at_most=500)
        found.extend(polled.get((topic, partition), []))
        return len(found) >= count

    until(enough)
    return found


def _ends(reader: ShardConsumer) -> dict[str, int]:
    """Return the ends of shard 0; nothing while the broker cannot say."""
    try:
        return reader.ends([0])[0]
    except Unavailable:
        return {}


def _parted(left: frozenset[int], right: frozenset[int]) -> bool:
    """Tell whether both have shards, and none the same."""
    return bool(left) and bool(right) and not left & right


def _together(members: list[ShardConsumer]) -> bool:
    """Poll every member once; tell whether between them they have every shard whole."""
    for one in members:
        one.poll(wait_ms=100, at_most=1)
    return frozenset[int]().union(*(one.shards() for one in members)) == EVERY


def _committed(admin: KafkaAdminClient, group: str) -> int:
    try:
        told = admin.list_group_offsets({group: None})
    except KafkaError:
        return -1
    return next(
        (
            int(at.offset)
            for where, at in told.get(group, {}).items()
            if (where.topic, where.partition) == (REPORTS, 1)
        ),
        -1,
    )
