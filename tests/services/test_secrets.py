"""Secrets planted in an installation that works, fails and is asked: they are found nowhere.

Looked at are all logs, what commands say, what the door answers, metrics, arguments of processes,
everything Prefect keeps, and of Kafka's records all but the values of those that carry words.
"""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import psutil
import psycopg
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from events.contract.envelope import Acting
from events.contract.registry import INBOUND_TOPICS
from events.contract.reports import ReportFiled, ReportSource
from events.producer import Producer
from models.keys import SigningKey
from models.notices import AddresseeKind, ChannelName
from notifications.addresses import AddressBook, Owner
from partygrid.adapters import pool_of
from partygrid.embedded.postgres import Postgres
from partygrid.keyring import Keyring
from partygrid.processes.office import SEAL_EVERY
from partygrid.settings import Settings
from tests.acceptance.at_work import GRID, PERSON, Worked, bypass, post, put_to_work, report
from tests.acceptance.commands import Up, run, until, up
from tests.acceptance.filling import everywhere, looking

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

#: Distinctive, so that each is found wherever it leaks; words and names cannot be taken for code.
DATABASE, KAFKA, SMTP, SMS_TOKEN = "pgSecretQ7", "kafkaSecretQ7", "smtpSecretQ7", "smsSecretQ7"
SMS_PATH, WEBHOOK, BAD_WEBHOOK = "gatewaySecretQ7", "webhookSecretQ7", "unreadableSecretQ7"
NAME, MOBILE = "甄保密", "13900009977"
WORDS, TITLE = "井边老槐树下的秘密", "无人知晓的题目"
CHANNELS = {
    ChannelName.CHAT: f"json://127.0.0.1:9/{WEBHOOK}",
    ChannelName.SMS: MOBILE,
    ChannelName.MAIL: "nobody-q7@example.invalid",
}


class Scene(NamedTuple):
    """An installation after all of it."""

    one: Up
    worked: Worked
    #: what is secret, by what it is
    secrets: dict[str, str]
    #: what was said to those who asked
    said: list[str]


def planted(url: str) -> dict[str, str]:
    """Settings full of secrets; the servers that notices go to are not there."""
    with_password = make_url(url).set(password=DATABASE).render_as_string(hide_password=False)
    return {
        "DATABASE_URL": with_password.replace("+psycopg", ""),
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": "9",
        "SMTP_USER": "partygrid",
        "SMTP_PASSWORD": SMTP,
        "SMS_GATEWAY_URL": f"http://127.0.0.1:9/{SMS_PATH}?key={SMS_PATH}",
        "SMS_TOKEN": SMS_TOKEN,
        "LOG_LEVEL": "DEBUG",
        "SHIFT_LENGTH": "5",
    }


@pytest.fixture(scope="module")
def scene(postgres: Postgres, server_folder: Path) -> Iterator[Scene]:
    postgres.create_database("planted")
    home, settings = server_folder / "planted", planted(postgres.url("planted"))
    with up(home, seconds=180, **settings) as one:
        worked = put_to_work(one, server_folder / "planted-files", words=WORDS, title=TITLE)
        said: list[str] = []
        key = SigningKey.generate()
        hand_identity(one, worked.token, said)
        sign(one, key, server_folder / "planted-spool")
        reach_nobody(one, settings)
        ask_wrongly(one, worked.token, said)
        mistype(one, settings, said)
        yield Scene(one, worked, secrets_of(one, worked.token, key), said)
    postgres.drop_database("planted")


def secrets_of(one: Up, token: str, key: SigningKey) -> dict[str, str]:
    keys = {path.name: path.read_bytes() for path in (one.home / "secrets").glob("*.key")}
    spelled = {name: base64.b64encode(raw).decode() for name, raw in keys.items()}
    spelled |= {
        f"{name} as text": raw.decode().strip() for name, raw in keys.items() if raw.isascii()
    }
    return {
        "database password": DATABASE,
        "broker password": KAFKA,
        "mail password": SMTP,
        "gateway's token": SMS_TOKEN,
        "gateway's address": SMS_PATH,
        "webhook": WEBHOOK,
        "webhook that cannot be read": BAD_WEBHOOK,
        "app's token": token.split("_", 2)[2],
        "app's key": "".join(key.pem().decode().splitlines()[1:-1])[-24:],
        "reporter's name": NAME,
        "reporter's number": MOBILE,
        "free text": WORDS,
        "title": TITLE,
        "Prefect's password": (one.home / "prefect" / "auth").read_text().partition(":")[2],
        **{name: text for name, text in spelled.items() if len(text) > 20},
    }


