"""Writing records in their order, whatever the broker refuses of them.

After any refusal kafka-python's idempotent producer fails everything that follows, and what lay
beside the refused record, with the same word. So after a refusal a new one is made, and each
record that failed is asked about alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from kafka import KafkaProducer
from kafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)

#: What no second try can mend.
FOR_GOOD = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidTopicError)
#: What is said of a record, and not of the broker. The last one an operator can mend.
REFUSALS = (*FOR_GOOD, TopicAuthorizationFailedError)


class Record(NamedTuple):
    """A record as it is written."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    #: None: where the key belongs
    partition: int | None = None
    timestamp_ms: int | None = None


#: A `RecordMetadata`, or a `KafkaError` why there is none; kafka-python tells no types.
Told = Any


class Writer:
    """A careful producer, connected at first need and anew after any trouble."""

    def __init__(
        self,
        client: Mapping[str, Any],
        *,
        flush_seconds: float,
        **options: Any,
    ) -> None:
        """Connect later; `options` are kafka-python's."""
        self._client, self._options = client, options
        self._flush_seconds = flush_seconds
        self._producer: KafkaProducer | None = None

    @property
    def connected(self) -> bool:
        """Tell whether it has a producer that it trusts."""
        return self._producer is not None

    def connect(self) -> KafkaProducer:
        """Return the producer. Raises `KafkaError` where nobody answers."""
        if self._producer is None:
            self._producer = KafkaProducer(
                **self._client, acks="all", enable_idempotence=True, **self._options
            )
        return self._producer

    def write(self, records: Sequence[Record]) -> list[Told]:
        """Write records; return for each where it lies, or why it is not known to be written.

        Raises `KafkaError` where the broker does not answer; some may be written then too.
        """
        told = self._write_together(records)
        for number, one in enumerate(told):
            if isinstance(one, REFUSALS):
                (told[number],) = self._write_together(records[number : number + 1])
        return told

    def _write_together(self, records: Sequence[Record]) -> list[Told]:
        try:
            producer = self.connect()
            keep_in_view(producer, {record.topic for record in records})
            futures = _hand_over_all(producer, records)
        except KafkaError:
            self.drop()
            raise
        with suppress(KafkaError):  # what was not acknowledged in time shows below
            producer.flush(timeout=self._flush_seconds)
        told = [_told(future) for future in futures]
        if any(isinstance(one, KafkaError) for one in told):
            self.drop()
        return told

    def drop(self, *, seconds: float = 0) -> None:
        """Disconnect, waiting so long for what is on its way; the next use connects anew."""
        if self._producer is not None:
            with suppress(KafkaError):
                self._producer.close(timeout=seconds)
            self._producer = None


def _hand_over_all(producer: KafkaProducer, records: Iterable[Record]) -> list[Any]:
    """Hand records over; a topic that takes none is asked once, as each asking may take seconds."""
    futures: list[Any] = []
    mute: dict[str, KafkaError] = {}
    for record in records:
        future = mute.get(record.topic) or _hand_over(producer, record)
        if isinstance(future, KafkaError) and not isinstance(future, REFUSALS):
            mute[record.topic] = future
        futures.append(future)
    return futures


def _hand_over(producer: KafkaProducer, record: Record) -> Any:
    try:
        return producer.send(
            record.topic,
            value=record.value,
            key=record.key,
            headers=record.headers,
            partition=record.partition,
            timestamp_ms=record.timestamp_ms,
        )
    except KafkaError as fault:
        return fault


def _told(future: Any) -> Told:
    if isinstance(future, KafkaError):
        return future
    if not future.is_done:
        return KafkaError("not acknowledged in time")
    fault = future.exception
    if fault is None or isinstance(fault, KafkaError):
        return fault or future.value
    return KafkaError(fault)


def keep_in_view(producer: KafkaProducer, topics: Iterable[str]) -> None:
    """Let a producer ask for these topics each time it asks for any.

    Topics that the broker named at the first contact it otherwise forgets as soon as it asks for
    another one; then it asks for them again and again without a pause, a whole core's worth.
    """
    for topic in topics:
        producer._sender.add_topic(topic)  # the client has no public name for it
