"""`partygrid kafka` on real brokers: what was granted is allowed, and everything else refused."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.admin import (
    ConfigResource,
    ConfigResourceType,
    NewTopic,
    UserScramCredentialUpsertion,
)
from kafka.errors import AuthorizationError, KafkaError
from msgspec.structs import replace

from events.broker import OWN_TOPICS
from events.clients import Admin, Consumer
from events.contract.registry import RESTRICTED_PREFIX
from partygrid.adapters import GROUP
from partygrid.embedded.postgres import Postgres
from tests.one_shard import County, copied
from tests.rigged import wait_until
from tests.services.apache import EVERY_RIGHT, Apache, Login
from tests.services.secured import Installation, installed, known_app, register
from tests.world import COUNTY, TOWNSHIPS

BRANCH = known_app("app/branch-1", (TOWNSHIPS[0],), "grid.report.*", "grid.assignment.*")
BUREAU = known_app("app/bureau", (COUNTY,), "grid.escalation.*", "grid.task.*")
CENTRE = known_app("app/centre", (COUNTY,), "grid.feedback.*", restricted=True)
APPS = {one.registered.source: one for one in (BRANCH, BUREAU, CENTRE)}
OUTCOMES = {source: f"app.outcomes.{source.replace('/', '.')}" for source in APPS}
UPDATES = [f"case.updates.{township}" for township in TOWNSHIPS]
SECRET_UPDATES = [RESTRICTED_PREFIX + name for name in UPDATES]
EVERY_TOPIC = (*OWN_TOPICS, *UPDATES, *SECRET_UPDATES, *OUTCOMES.values())
#: The engines' account is called by no app.
ENGINES = ""

WRITES = {
    "app/branch-1": {"grid.reports", "restricted.grid.reports", "grid.assignment"},
    "app/bureau": {"grid.escalation", "grid.tasks"},
    "app/centre": {"grid.feedback", "restricted.grid.feedback"},
    ENGINES: set(EVERY_TOPIC),
}
READS = {
    "app/branch-1": {OUTCOMES["app/branch-1"], UPDATES[0]},
    "app/bureau": {OUTCOMES["app/bureau"], *UPDATES},
    "app/centre": {OUTCOMES["app/centre"], *UPDATES},
    ENGINES: {*OWN_TOPICS, *SECRET_UPDATES},
}


@pytest.fixture
def there(
    kafka: Apache, postgres: Postgres, county: County, tmp_path: Path
) -> Iterator[Installation]:
    with copied(postgres, county) as url:
        yield installed(kafka, url, county, tmp_path, [one.registered for one in APPS.values()])


def may_write(kafka: Apache, login: Login, topic: str) -> bool:
    producer = KafkaProducer(
        **kafka.client(login), acks="all", enable_idempotence=False, max_block_ms=5000, retries=0
    )
    try:
        producer.send(topic, b"{}", partition=0).get(timeout=20)
    except AuthorizationError:
        return False
    finally:
        producer.close(timeout=5)
    return True


def may_read(kafka: Apache, login: Login, topic: str) -> bool:
    """Read the record that lies there."""
    place = TopicPartition(topic, 0)
    with closing(Consumer(**kafka.client(login), group_id=None)) as reader:
        reader.assign([place])
        try:
            reader.seek_to_beginning(place)
            reader.end_offsets([place], timeout_ms=5000)
            for _ in range(100):
                if reader.poll(timeout_ms=100):
                    return True
        except AuthorizationError:
            return False
    raise AssertionError("neither a record nor a refusal")


def joins(kafka: Apache, login: Login, topic: str) -> bool:
    """Try to become one of the engines' group."""
    with closing(Consumer(**kafka.client(login), group_id=GROUP)) as consumer:
        consumer.subscribe([topic])
        try:
            for _ in range(50):
                consumer.poll(timeout_ms=200)
        except AuthorizationError:
            return False
    return True


def is_let_in(kafka: Apache, login: Login) -> bool:
    try:
        Admin(**(kafka.client(login) | {"bootstrap_timeout_ms": 1500})).close()
    except KafkaError:
        return False
    return True


def make_every_topic(there: Installation) -> None:
    with closing(there.kafka.ask()) as admin:
        missing = sorted(set(EVERY_TOPIC) - set(admin.list_topics()))
        admin.create_topics([NewTopic(name, 1, 1) for name in missing])
    for name in EVERY_TOPIC:
        assert may_write(there.kafka, there.kafka.admin, name)


# --- rights --------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_an_account_may_do_what_was_granted_and_nothing_else(there: Installation) -> None:
    logins = there.granted() | {ENGINES: Login("partygrid", "what the engines' .env says")}
    make_every_topic(there)
    for source, login in logins.items():
        written = {topic for topic in EVERY_TOPIC if may_write(there.kafka, login, topic)}
        assert (source, written) == (source, WRITES[source])
        read = {topic for topic in EVERY_TOPIC if may_read(there.kafka, login, topic)}
        assert (source, read) == (source, READS[source])


