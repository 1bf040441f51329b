"""When a due timer may fire: once every inbound topic is read past its due time, or to its end.

So an answer that lies in a topic is decided before anything is declared late. Where no topic can
be read at all, timers wait for the policy's patience and then fire all the same, saying why.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import psycopg

from events.consumer import ShardConsumer
from flows.batch import DueFiring
from flows.owner import Owner
from flows.reading import Reading
from models import case_store, ledger_store
from models.ledger_store import DueTimer
from models.policy.categories import Urgency
from models.setting import Setting
from partygrid.clock import Clock
from partygrid.errors import Unavailable

log = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

#: Why a timer fired without all topics being read: the audit keeps it.
STALLED = "topics_unreadable"
#: How long a broker that did not answer is left alone.
_ASK_AGAIN = timedelta(seconds=2)
#: How many due timers are looked at in one go.
TIMERS_AT_ONCE = 500


class Held:
    """A shard this engine owns: its owner and its reading."""

    def __init__(self, owner: Owner, reading: Reading) -> None:
        self.owner, self.reading = owner, reading
        #: nothing is due before this; None: look
        self.next_due: datetime | None = None
        #: last instant of a time-lapse it has finished
        self.drained_at: datetime | None = None
        #: time-lapse: by topic, behind which record everything is written; empty: ask the broker
        self.ends: dict[str, int] = {}

    def expect(self, ends: Mapping[str, int]) -> None:
        """Know of records that are written and must be read."""
        for topic, end in ends.items():
            self.ends[topic] = max(end, self.ends.get(topic, 0))


class FiringOrder:
    """Says which timers of a shard may fire now."""

    def __init__(self, setting: Setting, consumer: ShardConsumer, clock: Clock) -> None:
        """Believe that the topics can be read until they cannot."""
        self._setting, self._consumer, self._clock = setting, consumer, clock
        #: since when no topic can be read; None: they can
        self._mute_since: datetime | None = None
        self._ask_again_at = clock.now()

    @property
    def mute_since(self) -> datetime | None:
        """Since when the broker does not say how far its topics reach; None: it does."""
        return self._mute_since

    def fireable(
        self, held: Held, connection: Connection
    ) -> tuple[list[DueFiring], datetime | None]:
        """Return the due timers that need not wait for an unread answer, the longest due first.

        And when the oldest is due that has to wait: no later record may be decided before it.
        """
        now = self._clock.now()
        if held.next_due is not None and held.next_due > now:
            return [], None
        shard = held.owner.shard
        with connection.transaction(), connection.cursor() as cursor:
            due = ledger_store.due_timers(cursor, [shard], now, TIMERS_AT_ONCE)
            if not due:
                next_due = ledger_store.next_due(cursor, [shard])
                held.next_due = next_due or now + timedelta(seconds=1)
                return [], None
        horizon = self._horizon(held, now)
        if horizon is None:
            chosen = self._stalled(due, now, connection)
        else:
            chosen = [DueFiring(timer=timer) for timer in due if timer.clock.due_at <= horizon]
        fired = {(one.timer.subject, one.timer.clock.key) for one in chosen}
        waits = (t.clock.due_at for t in due if (t.subject, t.clock.key) not in fired)
        return chosen, next(waits, None)

    def _horizon(self, held: Held, now: datetime) -> datetime | None:
        """Return up to when a shard's topics are read; None where nobody can say."""
        if self._mute_since is not None and now < self._ask_again_at:
            return None
        shard = held.owner.shard
        try:
            ends = self._consumer.ends([shard])[shard]
        except Unavailable as fault:
            log.warning("%s", fault)
            self._mute_since = self._mute_since or now
            self._ask_again_at = now + _ASK_AGAIN
            return None
        self._mute_since = None
        return held.reading.horizon(ends, now)

    def _stalled(
        self, due: list[DueTimer], now: datetime, connection: Connection
    ) -> list[DueFiring]:
        """Return the timers that fire although no topic can be read: the patience is over.

        An emergency does not wait at all.
        """
        if self._mute_since is None:
            return []
        with connection.transaction(), connection.cursor() as cursor:
            urgencies = case_store.load_urgencies(cursor, [timer.subject for timer in due])
        limits, mute = self._setting.shelf.current.deadlines.stall, now - self._mute_since
        return [
            DueFiring(timer=timer, stalled=STALLED)
            for timer in due
            if mute >= limits[Urgency(urgencies.get(timer.subject) or Urgency.NORMAL)]
        ]
