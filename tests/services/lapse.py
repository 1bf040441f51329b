"""A small day played in time-lapse on Apache Kafka, disturbed or not, and how two are compared.

Nothing of a disturbance may be seen in what was decided, in the audit's content, in what is told to
people and to apps, and in what was put aside. Where a disturbance holds the servers up it does so
while the conductor waits, so only the engines meet it.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import psycopg
from kafka.admin import NewTopic
from msgspec.structs import replace

from events.broker import Broker
from events.contract.registry import INBOUND_TOPICS
from flows.conductor import Conductor, Stalled
from partygrid import bootstrap, rebuild
from partygrid.clock import WallClock
from partygrid.embedded.supervisor import Status
from partygrid.keyring import Keyring
from partygrid.operations.audit import outside_copies, verify_database
from partygrid.sample.draw import Draw
from partygrid.settings import Settings
from partygrid.simulation.directing import Disturbs, Script
from partygrid.simulation.home import simulated
from partygrid.simulation.rehearsal import Rehearsed, rehearsed
from partygrid.simulation.stage import Stage
from partygrid.simulation.week import Moment
from tests.services.apache import Apache
from tests.services.hardness import HARD
from tests.services.node import until
from tests.services.report import Row

Connection = psycopg.Connection[Any]

SEED = 7
PARTITIONS = 2
END = datetime(2026, 6, 12, 16, tzinfo=UTC)
#: Two townships, a shard for each: bringing people into the directory is half of a short play.
DAY = Script(
    seed=SEED, reports=HARD.reports, start=END - timedelta(hours=HARD.hours), end=END, townships=2
)

#: A time-lapse's records bear its times: the log must keep them, however long ago they are.
_TOPIC = {
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": str(2**63 - 1),
    "retention.ms": "-1",
}
#: How long after an instant was released a fault strikes at most: in the middle of its work.
_WITHIN = timedelta(milliseconds=60)
#: How many lines of each engine's log are told where a play stalls; its stacks are among them.
_LINES = 150
#: How often the same record stands on its topic, and how many there are of those.
_REPEATS = "SELECT count(*) FROM records WHERE fate = 'duplicate'"


class Silent:
    """Shows nothing."""

    def children(self, statuses: tuple[Status, ...]) -> None:
        """Nobody watches."""

    def step(self, told: str) -> None:
        """Nobody watches."""

    def moment(self, moment: Moment) -> None:
        """Nobody watches."""


class Strikes:
    """Something that happens at moments drawn from the seed, while the engine is at work."""

    def __init__(
        self,
        stage: Stage,
        count: int,
        strike: Callable[[Stage], bool],
        *,
        script: Script = DAY,
        within: timedelta = _WITHIN,
    ) -> None:
        """`strike` returns whether it hit; where it did not it is called again a moment later."""
        self._stage, self._strike, self._within = stage, strike, within
        self._draw = Draw(script.seed)
        span = int((script.end - script.start).total_seconds())
        self._moments = sorted(
            script.start + timedelta(seconds=self._draw.between(0, span * 9 // 10, "at", number))
            for number in range(count)
        )
        self._armed = 0
        self.hits = 0

    def before(self, instant: datetime) -> None:
        """Get ready where one of the moments has come."""
        while self._moments and self._moments[0] <= instant:
            self._moments.pop(0)
            self._armed += 1

    def while_waiting(self) -> None:
        """Strike, and look after the children."""
        if self._armed:
            share = self._draw.share("when", self._armed, len(self._moments), self.hits)
            time.sleep(share * self._within.total_seconds())
            if self._strike(self._stage):
                self.hits, self._armed = self.hits + 1, self._armed - 1
        self._stage.keep()


class Disturbance(NamedTuple):
    """How a play differs from the undisturbed one."""

    engines: int = 1
    kills: int = 0
    disturb: Callable[[Stage], Disturbs] | None = None
    connect: Callable[[str], Connection] = bootstrap.connect
    conducted: type[Conductor] = Conductor
    replication: int = 1
    #: further settings
    fields: Mapping[str, object] = MappingProxyType({})


UNDISTURBED = Disturbance()


@contextmanager
def played(
    kafka: Apache, home: Path, disturbance: Disturbance = UNDISTURBED, *, script: Script = DAY
) -> Iterator[Rehearsed]:
    """Play the day in an empty home on an empty Kafka; its servers run until the block ends."""
    make_topics(kafka, disturbance.replication)
    own = simulated(Settings(partitions=PARTITIONS), home)
    settings = kafka.settings(
        home,
        partitions=PARTITIONS,
        kafka_replication=disturbance.replication,
        http_port=own.http_port,
    ).changed(**disturbance.fields)
    with (
        telling_of_engines(home),
        rehearsed(
            settings,
            replace(script, kills=disturbance.kills),
            Silent(),
            engines=disturbance.engines,
            disturb=disturbance.disturb,
            connect=disturbance.connect,
            conducted=disturbance.conducted,
        ) as one,
    ):
        yield one


@contextmanager
def telling_of_engines(home: Path) -> Iterator[None]:
    """Where an instant was never drained, say with it what the engines logged last."""
    try:
        yield
    except Stalled as fault:
        for file in sorted((home / "logs").glob("engine-*.log")):
            last = file.read_text(encoding="utf-8").splitlines()[-_LINES:]
            fault.add_note("\n".join([f"--- {file.name}", *last]))
        raise


def make_topics(kafka: Apache, replication: int) -> None:
    """Make the inbound topics so that they keep the conductor's times."""
    new = [NewTopic(name, PARTITIONS, replication, topic_configs=_TOPIC) for name in INBOUND_TOPICS]
    kafka.empty()
    with closing(kafka.ask()) as admin:
        admin.create_topics(new)
    broker = Broker(kafka.client(), partitions=PARTITIONS, replication=replication)
    with closing(broker):
        until(lambda: len(broker.topic_ids(INBOUND_TOPICS)) == len(INBOUND_TOPICS), "no topics")