# --- what is done -------------------------------------------------------------------------------


def hand_identity(one: Up, token: str, said: list[str]) -> None:
    """Hand somebody to the vault, and report under the pseudonym."""
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{one.installation.http_url}/identities"
    kept = httpx.post(url, json={"name": NAME, "mobile": MOBILE}, headers=headers, timeout=30)
    assert kept.status_code == 201, kept.text
    wrong = httpx.post(
        url, json={"name": NAME, "mobile": f"{MOBILE}x"}, headers=headers, timeout=30
    )
    assert wrong.status_code == 422
    told = report("r-vault", title=TITLE, reporter_ref=kept.json()["reporter_ref"])
    answered = post(one, token, told)
    assert answered.status_code == 202, answered.text
    said += [everything_of(answer) for answer in (kept, wrong, answered)]


def everything_of(answer: httpx.Response) -> str:
    return f"{answer.status_code} {dict(answer.headers)} {answer.text}"


def sign(one: Up, key: SigningKey, spool: Path) -> None:
    """Send an event by a key that nobody registered: it becomes a dead letter, words and all."""
    data = ReportFiled(
        grid=GRID, category="06-02", source=ReportSource.GRID_MEMBER, title=TITLE, description=WORDS
    )
    kafka = one.installation.kafka_bootstrap
    with Producer("app/unknown", key, bootstrap=kafka, folder=spool) as producer:
        producer.send(
            data, township=GRID[:9], acting=Acting(actor=PERSON, role="grid_member", org=GRID)
        )
        with looking(one) as db:
            until(
                lambda: db.execute(
                    "SELECT 1 FROM dead_letters WHERE reason = 'unknown_key'"
                ).fetchone(),
                seconds=60,
                what="the unknown key was not noticed",
            )


def reach_nobody(one: Up, given: dict[str, str]) -> None:
    """Send a notice over each channel, to servers that are not there."""
    settings = Settings.model_validate(
        {"home": one.home, "database_url": SecretStr(given["DATABASE_URL"])}
    )
    book, now = AddressBook(Keyring(settings).addresses()), datetime.now(UTC)
    addresses = [*CHANNELS.items(), (ChannelName.CHAT, f"json://:::{BAD_WEBHOOK}@/")]
    with pool_of(settings) as pool, pool.begin() as connection:
        for number, (channel, address) in enumerate(addresses):
            owner = Owner(AddresseeKind.PERSON, f"p-q{number}")
            book.enter(connection, owner, channel, address, now=now, preferred=True)
    with looking(one) as db:
        for number in range(len(addresses)):
            db.execute(_NOTICE, (uuid4(), f"p-q{number}", json.dumps(PARAMS), f"q{number}", now))
        db.execute("SELECT pg_notify('partygrid_notices', '')")
        until(
            lambda: db.execute(_TRIED).fetchone() == (len(addresses),),
            seconds=60,
            what="not every channel was tried",
        )


PARAMS = {"title": "x", "unit": "y"}
_NOTICE = """
INSERT INTO notices (id, shard, township, kind, urgent, discreet, addressee_kind, addressee,
 params, dedup_key, created_at)
VALUES (%s, 0, '990202101', 'task_admitted', true, false, 'person', %s, %s, %s, %s)
"""
_TRIED = """
SELECT count(DISTINCT n.id) FROM notices n JOIN notice_sends s ON s.notice_id = n.id
WHERE n.addressee LIKE 'p-q%%' AND (s.attempts > 0 OR s.state IN ('failed', 'unknown'))
"""


