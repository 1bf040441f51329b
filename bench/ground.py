"""The servers of a run: PostgreSQL for all of it, an empty broker for each measurement, engines."""

import base64
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from itertools import count, product
from pathlib import Path
from typing import Any, NamedTuple, Self

import psutil
import psycopg
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from bench.brokers import Brokers, brokers
from events.broker import OWN_TOPICS, Broker, client_settings
from events.contract.directory import AppKeySet
from events.contract.registry import INBOUND_TOPICS
from flows.batch import RawRecord
from models.keys import SigningKey
from models.shard_store import make_shards
from partygrid import bootstrap
from partygrid.embedded.child import dies_with_us, running
from partygrid.embedded.ports import free_port
from partygrid.embedded.postgres import Postgres
from partygrid.embedded.prefect_server import PrefectServer
from partygrid.settings import Settings
from tests.one_shard import County, OneShard
from tests.rig import SOURCE
from tests.world import COUNTY, SINCE

#: topic and partition → offset
Ends = dict[tuple[str, int], int]

_OURS = re.compile(r"PARTYGRID_|PREFECT_")
_STOP_WITHIN = 60


class Ground:
    """A database server, and the founded county that every measurement gets a copy of."""

    def __init__(
        self, folder: Path, postgres: Postgres, brokers: Brokers, like: "Ground | None" = None
    ) -> None:
        """Found the county. `postgres` runs. With the keys of `like` it decides that one's load."""
        self.folder, self._postgres, self.brokers = folder, postgres, brokers
        bootstrap.migrate(postgres.url(EMPTY))
        self.county: County = County("founded", like.county.home if like else folder / "home")
        #: of the app that signs
        self.key: SigningKey = like.key if like else SigningKey.generate()
        self._found()
        self._numbers = count(1)

    def _found(self) -> None:
        name, home = self.county
        self._postgres.create_database(name, template=EMPTY)
        with closing(OneShard(self._postgres.url(name), home, name="founder")) as shard:
            shard.found_county(_app(self.key))

    @contextmanager
    def database(self) -> Iterator[str]:
        """Give a copy of the county's database."""
        name = f"bench_{next(self._numbers)}"
        self._postgres.create_database(name, template=self.county.database)
        yield self._postgres.url(name)
        self._postgres.drop_database(name)

    @contextmanager
    def beside(self, name: str) -> Iterator[str]:
        """Give an empty database in the same server."""
        self._postgres.create_database(name)
        yield self._postgres.url(name)
        self._postgres.drop_database(name)

    @contextmanager
    def prefect(self) -> Iterator[PrefectServer]:
        """Run Prefect's server, its database in the same PostgreSQL."""
        self._postgres.create_database(_PREFECT)
        database = self._postgres.asyncpg_url(_PREFECT)
        server = PrefectServer(self.folder / _PREFECT, free_port(), database)
        with running(server.child()):
            yield server
        self._postgres.drop_database(_PREFECT)

    @contextmanager
    def stage(self, url: str | None = None, *, partitions: int = 1) -> Iterator["Stage"]:
        """Give an empty broker, and that database or else a copy of the county's."""
        with (
            nullcontext(url) if url else self.database() as standing,
            self.brokers.empty(
                self.county.home, partitions=partitions, database=standing
            ) as settings,
        ):
            yield Stage(standing, settings)


#: The database that a new server must have.
EMPTY = "empty"
_PREFECT = "prefect"


def _app(key: SigningKey) -> AppKeySet:
    """Register the app that the load's people use."""
    return AppKeySet(
        source=SOURCE,
        name="bench",
        public_key=base64.b64encode(key.public.raw).decode(),
        territories=(COUNTY,),
        event_types=("grid.*",),
        valid_from=SINCE,
    )