class Compared(NamedTuple):
    """What a play came to, and where it differs from the undisturbed one."""

    fates: dict[str, int]
    differences: list[str]
    #: what does not add up, and what the audit's verification found
    unsound: list[str]

    def row(self, fault: str, *, seconds: float, repeats: int) -> Row:
        """Return it as a row of the report."""
        return Row(
            fault=fault,
            load=f"{HARD.stretch} in time-lapse",
            fates=self.fates,
            repeats=repeats,
            differences=len(self.differences) + len(self.unsound),
            seconds=round(seconds, 1),
            checked="state, audit content, notices, outcomes, letters equal; adds up; verified",
        )


def compared(one: Rehearsed, undisturbed: Connection, *, counted_once: bool = False) -> Compared:
    """Compare a play that has ended with the undisturbed one, and look whether it is sound.

    With `counted_once` records that were put aside more than once count once.
    """
    with bootstrap.connected(one.stage.settings.address("database_url")) as own:
        found = [f"{one.table} {one.kind}: {one.row}" for one in rebuild.compare(undisturbed, own)]
        before, after = letters(undisturbed), letters(own)
        own.rollback()
        if counted_once:
            before, after = Counter(set(before)), Counter(set(after))
        found += [f"letter missing: {name}" for name in before - after]
        found += [f"letter extra: {name}" for name in after - before]
        return Compared(
            fates=dict(one.summary.counts["fates"]),
            differences=found,
            unsound=[*one.summary.gaps, *_findings(own, one.stage.settings)],
        )


def _findings(connection: Connection, settings: Settings) -> list[str]:
    """Verify the audit with the copies of its seals that can be reached."""
    copies, _ = outside_copies(settings)
    report = verify_database(connection, keys=Keyring(settings).seal_publics(), copies=copies)
    return [] if report.is_sound else [str(finding) for finding in report.findings]


def letters(connection: Connection) -> Counter[tuple[Any, ...]]:
    """Dead letters as anybody would count them."""
    query = "SELECT reason, source, event_id FROM dead_letters"
    return Counter(connection.execute(query).fetchall())


def repeats(one: Rehearsed) -> int:
    """Return how many records were known already when they were read."""
    with bootstrap.connected(one.stage.settings.address("database_url")) as connection:
        row = connection.execute(_REPEATS).fetchone()
    return int(row[0]) if row else 0


def engine_log(stage: Stage, name: str = "") -> Path:
    """Return where an engine writes about itself."""
    return stage.settings.home / "logs" / f"{name or stage.engines[0]}.log"


def now() -> datetime:
    """Return the time on the wall."""
    return WallClock().now()
