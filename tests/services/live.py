"""A county on Apache Kafka by the wall clock: engines as processes, and an app that speaks to it.

What holds after any fault is asked in `holding.py`.
"""

import base64
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Self

import psycopg
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError

from events.admission import ENGINE_KEY, ENGINE_SOURCE, vouch
from events.broker import client_settings
from events.codec import attributes_of, data_of, encode, type_name
from events.contract.directory import AppKeySet
from events.contract.envelope import Acting, Event, Payload
from events.partitions import partition_of
from events.topics import inbound_topic
from flows.conductor import Outbound
from models.case import Case
from models.case_store import load_cases
from models.keys import SigningKey
from partygrid import bootstrap
from partygrid.embedded.postgres import Postgres
from partygrid.settings import Settings
from partygrid.simulation.post import record_of
from tests.rigged import FOUNDER
from tests.services.apache import Apache
from tests.world import COUNTY, SINCE, TOWNSHIP, directory_events

#: so many that each township, and the county itself, is another shard's
PARTITIONS = 6
SOURCE = "app/live"
ENGINE = ("partygrid.cli", "engine")
#: Seconds in which everything that was sent must be decided, whatever else the machine does.
PATIENCE = 120.0
_OURS = re.compile(r"PARTYGRID_|PREFECT_|COV_|PYTEST_|FAKETIME|LD_PRELOAD")
_numbers = count(1)


class EngineProcess:
    """One `partygrid engine`, or another command in its place. It may be ended in every way."""

    def __init__(
        self, name: str, settings: Settings, *, command: Sequence[str] = ENGINE, **more: str
    ) -> None:
        kept = {name: text for name, text in os.environ.items() if not _OURS.match(name)}
        self.name, self.log = name, settings.home / f"{name}.log"
        with self.log.open("ab") as written:
            self._process = subprocess.Popen(
                (sys.executable, "-m", *command, "--name", name),
                env={**kept, **settings.environment(), **more},
                stdout=written,
                stderr=subprocess.STDOUT,
            )

    @property
    def runs(self) -> bool:
        """Does its process live?"""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def freeze(self) -> None:
        """Let it fall silent (SIGSTOP)."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it stood (SIGCONT)."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, wherever it stands."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait(timeout=30)

    def leave(self) -> None:
        """Ask it to end after the batch it is at."""
        self._process.terminate()
        assert self._process.wait(timeout=60) == 0, self.log.read_text(errors="replace")[-3000:]


class Live:
    """An installation on the wall clock. Nothing runs but the engines a test starts."""

    def __init__(self, url: str, kafka: Apache, home: Path, pack: Mapping[str, str]) -> None:
        """Make its tables, topics, keys and pack."""
        home.mkdir(parents=True)
        kafka.fresh_topics(PARTITIONS)
        self.url, self.home = url, home
        self.settings = kafka.settings(
            home,
            database_url=url,
            partitions=PARTITIONS,
            policy_dir=_pack(home, pack),
            poll_wait=timedelta(milliseconds=50),
        )
        self.policy = bootstrap.policy_of(self.settings)
        bootstrap.prepare(url, self.settings, self.policy, datetime.now(UTC))
        self.db = bootstrap.connect(url, autocommit=True)
        shelf = bootstrap.shelf_of(self.db, self.policy)
        self.setting = bootstrap.setting_of(self.settings, shelf, engine="test")
        self.key = SigningKey.generate()
        self.client = client_settings(self.settings, kafka.bootstrap)
        self._producer = KafkaProducer(**self.client, acks="all", enable_idempotence=True)
        self._ids, self._sequence, self._engines = count(1), count(1), list[EngineProcess]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for engine in self._engines:
            if engine.runs:
                engine.kill()
        self._producer.close(timeout=5)
        self.db.close()

    def move_to(self, url: str) -> None:
        """Go on with another database: engines that are started from now on, and who looks."""
        self.db.close()
        self.url, self.settings = url, self.settings.changed(database_url=url)
        self.db = bootstrap.connect(url, autocommit=True)

    # --- engines -------------------------------------------------------------------------------

    def engine(
        self, name: str, *, command: Sequence[str] = ENGINE, **environment: str
    ) -> EngineProcess:
        """Start an engine in the group."""
        started = EngineProcess(name, self.settings, command=command, **environment)
        self._engines.append(started)
        return started

    def owners(self) -> dict[int, str]:
        """Return the engine that took each shard last."""
        return dict(self.rows("SELECT shard, owner FROM shards ORDER BY shard"))

    # --- saying --------------------------------------------------------------------------------

    def found(self, *more: Payload) -> None:
        """Make the county by the events that make a real one, and register the app."""
        app = AppKeySet(
            source=SOURCE,
            name="live",
            public_key=base64.b64encode(self.key.public.raw).decode(),
            territories=(COUNTY,),
            event_types=("grid.*",),
            valid_from=SINCE,
        )
        payloads = [*directory_events(tuple(self.policy.organisation.departments)), app, *more]
        self.send(*(self._founding(number, data) for number, data in enumerate(payloads)))
        self.settle()
        assert self.rows("SELECT count(*) FROM apps WHERE source = %s", SOURCE) == [(1,)]

    def _founding(self, number: int, data: Payload) -> Outbound:
        event = Event(
            id=f"founding-{number}",
            source=ENGINE_SOURCE,
            type=type_name(data),
            time=datetime.now(UTC),
            township=COUNTY,
            acting=FOUNDER,
            data=data,
            key_id=ENGINE_KEY,
        )
        signature = vouch(self.setting.own_key, attributes_of(event), data_of(event.data))
        encoded = encode(event, signature=signature)
        return Outbound(
            topic=inbound_topic(data, marked=False),
            key=COUNTY,
            headers=encoded.headers,
            value=encoded.value,
        )

    def event(
        self,
        data: Payload,
        acting: Acting,
        *,
        subject: str = "",
        township: str = TOWNSHIP,
        ago: timedelta = timedelta(),
        event_id: str = "",
    ) -> Event:
        """Make an event of the app, that says it happened so long ago."""
        return Event(
            id=event_id or f"live-{next(self._ids)}",
            source=SOURCE,
            type=type_name(data),
            time=datetime.now(UTC) - ago,
            township=township,
            subject=subject,
            acting=acting,
            data=data,
            key_id=self.key.key_id,
            sequence=next(self._sequence),
        )

    def signed(self, event: Event) -> Outbound:
        """Return its record as the app signs it."""
        return record_of(event, self.key)

    def send(self, *said: Event | Outbound, stamped: datetime | None = None) -> None:
        """Write into the topics, and wait until all of it lies there.

        `stamped` is what the producer's clock says; where the log stamps by itself it is not kept.
        """
        stamp = int(stamped.timestamp() * 1000) if stamped else None
        records = [self.signed(one) if isinstance(one, Event) else one for one in said]
        futures = [
            self._producer.send(
                one.topic,
                one.value,
                key=one.key.encode(),
                headers=one.headers,
                partition=partition_of(one.key, PARTITIONS),
                timestamp_ms=stamp,
            )
            for one in records
        ]
        for future in futures:
            future.get(timeout=60)

    # --- looking -------------------------------------------------------------------------------

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return what the database says."""
        return self.db.execute(query.encode(), values).fetchall()

    def cases(self, ids: Iterable[str]) -> Mapping[str, Case]:
        """Return cases as they are stored."""
        shards: dict[int, list[str]] = {}
        for shard, case_id in self.rows(
            "SELECT shard, id::text FROM cases WHERE version > 0 AND id = ANY(%s::uuid[])",
            list(ids),
        ):
            shards.setdefault(shard, []).append(case_id)
        found: dict[str, Case] = {}
        with psycopg.Cursor(self.db) as cursor:
            for shard, some in shards.items():
                found |= {
                    case_id: one.case for case_id, one in load_cases(cursor, shard, some).items()
                }
        return found

    def fates(self) -> dict[str, int]:
        """Return how many records ended in which way."""
        return dict(self.rows("SELECT fate, count(*) FROM records GROUP BY 1 ORDER BY 1"))

    def reasons(self) -> dict[str, int]:
        """Return how many dead letters have which reason."""
        return dict(self.rows("SELECT reason, count(*) FROM dead_letters GROUP BY 1 ORDER BY 1"))

    def settle(self, *, seconds: float = PATIENCE) -> None:
        """Wait until every record is read and every follow-up published."""
        wait_until(self._is_settled, seconds=seconds, otherwise=self.what_lacks)

    def _is_settled(self) -> bool:
        try:
            unread = self._unread()
        except KafkaTimeoutError:  # asked again: much else may run on the machine
            return False
        return not unread and self.rows(
            "SELECT count(*) FROM outbox WHERE published_at IS NULL"
        ) == [(0,)]

    def _unread(self) -> dict[str, int]:
        from tests.services.holding import ends  # noqa: PLC0415 - each needs the other

        read = {
            (topic, shard): following
            for shard, topic, following in self.rows(
                "SELECT s.shard, p.key, (p.value->>1)::bigint"
                " FROM shards s, jsonb_each(coalesce(s.positions, '{}')) AS p"
            )
        }
        return {
            f"{topic}-{partition}": end
            for (topic, partition), end in ends(self.client).items()
            if end > read.get((topic, partition), 0)
        }

    def what_lacks(self) -> str:
        """Say what is not read yet, and what the engines wrote last."""
        logs = "\n".join(engine.log.read_text(errors="replace")[-1500:] for engine in self._engines)
        return f"unread {self._unread()}\n{self.owners()}\n{logs}"


