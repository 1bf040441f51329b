"""Which shards an engine holds: those the consumer group gives it and, in need, those nobody holds.

The group decides while the broker answers. When it does not for a while, what comes due must be
fired all the same: an engine then also adopts shards that no engine holds, which shows in a lock
that every holder keeps on the shard, and lets them go when the group is there again. Lock or not,
the epoch alone says whose transactions count.
"""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg

from events.broker import Broker
from events.consumer import ShardConsumer
from events.contract.registry import INBOUND_TOPICS
from events.relay import send_again
from flows.apply import Apply, Directories
from flows.attempts import Survived
from flows.owner import Owner, ShardHeldUp
from flows.written_order import WrittenOrder
from models.policy.categories import Urgency
from models.restores import LogEnd, catching_up
from models.setting import Setting
from models.shard_store import ShardLost, end_last_owners_transaction, epochs
from partygrid.broker_watch import BrokerWatch
from partygrid.clock import Clock
from partygrid.errors import Unavailable
from partygrid.firing_order import Held
from partygrid.logs import about

log = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

#: A broker that has not answered for so long is away, and not slow: as long as the group waits for
#: a member of which it hears nothing.
AWAY_AFTER = timedelta(seconds=6)
#: Seconds for which a shard is left alone that another engine took: by then the group has told us
#: whether it is still ours.
_LEAVE_ALONE = 3.0
#: Seconds without a look at the group after which it may have put us out: its session timeout.
_PAUSED_AFTER = 6.0
#: Seconds between two tries to begin with a topic that nobody tells anything of.
_BEGIN_AGAIN = 2.0
#: Seconds between two tries to get a shard's lock.
_TRY_LOCK = 1.0
#: First of the two numbers of a shard's lock; the second is the shard.
_LOCKS = 0x73686172
#: Seconds for which a shard may be held up by a transaction of an engine that lost it. PostgreSQL
#: has no limit of its own for one that was paused in the middle of a pipeline.
_END_AFTER = 8.0