def ask_wrongly(one: Up, token: str, said: list[str]) -> None:
    """Ask the door for what it refuses, and take the database's connections away."""
    bodies = (
        *(f'{{"id": "{WORDS}"', json.dumps({"title": WORDS}), f"[{WORDS}]"),
        *(
            json.dumps(report("w-1", title=TITLE, **wrong))
            for wrong in (
                {"mark": WORDS},
                {"place": {"lon": WORDS}},
                {"evidence": [WORDS]},
                {WORDS: WORDS},
            )
        ),
        json.dumps({**report("w-2", title=TITLE), "type": WORDS}),
        json.dumps({**report("r-plain", title=f"{TITLE}改了")}),
        json.dumps({**report("w-3", title=TITLE), "township": "330281", "actor": NAME}),
    )
    url, kind = f"{one.installation.http_url}/events", "application/cloudevents+json"
    for bearer in (token, f"{token}x", WORDS.encode().hex()):
        headers = {"Authorization": f"Bearer {bearer}", "Content-Type": kind}
        answers = [
            httpx.post(url, content=body.encode(), headers=headers, timeout=30) for body in bodies
        ]
        said += map(everything_of, (*answers, httpx.get(f"{url}/w-9", headers=headers, timeout=30)))
    with looking(one) as db:
        db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    kafka = KafkaProducer(bootstrap_servers=one.installation.kafka_bootstrap)
    odd = [("ce_id", WORDS.encode()), ("ce_type", WORDS.encode()), ("ce_source", NAME.encode())]
    kafka.send("grid.feedback", value=WORDS.encode(), partition=0, headers=odd).get(timeout=30)
    kafka.close(timeout=5)
    said.append(everything_of(httpx.get(f"{one.installation.http_url}/health", timeout=30)))


_SASL = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "KAFKA_SASL_MECHANISM": "PLAIN",
    "KAFKA_USERNAME": "partygrid",
    "KAFKA_PASSWORD": KAFKA,
}
_WRONG: tuple[dict[str, str], ...] = (
    {"DATABASE_URL": f"postgresql://u:{DATABASE}@127.0.0.1:1/db"},
    {"DATABASE_URL": f"postgresql://u:{DATABASE}@127.0.0.1:nope/db"},
    {"DATABASE_URL": f"mysql://u:{DATABASE}@127.0.0.1/db"},
    {"DATABASE_URL": f"postgresql://u:{DATABASE}%zz@127.0.0.1/db", "SMTP_PORT": SMTP},
    {"PREFECT_API_URL": f"http://u:{DATABASE}@127.0.0.1:1/api", "SMTP_SECURITY": SMTP},
    {**_SASL, "KAFKA_BOOTSTRAP": "127.0.0.1:1", "KAFKA_REPLICATION": "1"},
    {**_SASL, "KAFKA_SASL_MECHANISM": KAFKA},
)


def mistype(one: Up, settings: dict[str, str], said: list[str]) -> None:
    """Run commands with settings that are wrong, also where they are to tell all."""
    for wrong in _WRONG:
        for command in (("--debug", "status"), ("doctor",)):
            done = run(one.home, *command, **settings | wrong)
            assert done.returncode != 0 or command == ("doctor",)
            said.append(done.stdout + done.stderr)
    unknown = run(one.home, "case", "show", WORDS, **settings)
    said.append(unknown.stderr.replace(WORDS, ""))  # it is the operator's own


# --- what is looked at --------------------------------------------------------------------------


def spelled(secret: str) -> set[str]:
    """A secret as it may be written somewhere."""
    escaped = json.dumps(secret)[1:-1]
    coded = base64.b64encode(secret.encode()).decode().rstrip("=")[:-2]
    return {secret, escaped, secret.encode().hex(), coded}


def leaks(secrets: dict[str, str], where: str, text: str) -> list[str]:
    return [
        f"{what} in {where}: …{text[max(0, text.index(one) - 80) : text.index(one) + 20]}"
        for what, secret in secrets.items()
        for one in spelled(secret)
        if one in text
    ]


def test_logs_hold_no_secret(scene: Scene) -> None:
    logs = [*scene.one.home.rglob("*.log"), *scene.one.home.glob("logs/*")]
    texts = {path.name: path.read_text(errors="replace") for path in logs}
    assert {"engine-1.log", "office.log", "http.log", "digests.log"} <= texts.keys()
    assert "DEBUG" in texts["engine-1.log"]
    assert any("WARNING" in text for text in texts.values())
    texts["up"] = scene.one.output
    assert [one for name, text in texts.items() for one in leaks(scene.secrets, name, text)] == []


