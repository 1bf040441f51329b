"""Reaching the broker: client settings, topics and their ids."""

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from kafka.admin import NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from events.away import away
from events.clients import Admin
from events.contract.registry import INBOUND_TOPICS, RESTRICTED_PREFIX, Topic
from events.security import Security
from partygrid.settings import Settings

#: How long the broker may take to answer a question about topics.
_ANSWER_WITHIN_MS = 5000

#: Every topic that exists from the start, beside those of townships and apps.
OWN_TOPICS = (*INBOUND_TOPICS, str(Topic.DEAD_LETTERS), str(Topic.AUDIT_SEALS))


def client_settings(settings: Settings, bootstrap: str) -> dict[str, Any]:
    """Return what every client of ours connects with."""
    return {
        **Security.of(settings).client(bootstrap),
        "reconnect_backoff_max_ms": 2000,
        "bootstrap_timeout_ms": 5000,
    }


class Broker:
    """Topics of the installation, as the broker knows them."""

    def __init__(self, client: Mapping[str, Any], *, partitions: int, replication: int) -> None:
        """Connect at the first question."""
        self._client, self._partitions, self._replication = client, partitions, replication
        self._admin: Admin | None = None
        # The engine's loop and its relay ask from two threads.
        self._one_at_a_time = threading.Lock()

    def ensure(self, topics: Iterable[str]) -> None:
        """Create the topics that are missing. Raises `Unavailable`."""
        try:
            with self._one_at_a_time:
                self._create_missing(set(topics))
        except TopicAlreadyExistsError:
            return
        except KafkaError as fault:
            self.close()
            raise away(self._client, fault) from fault

    def _create_missing(self, topics: set[str]) -> None:
        admin = self._connected()
        missing = sorted(topics - set(admin.list_topics()))
        if missing:
            admin.create_topics([self._new(name) for name in missing])

    def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        """Return topic → id: another id under the same name means the broker lost its log.

        A topic that is not there, or that we may not see, is left out. Raises `Unavailable`.
        """
        try:
            with self._one_at_a_time:
                found = self._connected().describe_topics(list(topics))
        except KafkaError as fault:
            self.close()
            raise away(self._client, fault) from fault
        return {
            str(one["name"]): str(one["topic_id"]) for one in found if not one.get("error_code")
        }

    def close(self) -> None:
        """Disconnect; the next question connects again."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None

    def _connected(self) -> Admin:
        if self._admin is None:
            self._admin = Admin(**self._client, request_timeout_ms=_ANSWER_WITHIN_MS)
        return self._admin

    def _new(self, name: str) -> NewTopic:
        plain = name.removeprefix(RESTRICTED_PREFIX)
        inbound = plain in set(INBOUND_TOPICS)
        return NewTopic(
            name=name,
            num_partitions=self._partitions if inbound else 1,
            replication_factor=self._replication,
        )
