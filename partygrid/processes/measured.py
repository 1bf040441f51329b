"""What an engine tells of its work: how much, how quick, how late. Rows say the rest.

It is measured around the runner, so the engine itself knows nothing of it.
"""

from datetime import datetime, timedelta
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from flows.batch import Batch, Result
from flows.runner import Runner, ShowingRunner, Work
from models.shard_store import ShardLost
from models.values import Step
from partygrid.clock import Clock
from partygrid.engine import Engine
from partygrid.errors import Unavailable
from partygrid.metrics import PREFECT_TOLD, SECONDS

_INPUTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
_SECOND = timedelta(seconds=1)


class EngineMetrics:
    """One engine's figures."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        """Add them to what its process tells."""
        self._registry, self._clock = registry, clock
        step = ["step"]
        self.inputs = Histogram(
            "partygrid_batch_inputs",
            "Records or timers that one transaction decided",
            step,
            buckets=_INPUTS,
            registry=registry,
        )
        self.seconds = Histogram(
            "partygrid_batch_seconds",
            "Seconds that one batch took",
            step,
            buckets=SECONDS,
            registry=registry,
        )
        self.latency = Histogram(
            "partygrid_record_latency_seconds",
            "Seconds from a record's timestamp in Kafka to the commit that decided it",
            step,
            buckets=SECONDS,
            registry=registry,
        )
        self.lateness = Histogram(
            "partygrid_timer_lateness_seconds",
            "Seconds by which timers fired after they were due",
            buckets=SECONDS,
            registry=registry,
        )
        self.stalled = Counter(
            "partygrid_timers_stalled",
            "Timers that fired although a topic could not be read",
            registry=registry,
        )
        self.undone = Counter(
            "partygrid_batches_undone",
            "Batches that were rolled back",
            ["cause"],
            registry=registry,
        )
        for each in Step:
            for histogram in (self.inputs, self.seconds, self.latency):
                histogram.labels(each)
        for cause in ("unavailable", "shard_lost", "fault"):
            self.undone.labels(cause)

    def around(self, runner: Runner) -> "MeasuredRunner":
        """Return a runner that notes how it went."""
        return MeasuredRunner(runner, self)

    def watch(self, engine: Engine, runner: Runner) -> None:
        """Tell of a running engine, and of Prefect where its runner shows batches there."""
        owned = Gauge("partygrid_shards_owned", "Shards of this engine", registry=self._registry)
        owned.set_function(lambda: len(engine.held))
        mute = Gauge(
            "partygrid_topics_unreadable_seconds",
            "Seconds for which timers have waited for a topic that cannot be read",
            registry=self._registry,
        )
        mute.set_function(lambda: self._since(engine.mute_since))
        if isinstance(runner, ShowingRunner):
            prefect = Gauge("partygrid_prefect_reachable", PREFECT_TOLD, registry=self._registry)
            prefect.set_function(lambda: float(runner.shown))

    def _since(self, moment: datetime | None) -> float:
        return 0.0 if moment is None else (self._clock.now() - moment) / _SECOND

    def note(self, batch: Batch, began: float) -> None:
        """Note a batch that is committed, begun at `began` of the performance counter."""
        self.seconds.labels(batch.step).observe(perf_counter() - began)
        self.inputs.labels(batch.step).observe(len(batch.records) + len(batch.firings))
        if batch.instant is not None:
            return  # a time-lapse has a time of its own
        now, latency = self._clock.now(), self.latency.labels(batch.step)
        for record in batch.records:
            if record.written_at is not None:
                latency.observe(max((now - record.written_at) / _SECOND, 0))
        for due in batch.firings:
            self.lateness.observe(max((now - due.timer.clock.due_at) / _SECOND, 0))
        self.stalled.inc(sum(bool(due.stalled) for due in batch.firings))

    def note_undone(self, fault: Exception) -> None:
        """Note a batch that was rolled back."""
        causes = {ShardLost: "shard_lost", Unavailable: "unavailable"}
        named = (cause for kind, cause in causes.items() if isinstance(fault, kind))
        self.undone.labels(next(named, "fault")).inc()


class MeasuredRunner:
    """Carries batches out as another runner does, and notes how it went."""

    def __init__(self, runner: Runner, metrics: EngineMetrics) -> None:
        """Stand around `runner`."""
        self._runner, self._metrics = runner, metrics

    def run(self, batch: Batch, work: Work) -> list[Result]:
        """Do `work`."""
        began = perf_counter()
        try:
            results = self._runner.run(batch, work)
        except Exception as fault:
            self._metrics.note_undone(fault)
            raise
        self._metrics.note(batch, began)
        return results

    def close(self) -> None:
        """End what is open."""
        self._runner.close()
