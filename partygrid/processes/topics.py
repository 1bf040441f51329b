"""Keeping the topics of a broker that forgets them: the one that comes along, in memory.

When it restarts it has no topics, and the first client that asks for one makes it appear with four
partitions, whatever that client was told. A shard is a partition, so such topics are made anew:
what was written into them meanwhile has no outcome and is sent again, like everything else that
the broker forgot.
"""

import logging
from collections.abc import Mapping
from typing import Any

from kafka.errors import KafkaError

from events.away import away
from events.broker import OWN_TOPICS
from events.clients import Admin
from events.contract.registry import INBOUND_TOPICS
from partygrid.adapters import broker_of, client_of
from partygrid.settings import Settings

log = logging.getLogger(__name__)

#: Clients ask again within a tenth of a second, so now and then one is quicker than we are.
_TRIES = 20


class TopicKeeper:
    """Looks after the topics over connections of its own."""

    def __init__(self, settings: Settings, *, anew: bool) -> None:
        """`anew` lets it delete topics: never for a broker that keeps events."""
        self._client, self._partitions, self._anew = client_of(settings), settings.partitions, anew
        self._broker = broker_of(settings)
        self._admin: Admin | None = None

    def look(self) -> None:
        """Create what is missing; make anew what has another number of partitions.

        Raises `Unavailable`.
        """
        self._broker.ensure(OWN_TOPICS)
        if not self._anew:
            return
        try:
            self._make_anew()
        except (KafkaError, OSError) as fault:
            self._close_admin()
            raise away(self._client, fault) from fault

    def _make_anew(self) -> None:
        if self._admin is None:
            self._admin = Admin(**self._client)
        for _ in range(_TRIES):
            wrong = self._wrong(self._admin)
            for name in wrong:
                log.info("topic %s is made anew with %s partitions", name, self._partitions)
                self._admin.delete_topics([name], raise_errors=False)
                self._broker.ensure([name])
            if not wrong:
                return

    def _wrong(self, admin: Admin) -> list[str]:
        told: list[Mapping[str, Any]] = admin.describe_topics(list(INBOUND_TOPICS))
        return [
            str(topic["name"]) for topic in told if len(topic["partitions"]) != self._partitions
        ]

    def _close_admin(self) -> None:
        if self._admin is not None:
            self._admin.close()
            self._admin = None

    def close(self) -> None:
        """Disconnect."""
        self._close_admin()
        self._broker.close()
