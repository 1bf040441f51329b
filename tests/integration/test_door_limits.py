"""So many a minute: by app and door, and by address for what proves nothing. On the real server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from partygrid.embedded.ports import free_port
from partygrid.settings import Settings
from tests.integration.door_rig import KEY, NOON, POLICY, DoorRig, door_rig, signed, told
from tests.integration.test_door_server import listening
from web.envelopes import BATCH

STRUCTURED = "application/cloudevents+json"
#: So that a test needs few requests.
FEW = {
    "posts_a_minute": 4,
    "evidence_a_minute": 2,
    "identities_a_minute": 3,
    "reads_a_minute": 5,
    "failures_a_minute": 6,
}


class Site:
    """A door that listens, and apps that ask it."""

    def __init__(self, rig: DoorRig, client: httpx.Client) -> None:
        self.rig, self._client = rig, client

    def ask(self, method: str, path: str, token: str | None = "", **more: Any) -> httpx.Response:
        """Ask with the usual token, another, or none."""
        headers = dict(more.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token or self.rig.token}"
        return self._client.request(method, path, headers=headers, **more)

    def post(self, body: Any, token: str | None = "", kind: str = STRUCTURED) -> httpx.Response:
        """Post an event or a batch."""
        headers = {"Content-Type": kind}
        return self.ask("POST", "/events", token, content=json.dumps(body), headers=headers)

    def from_address(self, address: str, token: str | None) -> httpx.Response:
        """Ask through a proxy on this machine, for a caller from elsewhere."""
        return self.ask("GET", "/events/x", token, headers={"X-Forwarded-For": address})


@contextmanager
def site(database_url: str, folder: Path, **limits: int) -> Iterator[Site]:
    limited = POLICY.limits.model_copy(update=FEW | limits)
    policy = POLICY.model_copy(update={"limits": limited})
    settings = Settings(home=folder, http_port=free_port())
    with (
        door_rig(database_url, folder, policy=policy) as rig,
        listening(rig.app, settings) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        yield Site(rig, client)


@pytest.fixture
def few(database_url: str, tmp_path: Path) -> Iterator[Site]:
    with site(database_url, tmp_path) as one:
        yield one


def is_limited(answer: httpx.Response, code: str = "rate_limited") -> None:
    assert (answer.status_code, answer.json()["code"]) == (429, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_each_door_has_a_limit_of_its_own(few: Site) -> None:
    for number in range(FEW["posts_a_minute"]):
        assert few.post(told(event_id=f"e{number}")).status_code == 202
    is_limited(few.post(told(event_id="e-more")))
    for _ in range(FEW["evidence_a_minute"]):
        assert few.ask("POST", "/evidence", content="说明".encode()).status_code == 201
    is_limited(few.ask("POST", "/evidence", content="说明".encode()))
    for _ in range(FEW["identities_a_minute"]):
        assert few.ask("POST", "/identities", json={"name": "样例"}).status_code == 201
    is_limited(few.ask("POST", "/identities", json={"name": "样例"}))
    for _ in range(FEW["reads_a_minute"]):
        assert few.ask("GET", "/events/e0").status_code == 200
    is_limited(few.ask("GET", "/events/e0"))
    assert len(few.rig.outbox()) == FEW["posts_a_minute"]
    assert len(few.rig.rows("SELECT 1 FROM identities")) == FEW["identities_a_minute"]


def test_one_apps_haste_is_not_anothers(few: Site) -> None:
    other = few.rig.issue(source="app/other")
    for number in range(FEW["posts_a_minute"] + 2):
        few.post(told(event_id=f"e{number}"))
    assert few.post(told(), other).status_code == 202
    assert few.post(signed(), None).status_code == 202


def test_a_batch_counts_each_of_its_events_and_tells_when_to_come_again(few: Site) -> None:
    answer = few.post([told(event_id=f"e{n}") for n in range(6)], kind=BATCH)
    assert [one["status"] for one in answer.json()] == [202] * 4 + [429] * 2
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert len(few.rig.outbox()) == 4


NOBODYS = "pgt_0123456789abcdef_" + "A" * 43


def test_who_proves_nothing_too_often_is_not_heard(few: Site) -> None:
    """Not even with the right token, where nobody knew it before: it may have been found."""
    for _ in range(FEW["failures_a_minute"]):
        assert few.ask("GET", "/events/x", NOBODYS).status_code == 401
    is_limited(few.ask("GET", "/events/x", NOBODYS), "too_many_failures")
    is_limited(few.ask("GET", "/events/x"), "too_many_failures")
    is_limited(few.post(signed(), None), "too_many_failures")
    is_limited(few.ask("POST", "/identities", NOBODYS, json={"name": "x"}), "too_many_failures")
    assert few.ask("GET", "/health", None).status_code == 200
    assert few.ask("GET", "/openapi.json", None).status_code == 200


def test_an_app_at_work_is_heard_whoever_else_tries_from_its_address(few: Site) -> None:
    assert few.post(told()).status_code == 202
    for _ in range(FEW["failures_a_minute"] + 1):
        few.ask("GET", "/events/x", NOBODYS)
    is_limited(few.ask("GET", "/events/x", NOBODYS), "too_many_failures")
    assert few.ask("GET", "/events/e1").status_code == 200


def test_a_revoked_token_is_good_no_longer(few: Site) -> None:
    token = few.rig.issue(source="app/other")
    assert few.post(told(), token).status_code == 202
    few.rig.db.execute("UPDATE app_tokens SET revoked_at = %s WHERE source = 'app/other'", (NOON,))
    answers = [few.post(told(), token).status_code for _ in range(FEW["failures_a_minute"] + 2)]
    assert answers == [401] * FEW["failures_a_minute"] + [429] * 2


def test_unproved_events_of_a_batch_count_one_by_one(few: Site) -> None:
    foreign = [signed(event_id=f"s{n}", changed={"signature": "A" * 86 + "=="}) for n in range(6)]
    answer = few.post(foreign, None, kind=BATCH)
    assert {one["status"] for one in answer.json()} == {401}
    is_limited(few.post(signed(key=KEY), None), "too_many_failures")


def test_each_address_by_itself_as_the_proxy_tells_it(few: Site) -> None:
    for _ in range(FEW["failures_a_minute"]):
        assert few.from_address("192.0.2.1", NOBODYS).status_code == 401
    is_limited(few.from_address("192.0.2.1", NOBODYS), "too_many_failures")
    assert few.from_address("192.0.2.2", NOBODYS).status_code == 401
    for number in range(FEW["failures_a_minute"]):
        assert few.from_address(f"2001:db8::{number}", NOBODYS).status_code == 401
    is_limited(few.from_address("2001:db8::ffff", NOBODYS), "too_many_failures")


def test_whoever_is_no_proxy_is_not_believed(database_url: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, http_port=free_port(), http_proxies="192.0.2.99")
    limited = POLICY.limits.model_copy(update=FEW)
    with (
        door_rig(
            database_url, tmp_path, policy=POLICY.model_copy(update={"limits": limited})
        ) as rig,
        listening(rig.app, settings) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        one = Site(rig, client)
        for number in range(FEW["failures_a_minute"]):
            assert one.from_address(f"192.0.2.{number}", NOBODYS).status_code == 401
        is_limited(one.from_address("192.0.2.77", NOBODYS), "too_many_failures")
