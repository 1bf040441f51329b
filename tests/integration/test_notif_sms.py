"""SMS, against a real HTTP server that is slow, lies, hangs up, or has a bad moment."""

import json
from threading import Event

import pytest

from notifications.channels import Failed, Outcome, Sent, Unknown
from notifications.notice import NoticeKind
from notifications.render import render
from notifications.sms import SmsChannel, SmsGateway
from notifications.wording import Language
from partygrid.embedded.ports import free_port
from tests.integration.notif_servers import Answer, gateway
from tests.notifying import LETTERHEAD, notice

SAID = render(notice(), Language.ZH, letterhead=LETTERHEAD)


def send(url: str, *, timeout: float = 5, key: str = "send-1") -> Outcome:
    channel = SmsChannel(
        SmsGateway(
            url=url,
            signature="青山镇",
            token="secret",
            template="T-ANY",
            templates={NoticeKind.CHECK_REQUESTED: "T-CHECK"},
            passing=frozenset({"BUSY"}),
            timeout=timeout,
        )
    )
    try:
        return channel.send("13800000000", SAID, key=key)
    finally:
        channel.close()


def test_a_message_is_posted_with_what_is_registered() -> None:
    with gateway() as server:
        assert send(server.url) == Sent("m-1")
    (request,) = server.requests
    assert request.body == {
        "to": "13800000000",
        "signature": "青山镇",
        "template": "T-CHECK",
        "text": SAID.sms,
    }
    assert request.headers["idempotency-key"] == "send-1"
    assert request.headers["authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(Answer(500), Failed("http_500", retry=True), id="bad moment"),
        pytest.param(Answer(429), Failed("http_429", retry=True), id="too many"),
        pytest.param(Answer(400), Failed("http_400", retry=False), id="our fault"),
        pytest.param(Answer(302), Failed("http_302", retry=False), id="moved"),
        pytest.param(Answer(504), Unknown("http_504"), id="proxy lost it"),
        pytest.param(
            Answer(200, b'{"code": "NO_TEMPLATE"}'),
            Failed("gateway_NO_TEMPLATE", retry=False),
            id="200 that says no",
        ),
        pytest.param(
            Answer(200, b'{"code": "BUSY"}'), Failed("gateway_BUSY", retry=True), id="200, later"
        ),
        pytest.param(Answer(200, b"<html>"), Unknown("answer_not_json"), id="200 that says what?"),
        pytest.param(Answer(200, b"[1]"), Unknown("answer_without_code"), id="200 without a code"),
        pytest.param(Answer(200, b'{"code": 0}'), Sent(None), id="a number as code"),
    ],
)
def test_an_answer_is_judged_by_what_it_says(answer: Answer, outcome: Outcome) -> None:
    with gateway(answer) as server:
        assert send(server.url) == outcome


def test_a_hang_up_after_reading_is_unknown() -> None:
    with gateway(Answer(hang_up=True)) as server:
        outcome = send(server.url)
    assert isinstance(outcome, Unknown)
    assert len(server.requests) == 1


def test_silence_after_reading_is_unknown() -> None:
    forever = Event()
    with gateway(Answer(wait=forever)) as server:
        outcome = send(server.url, timeout=0.2)
        forever.set()
    assert outcome == Unknown("no_answer:ReadTimeout")
    assert len(server.requests) == 1


def test_no_gateway_is_a_failure_that_may_pass() -> None:
    outcome = send(f"http://127.0.0.1:{free_port()}/send", timeout=1)
    assert isinstance(outcome, Failed)
    assert outcome.retry


@pytest.mark.parametrize("code", ["bad number 13800000000", "BAD-13800000000", "号码错误"])
def test_no_reason_repeats_what_may_be_a_number(code: str) -> None:
    with gateway(Answer(200, json.dumps({"code": code}).encode())) as server:
        outcome = send(server.url)
    assert outcome == Failed("gateway_refused", retry=False)
