"""Committed outbox rows onto their topics, in order per key; killed anywhere, nothing is lost.

A row is marked only after the broker acknowledged it, so a crash in between publishes it twice,
and whoever reads it knows it by its id.

Publishing is not fenced as deciding is, and need not be. An engine that was paused and wakes up
may publish rows again that the shard's new owner has published: a repetition. It can publish none
that is not committed, as it reads them from the database. And it marks only the very version of a
row that it read and that was acknowledged to it. Where somebody touched the row since (another
relay marked it, or it is to be sent again because the broker lost its log) it marks nothing, and
the row is published once more rather than never.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg
from kafka.errors import KafkaError

from events.away import away
from events.broker import Broker
from events.contract.registry import INBOUND_TOPICS
from events.partitions import partition_of
from events.writer import FOR_GOOD, Record, Writer
from models.values import DeadLetterReason, derived_id
from partygrid.clock import Clock
from partygrid.errors import Unavailable
from partygrid.patience import Patience

log = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

#: Where a transaction that wrote outbox rows says so.
CHANNEL = "partygrid_outbox"
#: Seconds after which the outbox is looked at without having heard anything.
_LOOK_AGAIN = 0.5
#: Seconds for which a batch is waited for.
_WAIT_FOR_ACKNOWLEDGEMENT = 12.0

_UNPUBLISHED = """
SELECT id, topic, key, headers, value, partition, instant, source, event_id, shard, xmin::text
FROM outbox WHERE shard = ANY(%s) AND published_at IS NULL AND topic <> ALL(%s)
ORDER BY shard, id LIMIT %s
"""
#: `xmin` names the version of a row: it is another one as soon as anybody writes the row.
_MARK = """
UPDATE outbox o SET published_at = %s FROM unnest(%s::bigint[], %s::text[]) AS p (id, version)
WHERE o.id = p.id AND o.xmin::text = p.version
"""
#: Seconds for which a topic rests that takes nothing while others do.
_REST = 30.0


class Row(NamedTuple):
    """An outbox row as it was read."""

    id: int
    topic: str
    key: str
    headers: list[list[str]]
    value: bytes
    partition: int
    instant: datetime | None
    source: str
    event_id: str
    shard: int
    #: which version of the row this is
    version: str


class Relay:
    """Publishes for the shards an engine owns."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        client: Mapping[str, Any],
        broker: Broker,
        *,
        partitions: int,
        clock: Clock,
        batch: int = 1000,
    ) -> None:
        """Use its own connection: publishing never shares a transaction with deciding."""
        self._connect, self._broker = connect, broker
        self._connection = self._opened()
        self._partitions, self._clock, self._batch = partitions, clock, batch
        self._known: set[str] = set(INBOUND_TOPICS)
        #: partition → inbound topic → offset behind the last record this relay wrote
        self.reached: dict[int, dict[str, int]] = {}
        self._listening = False
        self._client = client
        self._writer = Writer(
            client,
            flush_seconds=_WAIT_FOR_ACKNOWLEDGEMENT,
            allow_auto_create_topics=False,  # `Broker.ensure` knows how many partitions
            linger_ms=0,
            delivery_timeout_ms=10000,
            request_timeout_ms=5000,
            max_block_ms=5000,
            max_request_size=8_000_000,
        )
        #: topics that take nothing, and until when (monotonic) they are left alone
        self._resting: dict[str, float] = {}

    def _opened(self) -> Connection:
        connection = self._connect()
        # No transaction stays open while the broker is waited for.
        connection.autocommit = True
        return connection

    def publish_all(self, shards: Iterable[int], *, but_resting: bool = False) -> int:
        """Publish what waits in these shards' outboxes; returns how many rows.

        With `but_resting` topics that took nothing a short while ago are left alone; without it
        nothing waits any more when this returns. Raises `Unavailable`.
        """
        self._reconnect()
        wanted, total = list(shards), 0
        while True:
            left_alone = self._left_alone() if but_resting else []
            rows = [
                Row(*row)
                for row in self._connection.execute(_UNPUBLISHED, (wanted, left_alone, self._batch))
            ]
            if rows:
                self._send(rows)
            total += len(rows)
            if len(rows) < self._batch:
                return total

    def _left_alone(self) -> list[str]:
        now = time.monotonic()
        self._resting = {topic: until for topic, until in self._resting.items() if until > now}
        return list(self._resting)

    def _send(self, rows: list[Row]) -> None:
        try:
            self._try_to_send(rows)
        except Unavailable:
            # A broker that comes back may have lost its topics.
            self._known.clear()
            raise

    def _try_to_send(self, rows: list[Row]) -> None:
        new = {row.topic for row in rows} - self._known
        if new:
            self._broker.ensure(new)
            self._known |= new
        try:
            told = self._writer.write([self._record(row) for row in rows])
        except KafkaError as fault:
            raise away(self._client, fault) from fault
        published: list[Row] = []
        failed: dict[tuple[str, str], Exception] = {}
        for row, one in zip(rows, told, strict=True):
            if (row.topic, row.key) in failed:
                continue  # it came before its elder: both are sent again, in their order
            if not isinstance(one, KafkaError):
                published.append(row)
                self._note_end(one)
            elif isinstance(one, FOR_GOOD):
                self._give_up(row, one)
            else:
                failed[row.topic, row.key] = one
        self._mark(published)
        if failed:
            self._rest({topic for topic, _ in failed}, {row.topic for row in published})
            refusal = next(iter(failed.values()))
            raise away(self._client, refusal) from refusal

    def _rest(self, failed: set[str], took: set[str]) -> None:
        """Let topics rest that take nothing while others do: they would hold up all of them."""
        if took:
            until = time.monotonic() + _REST
            self._resting |= dict.fromkeys(failed - took, until)

    def _note_end(self, written: Any) -> None:
        if written.topic in INBOUND_TOPICS:
            self.reached.setdefault(written.partition, {})[written.topic] = written.offset + 1

    def _record(self, row: Row) -> Record:
        return Record(
            topic=row.topic,
            key=row.key.encode(),
            value=row.value,
            headers=[
                (name, text.encode("latin-1" if row.partition >= 0 else "utf-8"))
                for name, text in row.headers
            ],
            partition=self._partition(row.topic, row.key, row.partition),
            timestamp_ms=_milliseconds(row.instant),
        )

    def _partition(self, topic: str, key: str, partition: int) -> int:
        if topic not in INBOUND_TOPICS:
            return 0
        return partition if partition >= 0 else partition_of(key, self._partitions)

    def _mark(self, rows: Sequence[Row]) -> None:
        """Mark what was acknowledged, where nobody touched the row since it was read."""
        if rows:
            versions = [row.version for row in rows]
            self._connection.execute(_MARK, (self._clock.now(), [row.id for row in rows], versions))

    def _give_up(self, row: Row, fault: Exception) -> None:
        """Dead-letter a row the broker refuses for good; the others go on."""
        log.warning("outbox row %s is refused for good: %s", row.id, type(fault).__name__)
        with self._connection.transaction():
            self._connection.execute(
                "INSERT INTO dead_letters (id, shard, reason, detail, topic, topic_id, partition,"
                ' "offset", source, event_id, event_type, township, proved,'
                " key, headers, value, at, replayed_as, replayed_by)"
                " VALUES (%s, %s, %s, %s, %s, '', -1, -1, %s, %s, '', %s, true, %s, %s, %s, %s,"
                " '', '') ON CONFLICT DO NOTHING",
                (
                    derived_id("unpublishable", row.shard, row.id),
                    row.shard,
                    str(DeadLetterReason.UNPUBLISHABLE),
                    type(fault).__name__,
                    row.topic,
                    row.source,
                    row.event_id,
                    row.key,
                    row.key.encode(),
                    json.dumps(row.headers),
                    row.value,
                    self._clock.now(),
                ),
            )
            self._mark([row])

    def run(self, shards: Callable[[], Iterable[int]], stop: threading.Event) -> None:
        """Publish for these shards until `stop` is set; woken by NOTIFY, polling is the truth."""
        patience = Patience("the outbox cannot be published", log)
        while not stop.is_set():
            try:
                self._listen()
                self.publish_all(shards(), but_resting=True)
                self._await_news()
                patience.went_well()
            except Exception as fault:  # without it nothing leaves; what broke it is in the log
                if not isinstance(fault, Unavailable | psycopg.Error):
                    log.exception("an unexpected fault of the relay")
                stop.wait(patience.failed(fault))

    def _reconnect(self) -> None:
        if self._connection.closed:
            self._connection, self._listening = self._opened(), False

    def _listen(self) -> None:
        """Have a connection that hears of new rows."""
        self._reconnect()
        if not self._listening:
            self._connection.execute(f"LISTEN {CHANNEL}")
            self._listening = True

    def _await_news(self) -> None:
        for _ in self._connection.notifies(timeout=_LOOK_AGAIN, stop_after=1):
            pass

    def close(self) -> None:
        """Stop publishing."""
        self._writer.drop(seconds=5)
        self._connection.close()


def send_again(connection: Connection, shard: int) -> int:
    """Mark what a broker forgot to be published again: inbound rows no journal entry answers.

    Rows that are not published yet are touched too, so that no relay marks what it has just
    published to the log that is gone.
    """
    cursor = connection.execute(
        "UPDATE outbox o SET published_at = NULL WHERE o.shard = %s AND o.topic = ANY(%s)"
        " AND NOT EXISTS (SELECT FROM journal j"
        " WHERE j.source = o.source AND j.event_id = o.event_id)"
        " AND NOT EXISTS (SELECT FROM dead_letters d"
        " WHERE d.proved AND d.source = o.source AND d.event_id = o.event_id)",
        (shard, list(INBOUND_TOPICS)),
    )
    return cursor.rowcount


def _milliseconds(instant: datetime | None) -> int | None:
    return None if instant is None else int(instant.astimezone(UTC).timestamp() * 1000)