def test_answers_and_commands_say_no_secret(scene: Scene) -> None:
    assert len(scene.said) > 40
    found = [one for n, text in enumerate(scene.said) for one in leaks(scene.secrets, str(n), text)]
    assert found == []


def test_metrics_and_arguments_of_processes_hold_no_secret(scene: Scene) -> None:
    children = psutil.Process(scene.one.process.pid).children(recursive=True)
    arguments = " ".join(word for child in children for word in child.cmdline())
    assert "partygrid.cli engine" in arguments
    pages = [
        httpx.get(child.metrics, timeout=30).text
        for child in scene.one.installation.children
        if child.metrics
    ]
    assert len(pages) >= 4
    assert leaks(scene.secrets, "metrics", "".join(pages)) == []
    assert leaks(scene.secrets, "arguments", arguments) == []


def test_prefect_keeps_no_secret(scene: Scene) -> None:
    """Neither names nor parameters nor artifacts nor anything else: every row it has."""
    url = Postgres(scene.one.home / "postgres", databases=()).url("prefect")
    with psycopg.connect(url, autocommit=True) as prefect:
        until(
            lambda: prefect.execute("SELECT 1 FROM artifact LIMIT 1").fetchone(),
            seconds=60,
            what="no shift ended",
        )
        marked = {scene.worked.marked, "r-marked"}

        def is_shown() -> bool:
            # Prefect's server writes task runs seconds later, and where it was slow some never.
            if prefect.execute("SELECT 1 FROM task_run WHERE name LIKE '%restricted%'").fetchone():
                return True
            marked.add(bypass(scene.one, scene.worked.token, f"r-marked-{len(marked)}", TITLE))
            return False

        until(is_shown, seconds=90, what="Prefect shows no batch of marked reports")
        secrets = {k: v for k, v in scene.secrets.items() if k != "Prefect's password"}
        found = {
            (what, table)
            for what, secret in secrets.items()
            for one in spelled(secret)
            for table in everywhere(prefect, one.replace("\\", "\\\\"))
        }
        known = {(one, table) for one in marked for table in everywhere(prefect, one)}
    assert found == set()
    assert known == set()


def test_kafka_carries_secrets_nowhere_and_words_only_in_values_of_events(scene: Scene) -> None:
    kafka = scene.one.installation.kafka_bootstrap
    until(
        lambda: {"grid.dead-letters", "audit.seals"} <= {one.topic for one in everything_in(kafka)},
        seconds=2 * SEAL_EVERY.total_seconds(),
        what="no dead letter or no seal was published",
    )
    records = everything_in(kafka)
    topics = {record.topic for record in records}
    assert set(INBOUND_TOPICS) & topics
    assert any(topic.startswith("case.updates.") for topic in topics)
    words = {"free text", "title"}
    found = []
    for record in records:
        outside = (record.key or b"") + b" ".join(
            name.encode() + b" " + (text or b"") for name, text in record.headers
        )
        if record.topic != "grid.feedback":  # there a stranger wrote what he liked
            found += leaks(
                scene.secrets, f"head of {record.topic}", outside.decode(errors="replace")
            )
        kept = scene.secrets
        if record.topic in INBOUND_TOPICS:
            kept = {what: secret for what, secret in kept.items() if what not in words}
        found += leaks(kept, record.topic, (record.value or b"").decode(errors="replace"))
    assert found == []


def everything_in(kafka: str) -> list[Any]:
    """Every record of every topic."""
    consumer = KafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    try:
        partitions = [
            TopicPartition(topic, number)
            for topic in consumer.topics()
            if not topic.startswith("__")
            for number in consumer.partitions_for_topic(topic) or ()
        ]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(partitions)
        found = []
        while any(consumer.position(one) < ends[one] for one in partitions):
            for records in consumer.poll(timeout_ms=2000).values():
                found += records
        return found
    finally:
        consumer.close()
