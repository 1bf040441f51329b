"""The Kafka of the compose file: its settings, start script and accounts, with Kafka's own jars.

Its image has Kafka's two commands in /opt/kafka/bin; here they are a line of shell, as most of
them is there.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import yaml
from kafka.admin import UserScramCredentialUpsertion
from kafka.errors import ClusterAuthorizationFailedError

from events.broker import OWN_TOPICS, client_settings
from events.clients import Admin
from events.security import OPEN
from partygrid.adapters import broker_of
from partygrid.compose_passwords import ASKED, add_passwords
from partygrid.embedded.ports import LOOPBACK, listens
from partygrid.errors import PartygridError
from partygrid.settings import Settings
from tests.services import jars
from tests.services.apache import EVERY_RIGHT
from tests.services.conftest import need
from tests.services.node import quiet_port, until

ROOT = Path(__file__).parents[2]
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
COMMANDS = {"kafka-storage.sh": "kafka.tools.StorageTool", "kafka-server-start.sh": "kafka.Kafka"}
#: Small, and started quickly.
JAVA = "-Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
OF_COMPOSE = re.compile(r"\$\{(\w+)(?::\?[^}]*|:-([^}]*))\}")


class Container:
    """What the container of Kafka would be, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.inside = folder, quiet_port(), quiet_port()
        self.arguments, self.log = folder / "arguments", folder / "kafka.log"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self._bin = folder / "bin"
        self._bin.mkdir()
        for name, called in COMMANDS.items():
            file = self._bin / name
            file.write_text(
                f'#!/bin/sh\necho "$@" >> {self.arguments}\n'
                f"exec {jars.java()} {JAVA} -XX:SharedArchiveFile={jars.class_archive()}"
                f' $KAFKA_LOG4J_OPTS -cp "{jars.jars()}/*" {called} "$@"\n'
            )
            file.chmod(0o755)
        self._deploy = folder / "deploy"
        shutil.copytree(ROOT / "deploy" / "kafka", self._deploy)
        self._settle(self._deploy / "server.properties")

    def _settle(self, file: Path) -> None:
        """Put free ports and a folder of the test in the place of those in the container."""
        places = {
            "CLIENT://:9092": f"CLIENT://{LOOPBACK}:{self.port}",
            "kafka:9092": f"{LOOPBACK}:{self.port}",
            "localhost:9091": f"localhost:{self.inside}",
            "localhost:9093": f"localhost:{quiet_port()}",
            "/var/lib/kafka/data": str(self.folder / "data"),
        }
        text = file.read_text(encoding="utf-8")
        for there, here in places.items():
            assert there in text
            text = text.replace(there, here)
        file.write_text(text, encoding="utf-8")

    @contextmanager
    def running(self, environment: Mapping[str, str]) -> Iterator[None]:
        """Run its entry point until it answers, and end it as Docker does."""
        entry = [
            word.replace("/deploy", str(self._deploy)) for word in SERVICES["kafka"]["entrypoint"]
        ]
        logging = environment["KAFKA_LOG4J_OPTS"].replace("/deploy", str(self._deploy))
        path = f"{self._bin}:{os.environ['PATH']}"
        with self.log.open("ab") as out:
            process = subprocess.Popen(
                entry,
                env={
                    **environment,
                    "PATH": path,
                    "KAFKA_LOG4J_OPTS": logging,
                    "TMPDIR": str(self.temporary),
                },
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            until(lambda: self._answers(process), "it does not listen")
            yield
            process.terminate()
            assert process.wait(60) == 143  # Java's, for SIGTERM
        finally:
            process.kill()
            process.wait()

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, self.log.read_text(errors="replace")[-3000:]
        return listens(process.pid, self.port)


def environment(name: str, passwords: Mapping[str, str]) -> dict[str, str]:
    """Return what the compose file gives to a service."""
    return {
        key: OF_COMPOSE.sub(lambda found: passwords.get(found[1], found[2] or ""), str(value))
        for key, value in SERVICES[name]["environment"].items()
    }


class There:
    """The services' settings, on this machine's ports."""

    def __init__(self, container: Container, url: str, folder: Path) -> None:
        add_passwords(folder / ".env")
        lines = (folder / ".env").read_text().splitlines()
        self.container = container
        self.passwords = dict(line.split("=", 1) for line in lines)
        self._places = {
            "PATH": os.environ["PATH"],
            "PARTYGRID_HOME": str(folder / "home"),
            "PARTYGRID_DATABASE_URL": url,
            "PARTYGRID_KAFKA_BOOTSTRAP": f"{LOOPBACK}:{container.port}",
        }

    def environment(self, name: str, **more: str) -> dict[str, str]:
        """Return a service's, here."""
        return environment(name, self.passwords) | self._places | more

    def run(self, name: str) -> str:
        """Run a service that ends by itself; return what it wrote."""
        done = subprocess.run(
            (sys.executable, "-m", "partygrid.cli", *SERVICES[name]["command"]),
            env=self.environment(name),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def settings(self, monkeypatch: pytest.MonkeyPatch, name: str, **more: str) -> Settings:
        """Return the settings that a service reads from its environment."""
        with monkeypatch.context() as patch:
            for key, value in self.environment(name, **more).items():
                patch.setenv(key, value)
            return Settings()


@pytest.fixture
def there(database_url: str, tmp_path: Path) -> There:
    need(jars.missing())
    return There(Container(tmp_path), database_url, tmp_path)


def test_accounts_are_made_once_and_each_may_do_its_part(
    there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = there.container
    engine = there.settings(monkeypatch, "engine")
    admin = there.settings(
        monkeypatch,
        "engine",
        PARTYGRID_KAFKA_USERNAME="admin",
        PARTYGRID_KAFKA_PASSWORD=there.passwords["KAFKA_ADMIN_PASSWORD"],
    )
    with container.running(environment("kafka", there.passwords)):
        with pytest.raises(PartygridError, match="refuse the account"):  # nobody made it yet
            topics(engine)
        said = there.run("migrate") + there.run("accounts")
        assert topics(engine) == set(OWN_TOPICS)
        assert "nothing to change" in there.run("accounts")
        with pytest.raises(ClusterAuthorizationFailedError), closing(asking(engine)) as asked:
            asked.describe_acls(EVERY_RIGHT)
        nobody = dict.fromkeys(("kafka_sasl_mechanism", "kafka_username", "kafka_password"))
        with pytest.raises(PartygridError):
            topics(engine.changed(kafka_security_protocol="PLAINTEXT", **nobody))
    written = container.arguments.read_text() + container.log.read_text() + said
    assert [name for name in ASKED if there.passwords[name] in written] == []
    assert "--add-scram" not in written
    assert list(container.temporary.iterdir()) == []

    # Another start finds everything, also where the file's password is a new one.
    other = there.passwords | {"KAFKA_ADMIN_PASSWORD": "another"}
    with container.running(environment("kafka", other)):
        assert topics(engine) == topics(admin) == set(OWN_TOPICS)
        inside = OPEN.client(f"localhost:{container.inside}")  # as operators do who lost it
        renewed = UserScramCredentialUpsertion("admin", "SCRAM-SHA-512", "another")
        with closing(Admin(**inside)) as asked:
            assert asked.alter_user_scram_credentials([renewed]) == {"admin": None}
        assert topics(admin.changed(kafka_password="another")) == set(OWN_TOPICS)
    assert container.arguments.read_text().count("format") == 1


def test_without_a_password_it_does_not_start_and_says_which(there: There) -> None:
    lacking = environment("kafka", there.passwords) | {"KAFKA_ADMIN_PASSWORD": ""}
    with (
        pytest.raises(AssertionError, match="KAFKA_ADMIN_PASSWORD"),
        there.container.running(lacking),
    ):
        pass
    assert not there.container.arguments.exists()


def asking(settings: Settings) -> Admin:
    return Admin(**client_settings(settings, settings.address("kafka_bootstrap")))


def topics(settings: Settings) -> set[str]:
    """Return which of our topics are seen with this account."""
    with closing(broker_of(settings)) as broker:
        return set(broker.topic_ids(OWN_TOPICS))