class Ownership:
    """The shards of one engine, and its connections to the database."""

    def __init__(
        self,
        *,
        setting: Setting,
        connect: Callable[[], Connection],
        consumer: ShardConsumer,
        broker: Broker,
        clock: Clock,
        apply: Apply,
    ) -> None:
        """Hold nothing yet. Raises `Unavailable` where the database is away."""
        self._setting, self._connect, self._clock = setting, connect, clock
        self._consumer, self._broker, self._apply = consumer, broker, apply
        #: who knows whether the broker answers; in a time-lapse nobody is asked
        self.watch = BrokerWatch(broker)
        self.held: dict[int, Held] = {}
        self._directories, self._survived = Directories(), Survived()
        self._leave_alone: dict[int, float] = {}
        self._held_up: dict[int, float] = {}
        self._in_touch_at = self._followed_at = time.monotonic()
        #: rebalances after which the consumer was told where to read on
        self._placed = 0
        self.connection, self.notes = connect(), self._noting()

    # --- the database --------------------------------------------------------------------------

    def _noting(self) -> Connection:
        """Open the connection that commits by itself, and keeps the shards' locks."""
        connection = self._connect()
        connection.autocommit = True
        connection.execute("SET synchronous_commit = off")
        return connection

    def reconnect(self) -> bool:
        """Open again what was cut; returns whether anything was. Raises `Unavailable`."""
        cut = False
        if self.connection.closed:
            self.connection, cut = self._connect(), True
        if self.notes.closed:
            self.notes, cut = self._noting(), True
        return cut

    def hang_up(self) -> None:
        """Connect anew: what cut one connection cut the other, or the server takes no writes now.

        The locks go with the connection.
        """
        self.forget_all()
        self.connection.close()
        self.notes.close()

    def forget_all(self) -> None:
        """Let go of every shard: what is known of them may be wrong. They are taken anew."""
        for shard in list(self.held):
            self._let_go(shard)
        self._directories.forget()

    # --- the group -----------------------------------------------------------------------------

    @property
    def is_in_touch(self) -> bool:
        """Tell whether the group's word can be had now."""
        if self._setting.time_lapse:
            return True
        return self.watch.answers and self._consumer.joined()

    @property
    def may_knock(self) -> bool:
        """Tell whether the broker is likely to answer: knocking in vain takes seconds."""
        return self._setting.time_lapse or self.watch.answers

    def follow(self) -> None:
        """Take over and let go of shards as the group says, or as need be."""
        # A broker that forgot its topics makes them with partitions that are no shards.
        assigned = {one for one in self._consumer.shards() if one < self._setting.partitions}
        in_touch = self.is_in_touch
        self._notice_a_pause()
        if in_touch:
            self._in_touch_at = time.monotonic()
        for shard in self.held.keys() - assigned:
            if in_touch or not self.held[shard].adopted:
                log.info("the shard goes to another engine", extra=about(shard=shard))
                self._let_go(shard)
        self._seek_anew()
        for shard in sorted(self._wanted(assigned, in_touch=in_touch) - self.held.keys()):
            if time.monotonic() >= self._leave_alone.get(shard, 0.0):
                self._claim(shard, assigned=shard in assigned, in_touch=in_touch)
        for shard in self.held.keys() & assigned:
            self._serve(self.held[shard])

    def _notice_a_pause(self) -> None:
        """After a pause nothing is claimed until the group can have told what became of us."""
        now = time.monotonic()
        if now - self._followed_at > _PAUSED_AFTER and not self._setting.time_lapse:
            every = range(self._setting.partitions)
            self._leave_alone |= dict.fromkeys(every, now + _LEAVE_ALONE)
        self._followed_at = now

    def _wanted(self, assigned: set[int], *, in_touch: bool) -> set[int]:
        if in_touch:
            return assigned
        return assigned | (set(range(self._setting.partitions)) if self._must_adopt() else set())

    def _must_adopt(self) -> bool:
        alone_for = timedelta(seconds=time.monotonic() - self._in_touch_at)
        patience = self._setting.shelf.current.deadlines.stall[Urgency.NORMAL]
        return self.watch.silent_for >= AWAY_AFTER or alone_for >= max(patience, AWAY_AFTER)

    @property
    def reads_on(self) -> bool:
        """Tell whether the consumer reads where we are; after a rebalance it may begin anywhere."""
        return self._consumer.rebalances == self._placed

    def _seek_anew(self) -> None:
        """After a rebalance go on reading where we are.

        The group remembers what was committed, perhaps to a log that the broker has lost.
        """
        rebalances = self._consumer.rebalances
        if self.reads_on or not self._consumer.joined():
            return
        self._placed = rebalances
        self._let_go_of_what_others_took()
        ours = self._consumer.shards()
        for shard, held in self.held.items():
            for topic, offset in held.reading.read_to.items() if shard in ours else ():
                self._consumer.read_from(topic, shard, offset)

    def _let_go_of_what_others_took(self) -> None:
        """Between two looks at the group a shard may have been given away and come back.

        It would else be held in vain until something happens in it.
        """
        with self.notes.cursor() as cursor:
            newest = epochs(cursor)
        for shard, held in list(self.held.items()):
            if newest[shard] != held.owner.state.epoch:
                log.info("the shard was another engine's meanwhile", extra=about(shard=shard))
                self._directories.forget()
                self._let_go(shard)

    def lost(self, fault: ShardLost) -> None:
        """Let go of a shard that another engine has taken, and leave it alone for a while."""
        shard = fault.context.get("shard")
        log.info("the shard was taken over by another engine", extra=about(**fault.context))
        if not isinstance(shard, int) or self._setting.time_lapse:
            self.forget_all()
            return
        self._directories.forget()
        self._leave_alone[shard] = time.monotonic() + _LEAVE_ALONE
        if shard in self.held:
            self._let_go(shard)

    # --- taking and letting go -----------------------------------------------------------------

    def _claim(self, shard: int, *, assigned: bool, in_touch: bool) -> None:
        """Take a shard over: at the group's word, else only where no engine holds its lock."""
        locked = self._lock(shard)
        if not locked and not (assigned and in_touch):
            self._leave_alone[shard] = time.monotonic() + _TRY_LOCK
            return
        try:
            owner = Owner(
                shard,
                self.connection,
                self.notes,
                self._setting,
                self._directories,
                self._clock,
                self._survived,
                self._apply,
            )
        except ShardHeldUp as fault:
            log.info("%s", fault, extra=about(shard=shard))
            self._leave_alone[shard] = time.monotonic() + _TRY_LOCK
            if locked:
                self._unlock(shard)
            if assigned and in_touch:
                self._end_what_holds_up(shard)
            return
        self._held_up.pop(shard, None)
        log.info(
            "the shard is %s, epoch %s",
            "ours" if assigned else "adopted: nobody holds it, and the group cannot be asked",
            owner.state.epoch,
            extra=about(shard=shard),
        )
        order = WrittenOrder(self._decided_once(shard))
        self.held[shard] = Held(owner, adopted=not assigned, locked=locked, order=order)

    def _decided_once(self, shard: int) -> list[LogEnd]:
        """Return how far a log reaches that was decided before the database was restored."""
        with self.notes.cursor() as cursor:
            restore = catching_up(cursor)
        return [end for end in restore.log_ends if end.shard == shard] if restore else []

    def _end_what_holds_up(self, shard: int) -> None:
        """End a transaction that its engine does not go on with: the shard is ours now."""
        since = self._held_up.setdefault(shard, time.monotonic())
        if time.monotonic() - since < _END_AFTER:
            return
        with self.notes.cursor() as cursor:
            if end_last_owners_transaction(cursor, shard):
                log.warning(
                    "the shard was held up by a paused engine: its session is ended",
                    extra=about(shard=shard),
                )

    def _let_go(self, shard: int) -> None:
        if self.held.pop(shard).locked:
            self._unlock(shard)

    def _unlock(self, shard: int) -> None:
        """Let the lock go; PostgreSQL counts how often a session took it."""
        if self.notes.closed:
            return
        try:
            self.notes.execute("SELECT pg_advisory_unlock(%s, %s)", (_LOCKS, shard))
        except psycopg.Error:
            self.notes.close()  # the server lets the lock go with the connection

    def _lock(self, shard: int) -> bool:
        if self._setting.time_lapse:
            return False
        row = self.notes.execute("SELECT pg_try_advisory_lock(%s, %s)", (_LOCKS, shard)).fetchone()
        return row is not None and bool(row[0])

    def _serve(self, held: Held) -> None:
        """Bring a shard to its full state that the group gave us."""
        shard, now = held.owner.shard, time.monotonic()
        held.adopted = False
        if not held.locked and now >= self._leave_alone.get(shard, 0.0):
            self._leave_alone[shard] = now + _TRY_LOCK
            held.locked = self._lock(shard)
        if held.reading.not_begun() and self.is_in_touch and now >= held.begin_at:
            held.begin_at = now + _BEGIN_AGAIN
            try:
                self._begin(held)
            except Unavailable as fault:
                if self._setting.time_lapse:
                    raise
                log.info("the shard is not read yet: %s", fault, extra=about(shard=shard))

    def _begin(self, held: Held) -> None:
        """Read on where the last owner's transaction ended, each topic that can be read."""
        owner, shard = held.owner, held.owner.shard
        topic_ids = self._topic_ids()
        offsets = {
            topic: owner.next_offset(topic, topic_ids[topic])
            for topic in held.reading.not_begun()
            if topic in topic_ids
        }
        new = [topic for topic, offset in offsets.items() if offset is None]
        begins = self._consumer.begins_told(shard, new) if new else {}
        for topic in new:
            if topic in begins:
                owner.begin(topic, begins[topic])
        for topic, offset in (offsets | begins).items():
            if offset is not None:
                self._consumer.read_from(topic, shard, offset)
                held.reading.begin(topic, topic_ids[topic], offset)
        if offsets and owner.lost_log(topic_ids):
            with self.connection.transaction():
                rows = send_again(self.connection, shard)
            if rows:
                log.info("%s rows that nobody read are sent again", rows, extra=about(shard=shard))
        if self._setting.time_lapse and held.reading.not_begun():
            raise Unavailable("the broker does not tell where its topics begin")

    def _topic_ids(self) -> dict[str, str]:
        if self._setting.time_lapse:
            self._broker.ensure(INBOUND_TOPICS)
            return self._broker.topic_ids(INBOUND_TOPICS)
        return self.watch.topic_ids

    def notice_lost_log(self) -> None:
        """Notice a broker that came back without its log: the topics have other ids."""
        ids = self.watch.topic_ids
        if any(held.reading.is_of_another_log(ids) for held in self.held.values()):
            log.warning("the broker lost its log: every shard is taken over anew")
            self.forget_all()

    def close(self) -> None:
        """Close the connections; the server lets the locks go with them."""
        self.connection.close()
        self.notes.close()
