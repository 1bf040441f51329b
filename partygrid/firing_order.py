"""When a due timer may fire: once every inbound topic is read past its due time, or to its end.

So an answer that lies in a topic is decided before anything is declared late. Where a topic cannot
be read, timers wait for the policy's patience with it and then fire all the same, saying why. The
other topics are waited for as ever.
"""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from events.consumer import ShardConsumer
from events.contract.registry import INBOUND_TOPICS
from flows.batch import DueFiring
from flows.owner import Owner
from flows.reading import Reading
from flows.written_order import WrittenOrder
from models import case_store, ledger_store
from models.ledger_store import DueTimer
from models.policy.categories import Urgency
from models.setting import Setting
from partygrid.clock import Clock
from partygrid.logs import about

log = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]
_EVER = datetime.max.replace(tzinfo=UTC)

#: Why a timer fired without all topics being read: the audit keeps it.
STALLED = "topics_unreadable"
#: How many due timers are looked at in one go.
TIMERS_AT_ONCE = 500
#: A topic of which more is known to lie there, and which gives nothing for so long, cannot be read.
#: Shorter waits are a backlog: what was fetched of other topics is handed out first.
UNREADABLE_AFTER = timedelta(seconds=10)
#: A shard that was just taken over may need so long until its topics are read.
BEGUN_WITHIN = timedelta(seconds=3)
#: An end that is told now says nothing of the last moment: a broker stamps a record before it lies
#: in the log, and its clock is not quite ours.
SETTLED_AFTER = timedelta(milliseconds=50)
#: Seconds for which a broker that did not tell an end is left alone.
_ASK_AGAIN = 2.0
#: Seconds after which timers are looked at again, whatever is known: operators set some by hand.
_LOOK_AGAIN = 1.0
#: At most so much between two looks counts as waiting: the engine may have been busy, or paused.
_MOST_BETWEEN_LOOKS = 10.0


class Silence:
    """For how long each topic of a shard has given nothing although it should."""

    def __init__(self) -> None:
        """Wait for nothing yet."""
        self._seconds: dict[str, float] = {}
        self._begun: frozenset[str] = frozenset()
        self._read_to: dict[str, int] = {}
        self._looked: float | None = None
        #: topics of which nobody can tell the end
        self.untold: frozenset[str] = frozenset()

    def look(self, reading: Reading, moment: float) -> None:
        """Count the time since the last look where a topic's reading went on in vain."""
        spent = min(moment - (self._looked or moment), _MOST_BETWEEN_LOOKS)
        self._looked = moment
        for topic in INBOUND_TOPICS:
            stuck = self._read_to.get(topic) == reading.read_to.get(topic)
            if topic in self.untold or (stuck and reading.is_short(topic)):
                self._seconds[topic] = self._seconds.get(topic, 0.0) + spent
            else:
                self._seconds.pop(topic, None)
        self._read_to, self._begun = dict(reading.read_to), frozenset(reading.read_to)

    def unreadable(self) -> dict[str, timedelta]:
        """Return the topics that cannot be read, and for how long that was tried."""
        seconds = dict(self._seconds)  # other threads ask too, to tell of it
        lasted = {topic: timedelta(seconds=for_so_long) for topic, for_so_long in seconds.items()}
        return {topic: silent for topic, silent in lasted.items() if silent >= self._enough(topic)}

    def _enough(self, topic: str) -> timedelta:
        if topic not in self.untold:
            return UNREADABLE_AFTER
        return timedelta() if topic in self._begun else BEGUN_WITHIN

    def longest(self, moment: float) -> timedelta | None:
        """Return for how long timers wait now for what cannot be read; None: they do not."""
        if self._looked is None or moment - self._looked > _MOST_BETWEEN_LOOKS:
            return None
        return max(self.unreadable().values(), default=None)


class Held:
    """A shard this engine owns: its owner and its reading."""

    def __init__(
        self,
        owner: Owner,
        *,
        adopted: bool = False,
        locked: bool = False,
        order: WrittenOrder | None = None,
    ) -> None:
        """Own it. `adopted`: the group did not give it; `locked`: no other engine adopts it."""
        self.order = order or WrittenOrder()
        self.owner, self.reading, self.silence = owner, Reading(), Silence()
        self.adopted, self.locked = adopted, locked
        #: last instant of a time-lapse it has finished
        self.drained_at: datetime | None = None
        #: time-lapse: by topic, behind which record everything is written; empty: ask the broker
        self.ends: dict[str, int] = {}
        self._next_due: datetime | None = None
        #: monotonic seconds before which the broker is not asked: how far topics reach, where
        #: they begin
        self.ask_at = self.begin_at = 0.0
        self._look_at = 0.0

    def expect(self, ends: Mapping[str, int]) -> None:
        """Know of records that are written and must be read."""
        for topic, end in ends.items():
            self.ends[topic] = max(end, self.ends.get(topic, 0))

    def may_be_due(self, now: datetime) -> bool:
        """Tell whether it is worth while to look for due timers."""
        return time.monotonic() >= self._look_at or (
            self._next_due is not None and self._next_due <= now
        )

    def nothing_before(self, next_due: datetime | None) -> None:
        """Know that no timer is due before this; looked at again soon all the same."""
        self._next_due, self._look_at = next_due, time.monotonic() + _LOOK_AGAIN

    def look_at_once(self) -> None:
        """Look for due timers again: a batch may have set some."""
        self._look_at = 0.0


