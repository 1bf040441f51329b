"""Apache Kafka, secured, held to what the engine relies on in a broker. It keeps every promise."""

from typing import Any

import pytest

from tests.contract.brokers import BrokerContract
from tests.services.apache import Apache


class TestApache(BrokerContract):
    """One node with TLS, accounts and rights; empty for each test."""

    @pytest.fixture
    def address(self, kafka: Apache) -> str:
        return kafka.bootstrap

    @pytest.fixture
    def client(self, kafka: Apache, address: str) -> dict[str, Any]:
        return kafka.client()