def test_no_app_joins_the_engines_or_sets_anything_at_the_brokers(there: Installation) -> None:
    login = there.granted("app/centre")["app/centre"]
    assert not joins(there.kafka, login, OUTCOMES["app/centre"])
    shorter = ConfigResource(ConfigResourceType.TOPIC, "grid.feedback", {"retention.ms": "1000"})
    with closing(there.kafka.ask(login)) as admin:
        assert set(admin.list_topics()) == WRITES["app/centre"] | READS["app/centre"]
        with pytest.raises(KafkaError):
            admin.create_topics([NewTopic("grid.of-an-app", 1, 1)])
        assert admin.alter_configs([shorter], raise_on_unknown=False) != {
            "topic": {"grid.feedback": "OK"}
        }
        with pytest.raises(KafkaError):
            admin.delete_topics(["grid.feedback"])
        with pytest.raises(AuthorizationError):
            admin.describe_acls(EVERY_RIGHT)
        own = UserScramCredentialUpsertion(login.user, "SCRAM-SHA-512", "a password of its choice")
        assert admin.alter_user_scram_credentials([own])[login.user] is not None


# --- the command ---------------------------------------------------------------------------------


def test_a_dry_run_says_what_would_be_changed_and_changes_nothing(there: Installation) -> None:
    dry = there.command("kafka", "grant", "--dry-run")
    assert dry.code == 0, dry.err
    assert "app.bureau  app/bureau" in dry.out
    assert "+ write topic grid.escalation" in dry.out
    assert "password" not in dry.out
    told = there.command("kafka", "accounts", "--json").told["accounts"]
    names = ["partygrid", "app.branch-1", "app.bureau", "app.centre"]
    assert {one["account"]: one["state"] for one in told} == dict.fromkeys(names, "no account")


def test_what_is_granted_already_is_left_alone(there: Installation) -> None:
    assert set(there.granted()) == set(APPS)
    again = there.command("kafka", "grant")
    assert again.out.strip() == "nothing to change: 4 accounts are as they must be"
    told = there.command("kafka", "accounts", "--json").told["accounts"]
    assert {one["state"] for one in told} == {"well"}


def test_rights_follow_the_registration(there: Installation) -> None:
    there.granted()
    entry = BUREAU.registered
    register(
        there.operator.address("database_url"),
        replace(entry, event_types=("grid.task.*", "grid.feedback.*")),
    )
    (changed,) = [
        one
        for one in there.command("kafka", "grant", "--json").told["changes"]
        if one["granted"] or one["withdrawn"]
    ]
    assert (changed["account"], changed["new_password"]) == ("app.bureau", False)
    assert changed["granted"] == ["write topic grid.feedback"]
    assert changed["withdrawn"] == ["write topic grid.escalation"]


def test_a_password_is_changed_for_whom_it_is_asked(there: Installation) -> None:
    first = there.granted()
    assert there.command("kafka", "grant", "--rotate").code == 2
    second = there.granted("app/bureau", "--rotate")
    assert set(second) == {"app/bureau"}
    assert may_write(there.kafka, second["app/bureau"], "grid.tasks")
    assert not is_let_in(there.kafka, first["app/bureau"])
    assert may_write(there.kafka, first["app/branch-1"], "grid.reports")


def test_what_is_revoked_lets_nobody_in(there: Installation) -> None:
    logins = there.granted()
    revoked = there.command("kafka", "revoke", "app/bureau")
    assert revoked.code == 0, revoked.err
    assert "- write topic grid.tasks" in revoked.out
    assert not is_let_in(there.kafka, logins["app/bureau"])
    assert may_write(there.kafka, logins["app/branch-1"], "grid.reports")
    assert there.command("kafka", "revoke", "app/bureau").code == 2


def test_an_open_connection_is_of_no_use_once_its_rights_are_gone(there: Installation) -> None:
    login = there.granted("app/bureau")["app/bureau"]
    producer = KafkaProducer(**there.kafka.client(login), acks="all", enable_idempotence=False)

    def is_refused() -> bool:
        try:
            producer.send("grid.tasks", b"{}", partition=0).get(timeout=20)
        except AuthorizationError:
            return True
        return False

    try:
        assert not is_refused()
        there.command("kafka", "revoke", "app/bureau")
        wait_until(is_refused)
    finally:
        producer.close(timeout=5)


def test_an_app_that_is_registered_no_more_is_shown(there: Installation) -> None:
    login = Login("app.ended", "a password of long ago")
    there.kafka.add_account(login)
    told = there.command("kafka", "accounts", "--json").told["accounts"]
    assert [one["state"] for one in told if one["account"] == "app.ended"] == ["not registered"]
    assert there.command("kafka", "revoke", "app/ended").code == 0


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("grant", "app/nobody"), 2, "app/nobody is registered nowhere"),
        (("revoke", "app/nobody"), 2, "know no account"),
    ],
)
def test_who_is_not_known_is_refused(
    there: Installation, words: tuple[str, ...], code: int, told: str
) -> None:
    refused = there.command("kafka", *words)
    assert refused.code == code
    assert told in refused.err


def test_an_engines_account_makes_nobody_anything(there: Installation) -> None:
    there.granted("--engine")
    refused = there.command("kafka", "grant", settings=there.engines)
    assert refused.code == 3
    assert "PARTYGRID_KAFKA_ADMIN_USERNAME" in refused.err
