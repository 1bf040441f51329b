"""Reaching the broker: client settings, topics and their ids."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import InvalidReplicationFactorError, KafkaError, TopicAlreadyExistsError
from msgspec.structs import replace

from events.away import away
from events.clients import Admin
from events.contract.registry import INBOUND_TOPICS, Topic
from events.layout import Layout, TooFewBrokers, TopicsUnfit
from events.security import Security
from partygrid.embedded.tansu import CLUSTER_ID
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

    def __init__(self, client: Mapping[str, Any], **layout: Any) -> None:
        """Connect at the first question; `layout` is what `Layout` takes."""
        self._client, self._asked_for = client, Layout(**layout)
        self._admin: Admin | None = None
        self._layout = self._asked_for
        self._is_embedded, self._time_is_right = False, False
        # The engine's loop and its relay ask from two threads.
        self._one_at_a_time = threading.Lock()

    def ensure(self, topics: Iterable[str]) -> None:
        """Create the topics that are missing.

        Raises `Unavailable`, and `TopicsUnfit` where inbound topics bear the wrong time.
        """
        with self._asking() as admin:
            self._create_missing(admin, set(topics))
            if not self._time_is_right:
                self._layout.check_time(self._configs(admin, INBOUND_TOPICS))
                self._time_is_right = True

    def arrange(self, topics: Iterable[str]) -> list[str]:
        """Create the topics that are missing, and set those that are there as they are to be.

        Returns the names of those that were set otherwise. Raises `Unavailable`.
        """
        with self._asking() as admin:
            self._create_missing(admin, set(topics))
            found = self._configs(admin, topics)
            wrong = {name: self._layout.differing(name, one) for name, one in found.items()}
            changes = [
                ConfigResource(
                    ConfigResourceType.TOPIC, name, {key: value for key, (_, value) in one.items()}
                )
                for name, one in wrong.items()
                if one
            ]
            if changes:
                self._alter(admin, changes)
            return [change.name for change in changes]

    def _alter(self, admin: Admin, changes: list[ConfigResource]) -> None:
        told = admin.alter_configs(changes).get("topic", {})
        refused = {name: result for name, result in told.items() if result != "OK"}
        for name, result in refused.items():
            raise TopicsUnfit(f"The brokers do not let {name} be set: {result}")

    def configs(self, topics: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return topic → how it is set, of those that are there.

        The broker that comes along repeats what it was told and does otherwise: of it, nothing.
        Raises `Unavailable`.
        """
        with self._asking() as admin:
            return self._configs(admin, topics)

    def _configs(self, admin: Admin, topics: Iterable[str]) -> dict[str, dict[str, str]]:
        if self._is_embedded:
            return {}
        there = sorted(set(topics) & set(admin.list_topics()))
        if not there:
            return {}
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in there]
        told = admin.describe_configs(asked, config_filter="all")["topic"]
        return {
            name: {key: str(one["value"]) for key, one in configs.items()}
            for name, configs in told.items()
        }

    @property
    def layout(self) -> Layout:
        """How topics are laid out here; the broker that comes along has one copy of each."""
        return self._layout

    @property
    def is_embedded(self) -> bool:
        """Tell whether it said, when it was asked last, that it is the one that comes along."""
        return self._is_embedded

    @contextmanager
    def _asking(self) -> Iterator[Admin]:
        """Give the client to one thread at a time. Raises what operators understand."""
        try:
            with self._one_at_a_time:
                yield self._connected()
        except InvalidReplicationFactorError as fault:
            copies = self._layout.replication
            raise TooFewBrokers(
                f"Kafka has too few brokers for {copies} copies of each topic: start the others,"
                " or set PARTYGRID_KAFKA_REPLICATION and PARTYGRID_KAFKA_MIN_INSYNC"
            ) from fault
        except KafkaError as fault:
            self.close()
            raise away(self._client, fault) from fault

    def _create_missing(self, admin: Admin, topics: set[str]) -> None:
        missing = sorted(topics - set(admin.list_topics()))
        if missing:
            with suppress(TopicAlreadyExistsError):  # somebody else was quicker
                admin.create_topics([self._layout.new(name) for name in missing])

    def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        """Return topic → id: another id under the same name means the broker lost its log.

        A topic that is not there, or that we may not see, is left out. Raises `Unavailable`.
        """
        return {name: str(one["topic_id"]) for name, one in self.described(topics).items()}

    def described(self, topics: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        """Return what kafka-python tells of those topics that are there. Raises `Unavailable`."""
        with self._asking() as admin:
            found = admin.describe_topics(list(topics))
        return {str(one["name"]): one for one in found if not one.get("error_code")}

    def close(self) -> None:
        """Disconnect; the next question connects again."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None

    def _connected(self) -> Admin:
        if self._admin is None:
            self._admin = Admin(**self._client, request_timeout_ms=_ANSWER_WITHIN_MS)
            self._is_embedded = self._admin.describe_cluster()["cluster_id"] == CLUSTER_ID
            one_copy = replace(self._asked_for, replication=1, min_insync=1)
            self._layout = one_copy if self._is_embedded else self._asked_for
            self._time_is_right = False
        return self._admin
