"""Committed outbox rows onto their topics, in order per key; killed anywhere, nothing is lost.

A row is marked only after the broker acknowledged it, so a crash in between publishes it twice,
and whoever reads it knows it by its id.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg
from kafka import KafkaProducer
from kafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)

from events.broker import Broker
from events.contract.registry import INBOUND_TOPICS
from events.partitions import partition_of
from models.values import DeadLetterReason, derived_id
from partygrid.clock import Clock
from partygrid.errors import Unavailable

log = logging.getLogger(__name__)

#: What no second try can mend.
FOR_GOOD = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidTopicError)

#: Where a transaction that wrote outbox rows says so.
CHANNEL = "partygrid_outbox"
#: Seconds after which the outbox is looked at without having heard anything.
_LOOK_AGAIN = 0.5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0

_UNPUBLISHED = """
SELECT id, topic, key, headers, value, partition, instant, source, event_id, shard FROM outbox
WHERE shard = ANY(%s) AND published_at IS NULL ORDER BY shard, id LIMIT %s
"""


class Relay:
    """Publishes for the shards an engine owns."""

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection[Any]],
        client: Mapping[str, Any],
        broker: Broker,
        *,
        partitions: int,
        clock: Clock,
        batch: int = 1000,
    ) -> None:
        """Use its own connection: publishing never shares a transaction with deciding."""
        self._connect, self._broker = connect, broker
        self._connection = connect()
        self._partitions, self._clock, self._batch = partitions, clock, batch
        self._known: set[str] = set(INBOUND_TOPICS)
        #: partition → inbound topic → offset behind the last record this relay wrote
        self.reached: dict[int, dict[str, int]] = {}
        self._listening = False
        self._client = client
        self._producer = self._new_producer()

    def _new_producer(self) -> KafkaProducer:
        try:
            producer = KafkaProducer(
                **self._client,
                allow_auto_create_topics=False,  # `Broker.ensure` knows how many partitions
                acks="all",
                enable_idempotence=True,
                linger_ms=0,
                delivery_timeout_ms=30000,
                request_timeout_ms=10000,
                max_block_ms=10000,
                max_request_size=8_000_000,
            )
        except KafkaError as fault:
            raise Unavailable(f"the broker does not answer: {fault}") from fault
        keep_in_view(producer, INBOUND_TOPICS)
        self._broken = False
        return producer

    def publish_all(self, shards: Iterable[int]) -> int:
        """Publish what waits in these shards' outboxes; returns how many rows.

        Raises `Unavailable`.
        """
        self._reconnect()
        wanted, total = list(shards), 0
        while True:
            rows = self._connection.execute(_UNPUBLISHED, (wanted, self._batch)).fetchall()
            if rows:
                self._send(rows)
            else:
                self._connection.commit()
            total += len(rows)
            if len(rows) < self._batch:
                return total

    def _send(self, rows: list[tuple[Any, ...]]) -> None:
        try:
            if self._broken:
                self._producer.close(timeout=0)
                self._producer = self._new_producer()
            self._try_to_send(rows)
        except Unavailable:
            # A broker that comes back may have lost its topics, and what it knew of a producer.
            self._known.clear()
            self._broken = True
            raise

    def _try_to_send(self, rows: list[tuple[Any, ...]]) -> None:
        new = {row[1] for row in rows} - self._known
        if new:
            self._broker.ensure(new)
            self._known |= new
        futures = [(row, self._hand_over(row)) for row in rows]
        try:
            self._producer.flush(timeout=30)
        except KafkaError as fault:
            self._connection.rollback()
            raise Unavailable(f"the broker did not take {len(rows)} records: {fault}") from fault
        published = []
        for row, future in futures:
            refusal = future if isinstance(future, KafkaError) else future.exception
            if refusal is None:
                published.append(row[0])
                self._note_end(future.value)
            elif isinstance(refusal, FOR_GOOD):
                self._give_up(row, refusal)
            else:
                self._mark(published)
                raise Unavailable(f"the broker did not take a record: {refusal}") from refusal
        self._mark(published)

    def _note_end(self, written: Any) -> None:
        if written.topic in INBOUND_TOPICS:
            self.reached.setdefault(written.partition, {})[written.topic] = written.offset + 1

    def _hand_over(self, row: tuple[Any, ...]) -> Any:
        _, topic, key, headers, value, partition, instant, *_ = row
        try:
            return self._producer.send(
                topic,
                value=value,
                key=key.encode(),
                headers=[
                    (name, text.encode("latin-1" if partition >= 0 else "utf-8"))
                    for name, text in headers
                ],
                partition=self._partition(topic, key, partition),
                timestamp_ms=_milliseconds(instant),
            )
        except FOR_GOOD as fault:
            return fault
        except KafkaError as fault:
            self._connection.rollback()
            raise Unavailable(f"the broker does not answer: {fault}") from fault

    def _partition(self, topic: str, key: str, partition: int) -> int:
        if topic not in INBOUND_TOPICS:
            return 0
        return partition if partition >= 0 else partition_of(key, self._partitions)

    def _mark(self, ids: Iterable[int]) -> None:
        self._connection.execute(
            "UPDATE outbox SET published_at = %s WHERE id = ANY(%s)",
            (self._clock.now(), list(ids)),
        )
        self._connection.commit()

    def _give_up(self, row: tuple[Any, ...], fault: Exception) -> None:
        """Dead-letter a row the broker refuses for good; the others go on."""
        number, topic, key, headers, value, _, _, source, event_id, shard = row
        log.warning("outbox row %s is refused for good: %s", number, type(fault).__name__)
        self._connection.execute(
            "INSERT INTO dead_letters (id, shard, reason, detail, topic, topic_id, partition,"
            ' "offset", source, event_id, event_type, township, proved,'
            " key, headers, value, at, replayed_as, replayed_by)"
            " VALUES (%s, %s, %s, %s, %s, '', -1, -1, %s, %s, '', %s, true, %s, %s, %s, %s, '', '')"
            " ON CONFLICT DO NOTHING",
            (
                derived_id("unpublishable", shard, number),
                shard,
                str(DeadLetterReason.UNPUBLISHABLE),
                type(fault).__name__,
                topic,
                source,
                event_id,
                key,
                key.encode(),
                json.dumps(headers),
                value,
                self._clock.now(),
            ),
        )
        self._mark([number])

    def run(self, shards: Callable[[], Iterable[int]], stop: threading.Event) -> None:
        """Publish for these shards until `stop` is set; woken by NOTIFY, polling is the truth."""
        pause = _FIRST_PAUSE
        while not stop.is_set():
            try:
                self._listen()
                self.publish_all(shards())
                self._await_news()
                pause = _FIRST_PAUSE
            except (Unavailable, psycopg.OperationalError, psycopg.InterfaceError) as fault:
                log.warning("the relay waits %.1f s: %s", pause, fault)
                stop.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _reconnect(self) -> None:
        if self._connection.closed or self._connection.broken:
            self._connection, self._listening = self._connect(), False

    def _listen(self) -> None:
        """Have a connection that hears of new rows."""
        self._reconnect()
        if not self._listening:
            self._connection.execute(f"LISTEN {CHANNEL}")
            self._connection.commit()
            self._listening = True

    def _await_news(self) -> None:
        for _ in self._connection.notifies(timeout=_LOOK_AGAIN, stop_after=1):
            pass

    def close(self) -> None:
        """Stop publishing."""
        self._producer.close(timeout=5)
        self._connection.close()


def send_again(connection: psycopg.Connection[Any], shard: int) -> int:
    """Mark what a broker forgot to be published again: inbound rows no journal entry answers."""
    cursor = connection.execute(
        "UPDATE outbox o SET published_at = NULL WHERE o.shard = %s AND o.topic = ANY(%s)"
        " AND o.published_at IS NOT NULL AND NOT EXISTS (SELECT FROM journal j"
        " WHERE j.source = o.source AND j.event_id = o.event_id)"
        " AND NOT EXISTS (SELECT FROM dead_letters d"
        " WHERE d.proved AND d.source = o.source AND d.event_id = o.event_id)",
        (shard, list(INBOUND_TOPICS)),
    )
    return cursor.rowcount


def keep_in_view(producer: KafkaProducer, topics: Iterable[str]) -> None:
    """Let a producer ask for these topics each time it asks for any.

    Topics that the broker named at the first contact it otherwise forgets as soon as it asks for
    another one; then it asks for them again and again without a pause, a whole core's worth.
    """
    for topic in topics:
        producer._sender.add_topic(topic)  # the client has no public name for it


def _milliseconds(instant: datetime | None) -> int | None:
    return None if instant is None else int(instant.astimezone(UTC).timestamp() * 1000)
