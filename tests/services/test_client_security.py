"""Every client of ours proves itself, tells what to do where it is not let in, and no password."""

import base64
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from events.away import NotLetIn
from events.broker import Broker, client_settings
from events.consumer import ShardConsumer
from events.contract.envelope import Acting
from events.contract.reports import ReportFiled, ReportSource
from events.producer import Producer
from events.relay import Relay
from events.security import Security
from models.keys import SigningKey
from partygrid import bootstrap
from partygrid.check import Verdict
from partygrid.checkup_broker import examine_broker
from partygrid.clock import WallClock
from partygrid.errors import Unavailable
from partygrid.settings import Settings
from tests.rigged import wait_until
from tests.services.apache import Apache, Login
from tests.services.certificates import Authority

PLANTED = "planted-Passw0rd-of-a-test"
PARTITIONS = 2
ACTING = Acting(actor="p-1", role="grid_member", org="330281101201001")
REPORT = ReportFiled(grid="330281101201001", source=ReportSource.GRID_MEMBER, title="路灯不亮")


# --- what is told --------------------------------------------------------------------------------


def refusal(ask: Callable[[], object]) -> str:
    """Return how it is told that we are not let in.

    A client says so only when its time is over, so that is short; where the broker did not even
    answer in it, it is asked again.
    """
    told = list[str]()

    def is_refused() -> bool:
        try:
            ask()
        except NotLetIn as refused:
            told.append(str(refused))
        except Unavailable:
            return False
        return True

    wait_until(is_refused, seconds=60)
    (refused,) = told
    return refused


def wrong_password(settings: Settings, other: Authority) -> Settings:
    return settings.changed(kafka_password=PLANTED)


def no_such_account(settings: Settings, other: Authority) -> Settings:
    return settings.changed(kafka_username="nobody", kafka_password=PLANTED)


def other_mechanism(settings: Settings, other: Authority) -> Settings:
    return settings.changed(kafka_sasl_mechanism="SCRAM-SHA-256")


def other_authority(settings: Settings, other: Authority) -> Settings:
    return settings.changed(kafka_ca_file=other.ca_file)


def other_name(settings: Settings, other: Authority) -> Settings:
    address = settings.address("kafka_bootstrap")
    return settings.changed(kafka_bootstrap=address.replace("127.0.0.1", "localhost"))


def no_such_file(settings: Settings, other: Authority) -> Settings:
    return settings.changed(kafka_ca_file=settings.home / "nowhere.pem")


def strange_certificate(settings: Settings, other: Authority) -> Settings:
    shown = other.certify("stranger")
    return settings.changed(kafka_cert_file=shown.certificate, kafka_key_file=shown.key)


