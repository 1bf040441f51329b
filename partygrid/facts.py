"""What the rows and the broker say of an installation, for Prometheus.

One process reads it (the office), so that nobody counts what the database knows better. Marked
cases are counted with all others and their topics with the plain ones: nobody sees which there are.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import psycopg
from msgspec import Struct
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from events.contract.registry import STEP_OF_TOPIC, plain_topic
from models.notices import SendState
from models.values import DeadLetterReason, Fate
from partygrid import bootstrap
from partygrid.clock import Clock
from partygrid.errors import Unavailable
from partygrid.settings import Settings
from partygrid.status import ShardLine, Standing, Waiting, read_standing

_HOUR = timedelta(hours=1)
_SECOND = timedelta(seconds=1)

_RECORDS = """
SELECT topic, fate, count(*), count(*) FILTER (WHERE recorded_at > %s) FROM records GROUP BY 1, 2
"""
_LETTERS = "SELECT reason, count(*) FROM dead_letters WHERE replayed_at IS NULL GROUP BY 1"
_SENDS = "SELECT state, count(*) FROM notice_sends GROUP BY 1"


class Facts(Struct, frozen=True, kw_only=True):
    """What was read at one moment."""

    standing: Standing
    #: (plain topic, fate) → records
    records: Mapping[tuple[str, str], int]
    #: fate → records of the last hour
    last_hour: Mapping[str, int]
    #: reason → letters nobody has replayed
    letters: Mapping[str, int]
    #: state → sends of notices
    sends: Mapping[str, int]


def read_facts(settings: Settings, now: datetime) -> Facts:
    """Read them at the settled addresses. Raises `Unavailable`."""
    standing = read_standing(settings, now)
    records: dict[tuple[str, str], int] = {}
    last_hour: dict[str, int] = {}
    try:
        with bootstrap.connected(settings.address("database_url")) as connection:
            for topic, fate, count, lately in connection.execute(_RECORDS, (now - _HOUR,)):
                known = plain_topic(topic), fate
                records[known] = records.get(known, 0) + count
                last_hour[fate] = last_hour.get(fate, 0) + lately
            letters: dict[str, int] = dict(connection.execute(_LETTERS).fetchall())
            sends: dict[str, int] = dict(connection.execute(_SENDS).fetchall())
    except psycopg.OperationalError as fault:
        raise Unavailable("PostgreSQL went away") from fault
    return Facts(
        standing=standing, records=records, last_hour=last_hour, letters=letters, sends=sends
    )


Labelled = Iterable[tuple[tuple[str, ...], float]]


class Told(NamedTuple):
    """One metric, and where its values come from."""

    name: str
    meaning: str
    values: Callable[[Facts, datetime], Labelled]
    labels: tuple[str, ...] = ()


def _one(value: Callable[[Facts], float | None]) -> Callable[[Facts, datetime], Labelled]:
    """Return how a metric without labels is told; not at all where it is not known."""

    def told(facts: Facts, _: datetime) -> Iterator[tuple[tuple[str, ...], float]]:
        known = value(facts)
        if known is not None:
            yield (), known

    return told


def _age(waiting: Callable[[Standing], Waiting]) -> Callable[[Facts, datetime], Labelled]:
    """Return how the age of the first that waits is told; 0 where nothing waits."""

    def told(facts: Facts, now: datetime) -> Labelled:
        since = waiting(facts.standing).since
        return [((), 0.0 if since is None else max((now - since) / _SECOND, 0.0))]

    return told


def _each(
    values: Callable[[Facts], Mapping[str, int]], names: Iterable[str]
) -> Callable[[Facts, datetime], Labelled]:
    """Return how counts by a word are told, those of which there are none too."""
    every = tuple(map(str, names))
    return lambda facts, _: [((name,), values(facts).get(name, 0)) for name in every]


def _lag(facts: Facts, _: datetime) -> Labelled:
    if not _broker_answers(facts.standing.shards):
        return
    behind: dict[str, int] = {}
    for line in facts.standing.shards:
        for topic, count in (line.lag or {}).items():
            behind[plain_topic(topic)] = behind.get(plain_topic(topic), 0) + count
    for topic, step in STEP_OF_TOPIC.items():
        yield (str(step), str(topic)), behind.get(str(topic), 0)


def _broker_answers(shards: Iterable[ShardLine]) -> bool:
    return all(line.lag is not None for line in shards)


def _records(facts: Facts, _: datetime) -> Labelled:
    for topic, step in STEP_OF_TOPIC.items():
        for fate in Fate:
            yield (str(step), str(fate)), facts.records.get((str(topic), str(fate)), 0)


def _letter_share(facts: Facts) -> float:
    every = sum(facts.last_hour.values())
    return facts.last_hour.get(Fate.DEAD_LETTERED, 0) / every if every else 0.0


def _moment(moment: datetime | None) -> float:
    return 0.0 if moment is None else moment.timestamp()


METRICS = (
    Told(
        "partygrid_broker_reachable",
        "The broker answers (1) or not (0)",
        _one(lambda facts: float(_broker_answers(facts.standing.shards))),
    ),
    Told("partygrid_lag_records", "Records that are not read yet", _lag, ("step", "topic")),
    Told("partygrid_records", "Records by where they ended", _records, ("step", "fate")),
    Told(
        "partygrid_dead_letter_share",
        "Share of dead letters in the last hour's records",
        _one(_letter_share),
    ),
    Told(
        "partygrid_dead_letters_open",
        "Dead letters that nobody has replayed",
        _each(lambda facts: facts.letters, DeadLetterReason),
        ("reason",),
    ),
    Told(
        "partygrid_parked_events",
        "Events that wait for their case",
        _one(lambda facts: facts.standing.parked.count),
    ),
    Told(
        "partygrid_parked_oldest_seconds",
        "Age of the oldest parked event",
        _age(lambda standing: standing.parked),
    ),
    Told("partygrid_timers", "Timers that are set", _one(lambda facts: facts.standing.timers)),
    Told(
        "partygrid_timers_overdue",
        "Timers that are due and did not fire yet",
        _one(lambda facts: facts.standing.timers_due.count),
    ),
    Told(
        "partygrid_timers_overdue_oldest_seconds",
        "By how much the longest due is late",
        _age(lambda standing: standing.timers_due),
    ),
    Told(
        "partygrid_outbox_rows",
        "Rows that are not published yet",
        _one(lambda facts: facts.standing.outbox.count),
    ),
    Told(
        "partygrid_outbox_oldest_seconds",
        "Age of the oldest row not published",
        _age(lambda standing: standing.outbox),
    ),
    Told(
        "partygrid_seal_number", "Number of the last seal", _one(lambda facts: facts.standing.seal)
    ),
    Told(
        "partygrid_seal_timestamp_seconds",
        "When the last seal was made; 0: never",
        _one(lambda facts: _moment(facts.standing.sealed_at)),
    ),
    Told(
        "partygrid_unsealed_records",
        "Audit records after the last seal",
        _one(lambda facts: facts.standing.unsealed.count),
    ),
    Told(
        "partygrid_unsealed_oldest_seconds",
        "Age of the oldest audit record not sealed",
        _age(lambda standing: standing.unsealed),
    ),
    Told(
        "partygrid_audit_verified_timestamp_seconds",
        "When the audit was verified; 0: never",
        _one(lambda facts: _moment(facts.standing.verified_at)),
    ),
    Told(
        "partygrid_audit_sound",
        "It was sound then (1) or not (0)",
        _one(lambda facts: facts.standing.verified_sound),
    ),
    Told(
        "partygrid_notices_waiting",
        "Notices not brought to anybody yet",
        _one(lambda facts: facts.standing.notices.count),
    ),
    Told(
        "partygrid_notices_oldest_seconds",
        "Age of the oldest notice that waits",
        _age(lambda standing: standing.notices),
    ),
    Told(
        "partygrid_notice_sends",
        "Sends of notices by what became of them",
        _each(lambda facts: facts.sends, SendState),
        ("state",),
    ),
    Told(
        "partygrid_digests_overdue",
        "Digests that are due and not sent",
        _one(lambda facts: facts.standing.digests_due.count),
    ),
    Told(
        "partygrid_shards",
        "Shards of the installation",
        _one(lambda facts: len(facts.standing.shards)),
    ),
)


class FactsTold(Collector):
    """Tells what was read last; nothing of it once the database did not answer."""

    def __init__(self, settings: Settings, clock: Clock, *, alarm: float) -> None:
        """`alarm` is the share of dead letters at which the policy wants operators alarmed."""
        self._settings, self._clock, self._alarm = settings, clock, alarm
        self._facts: Facts | None = None

    def read(self) -> None:
        """Read anew. Raises `Unavailable`."""
        facts = None
        try:
            facts = read_facts(self._settings, self._clock.now())
        finally:
            self._facts = facts

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give every metric, without values where nothing is known."""
        facts, now = self._facts, self._clock.now()
        yield GaugeMetricFamily(
            "partygrid_database_reachable",
            "The database answered (1) or not (0) when the facts were read last",
            value=float(facts is not None),
        )
        yield GaugeMetricFamily(
            "partygrid_facts_timestamp_seconds",
            "When rows and broker were last read for the metrics of the office; 0: not now",
            value=_moment(facts.standing.at if facts else None),
        )
        yield GaugeMetricFamily(
            "partygrid_dead_letter_alarm_share",
            "Share of dead letters from which the policy wants the operators alarmed",
            value=self._alarm,
        )
        for told in METRICS:
            family = GaugeMetricFamily(told.name, told.meaning, labels=told.labels)
            for labels, value in told.values(facts, now) if facts is not None else ():
                family.add_metric(labels, value)
            yield family
