"""Connections that are reset before TLS begins, as a broker that dies resets them: tried again."""

import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import kafka.net.manager
import pytest
from kafka import KafkaProducer

from partygrid.embedded.ports import LOOPBACK
from tests.services.apache import Apache

TOPIC = "grid.reports"
#: A close with this throws away what was not sent, and resets the connection.
AT_ONCE = struct.pack("ii", 1, 0)


def reset_connection() -> socket.socket:
    """Return a connection whose other side has reset it, which its next use will show."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        ours = socket.create_connection(listening.getsockname())
        theirs, _ = listening.accept()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        theirs.close()
    ours.setblocking(False)
    return ours


class Resets:
    """Stands where kafka-python connects, and gives it so many reset connections first."""

    def __init__(self, times: int) -> None:
        self.left = times
        self._connect = kafka.net.manager.create_connection

    async def __call__(self, *where: Any, **options: Any) -> Any:
        if self.left:
            self.left -= 1
            return reset_connection()
        return await self._connect(*where, **options)


@pytest.fixture
def producer(kafka: Apache) -> Iterator[KafkaProducer]:
    """A producer that has heard of the broker, and has no connection to it yet."""
    kafka.fresh_topics(1)
    settled = kafka.client() | {"enable_idempotence": False, "max_block_ms": 20_000}
    with closing(KafkaProducer(**settled)) as one:
        yield one


def test_a_client_asks_on_for_metadata_after_resets(
    producer: KafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    resets = Resets(3)
    monkeypatch.setattr("kafka.net.manager.create_connection", resets)
    written = producer.send(TOPIC, b"{}", partition=0).get(timeout=20)
    assert (resets.left, written.offset) == (0, 0)