@pytest.mark.parametrize(
    ("faulty", "told"),
    [
        (wrong_password, "PARTYGRID_KAFKA_PASSWORD"),
        (no_such_account, "the account nobody"),
        (other_mechanism, "PARTYGRID_KAFKA_SASL_MECHANISM"),
        (other_authority, "PARTYGRID_KAFKA_CA_FILE"),
        (other_name, "made for another name"),
        (no_such_file, "cannot be read"),
        (strange_certificate, "PARTYGRID_KAFKA_CERT_FILE"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_who_is_not_let_in_is_told_what_to_do(
    kafka: Apache, tmp_path: Path, faulty: Callable[[Settings, Authority], Settings], told: str
) -> None:
    settings = faulty(kafka.settings(tmp_path), Authority(tmp_path / "other", "another"))
    client = client_settings(settings, settings.address("kafka_bootstrap"))
    client["bootstrap_timeout_ms"] = 2000
    broker = Broker(client, partitions=PARTITIONS, replication=1)
    refused = refusal(lambda: broker.ensure(["grid.reports"]))
    assert told in refused
    assert PLANTED not in refused
    (found,) = examine_broker(settings)
    assert found.verdict is Verdict.ILL
    assert told in found.told
    assert PLANTED not in found.told + found.todo


def test_the_name_is_not_asked_where_an_operator_says_so(kafka: Apache, tmp_path: Path) -> None:
    settings = other_name(kafka.settings(tmp_path, kafka_check_hostname=False), Authority(tmp_path))
    broker = Broker(
        client_settings(settings, settings.address("kafka_bootstrap")),
        partitions=PARTITIONS,
        replication=1,
    )
    with closing(broker):
        assert broker.topic_ids(["grid.reports"]) == {}


def test_a_certificate_of_the_authority_is_shown(kafka: Apache, tmp_path: Path) -> None:
    shown = kafka.authority.certify("partygrid")
    settings = kafka.settings(tmp_path, kafka_cert_file=shown.certificate, kafka_key_file=shown.key)
    broker = Broker(
        client_settings(settings, kafka.bootstrap), partitions=PARTITIONS, replication=1
    )
    with closing(broker):
        assert broker.topic_ids(["grid.reports"]) == {}


# --- every client --------------------------------------------------------------------------------


def ask_consumer(client: Mapping[str, Any], url: str) -> None:
    with closing(ShardConsumer(client, group="wrong", fetch_wait_ms=20)) as consumer:
        consumer.poll(wait_ms=100, at_most=1)


def ask_relay(client: Mapping[str, Any], url: str) -> None:
    with bootstrap.connected(url) as db:
        db.execute(
            "INSERT INTO outbox (shard, topic, key, source, event_id, value, created_at, partition)"
            " VALUES (0, 'grid.reports', '330281101', 's', 'e', '', now(), -1)"
        )
        db.commit()
    broker = Broker(client, partitions=PARTITIONS, replication=1)
    relay = Relay(
        lambda: bootstrap.connect(url), client, broker, partitions=PARTITIONS, clock=WallClock()
    )
    with closing(broker), closing(relay):
        relay.publish_all([0])


@pytest.mark.parametrize("ask", [ask_consumer, ask_relay])
def test_each_client_tells_it(
    kafka: Apache, database_url: str, ask: Callable[[Mapping[str, Any], str], None]
) -> None:
    client = kafka.client(Login("admin", PLANTED)) | {"bootstrap_timeout_ms": 2000}
    refused = refusal(lambda: ask(client, database_url))
    assert "PARTYGRID_KAFKA_PASSWORD" in refused
    assert PLANTED not in refused


def test_an_apps_producer_tells_it_and_goes_on_once_it_is_mended(
    kafka: Apache, tmp_path: Path
) -> None:
    kafka.fresh_topics(PARTITIONS)
    right = Security(
        username=kafka.admin.user,
        password=kafka.admin.password,
        ca_file=kafka.authority.ca_file,
    )
    key, wrong = SigningKey.generate(), replace(right, password=PLANTED)
    assert PLANTED not in repr(wrong)

    def app(security: Security) -> Producer:
        return Producer(
            "app/branch-1", key, bootstrap=kafka.bootstrap, folder=tmp_path, security=security
        )

    with closing(app(wrong)) as producer:
        producer.send(REPORT, township="330281101", acting=ACTING)
        with pytest.raises(Unavailable, match="`Security`"):
            producer.pump()
        assert "refuse the account admin" in producer.status().fault
        assert PLANTED not in producer.status().fault
    with closing(app(right)) as producer:
        assert producer.pump(wait=timedelta(seconds=1)).published == 1
        assert producer.status().fault == ""


# --- no password anywhere ------------------------------------------------------------------------


@pytest.mark.parametrize("is_right", [True, False], ids=["right", "wrong"])
def test_no_password_is_written_anywhere(
    kafka: Apache, database_url: str, tmp_path: Path, *, is_right: bool
) -> None:
    """Not even where everything is to be logged."""
    kafka.fresh_topics(PARTITIONS)
    login = Login("engine", PLANTED)
    if is_right:
        kafka.add_account(login)
    home = tmp_path / "home"
    settings = kafka.settings(
        home, login, database_url=database_url, partitions=PARTITIONS, log_level="DEBUG"
    )
    policy = bootstrap.policy_of(settings)
    bootstrap.prepare(database_url, settings, policy, WallClock().now())
    written = tmp_path / "written.log"
    # Let in or not, it may do nothing yet and says so.
    expected = "partygrid kafka grant" if is_right else "refuse the account engine"
    with written.open("wb") as out:
        engine = subprocess.Popen(
            (sys.executable, "-m", "partygrid.cli", "engine", "--name", "one"),
            env={"PATH": os.environ["PATH"]} | settings.environment(),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until(lambda: expected in written.read_text(errors="replace"), seconds=60)
        finally:
            engine.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                engine.wait(30)
            engine.kill()
            engine.wait()
    plain = base64.b64encode(f"\0engine\0{PLANTED}".encode())
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        content = file.read_bytes()
        assert PLANTED.encode() not in content, file
        assert plain not in content, file