def wait_until(
    true: Callable[[], object],
    *,
    seconds: float = PATIENCE,
    otherwise: Callable[[], str] = lambda: "it did not come true",
) -> None:
    """Poll until it is so; fail after a deadline and say what it is instead."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.1)


#: Work is matched every few seconds. What comes too early waits some seconds for a report, and
#: minutes for anything else.
QUICK = {
    "deadlines.yaml": "round_every: 3s\n",
    "intake.yaml": "patience: {grid.reports: 6s, grid.assignment: 10m, grid.feedback: 10m}\n",
}
_EXTENDS = """extends: default
name: {zh: 测试, en: Tests}
version: "tests.1"
effective_from: 2026-01-01
region: "330281"
"""


def _pack(home: Path, changes: Mapping[str, str]) -> Path:
    pack = home / "pack"
    pack.mkdir()
    for name, text in {"pack.yaml": _EXTENDS, **changes}.items():
        (pack / name).write_text(text, encoding="utf-8")
    return pack


@contextmanager
def live(
    postgres: Postgres,
    template: str,
    folder: Path,
    kafka: Apache,
    pack: Mapping[str, str] = QUICK,
) -> Iterator[Live]:
    """Give an installation with a database and topics of its own."""
    number = next(_numbers)
    name = f"live_{number}"
    postgres.create_database(name, template=template)
    with Live(postgres.url(name), kafka, folder / name, pack) as county:
        yield county
    postgres.drop_database(name)
