"""Apache Kafka 4 (KRaft) as children of the tests: one broker or several, TLS, SCRAM, rights.

Each node is broker and controller. Clients and brokers speak SASL_SSL with SCRAM-SHA-512 among
each other, controllers show certificates. Nobody may do anything without a right, topics are not
made by asking, and the log stamps its records itself.
"""

import secrets
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from kafka.admin import (
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePatternFilter,
    ResourceType,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from events.broker import OWN_TOPICS, Broker, client_settings
from events.clients import Admin
from partygrid.embedded.child import Child
from partygrid.embedded.ports import LOOPBACK, listens
from partygrid.settings import Settings
from tests.services.certificates import Authority
from tests.services.jars import FOLDER, class_archive, jars, java
from tests.services.node import Node, quiet_port, until
from tests.services.properties import shared_properties

#: Small: the tests' brokers share a machine with everything else.
_HEAP = ("-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_ALSO = ("-XX:-UsePerfData", "-Djava.awt.headless=true")
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
_SCRAM_512 = "SCRAM-SHA-512"
EVERY_RIGHT = ACLFilter(
    principal=None,
    host=None,
    operation=ACLOperation.ANY,
    permission_type=ACLPermissionType.ANY,
    resource_pattern=ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
)


class Login(NamedTuple):
    """An account at the brokers."""

    user: str
    password: str


class Apache:
    """A Kafka of so many nodes in a folder. Use it as a context; it ends with the tests."""

    def __init__(
        self, folder: Path, *, nodes: int = 1, options: Sequence[str] = (), **properties: str
    ) -> None:
        """Settle everything, start nothing. `properties` are of Kafka, `_` for `.`.

        `options` are of Java; without them the archive of loaded classes is used.
        """
        self._folder = folder
        self._options = tuple(options) or (f"-XX:SharedArchiveFile={class_archive()}",)
        self.authority = Authority(folder / "tls")
        #: may do everything
        self.admin = Login("admin", secrets.token_hex(16))
        self._broker = Login("broker", secrets.token_hex(16))
        self._copies, self._insync = min(3, nodes), 2 if nodes >= 3 else 1
        self._own_users = {self.admin.user, self._broker.user}
        self._id = secrets.token_hex(11)  # 22 letters of base 64
        ports = [(quiet_port(), quiet_port()) for _ in range(nodes)]
        voters = ",".join(f"{n}@{LOOPBACK}:{port}" for n, (_, port) in enumerate(ports, 1))
        own = {name.replace("_", "."): value for name, value in properties.items()}
        powers = [*self._own_users, *(f"CN=node-{number}" for number in range(1, nodes + 1))]
        told = {
            "controller.quorum.voters": voters,
            "super.users": ";".join(f"User:{name}" for name in powers),
        }
        shared = shared_properties(nodes) | told | own
        self.nodes = tuple(
            self._node(number, *both, shared) for number, both in enumerate(ports, 1)
        )

    @property
    def bootstrap(self) -> str:
        """Every node's address."""
        return ",".join(node.address for node in self.nodes)

    # --- running -------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        for node in self.nodes:
            node.kill()

    def start(self, *nodes: Node) -> None:
        """Start these nodes, or all that do not run, and return when Kafka answers with them."""
        started = [node for node in nodes or self.nodes if not node.runs]
        for node in started:
            node.begin()
        for node in started:
            node.wait_listens()
        self.wait_ready()

    def wait_ready(self) -> None:
        """Return when every node that runs takes part, and every partition has a leader."""
        running = {node.number for node in self.nodes if node.runs}
        until(lambda: self._brokers() == running and not self._lacking(1), "it does not answer")

    def wait_in_sync(self) -> None:
        """Return when every copy of every partition has caught up."""
        until(lambda: not self._lacking(None), "copies do not catch up")

    def _brokers(self) -> set[int]:
        return {int(one["broker_id"]) for one in self._asked(Admin.describe_cluster)["brokers"]}

    def _lacking(self, copies: int | None) -> list[str]:
        """Return the partitions without a leader, or with fewer copies in sync than there are."""
        return [
            f"{topic['name']}-{partition['partition_index']}"
            for topic in self._asked(Admin.describe_topics)
            for partition in topic["partitions"]
            if partition["leader_id"] < 0
            or len(partition["isr_nodes"]) < (copies or len(partition["replica_nodes"]))
        ]

    def _asked(self, question: Callable[[Admin], Any]) -> Any:
        with closing(self.ask()) as admin:
            return question(admin)

    # --- between tests -------------------------------------------------------------------------

    def mend(self) -> None:
        """Let every node run that was stopped, killed or frozen, and wait for them."""
        for node in self.nodes:
            if node.runs:
                node.thaw()
        self.start()

    def empty(self) -> None:
        """Take out every topic, group, account and right that is not Kafka's own."""
        with closing(self.ask()) as admin:
            topics = [name for name in admin.list_topics() if not name.startswith("__")]
            if topics:
                admin.delete_topics(topics)
            until(lambda: not set(topics) & set(admin.list_topics()), "topics do not go")
            groups = [one["group_id"] for one in admin.list_groups()]
            if groups:
                admin.delete_groups(groups)
            admin.delete_acls([EVERY_RIGHT])
            strangers = set(admin.describe_user_scram_credentials()) - self._own_users
            if strangers:
                gone = [UserScramCredentialDeletion(user, _SCRAM_512) for user in strangers]
                admin.alter_user_scram_credentials(gone)

    def fresh_topics(self, partitions: int) -> None:
        """Make the installation's topics anew: empty, and with ids that were never there."""
        self.empty()
        broker = Broker(
            self.client(),
            partitions=partitions,
            replication=self._copies,
            min_insync=self._insync,
        )
        with closing(broker):
            broker.ensure(OWN_TOPICS)
            until(lambda: len(broker.topic_ids(OWN_TOPICS)) == len(OWN_TOPICS), "no topics")

    # --- reaching it ---------------------------------------------------------------------------

    def settings(self, home: Path, login: Login | None = None, /, **fields: object) -> Settings:
        """Return settings of an installation on this Kafka; as the admin where nobody is named."""
        user, password = login or self.admin
        told: Mapping[str, object] = {
            "home": home,
            "kafka_bootstrap": self.bootstrap,
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_mechanism": "SCRAM-SHA-512",
            "kafka_username": user,
            "kafka_password": password,
            "kafka_ca_file": self.authority.ca_file,
            "kafka_replication": self._copies,
            "kafka_min_insync": self._insync,
        }
        return Settings.model_validate({**told, **fields})

    def client(self, login: Login | None = None) -> dict[str, Any]:
        """Return what a Kafka client connects with."""
        return client_settings(self.settings(self._folder, login), self.bootstrap)

    def ask(self, login: Login | None = None) -> Admin:
        """Return an admin client; close it."""
        return Admin(**self.client(login))

    def add_account(self, login: Login) -> None:
        """Make an account that may do nothing yet."""
        made = UserScramCredentialUpsertion(login.user, _SCRAM_512, login.password)
        with closing(self.ask()) as admin:
            assert admin.alter_user_scram_credentials([made]) == {login.user: None}

    # --- nodes ---------------------------------------------------------------------------------

    def _node(self, number: int, port: int, controller: int, shared: Mapping[str, str]) -> Node:
        folder = self._folder / f"node-{number}"
        folder.mkdir(parents=True)
        certified = self.authority.certify(f"node-{number}")
        properties = {
            **shared,
            "node.id": str(number),
            "listeners": f"CLIENT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller}",
            "advertised.listeners": f"CLIENT://{LOOPBACK}:{port}",
            "log.dirs": str(folder / "log"),
            "ssl.keystore.location": str(certified.both),
            "ssl.truststore.location": str(self.authority.ca_file),
            "listener.name.client.scram-sha-512.sasl.jaas.config": (
                f'{_SCRAM} required username="{self._broker.user}"'
                f' password="{self._broker.password}";'
            ),
        }
        file = folder / "server.properties"
        file.touch(mode=0o600)
        file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
        child = Child(
            name=f"kafka-{number}",
            argv=(*self._command(folder), "kafka.Kafka", str(file)),
            folder=folder,
            log=folder.with_suffix(".log"),
            env={"LANG": "C.UTF-8"},
            ready=partial(_listens, port),
            prepare=partial(self._format, folder, file),
            # It dies for sure with us, also while it is stopped; `Node.stop` asks politely.
            stop_signal=signal.SIGKILL,
            start_limit=timedelta(seconds=60),
        )
        return Node(number, child, port)

    def _format(self, folder: Path, file: Path) -> None:
        """Make the log's folder with the first accounts, once."""
        if (folder / "log" / "meta.properties").exists():
            return
        accounts = [
            f"SCRAM-SHA-512=[name={user},password={password}]"
            for user, password in (self._broker, self.admin)
        ]
        made = subprocess.run(
            (
                *(*self._command(folder), "kafka.tools.StorageTool", "format"),
                *("-t", self._id, "-c", str(file)),
                *(part for account in accounts for part in ("--add-scram", account)),
            ),
            check=False,
            capture_output=True,
            text=True,
        )
        assert made.returncode == 0, made.stderr

    def _command(self, folder: Path) -> tuple[str, ...]:
        logging = f"-Dlog4j2.configurationFile={FOLDER / 'log4j2.xml'}"
        return (
            *(java(), *_HEAP, *_ALSO, *self._options),
            *(logging, f"-Djava.io.tmpdir={folder}", "-cp", f"{jars()}/*"),
        )


def _listens(port: int, pid: int) -> bool:
    return listens(pid, port)