@contextmanager
def ground(*, embedded: bool = False) -> Iterator[Ground]:
    """Start PostgreSQL as an installation runs it: every commit reaches the disk.

    With Apache Kafka where it is there, unless the embedded broker is asked for.
    """
    with tempfile.TemporaryDirectory(prefix="partygrid-bench-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        folder.chmod(0o755)  # the server's own account passes through
        postgres = Postgres(folder / "postgres", databases=(EMPTY,))
        with running(postgres.child()), brokers(folder, embedded=embedded) as kafka:
            yield Ground(folder, postgres, kafka)


_POSITIONS = (
    "SELECT p.key, s.shard, (p.value->>1)::bigint, p.value->>0"
    " FROM shards s, jsonb_each(coalesce(s.positions, '{}')) AS p"
)


class Topics(NamedTuple):
    """The inbound topics of a stage: their ids, and where they ended when all was written."""

    ids: dict[str, str]
    ends: Ends

    def decided(self, connection: psycopg.Connection[Any]) -> Ends:
        """Return before which offsets everything is decided and committed."""
        rows = connection.execute(_POSITIONS).fetchall()
        return {
            (topic, shard): end for topic, shard, end, known in rows if self.ids.get(topic) == known
        }

    def are_passed(self, decided: Ends) -> bool:
        """Tell whether everything that was written is among what is decided."""
        return all(decided.get(log, 0) >= end for log, end in self.ends.items())


class Stage:
    """One broker and one database."""

    def __init__(self, url: str, settings: Settings) -> None:
        """Make shards and topics."""
        self.url, self.settings = url, settings
        self.client = client_settings(settings, settings.kafka_bootstrap or "")
        with closing(bootstrap.connect(url)) as connection, connection.cursor() as cursor:
            make_shards(cursor, settings.partitions)
            connection.commit()
        with closing(self._broker()) as broker:
            broker.ensure(OWN_TOPICS)

    def _broker(self) -> Broker:
        return Broker(self.client, partitions=self.settings.partitions, replication=1)

    def topic_ids(self) -> dict[str, str]:
        """Return topic → id at this broker."""
        with closing(self._broker()) as broker:
            return broker.topic_ids(INBOUND_TOPICS)

    def preload(self, records: Sequence[RawRecord]) -> Topics:
        """Write these records into their topics."""
        ends: Ends = {}
        with closing(self.producer()) as producer:
            futures = [send(producer, record) for record in records]
            producer.flush()
        for future in futures:
            written = future.get(timeout=60)
            log = (written.topic, written.partition)
            ends[log] = max(ends.get(log, 0), written.offset + 1)
        return Topics(self.topic_ids(), ends)

    def producer(self, **more: Any) -> KafkaProducer:
        """Connect somebody who writes, and waits for the broker's word."""
        return KafkaProducer(**{**self.client, "acks": "all", "linger_ms": 0, **more})

    def consumer(self, partitions: Iterable[int]) -> KafkaConsumer:
        """Connect a plain reader of these partitions of every inbound topic, from the beginning."""
        reader = KafkaConsumer(
            **self.client, enable_auto_commit=False, auto_offset_reset="earliest", group_id=None
        )
        reader.assign([TopicPartition(*both) for both in product(INBOUND_TOPICS, partitions)])
        return reader

    @contextmanager
    def connected(self) -> Iterator[psycopg.Connection[Any]]:
        """Look into the database, always by an index: so scans of a table are not ours."""
        with closing(bootstrap.connect(self.url, autocommit=True)) as connection:
            connection.execute("SET enable_seqscan = off")
            yield connection

    @contextmanager
    def engine(self, name: str = "bench") -> Iterator["EngineProcess"]:
        """Run `partygrid engine` for as long as the block lasts."""
        with EngineProcess(self.settings, name) as engine:
            yield engine


def send(producer: KafkaProducer, record: RawRecord) -> Any:
    """Write one record again, as it was, where its township's records go."""
    key = township_of(record).encode()
    return producer.send(record.at.topic, record.value, key=key, headers=record.headers)


def township_of(record: RawRecord) -> str:
    """Return the township that a record names."""
    return dict(record.headers)["ce_township"].decode()


def plain_environment() -> dict[str, str]:
    """Return our own environment, without what would set an engine or Prefect up."""
    return {key: text for key, text in os.environ.items() if not _OURS.match(key)}


class ProcessorTime(NamedTuple):
    """Seconds."""

    main: float
    others: float

    def since(self, before: "ProcessorTime") -> "ProcessorTime":
        """Return what was taken after `before`."""
        return ProcessorTime(self.main - before.main, self.others - before.others)


def together(parts: Iterable[ProcessorTime]) -> ProcessorTime:
    """Return what several processes took."""
    main, others = zip(*parts, strict=True)
    return ProcessorTime(sum(main), sum(others))


class EngineProcess:
    """One `partygrid engine` without Prefect. Use it as a context."""

    def __init__(self, settings: Settings, name: str) -> None:
        """Start it."""
        self.log = settings.home / f"{name}.log"
        with self.log.open("wb") as written:
            self._process = subprocess.Popen(
                (sys.executable, "-m", "partygrid.cli", "engine", "--name", name),
                env=plain_environment() | settings.environment(),
                stdout=written,
                stderr=subprocess.STDOUT,
                preexec_fn=dies_with_us(signal.SIGTERM),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=_STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def processor_time(self) -> "ProcessorTime":
        """Return what its main thread took of a processor until now, and all its others."""
        process = psutil.Process(self._process.pid)
        main = sum(t.user_time + t.system_time for t in process.threads() if t.id == process.pid)
        whole = process.cpu_times()
        return ProcessorTime(main, whole.user + whole.system - main)

    def resident(self) -> int:
        """Return the bytes of memory it holds; 0 once it has ended."""
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.NoSuchProcess:
            return 0

    def must_run(self) -> None:
        """Fail, with the end of its log, where it ended by itself."""
        if self._process.poll() is not None:
            raise RuntimeError(f"the engine ended:\n{self.log.read_text(errors='replace')[-3000:]}")