class Reach:
    """How far a shard is read: the topics that can be, and the others."""

    def __init__(self, reading: Reading, silence: Silence) -> None:
        """Look at what is known now."""
        horizons = {topic: reading.horizon(topic) for topic in INBOUND_TOPICS}
        self.unreadable = silence.unreadable()
        #: up to when every topic was read that can be
        self.read = min(
            (at for topic, at in horizons.items() if topic not in self.unreadable), default=_EVER
        )
        self._doubtful = [(horizons[topic], silent) for topic, silent in self.unreadable.items()]

    def silent_before(self, moment: datetime) -> timedelta | None:
        """Return the shortest wait for a topic that is not read up to `moment`; None: all are."""
        return min((silent for at, silent in self._doubtful if at < moment), default=None)


class FiringOrder:
    """Says which timers of a shard may fire now."""

    def __init__(
        self,
        setting: Setting,
        consumer: ShardConsumer,
        clock: Clock,
        *,
        broker_answers: Callable[[], bool],
        reads_on: Callable[[], bool],
    ) -> None:
        """`broker_answers` tells whether asking it is worth the seconds that may take.

        `reads_on`: the consumer stands where we are; after a rebalance it may stand anywhere.
        """
        self._setting, self._consumer, self._clock = setting, consumer, clock
        self._broker_answers, self._reads_on = broker_answers, reads_on

    def fireable(
        self, held: Held, connection: Connection
    ) -> tuple[list[DueFiring], datetime | None]:
        """Return the due timers that need not wait for an unread answer, the longest due first.

        And when the oldest is due that has to wait: no later record may be decided before it.
        """
        now = self._clock.now()
        if not held.may_be_due(now):
            return [], None
        shard = held.owner.shard
        with connection.transaction(), connection.cursor() as cursor:
            due = ledger_store.due_timers(cursor, [shard], now, TIMERS_AT_ONCE)
            if not due:
                held.nothing_before(ledger_store.next_due(cursor, [shard]))
                return [], None
        self._look_how_far(held, now)
        return self._choose(held, due, connection)

    def _look_how_far(self, held: Held, now: datetime) -> None:
        """Find out how far the topics reach, and which of them give nothing."""
        moment = time.monotonic()
        if not self._broker_answers():
            held.silence.untold = frozenset(INBOUND_TOPICS)
        elif moment >= held.ask_at:
            ends = self._ends(held)
            held.reading.expect(ends, now - SETTLED_AFTER)
            for topic in ends:
                self._pass_marks(held, topic)
            held.silence.untold = frozenset(INBOUND_TOPICS) - ends.keys()
            held.ask_at = time.monotonic() + (_ASK_AGAIN if held.silence.untold else 0)
        held.silence.look(held.reading, moment)

    def _ends(self, held: Held) -> dict[str, int]:
        begun = held.reading.read_to.keys()
        ends = self._consumer.log_ends(held.owner.shard) if begun else {}
        return {topic: end for topic, end in ends.items() if topic in begun}

    def _pass_marks(self, held: Held, topic: str) -> None:
        """Step over what ends an app's own transaction: it has an offset and is no record."""
        if self._reads_on() and held.reading.is_short(topic):
            held.reading.skip_to(topic, self._consumer.position(topic, held.owner.shard))

    def _choose(
        self, held: Held, due: list[DueTimer], connection: Connection
    ) -> tuple[list[DueFiring], datetime | None]:
        reach = Reach(held.reading, held.silence)
        limits: dict[str, timedelta] = {}
        chosen: list[DueFiring] = []
        waits: datetime | None = None
        for timer in due:
            at = timer.clock.due_at
            silent = reach.silent_before(at)
            if at <= reach.read and silent is not None:
                limits = limits or self._limits(due, connection)
            if at <= reach.read and (silent is None or silent >= limits[timer.subject]):
                stalled = "" if silent is None else STALLED
                chosen.append(DueFiring(timer=timer, stalled=stalled))
            elif waits is None:
                waits = at
        if any(one.stalled for one in chosen):
            log.warning(
                "timers fire without having read %s",
                ", ".join(sorted(reach.unreadable)),
                extra=about(shard=held.owner.shard),
            )
        return chosen, waits

    def _limits(self, due: list[DueTimer], connection: Connection) -> dict[str, timedelta]:
        """Return how long each subject waits for what cannot be read: an emergency not at all."""
        with connection.transaction(), connection.cursor() as cursor:
            urgencies = case_store.load_urgencies(cursor, [timer.subject for timer in due])
        limits = self._setting.shelf.current.deadlines.stall
        return {
            timer.subject: limits[Urgency(urgencies.get(timer.subject) or Urgency.NORMAL)]
            for timer in due
        }
