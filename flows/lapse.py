"""The order of a time-lapse: what of one released instant is decided next. Pure.

Within an instant things happen in waves: what people said and what came due is wave 0, what the
engine made of it wave 1, and so on. The lowest wave goes first, timers before records, each in a
fixed order. So a run that is killed and started again decides in the same order as one that is not.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby

from events.contract.registry import INBOUND_TOPICS, STEP_OF_TOPIC, Topic, plain_topic
from flows.batch import Batch, DueFiring, RawRecord
from flows.decide.route import STEP_OF_CLOCK
from models.case import ClockKind
from models.ledger_store import DueTimer
from models.values import Step

_RANK = {topic: rank for rank, topic in enumerate(INBOUND_TOPICS)}


def wave_of_record(record: RawRecord) -> int:
    """Return the wave a record belongs to; 0 where it says nothing of one."""
    for name, text in record.headers:
        if name == "ce_wave" and text.isdigit():
            return int(text)
    return 0


def wave_of_timer(timer: DueTimer, instant: datetime) -> int:
    """Return the wave of a timer: one set earlier than this instant is of wave 0."""
    return timer.wave if timer.set_at == instant else 0


def next_wave(
    records: Iterable[RawRecord], timers: Iterable[DueTimer], instant: datetime
) -> tuple[list[DueTimer], list[RawRecord]]:
    """Return the timers and records of the lowest wave, each in their fixed order."""
    records, timers = list(records), list(timers)
    waves = [wave_of_record(record) for record in records]
    waves += [wave_of_timer(timer, instant) for timer in timers]
    if not waves:
        return [], []
    lowest = min(waves)
    due = [timer for timer in timers if wave_of_timer(timer, instant) == lowest]
    read = [record for record in records if wave_of_record(record) == lowest]
    return (
        sorted(due, key=lambda timer: (timer.clock.due_at, timer.subject, timer.clock.key)),
        sorted(read, key=lambda record: (_RANK[record.at.topic], record.at.offset)),
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
