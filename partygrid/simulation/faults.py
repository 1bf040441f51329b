"""Faults that a rehearsal injects into its own engine; no installation runs with them.

What no honest event can bring about must be shown all the same: a record that breaks deciding each
time, one that kills the process, a timer that kills it. Only
`partygrid.simulation.engine_process` knows of this.
"""

import os
import signal
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path

import msgspec
from msgspec import Struct

from events.relay import Relay, Row
from flows.apply import Apply, Cursor, Directories, apply_batch
from flows.batch import Batch, RawRecord, Result
from models.setting import Setting
from models.shard_store import ShardState


class FaultPlan(Struct, frozen=True, kw_only=True):
    """CloudEvents ids of the events that shall fail, and timers that shall."""

    #: deciding them raises
    poison: frozenset[str] = frozenset()
    #: deciding them kills the process
    crash: frozenset[str] = frozenset()
    #: firing these timers (subject, key) kills the process
    crash_timers: frozenset[tuple[str, str]] = frozenset()

    def write(self, path: Path) -> None:
        """Write it where the engine's process reads it."""
        path.write_bytes(msgspec.json.encode(self))

    @classmethod
    def read(cls, path: Path) -> "FaultPlan":
        """Read what the rehearsal wrote."""
        return msgspec.json.decode(path.read_bytes(), type=cls)


class Injected(RuntimeError):
    """A fault that the rehearsal asked for."""


class Order(StrEnum):
    """What an engine does to itself, once, at the next occasion after it was told."""

    FREEZE = "freeze"  # stops (SIGSTOP) in a transaction begun, before its first statement
    DIE_BEFORE_MARK = "die-before-mark"  # is killed with records published and none marked


class Orders:
    """Orders to the engines of a home folder; the first that has the occasion carries one out."""

    def __init__(self, home: Path) -> None:
        """Order nothing yet."""
        self._folder = home / "orders"

    def give(self, order: Order) -> None:
        """Have it carried out once."""
        self._folder.mkdir(exist_ok=True)
        (self._folder / order).touch()

    def waits(self, order: Order) -> bool:
        """Tell whether it was given and not yet begun."""
        return (self._folder / order).exists()

    def obey(self, order: Order, number: signal.Signals) -> None:
        """Send this process the signal where it was ordered."""
        try:
            (self._folder / order).unlink()
        except FileNotFoundError:
            return
        os.kill(os.getpid(), number)


def torn_relay(orders: Orders) -> type[Relay]:
    """Return a relay whose process can be told to die between publishing and marking."""

    class Torn(Relay):
        def _mark(self, rows: Sequence[Row]) -> None:
            if rows:
                orders.obey(Order.DIE_BEFORE_MARK, signal.SIGKILL)
            super()._mark(rows)

    return Torn


def rehearsing(plan: FaultPlan, orders: Orders | None = None) -> Apply:
    """Return `apply_batch` with these faults. What is put aside is let through, as it must be."""

    def apply(
        cursor: Cursor, state: ShardState, batch: Batch, setting: Setting, directories: Directories
    ) -> tuple[ShardState, Result]:
        if orders is not None:
            orders.obey(Order.FREEZE, signal.SIGSTOP)
        if batch.aside is None:
            ids, timers = set(_ids(batch.records)), {due.name for due in batch.firings}
            if ids & plan.crash or timers & plan.crash_timers:
                os.kill(os.getpid(), signal.SIGKILL)
            if ids & plan.poison:
                raise Injected
        return apply_batch(cursor, state, batch, setting, directories)

    return apply


def _ids(records: Iterable[RawRecord]) -> Iterable[str]:
    for record in records:
        for name, text in record.headers:
            if name == "ce_id":
                yield text.decode(errors="replace")
