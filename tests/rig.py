"""A whole installation in one process for tests: real PostgreSQL, real broker, one engine thread.

Time is a time-lapse: `rig.at(instant, *events)` releases an instant and returns when it is drained.
"""

import threading
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Self

import psycopg
from msgspec.structs import replace

from events.admission import DOOR_KEY, vouch
from events.broker import OWN_TOPICS, Broker, client_settings
from events.codec import attributes_of, data_of, encode, type_name
from events.consumer import ShardConsumer
from events.contract.envelope import Acting, Event, Payload
from events.contract.registry import TYPE_OF_PAYLOAD
from events.relay import Relay
from flows.conductor import Conductor, Outbound
from flows.runner import PlainRunner, Runner
from models.case import Case
from models.case_store import load_cases
from models.policy.schema import Policy
from partygrid import bootstrap
from partygrid.clock import Clock, WallClock
from partygrid.engine import Engine
from partygrid.settings import Settings

SOURCE = "app/test"
#: Time of an event whose test does not care: the instant at which it is released.
WHENEVER = datetime(2000, 1, 1, tzinfo=UTC)


class Rig:
    """Servers are given; everything of ours is built here as in production."""

    def __init__(
        self,
        database_url: str,
        kafka: str,
        home: Path,
        *,
        policy: Policy | None = None,
        policy_dir: Path | None = None,
        partitions: int = 2,
        runner: Runner | None = None,
    ) -> None:
        self.url = database_url
        self.settings = Settings(
            home=home, kafka_bootstrap=kafka, partitions=partitions, policy_dir=policy_dir
        )
        self.policy = policy or bootstrap.policy_of(self.settings)
        self.client = client_settings(self.settings, kafka)
        self.partitions = partitions
        self._runner = runner or PlainRunner()
        self._ids = count(1)
        #: when an event was first released: sent again it says the same
        self._said: dict[tuple[str, str], datetime] = {}
        bootstrap.prepare(database_url, self.settings, self.policy, datetime.now(UTC))
        self.db = bootstrap.connect(database_url, autocommit=True)
        broker = Broker(self.client, partitions=partitions, replication=1)
        broker.ensure(OWN_TOPICS)
        broker.close()
        self.setting = bootstrap.setting_of(
            self.settings, bootstrap.shelf_of(self.db, self.policy), engine="rig", time_lapse=True
        )
        self.conductor = Conductor(
            bootstrap.connect(database_url),
            self.client,
            partitions=partitions,
            patience=timedelta(seconds=90),
        )
        self._stop = threading.Event()
        self.engine = self.build_engine()
        self._thread = threading.Thread(target=self.engine.run, args=(self._stop,))

    def build_engine(
        self,
        name: str = "rig",
        *,
        clock: Clock | None = None,
        consumer: type[ShardConsumer] = ShardConsumer,
        batch_max: int | None = None,
    ) -> Engine:
        """Build one more engine of this installation."""
        broker = Broker(self.client, partitions=self.partitions, replication=1)
        relay = Relay(
            lambda: bootstrap.connect(self.url),
            self.client,
            broker,
            partitions=self.partitions,
            clock=WallClock(),
        )
        return Engine(
            setting=replace(self.setting, engine=name),
            connect=lambda: bootstrap.connect(self.url),
            consumer=consumer(self.client, group="rig", fetch_wait_ms=20),
            broker=broker,
            relay=relay,
            runner=self._runner,
            clock=clock or WallClock(),
            batch_max=batch_max or self.settings.batch_max,
            poll_wait=timedelta(milliseconds=20),
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=30)
        self.engine.close()
        self.conductor.close()
        self.db.close()

    # --- events --------------------------------------------------------------------------------

    def event(
        self,
        data: Payload,
        acting: Acting,
        *,
        township: str,
        subject: str = "",
        time: datetime | None = None,
        event_id: str = "",
        source: str = SOURCE,
    ) -> Event:
        """Make an event as an app with a token would send it through the door."""
        return Event(
            id=event_id or f"e{next(self._ids)}",
            source=source,
            type=type_name(data),
            time=time or WHENEVER,
            township=township,
            subject=subject,
            acting=acting,
            data=data,
            key_id=DOOR_KEY,
        )

    def outbound(self, event: Event, *, restricted: bool = False) -> Outbound:
        """Return the record of an event, vouched for by the installation."""
        signature = vouch(self.setting.own_key, attributes_of(event), data_of(event.data))
        encoded = encode(event, signature=signature)
        topic = str(TYPE_OF_PAYLOAD[type(event.data)].topic)
        return Outbound(
            topic=f"restricted.{topic}" if restricted else topic,
            key=event.township,
            headers=encoded.headers,
            value=encoded.value,
        )

    def at(self, instant: datetime, *events: Event | Outbound) -> None:
        """Let these events happen at `instant`, and wait until all that follows is decided."""
        self.conductor.release(instant, [self._at(instant, one) for one in events])

    def _at(self, instant: datetime, one: Event | Outbound) -> Outbound:
        if not isinstance(one, Event):
            return one
        if one.time == WHENEVER:
            one = replace(one, time=self._said.setdefault((one.source, one.id), instant))
        return self.outbound(one)

    # --- looking -------------------------------------------------------------------------------

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return what the database says."""
        return self.db.execute(query.encode(), values).fetchall()

    def case(self, case_id: str) -> Case:
        """Return a case as it is stored."""
        shard = self.rows("SELECT shard FROM cases WHERE id = %s::uuid", case_id)[0][0]
        with psycopg.Cursor(self.db) as cursor:
            return load_cases(cursor, shard, [case_id])[case_id].case
