"""Faults that a rehearsal injects into its own engine; no installation runs with them.

What no honest event can bring about must be shown all the same: a record that breaks deciding each
time, one that kills the process, a timer that kills it. Only
`partygrid.simulation.engine_process` knows of this.
"""

import os
import signal
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

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


def rehearsing(plan: FaultPlan) -> Apply:
    """Return `apply_batch` with these faults. What is put aside is let through, as it must be."""

    def apply(
        cursor: Cursor, state: ShardState, batch: Batch, setting: Setting, directories: Directories
    ) -> tuple[ShardState, Result]:
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
