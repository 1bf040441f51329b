"""The broker that comes along, held to what the engine relies on."""

import pytest
from kafka import KafkaProducer

from events.consumer import ShardConsumer
from tests.contract.brokers import REPORTS, TOO_LARGE, BrokerContract, Sent, read, write


class TestTansu(BrokerContract):
    """Tansu, in memory, a new one for each test."""

    @pytest.fixture
    def address(self, fresh_broker: str) -> str:
        return fresh_broker

    def test_a_record_that_is_too_large_is_refused_and_stops_nobody(
        self, producer: KafkaProducer, reader: ShardConsumer
    ) -> None:
        """Tansu cannot keep this: it knows no largest record, and takes and gives whatever comes.

        Nothing is put aside as unpublishable there; that a large record stops nobody holds.
        """
        for value in (b"before", b"x" * TOO_LARGE, b"after"):
            write(producer, REPORTS, 0, Sent(value))
        found = read(reader, REPORTS, 0, 3)
        assert [len(record.value) for record in found] == [6, TOO_LARGE, 5]
