"""One shard decided without a broker: records are handed over as if they had been read.

Everything behind the reading is the real thing: transactions in PostgreSQL, follow-ups that come
in again through their topics, timers. Good for tests that ask what is decided, not how it travels.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import count, groupby
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from msgspec.structs import replace
from pydantic import SecretStr

import flows.decide.all  # noqa: F401  (every step's handlers are registered on import)
from events.admission import DOOR_KEY, ENGINE_KEY, ENGINE_SOURCE, vouch
from events.codec import attributes_of, data_of, encode, type_name
from events.contract.envelope import Acting, Event, Payload
from events.contract.registry import (
    INBOUND_TOPICS,
    STEP_OF_TOPIC,
    TYPE_OF_PAYLOAD,
    Topic,
    plain_topic,
)
from flows.apply import Directories, apply_batch
from flows.batch import Batch, Coordinate, DueFiring, RawRecord, Result
from models.calendar import WorkCalendar
from models.case import Case
from models.case_store import load_cases
from models.ledger_store import due_timers
from models.policy.schema import Policy
from models.shard_store import take_shard
from models.values import Step
from partygrid import bootstrap
from partygrid.embedded.postgres import Postgres
from partygrid.settings import Settings
from tests.rig import SOURCE
from tests.rigged import FOUNDER
from tests.world import COUNTY, NOW, TOWNSHIP, directory_events

#: More than any test has; so nothing is cut where no test cuts.
_ALL = 10_000


class OneShard:
    """An installation with one shard and one engine, which does what it is told and no more."""

    def __init__(
        self,
        url: str,
        home: Path,
        *,
        policy: Policy | None = None,
        calendar_file: Path | None = None,
        name: str = "one",
    ) -> None:
        self.settings = Settings(
            home=home, database_url=SecretStr(url), partitions=1, calendar_file=calendar_file
        )
        self.policy = policy or bootstrap.policy_of(self.settings)
        calendar = bootstrap.calendar_of(self.settings)
        bootstrap.prepare(url, self.settings, self.policy, datetime.now(UTC))
        self.db = bootstrap.connect(url)
        self.setting = bootstrap.setting_of(
            self.settings, bootstrap.shelf_of(self.db, self.policy, calendar), engine=name
        )
        self._directories = Directories()
        self._offsets: Counter[str] = Counter()
        self._ids = count(1)
        self._name = name
        #: how many inputs are decided in one transaction, at most
        self.at_once = _ALL
        self.take()

    def take(self) -> None:
        """Become the shard's owner."""
        with self.db.transaction(), self.db.cursor() as cursor:
            self.state = take_shard(cursor, 0, self._name, datetime.now(UTC))

    @property
    def calendar(self) -> WorkCalendar:
        """The calendar in force."""
        return self.setting.shelf.calendar

    def close(self) -> None:
        """Let the database go."""
        self.db.close()

    def found_county(self, *more: Payload) -> None:
        """Make the tests' county by the events that make a real one; `more` after it."""
        payloads = [*directory_events(tuple(self.policy.organisation.departments)), *more]
        founded = [
            replace(
                self.event(data, FOUNDER, township=COUNTY, time=NOW, source=ENGINE_SOURCE),
                key_id=ENGINE_KEY,
            )
            for data in payloads
        ]
        self.say(NOW, *founded)

    # --- deciding ------------------------------------------------------------------------------

    def event(
        self,
        data: Payload,
        acting: Acting,
        *,
        subject: str = "",
        township: str = TOWNSHIP,
        time: datetime = NOW,
        event_id: str = "",
        source: str = SOURCE,
        sequence: int = -1,
    ) -> Event:
        """Make an event as an app with a token would send it through the door."""
        return Event(
            id=event_id or f"{self._name}-{next(self._ids)}",
            source=source,
            type=type_name(data),
            time=time,
            township=township,
            subject=subject,
            acting=acting,
            data=data,
            key_id=DOOR_KEY,
            sequence=sequence,
        )

    def say(self, now: datetime, *events: Event) -> None:
        """Let these events be read at `now`, and all that follows from them at once."""
        self.hear([self._record(event, now) for event in events])
        self.settle(now)

    def hear(self, records: Sequence[RawRecord]) -> list[Result]:
        """Decide records, one topic after the other as they come; nothing follows yet."""
        done = []
        for topic, group in groupby(records, key=lambda record: record.at.topic):
            step = STEP_OF_TOPIC[Topic(plain_topic(topic))]
            done += [
                self._decide(Batch(shard=0, step=step, records=part, **_WHEN))
                for part in _cut(list(group), self.at_once)
            ]
        return done

    def settle(self, now: datetime) -> None:
        """Read what the engine says to itself, until it says nothing more."""
        while rows := self._follow_ups():
            self.hear([self._read(row, now) for row in rows])

    def until(self, moment: datetime) -> None:
        """Fire every timer that is due by `moment`, each with what follows from it."""
        while due := self._due(moment):
            first = due[0].clock.due_at
            firings = [DueFiring(timer=timer) for timer in due if timer.clock.due_at == first]
            for part in _cut(firings, self.at_once):
                self._decide(Batch(shard=0, step=Step.ESCALATION, firings=part, **_WHEN))
            self.settle(first)

    def _decide(self, batch: Batch) -> Result:
        try:
            with self.db.transaction(), self.db.cursor() as cursor:
                batch = replace(batch, positions=self.state.positions)
                self.state, result = apply_batch(
                    cursor, self.state, batch, self.setting, self._directories
                )
        except Exception:
            self._directories.forget()
            raise
        return result

    def _record(self, event: Event, now: datetime) -> RawRecord:
        signature = vouch(self.setting.own_key, attributes_of(event), data_of(event.data))
        encoded = encode(event, signature=signature)
        topic = str(TYPE_OF_PAYLOAD[type(event.data)].topic)
        return self.record(topic, encoded.headers, encoded.value, now)

    def record(
        self, topic: str, headers: list[tuple[str, bytes]], value: bytes, now: datetime
    ) -> RawRecord:
        """Return a record at the topic's end."""
        self._offsets[topic] += 1
        at = Coordinate(
            topic=topic,
            topic_id=f"{self._name}|{topic}",
            partition=0,
            offset=self._offsets[topic],
        )
        return RawRecord(at=at, key=None, headers=headers, value=value, now=now)

    def _read(self, row: tuple[Any, ...], now: datetime) -> RawRecord:
        topic, headers, value = row
        return self.record(topic, [(name, text.encode()) for name, text in headers], value, now)

    def _follow_ups(self) -> list[tuple[Any, ...]]:
        rows = self.db.execute(
            "WITH due AS (UPDATE outbox SET published_at = now() WHERE published_at IS NULL"
            " AND topic = ANY(%s) RETURNING id, topic, headers, value)"
            " SELECT topic, headers, value FROM due ORDER BY id",
            (list(INBOUND_TOPICS),),
        ).fetchall()
        self._keep_marks()
        return rows

    def _keep_marks(self) -> None:
        self.db.commit()

    def _due(self, moment: datetime) -> list[Any]:
        with self.db.cursor() as cursor:
            due = due_timers(cursor, [0], moment, _ALL)
        self.db.commit()
        return due

    # --- looking -------------------------------------------------------------------------------

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return what the database says."""
        found = self.db.execute(query.encode(), values).fetchall()
        self.db.commit()
        return found

    def case(self, case_id: str) -> Case:
        """Return a case as it is stored."""
        with psycopg.Cursor(self.db) as cursor:
            found = load_cases(cursor, 0, [case_id])[case_id].case
        self.db.commit()
        return found


_WHEN: dict[str, Any] = {"recorded_at": datetime(2026, 1, 1, tzinfo=UTC)}


def _cut(whole: list[Any], most: int) -> Iterator[tuple[Any, ...]]:
    for first in range(0, len(whole), most):
        yield tuple(whole[first : first + most])


class County(NamedTuple):
    """A database with the tests' county in it, to be copied, and the home of its keys."""

    database: str
    home: Path


def founded(postgres: Postgres, template: str, home: Path) -> County:
    """Make the database that tests copy."""
    postgres.create_database("founded", template=template)
    with closing(OneShard(postgres.url("founded"), home, name="founder")) as shard:
        shard.found_county()
    return County("founded", home)


@contextmanager
def copied(postgres: Postgres, county: County) -> Iterator[str]:
    """Give a copy of the county's database."""
    name = f"county_{next(_copies)}"
    postgres.create_database(name, template=county.database)
    yield postgres.url(name)
    postgres.drop_database(name)


_copies = count(1)
