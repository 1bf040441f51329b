"""The loop of one engine: read, decide, fire, for the shards it owns.

One process, one loop. What is decided stands in `flows`; this file only says in which order the
shards' inputs are taken up, in wall-clock time and in time-lapse.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg

import flows.decide.all  # noqa: F401  (every step's handlers are registered on import)
from events.broker import Broker
from events.consumer import ShardConsumer
from events.relay import Relay
from flows.apply import Apply, apply_batch
from flows.batch import Batch, DueFiring, RawRecord
from flows.conductor import DRAINED_CHANNEL, INSTANT_CHANNEL, Reached
from flows.lapse import Inputs, firing_batches, record_batches, wave_of_timer
from flows.owner import is_transient
from flows.runner import Runner
from models import ledger_store
from models.ledger_store import DueTimer
from models.setting import Setting
from models.shard_store import ShardLost
from partygrid.clock import Clock
from partygrid.errors import Unavailable
from partygrid.firing_order import FiringOrder, Held
from partygrid.ownership import Ownership
from partygrid.patience import Patience

log = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

#: In a time-lapse every timer of an instant must be known to find the lowest wave.
LAPSE_TIMERS = 1_000_000
#: Seconds that a time-lapse's engine waits for the next instant before it looks at the broker.
LAPSE_IDLE = 0.05
#: Seconds that it reads on before it looks whether it is to end.
LAPSE_READ = 1.0

#: No record that has a time of its own came before this.
_NO_TIMED = datetime.min.replace(tzinfo=UTC)

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
        self.setting, self._clock = setting, clock
        self._consumer, self._broker, self._relay = consumer, broker, relay
        self._runner, self._batch_max = runner, batch_max
        self._wait_ms = int(poll_wait / timedelta(milliseconds=1))
        self._shards = Ownership(
            setting=setting,
            connect=connect,
            consumer=consumer,
            broker=broker,
            clock=clock,
            apply=apply,
        )
        self._firing = FiringOrder(
            setting,
            consumer,
            clock,
            broker_answers=lambda: self._shards.may_knock,
            reads_on=lambda: self._shards.reads_on,
        )
        self._database = Patience("the engine does not get on", log)
        self._reading = Patience("nothing can be read", log)
        self._listens = False

    @property
    def held(self) -> dict[int, Held]:
        """The shards this engine owns."""
        return self._shards.held

    @property
    def mute_since(self) -> datetime | None:
        """Since when timers wait for a topic that cannot be read; None: they wait for none."""
        moment = time.monotonic()
        found = [held.silence.longest(moment) for held in list(self.held.values())]
        silent = [lasted for lasted in found if lasted is not None]
        return self._clock.now() - max(silent) if silent else None

    # --- the loop ------------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Go on until `stop` is set. Servers that are away are waited for, with backoff.

        Raises `TopicsUnfit`.
        """
        if self.setting.time_lapse:
            self._loop(stop)
            return
        ended = threading.Event()
        beside = [
            threading.Thread(target=self._relay.run, args=(self._to_publish, ended), name="relay"),
            threading.Thread(target=self._shards.watch.run, args=(ended,), name="broker-watch"),
        ]
        for thread in beside:
            thread.start()
        try:
            self._loop(stop)
        finally:
            ended.set()
            for thread in beside:
                thread.join(timeout=10)

    def _to_publish(self) -> tuple[int, ...]:
        return tuple(self.held)

    def _loop(self, stop: threading.Event) -> None:
        while not stop.is_set():
            if (refusal := self._shards.watch.refusal) is not None:
                raise refusal
            try:
                if self._shards.reconnect():
                    self._listens = False
                busy = self.lapse_step() if self.setting.time_lapse else self.step()
                self._database.went_well()
                if not busy:
                    self._await_instant()
            except ShardLost as fault:
                self._shards.lost(fault)
            except Exception as fault:  # the loop outlives every fault; what broke it is in the log
                if not isinstance(fault, Unavailable) and not is_transient(fault):
                    log.exception("an unexpected fault: the shards are taken over anew")
                pause = self._database.failed(fault)
                self._shards.hang_up()
                stop.wait(pause)

    def step(self) -> bool:
        """Take up once what the wall clock brought."""
        self._shards.notice_lost_log()
        if self._consumer.is_connected or self._shards.may_knock:
            self._read()
        else:
            time.sleep(self._wait_ms / 1000)
        self._shards.follow()
        for held in list(self.held.values()):
            self._work_off(held)
        return True

    def _read(self) -> None:
        """Read; where that fails the shards stay ours, and what comes due is fired all the same."""
        try:
            self._poll(self._wait_ms)
            self._reading.went_well()
        except Unavailable as fault:
            if isinstance(fault, ShardLost):
                raise
            time.sleep(min(self._reading.failed(fault), 1.0))

    def _poll(self, wait_ms: int) -> bool:
        """Read; take over and let go of shards as the group says. Returns whether anything came."""
        polled = self._consumer.poll(wait_ms=wait_ms, at_most=self._batch_max * 4)
        # What was fetched before a shard was ours, or of a rebalance's own accord, may begin
        # anywhere: it is fetched again.
        ours = dict(self.held) if self._shards.reads_on else {}
        self._shards.follow()
        now, came = self._clock.now(), False
        for (_, partition), reads in polled.items():
            held = ours.get(partition)
            if held is not None and self.held.get(partition) is held:
                held.reading.add(reads, now, trust_timestamp=self.setting.time_lapse)
                came = True
        return came

    # --- wall clock ----------------------------------------------------------------------------

    def _work_off(self, held: Held) -> None:
        """Decide what was read and fire what is due, in the order of their times.

        Of a record without a time of its own is known only that it came before it was read: it may
        answer what is due, so it goes first.
        """
        while self.held.get(held.owner.shard) is held:
            first = held.reading.first()
            timers, waits = (
                self._firing.fireable(held, self._shards.connection)
                if first is None or first.timed
                else ([], None)
            )
            if first is None and not timers:
                break
            if timers and (first is None or timers[0].timer.clock.due_at <= first.now):
                until = first.now if first is not None else None
                self._fire(held, [one for one in timers if until is None or one.due_at <= until])
                continue
            if first is None or first.is_from(waits):
                break  # an older timer waits for what is not read yet
            if self._may_be_older(held, first):
                break
            bounds = [due.due_at for due in timers[:1]] + ([waits] if waits else [])
            before = min(bounds, default=None) if first.timed else _NO_TIMED
            at_most = 1 if first.timed and held.order.one_by_one else self._batch_max
            records = held.reading.take(first.at.topic, before=before, at_most=at_most)
            self._run(
                held,
                record_batches(
                    records,
                    shard=held.owner.shard,
                    at_most=self._batch_max,
                    recorded_at=self._clock.now(),
                ),
            )

    def _may_be_older(self, held: Held, first: RawRecord) -> bool:
        """After a restore: tell whether something older than this lies where nothing was read."""
        shard, reads_on = held.owner.shard, self._shards.reads_on
        return held.order.must_wait(
            held.reading,
            first,
            # After a rebalance, until we are placed anew, it may stand anywhere.
            handed_out=lambda topic: self._consumer.position(topic, shard) if reads_on else -1,
            broker_answers=self._shards.may_knock,
        )

    def _fire(self, held: Held, chosen: list[DueFiring]) -> None:
        """Fire the first of these; the others are looked up again, as some may be answered now."""
        batches = firing_batches(
            chosen[: self._batch_max],
            shard=held.owner.shard,
            at_most=self._batch_max,
            recorded_at=self._clock.now(),
        )
        self._run(held, batches[:1])

    def _run(self, held: Held, batches: list[Batch]) -> None:
        for batch in batches:
            self._runner.run(batch, lambda batch=batch: held.owner.run(batch))  # type: ignore[misc]
            held.look_at_once()
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
        if not self._read_to_end(undrained, reached):
            return True
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

    def _read_to_end(self, wanted: dict[int, Held], reached: Reached) -> bool:
        """Read what the conductor and this engine have written; returns whether that is all here.

        Both know the ends themselves, and nobody else writes in a time-lapse; so the broker is
        asked only where a shard was just taken over.
        """
        new = [shard for shard, held in wanted.items() if not held.ends]
        for ends in (self._consumer.ends(new) if new else {}, reached, self._relay.reached):
            for shard, held in wanted.items():
                held.expect(ends.get(shard, {}))
        until = time.monotonic() + LAPSE_READ
        while any(
            held.reading.is_behind(held.ends)
            for shard, held in wanted.items()
            if self.held.get(shard) is held
        ):
            if time.monotonic() > until:
                return False
            self._poll(5)
        return True

    def _due_by_shard(
        self, wanted: dict[int, Held], instant: datetime
    ) -> dict[int, list[DueTimer]]:
        with self._shards.notes.cursor() as cursor:
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
        self._shards.notes.execute(
            "WITH told AS (UPDATE shards s SET drained_at = %s FROM unnest(%s::int[], %s::bigint[])"
            " AS d (shard, epoch) WHERE s.shard = d.shard AND s.epoch = d.epoch RETURNING s.shard)"
            " SELECT pg_notify(%s, '') FROM (SELECT count(*) FROM told) AS counted",
            (
                instant,
                [held.owner.shard for held in finished],
                [held.owner.state.epoch for held in finished],
                DRAINED_CHANNEL,
            ),
        )
        for held in finished:
            held.drained_at = instant

    def _released(self) -> tuple[datetime | None, Reached]:
        """Return the present instant, and how far the conductor wrote for it."""
        row = self._shards.notes.execute(
            "SELECT instant, reached::text FROM conductor WHERE id = 1 AND NOT handed_over"
        ).fetchone()
        return (row[0], _reached.decode(row[1])) if row else (None, {})

    def _await_instant(self) -> None:
        """Wait until the conductor goes on, but not so long that the group would miss us."""
        if not self._listens:
            self._shards.notes.execute(f"LISTEN {INSTANT_CHANNEL}")
            self._listens = True
        for _ in self._shards.notes.notifies(timeout=LAPSE_IDLE, stop_after=1):
            return

    def close(self) -> None:
        """Leave the group and close what is open."""
        self._runner.close()
        self._consumer.close()
        self._relay.close()
        self._broker.close()
        self._shards.close()
