"""kafka-python's clients, which here leave nothing behind where the broker does not answer.

Theirs start a thread before they knock for the first time. Where nobody answers, the constructor
raises and the thread stays: it knocks for as long as the process lives, one more after each try.
Why a connection failed they only log; `LastFault` remembers it, so that we can say what to do.
A connection that is reset at the wrong moment ended their asking for metadata for good; not ours.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    RequestTimedOutError,
)
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

#: Seconds after which a failed connection explains nothing any more.
_FRESH = 60.0
_TOLD_LITTLE = (KafkaTimeoutError, RequestTimedOutError)

#: What a socket gave, and what broke it.
Received = tuple[bytes, Exception | None]


class Admin(KafkaAdminClient):  # type: ignore[misc]  # kafka-python tells no types
    """Asks for topics and makes them. Raises `KafkaError` where the broker does not answer."""

    def __init__(self, **client: Any) -> None:
        """Connect."""
        try:
            super().__init__(**client)
        except KafkaError:
            _end_thread(self)
            raise


class Consumer(KafkaConsumer):  # type: ignore[misc]
    """Reads topics. Raises `KafkaError` where the broker does not answer."""

    def __init__(self, *topics: str, **client: Any) -> None:
        """Connect."""
        try:
            super().__init__(*topics, **client)
        except KafkaError:
            _end_thread(self)
            raise

    @property
    def manager(self) -> KafkaConnectionManager:
        """Its connections, for questions that kafka-python's consumer does not ask."""
        return self._manager


def _end_thread(client: Any) -> None:
    with suppress(AttributeError):  # it had not come so far
        client._net.stop(timeout_ms=1000)
        client._client.close()


class LastFault:
    """Why the last connection failed, of all clients that share it; nothing after one succeeds."""

    def __init__(self) -> None:
        self._fault: tuple[Exception, float] | None = None

    def note(self, fault: Exception) -> None:
        """Remember why a connection failed; that the time for it was over tells least."""
        if isinstance(fault, _TOLD_LITTLE) and self.fresh() is not None:
            return
        self._fault = (fault, time.monotonic())

    def forget(self, _: object = None) -> None:
        """Note that one was made."""
        self._fault = None

    def fresh(self) -> Exception | None:
        """Return what was noted a short while ago."""
        fault = self._fault
        if fault is None or time.monotonic() - fault[1] > _FRESH:
            return None
        return fault[0]


class Client(KafkaNetClient):  # type: ignore[misc]
    """What stands behind admin, consumer and producer; given to them as `kafka_client`."""

    def __init__(self, *, last: LastFault, **client: Any) -> None:
        net = NetworkSelector(**client)
        super().__init__(net=net, manager=_Manager(net, last, **client))


class _Manager(KafkaConnectionManager):  # type: ignore[misc]
    """Notes of each connection how its beginning ended."""

    def __init__(self, net: NetworkSelector, last: LastFault, **client: Any) -> None:
        super().__init__(net, **client)
        self._last = last

    def get_connection(self, node_id: Any, **options: Any) -> Any:
        known = node_id in self._conns
        connection = super().get_connection(node_id, **options)
        if not known:
            connection.init_future.add_errback(self._last.note)
            connection.init_future.add_callback(self._last.forget)
        return connection

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        """Connect; what breaks the connection is always a `KafkaError`.

        One that is reset just before TLS begins gives kafka-python a bare `OSError`. That is none
        of the faults after which it tries again: it ends the loop that asks for metadata, so the
        client takes a broker that died for the leader until its process ends, and it fails the
        records that were on their way.
        """
        try:
            transport = await super()._build_transport(node, timeout_at=timeout_at)
        except OSError as fault:
            raise KafkaConnectionError(fault) from fault
        transport._sock_recv = _to_the_end(transport._sock_recv)
        return transport


def _to_the_end(receive: Callable[[], Received]) -> Callable[[], Received]:
    """Read first what came before a broker hung up: kafka-python drops it, and so why it did."""
    later: list[Exception] = []

    def read() -> Received:
        if later:
            return b"", later[0]
        data, fault = receive()
        if data and fault is not None:
            later.append(fault)
            fault = None
        return data, fault

    return read
