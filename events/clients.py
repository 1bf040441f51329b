"""kafka-python's clients, which here leave nothing behind where the broker does not answer.

Theirs start a thread before they knock for the first time. Where nobody answers, the constructor
raises and the thread stays: it knocks for as long as the process lives, one more after each try.
"""

from contextlib import suppress
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.errors import KafkaError


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


def _end_thread(client: Any) -> None:
    with suppress(AttributeError):  # it had not come so far
        client._net.stop(timeout_ms=1000)
        client._client.close()
