"""The loop of one engine: read, decide, fire, for the shards it owns.

One process, one loop. What is decided stands in `flows`; this file only says in which order the
shards' inputs are taken up, in wall-clock time and in time-lapse.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg

import flows.decide.all  # noqa: F401  (every step's handlers are registered on import)
from events.broker import Broker
from events.consumer import ShardConsumer
from events.contract.registry import INBOUND_TOPICS
from events.relay import Relay, send_again
from flows.apply import Apply, Directories, apply_batch
from flows.attempts import Survived
from flows.batch import Batch, DueFiring, RawRecord
from flows.conductor import DRAINED_CHANNEL, INSTANT_CHANNEL, Reached
from flows.lapse import Inputs, firing_batches, record_batches, wave_of_timer
from flows.owner import Owner
from flows.reading import Reading
from flows.runner import Runner
from models import ledger_store
from models.ledger_store import DueTimer
from models.setting import Setting
from models.shard_store import ShardLost
from partygrid.clock import Clock
from partygrid.errors import Unavailable
from partygrid.firing_order import FiringOrder, Held

log = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

#: How often the topics' ids are looked at.
LOOK_AT_TOPICS = timedelta(seconds=2)
#: In a time-lapse every timer of an instant must be known to find the lowest wave.
LAPSE_TIMERS = 1_000_000
#: Seconds that a time-lapse's engine waits for the next instant before it looks at the broker.
LAPSE_IDLE = 0.05

_reached = msgspec.json.Decoder(Reached)


class Engine:
    """Owns shards, as many as the consumer group gives it."""

    def __init__(
        self,
        *,
        setting: Setting,
        connect: Callable[[], Connection],
        consumer: ShardConsumer,
        broker: Broker,
        relay: Relay,
        runner: Runner,
        clock: Clock,
        batch_max: int,
        poll_wait: timedelta,
        apply: Apply = apply_batch,
    ) -> None:
        """Take everything from outside: nothing is built in here."""
        self.setting, self._connect = setting, connect
        self._consumer, self._broker, self._relay = consumer, broker, relay
        self._runner, self._clock = runner, clock
        self._batch_max, self._apply = batch_max, apply
        self._wait_ms = int(poll_wait / timedelta(milliseconds=1))
        self._connection = connect()
        self._notes = self._noting()
        self._directories = Directories()
        self._survived = Survived()
        self.held: dict[int, Held] = {}
        self._topics_seen = clock.now()
        self._firing = FiringOrder(setting, consumer, clock)

    @property
    def mute_since(self) -> datetime | None:
        """Since when the topics cannot be read, as far as timers wait for it; None: they can."""
        return self._firing.mute_since

    # --- the loop ------------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Go on until `stop` is set. Servers that are away are waited for, with backoff."""
        if self.setting.time_lapse:
            self._loop(stop)
            return
        publishing = threading.Thread(
            target=self._relay.run, args=(lambda: tuple(self.held), stop), name="relay"
        )
        publishing.start()
        try:
            self._loop(stop)
        finally:
            publishing.join(timeout=10)

    def _loop(self, stop: threading.Event) -> None:
        pause = 0.1
        while not stop.is_set():
            try:
                busy = self.lapse_step() if self.setting.time_lapse else self.step()
                pause = 0.1
                if not busy and self.setting.time_lapse:
                    self._await_instant()
            except ShardLost as fault:
                log.info("a shard was taken over by another engine: %s", fault.context)
                self._let_go_all()
            except (Unavailable, psycopg.OperationalError, psycopg.InterfaceError) as fault:
                log.warning("waiting %.1f s: %s", pause, fault)
                stop.wait(pause)
                pause = min(pause * 2, 5.0)
                self._recover()
            except Exception:  # the loop outlives every fault; what broke it is in the log
                log.exception("an unexpected fault: the shards are taken over anew")
                stop.wait(pause)
                pause = min(pause * 2, 5.0)
                self._recover()

    def step(self) -> bool:
        """Take up once what the wall clock brought."""
        try:
            self._look_at_topics()
        except Unavailable as fault:
            # The shards stay ours: what comes due is fired when the topics were mute too long.
            log.warning("%s", fault)
        self._poll(self._wait_ms)
        for held in list(self.held.values()):
            self._work_off(held)
        return True

    # --- ownership -----------------------------------------------------------------------------

    def _poll(self, wait_ms: int) -> bool:
        """Read; take over and let go of shards as the group says. Returns whether anything came."""
        polled = self._consumer.poll(wait_ms=wait_ms, at_most=self._batch_max * 4)
        # What was fetched of a shard before it was ours may begin anywhere: it is fetched again.
        ours = dict(self.held)
        self._follow_assignment()
        now, came = self._clock.now(), False
        for (_, partition), reads in polled.items():
            held = ours.get(partition)
            if held is not None and self.held.get(partition) is held:
                held.reading.add(reads, now, trust_timestamp=self.setting.time_lapse)
                came = True
        return came

    def _look_at_topics(self) -> None:
        """Notice a broker that came back without its log: the topics have other ids."""
        now = self._clock.now()
        if now < self._topics_seen + LOOK_AT_TOPICS:
            return
        self._topics_seen = now
        self._broker.ensure(INBOUND_TOPICS)
        topic_ids = self._broker.topic_ids(INBOUND_TOPICS)
        if any(held.reading.topic_ids != topic_ids for held in self.held.values()):
            log.warning("the broker lost its log: every shard is taken over anew")
            self._let_go_all()

    def _follow_assignment(self) -> None:
        # A broker that forgot its topics makes them with partitions that are no shards.
        assigned = {one for one in self._consumer.shards() if one < self.setting.partitions}
        for shard in self.held.keys() - assigned:
            log.info("shard %s goes to another engine", shard)
            del self.held[shard]
        for shard in sorted(assigned - self.held.keys()):
            self._take_over(shard)

    def _take_over(self, shard: int) -> None:
        """Become the owner and read on where the last owner's database transaction ended."""
        self._broker.ensure(INBOUND_TOPICS)
        topic_ids = self._broker.topic_ids(INBOUND_TOPICS)
        owner = Owner(
            shard,
            self._connection,
            self._notes,
            self.setting,
            self._directories,
            self._clock,
            self._survived,
            self._apply,
        )
        reading = Reading(topic_ids)
        begins = self._consumer.begins(shard)
        lost = owner.lost_log(topic_ids)
        for topic in INBOUND_TOPICS:
            offset = owner.next_offset(topic, topic_ids[topic])
            if offset is None:
                self._consumer.rewind(topic, shard)
                owner.begin(topic, begins[topic])
                offset = begins[topic]
            else:
                self._consumer.read_from(topic, shard, offset)
            reading.read_to[topic] = offset
        if lost:
            with self._connection.transaction():
                log.info(
                    "the broker lost its log: %s rows again", send_again(self._connection, shard)
                )
        log.info("shard %s is ours, epoch %s", shard, owner.state.epoch)
        self.held[shard] = Held(owner, reading)

    def _let_go_all(self) -> None:
        """Forget every shard; those still assigned are taken over again with a new epoch."""
        self.held.clear()

    def _recover(self) -> None:
        self._let_go_all()
        self._directories.forget()
        if self._connection.closed or self._connection.broken:
            self._connection = self._connect()
        if self._notes.closed or self._notes.broken:
            self._notes = self._noting()

    def _noting(self) -> Connection:
        """Open the connection that commits by itself; in a time-lapse it hears the conductor."""
        connection = self._connect()
        connection.autocommit = True
        connection.execute("SET synchronous_commit = off")
        if self.setting.time_lapse:
            connection.execute(f"LISTEN {INSTANT_CHANNEL}")
        return connection

    # --- wall clock ----------------------------------------------------------------------------

    def _work_off(self, held: Held) -> None:
        """Decide what was read and fire what is due, in the order of their times."""
        while True:
            timers, waits = self._firing.fireable(held, self._connection)
            first = held.reading.first()
            if first is None and not timers:
                break
            if timers and (first is None or timers[0].timer.clock.due_at <= first.now):
                until = first.now if first is not None else None
                chosen = [due for due in timers if until is None or due.timer.clock.due_at <= until]
                self._run(
                    held,
                    firing_batches(
                        chosen[: self._batch_max],
                        shard=held.owner.shard,
                        at_most=self._batch_max,
                        recorded_at=self._clock.now(),
                    )[:1],
                )
                continue
            if first is None or (waits is not None and first.now >= waits):
                break  # an older timer waits for what is not read yet
            bounds = [due.timer.clock.due_at for due in timers[:1]] + ([waits] if waits else [])
            before = min(bounds, default=None)
            records = held.reading.take(first.at.topic, before=before, at_most=self._batch_max)
            self._run(
                held,
                record_batches(
                    records,
                    shard=held.owner.shard,
                    at_most=self._batch_max,
                    recorded_at=self._clock.now(),
                ),
            )

    def _run(self, held: Held, batches: list[Batch]) -> None:
        for batch in batches:
            self._runner.run(batch, lambda batch=batch: held.owner.run(batch))  # type: ignore[misc]
            held.next_due = None
            if batch.records:
                last = batch.records[-1].at
                self._consumer.commit(held.owner.shard, {last.topic: last.offset + 1})

    # --- time-lapse ----------------------------------------------------------------------------

    def lapse_step(self) -> bool:
        """Work on the instant the conductor released; returns whether there was anything to do.

        All shards are at the same wave, so this one engine must own all of them.
        """
        instant, reached = self._released()
        if instant is None or len(self.held) < self.setting.partitions:
            self._poll(1)
            return False
        undrained = {shard: held for shard, held in self.held.items() if held.drained_at != instant}
        if not undrained:
            self._poll(0)
            return False
        self._relay.publish_all(undrained)
        self._read_to_end(undrained, reached)
        if any(self.held.get(shard) is not held for shard, held in undrained.items()):
            return True  # shards went away while we read: what was read says nothing
        due = self._due_by_shard(undrained, instant)
        inputs = {
            shard: Inputs(held.reading.all(), due[shard], instant)
            for shard, held in undrained.items()
        }
        waves = [one.lowest for one in inputs.values()]
        wave = min((one for one in waves if one is not None), default=None)
        if wave is None:
            self._drained(list(undrained.values()), instant)
            return True
        for shard, held in sorted(undrained.items()):
            if self.held.get(shard) is held:
                self._one_wave(held, *inputs[shard].of(wave), instant)
        return True

    def _read_to_end(self, wanted: dict[int, Held], reached: Reached) -> None:
        """Read what the conductor and this engine have written.

        Both know the ends themselves, and nobody else writes in a time-lapse; so the broker is
        asked only where a shard was just taken over.
        """
        new = [shard for shard, held in wanted.items() if not held.ends]
        for ends in (self._consumer.ends(new) if new else {}, reached, self._relay.reached):
            for shard, held in wanted.items():
                held.expect(ends.get(shard, {}))
        while any(
            held.reading.is_behind(held.ends)
            for shard, held in wanted.items()
            if self.held.get(shard) is held
        ):
            self._poll(5)

    def _due_by_shard(
        self, wanted: dict[int, Held], instant: datetime
    ) -> dict[int, list[DueTimer]]:
        with self._connection.transaction(), self._connection.cursor() as cursor:
            timers = ledger_store.due_timers(cursor, list(wanted), instant, LAPSE_TIMERS)
        found: dict[int, list[DueTimer]] = {shard: [] for shard in wanted}
        for timer in timers:
            found[timer.shard].append(timer)
        return found

    def _one_wave(
        self, held: Held, timers: list[DueTimer], records: list[RawRecord], instant: datetime
    ) -> None:
        """Decide a shard's share of a wave."""
        shard, now = held.owner.shard, self._clock.now()
        firings = [
            DueFiring(timer=timer, wave=wave_of_timer(timer, instant).depth) for timer in timers
        ]
        batches = firing_batches(
            firings, shard=shard, at_most=self._batch_max, recorded_at=now, instant=instant
        ) + record_batches(
            records, shard=shard, at_most=self._batch_max, recorded_at=now, instant=instant
        )
        self._run(held, batches)
        held.reading.drop(records)

    def _drained(self, finished: list[Held], instant: datetime) -> None:
        """Tell the conductor that these shards have nothing left to do at this instant."""
        if not finished:
            return
        with self._connection.transaction():
            self._connection.execute(
                "UPDATE shards s SET drained_at = %s FROM unnest(%s::int[], %s::bigint[])"
                " AS d (shard, epoch) WHERE s.shard = d.shard AND s.epoch = d.epoch",
                (
                    instant,
                    [held.owner.shard for held in finished],
                    [held.owner.state.epoch for held in finished],
                ),
            )
            self._connection.execute("SELECT pg_notify(%s, '')", (DRAINED_CHANNEL,))
        for held in finished:
            held.drained_at = instant

    def _released(self) -> tuple[datetime | None, Reached]:
        """Return the present instant, and how far the conductor wrote for it."""
        with self._connection.transaction():
            row = self._connection.execute(
                "SELECT instant, reached::text FROM conductor WHERE id = 1 AND NOT handed_over"
            ).fetchone()
        return (row[0], _reached.decode(row[1])) if row else (None, {})

    def _await_instant(self) -> None:
        """Wait until the conductor goes on, but not so long that the group would miss us."""
        for _ in self._notes.notifies(timeout=LAPSE_IDLE, stop_after=1):
            return

    def close(self) -> None:
        """Leave the group and close what is open."""
        self._runner.close()
        self._consumer.close()
        self._relay.close()
        self._broker.close()
        self._connection.close()
        self._notes.close()
