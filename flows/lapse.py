"""The order of a time-lapse: what of one released instant is decided next. Pure.

Within an instant things happen in waves: what people said and what came due is wave 0, what the
engine made of it wave 1, and so on. The lowest wave of all shards goes first; of one wave changes
of the directory, which every shard decides with, then timers, then records, each in a fixed order.
So a run that is killed and started again decides in the same order as one that is not.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from events.contract.registry import INBOUND_TOPICS, STEP_OF_TOPIC, Topic, plain_topic
from flows.batch import Batch, DueFiring, RawRecord
from flows.decide.route import STEP_OF_CLOCK
from models.clocks import ClockKind
from models.ledger_store import DueTimer
from models.values import Step

#: No chain of follow-ups is longer than such a number says.
MOST_DIGITS = 6

_RANK = {topic: rank for rank, topic in enumerate(INBOUND_TOPICS)}


class Wave(NamedTuple):
    """How many follow-ups lie between an input and something from outside."""

    depth: int
    #: of one depth, what changes the directory comes first
    stage: int = 1


def wave_of_record(record: RawRecord) -> Wave:
    """Return the wave a record says it belongs to; the first where it says nothing."""
    stage = 0 if plain_topic(record.at.topic) == Topic.DIRECTORY else 1
    for name, text in record.headers:
        if name == "ce_wave" and text.isdigit() and len(text) < MOST_DIGITS:
            return Wave(int(text), stage)
    return Wave(0, stage)


def wave_of_timer(timer: DueTimer, instant: datetime) -> Wave:
    """Return the wave of a timer: one set earlier than this instant is of the first."""
    return Wave(timer.wave if timer.set_at == instant else 0)


def waves_of_records(records: Iterable[RawRecord]) -> list[tuple[Wave, RawRecord]]:
    """Return records with their waves, in the order of topic and offset.

    None goes before an earlier one of its topic, whatever it says of itself: how far a topic is
    decided is one offset.
    """
    found: list[tuple[Wave, RawRecord]] = []
    highest: dict[str, Wave] = {}
    for record in sorted(records, key=lambda one: (_RANK[one.at.topic], one.at.offset)):
        wave = max(wave_of_record(record), highest.get(record.at.topic, Wave(0, 0)))
        highest[record.at.topic] = wave
        found.append((wave, record))
    return found


class Inputs:
    """What of one shard waits at an instant: records that were read, timers that are due."""

    def __init__(
        self, records: Iterable[RawRecord], timers: Iterable[DueTimer], instant: datetime
    ) -> None:
        """Sort them by wave."""
        self._records = waves_of_records(records)
        self._timers = [(wave_of_timer(timer, instant), timer) for timer in timers]

    @property
    def lowest(self) -> Wave | None:
        """The wave that goes first; None where nothing waits."""
        waves = [wave for wave, _ in (*self._records, *self._timers)]
        return min(waves, default=None)

    def of(self, wave: Wave) -> tuple[list[DueTimer], list[RawRecord]]:
        """Return the timers and records of a wave, each in their fixed order."""
        due = [timer for one, timer in self._timers if one == wave]
        return (
            sorted(due, key=lambda timer: (timer.clock.due_at, timer.subject, timer.clock.key)),
            [record for one, record in self._records if one == wave],
        )


def step_of_timer(timer: DueTimer) -> Step:
    """Return the step whose flow fires a timer; a parked event's patience is intake's."""
    return STEP_OF_CLOCK.get(ClockKind(timer.clock.kind), Step.INTAKE)


def step_of_topic(topic: str) -> Step:
    """Return the step whose flow decides a topic's records."""
    return STEP_OF_TOPIC[Topic(plain_topic(topic))]


def firing_batches(
    timers: Sequence[DueFiring],
    *,
    shard: int,
    at_most: int,
    recorded_at: datetime,
    instant: datetime | None = None,
) -> list[Batch]:
    """Cut firings into batches of one step each; a matching round always stands alone."""
    batches: list[Batch] = []
    for (step, alone), group in groupby(enumerate(timers), key=_kind_of_firing):
        chosen = [due for _, due in group]
        size = 1 if alone >= 0 else at_most
        batches += [
            Batch(
                shard=shard,
                step=step,
                firings=tuple(chosen[first : first + size]),
                recorded_at=recorded_at,
                instant=instant,
            )
            for first in range(0, len(chosen), size)
        ]
    return batches


def _kind_of_firing(numbered: tuple[int, DueFiring]) -> tuple[Step, int]:
    number, due = numbered
    is_round = due.timer.clock.kind is ClockKind.ROUND
    return step_of_timer(due.timer), number if is_round else -1


def record_batches(
    records: Sequence[RawRecord],
    *,
    shard: int,
    at_most: int,
    recorded_at: datetime,
    instant: datetime | None = None,
) -> list[Batch]:
    """Cut records into batches of one topic each, in order."""
    batches = []
    for topic, group in groupby(records, key=lambda record: record.at.topic):
        chosen = list(group)
        batches += [
            Batch(
                shard=shard,
                step=step_of_topic(topic),
                records=tuple(chosen[first : first + at_most]),
                recorded_at=recorded_at,
                instant=instant,
            )
            for first in range(0, len(chosen), at_most)
        ]
    return batches
