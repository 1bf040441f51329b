"""Chat groups and webhooks through apprise, against a real HTTP server."""

import pytest

from notifications.channels import Failed, Sent
from notifications.chat import ChatChannel
from notifications.render import render
from notifications.wording import Language
from partygrid.embedded.ports import free_port
from tests.integration.notif_servers import Answer, gateway
from tests.notifying import LETTERHEAD, notice

# Python's own module, which apprise only tries to import.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

SAID = render(notice(), Language.ZH, letterhead=LETTERHEAD)


def test_a_webhook_gets_subject_and_text() -> None:
    with gateway() as server:
        address = server.url.replace("http://", "json://")
        assert ChatChannel().send(address, SAID, key="k") == Sent()
    (request,) = server.requests
    assert request.body["title"] == SAID.subject
    assert SAID.text.strip() in request.body["message"]


def test_a_refusal_may_pass() -> None:
    with gateway(Answer(500)) as server:
        outcome = ChatChannel().send(server.url.replace("http://", "json://"), SAID, key="k")
    assert outcome == Failed("not_taken", retry=True)


def test_no_server_may_pass() -> None:
    outcome = ChatChannel().send(f"json://127.0.0.1:{free_port()}/", SAID, key="k")
    assert outcome == Failed("not_taken", retry=True)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("syslog://localhost", "service_not_allowed"),
        ("mailto://a:b@town.example", "service_not_allowed"),
        ("nonsense", "service_not_allowed"),
        ("wecombot://", "bad_address"),
    ],
)
def test_only_known_services_are_spoken_to(address: str, reason: str) -> None:
    assert ChatChannel().send(address, SAID, key="k") == Failed(reason, retry=False)
