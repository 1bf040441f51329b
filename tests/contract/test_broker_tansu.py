"""The broker that comes along, held to what the engine relies on."""

from typing import Any

import pytest

from events.broker import Broker
from events.consumer import ShardConsumer
from tests.contract.brokers import REPORTS, TOO_LARGE, BrokerContract, read, write_carefully


class TestTansu(BrokerContract):
    """Tansu, in memory, a new one for each test."""

    @pytest.fixture
    def address(self, fresh_broker: str) -> str:
        return fresh_broker

    def test_a_record_that_is_too_large_is_refused_and_stops_nobody(
        self, broker: Broker, client: dict[str, Any], reader: ShardConsumer
    ) -> None:
        """Tansu cannot keep this: it knows no largest record, and takes and gives whatever comes.

        Nothing is put aside as unpublishable there; that a large record stops nobody holds.
        """
        write_carefully(client, b"before", b"x" * TOO_LARGE, b"after")
        found = read(reader, REPORTS, 0, 3)
        assert [len(record.value) for record in found] == [6, TOO_LARGE, 5]
