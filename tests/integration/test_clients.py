"""Clients of the broker leave nothing running behind."""

import threading
from collections.abc import Callable

import pytest
from kafka.errors import KafkaError

from events.accounts import Accounts, NoRightsKept
from events.clients import Admin, Consumer
from partygrid.embedded.ports import free_port


@pytest.mark.parametrize("client", [Admin, Consumer], ids=["admin", "consumer"])
def test_where_nobody_answers_no_thread_goes_on_knocking(client: Callable[..., object]) -> None:
    before = threading.active_count()
    for _ in range(3):
        with pytest.raises(KafkaError):
            client(bootstrap_servers=f"127.0.0.1:{free_port()}", bootstrap_timeout_ms=200)
    assert threading.active_count() == before


def test_the_broker_that_comes_along_has_no_accounts(broker: str) -> None:
    before = threading.active_count()
    with pytest.raises(NoRightsKept, match="lets anybody in"):
        Accounts({"bootstrap_servers": broker}, "SCRAM-SHA-512")
    assert threading.active_count() == before
