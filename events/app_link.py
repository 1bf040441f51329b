"""An app's two ends at the broker: its events out, its outcomes in. Made when needed."""

import logging
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError

from events.away import away
from events.broker import Broker
from events.clients import Consumer
from events.codec import Decoded, decode
from events.contract.outgoing import EventOutcome
from events.spool import Sealed
from events.topics import app_topic
from events.writer import REFUSALS, Record, Writer
from partygrid.errors import Unavailable

log = logging.getLogger(__name__)

_OUT: dict[str, Any] = {
    "flush_seconds": 20,
    "linger_ms": 5,
    "max_block_ms": 5000,
    "request_timeout_ms": 5000,
    "delivery_timeout_ms": 15000,
    "max_request_size": 8_000_000,
}
_IN = {
    "group_id": None,
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "allow_auto_create_topics": False,
    "request_timeout_ms": 5000,
}


class AppLink:
    """Connects at first need, and anew after any trouble: a client that failed is not trusted."""

    def __init__(self, client: Mapping[str, Any], source: str) -> None:
        self._client = {"bootstrap_timeout_ms": 3000, "reconnect_backoff_max_ms": 2000, **client}
        self._topic = app_topic(source)
        self._out = Writer(self._client, **_OUT)
        self._in: Consumer | None = None
        self._topic_id = ""

    def publish(self, events: Sequence[Sealed]) -> list[KafkaError | None]:
        """Publish events in their order; for each why the broker does not take it: `REFUSALS`.

        The list is shorter where the broker went away in between: raises `Unavailable` where it
        took nothing at all.
        """
        if not events:
            return []
        try:
            return self._published(events)
        except KafkaError as fault:
            self.forget()
            raise away(self._client, fault) from fault

    def _published(self, events: Sequence[Sealed]) -> list[KafkaError | None]:
        if not self._out.connected:
            self._knock()
        told = self._out.write(
            [Record(one.topic, one.key.encode(), one.value, one.headers) for one in events]
        )
        results: list[KafkaError | None] = []
        for one in told:
            if isinstance(one, KafkaError) and not isinstance(one, REFUSALS):
                self.forget()
                if not results:
                    raise one
                break
            results.append(one if isinstance(one, KafkaError) else None)
        return results

    def outcomes(
        self, position: tuple[str, int], wait: timedelta
    ) -> tuple[list[EventOutcome], tuple[str, int]]:
        """Return the outcomes after `position` (topic id, offset), and the position behind them.

        A topic with another id is another log: it is read from its beginning. Raises
        `Unavailable`.
        """
        try:
            reader = self._reader(position)
            if reader is None:
                return [], position
            polled = reader.poll(timeout_ms=int(wait / timedelta(milliseconds=1)))
            records = [record for some in polled.values() for record in some]
        except KafkaError as fault:
            self.forget()
            raise away(self._client, fault) from fault
        found = [outcome for record in records if (outcome := _outcome(record)) is not None]
        begun = position[1] if position[0] == self._topic_id else 0
        return found, (self._topic_id, records[-1].offset + 1 if records else begun)

    def _reader(self, position: tuple[str, int]) -> Consumer | None:
        """Return the consumer; None where no outcome was ever told."""
        if self._in is not None:
            return self._in
        self._knock()
        broker = Broker(self._client, partitions=1, replication=1)
        try:
            topic_id = broker.topic_ids([self._topic]).get(self._topic)
        finally:
            broker.close()
        if topic_id is None:
            return None
        self._topic_id = topic_id
        self._in = Consumer(**self._client, **_IN)
        partition = TopicPartition(self._topic, 0)
        self._in.assign([partition])
        if position[0] == topic_id:
            self._in.seek(partition, position[1])
        else:
            self._in.seek_to_beginning(partition)
        return self._in

    def _knock(self) -> None:
        """Raise `Unavailable` unless somebody listens at one of the addresses.

        A client that cannot connect leaves its thread and sockets behind, and an app may be
        offline for days.
        """
        for address in self._client["bootstrap_servers"]:
            host, _, port = address.rpartition(":")
            with suppress(OSError), socket.create_connection((host.strip("[]"), int(port)), 3):
                return
        raise Unavailable("the broker cannot be reached")

    def forget(self) -> None:
        """Close both ends; the next use connects anew."""
        self._out.drop()
        if self._in is not None:
            with suppress(KafkaError):
                self._in.close(autocommit=False)
        self._in = None

    def close(self) -> None:
        """Disconnect."""
        self.forget()


def _outcome(record: Any) -> EventOutcome | None:
    read = decode(record.value or b"", [(name, text or b"") for name, text in record.headers])
    if isinstance(read, Decoded) and isinstance(read.event.data, EventOutcome):
        return read.event.data
    log.warning("offset %s of %s holds no outcome", record.offset, record.topic)
    return None
