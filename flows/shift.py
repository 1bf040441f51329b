"""A shift: one flow run of a step that stays open for a few minutes and takes batches as tasks.

Prefect shows operators what happens; it never holds a case up. Retrying is the engine's, where
ownership is known, so tasks have no retries, no cache and keep no results.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from msgspec import Struct
from prefect import task
from prefect.artifacts import acreate_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import TagsContext
from prefect.states import Completed, Failed

from flows.batch import Line, Result
from models.values import Fate, Step

#: Rows of a shift's table; a busy shift shows its last ones and counts the rest.
TABLE_ROWS = 500


class Ended(Struct, frozen=True):
    """How a batch ended."""

    lines: tuple[Line, ...] = ()
    #: class of what it raised
    fault: str = ""


class Job:
    """A batch that is carried out while its task run shows it."""

    def __init__(self, name: str) -> None:
        """`name` is what the task run is called."""
        self.name = name
        #: set by the engine, whose work it is
        self.ended: Future[Ended] = Future()


@task(retries=0, cache_policy=NO_CACHE, persist_result=False, log_prints=False)
async def micro_batch(job: Job) -> State:
    """Show one batch, from here until it ended."""
    # Shielded: the engine tells its end also where this run is given up.
    ended = await asyncio.shield(asyncio.wrap_future(job.ended))
    if ended.fault:
        return Failed(message=f"{ended.fault}: the batch was rolled back")
    return Completed(message=summary(ended.lines))


class Shift:
    """What an open shift takes in, and what its table will show."""

    def __init__(self, step: Step, length: timedelta) -> None:
        """Stay open for `length`."""
        self.step = step
        self._until = time.monotonic() + length.total_seconds()
        self._jobs: asyncio.Queue[Job | None] = asyncio.Queue()
        self.lines: list[Line] = []
        self.counted = 0
        self.batches = 0
        self.dead_letters = 0

    def note(self, results: list[Result]) -> None:
        """Enter what batches did into the table."""
        for result in results:
            self.batches += 1
            self.counted += len(result.lines)
            self.dead_letters += result.dead_letters
            self.lines += result.lines
        del self.lines[:-TABLE_ROWS]

    @property
    def over(self) -> bool:
        """Is it time for the next shift?"""
        return time.monotonic() >= self._until

    @property
    def waiting(self) -> int:
        """How many batches wait to be shown."""
        return self._jobs.qsize()

    def show(self, job: Job) -> None:
        """Have a batch shown as a task run of this shift."""
        self._jobs.put_nowait(job)

    def end(self) -> None:
        """Let the shift end after the jobs it has."""
        self._until = 0.0
        self._jobs.put_nowait(None)

    async def work(self) -> State:
        """Show batches until the time is over, then hand over."""
        while not self.over or self.waiting:
            remaining = max(self._until - time.monotonic(), 0.01)
            try:
                job = await asyncio.wait_for(self._jobs.get(), timeout=remaining)
            except TimeoutError:
                break
            if job is not None:
                await self._one(job)
        return await self._hand_over()

    async def _one(self, job: Job) -> None:
        run: Callable[..., Any] = micro_batch.with_options(task_run_name=job.name)
        # For each tag of a task run Prefect asks its server for a slot.
        with TagsContext(current_tags=set()):
            await run(job, return_state=True)

    async def _hand_over(self) -> State:
        """Write the table, and end in a state that tells of dead letters."""
        if self.lines:
            await acreate_table_artifact(
                key=f"shift-{self.step}",
                table=[
                    {
                        "case": line.number,
                        "event": line.event,
                        "outcome": line.fate,
                        "reason": line.reason,
                    }
                    for line in self.lines
                ],
                description=f"{self.counted} inputs in {self.batches} batches: "
                f"{summary(self.lines)}",
            )
        if self.dead_letters:
            return Failed(message=f"{self.dead_letters} dead letters", name="DeadLetters")
        return Completed(message=f"{self.counted} inputs in {self.batches} batches")


#: The shift whose flow run is being started: passed beside the parameters, which Prefect shows.
open_shift: ContextVar[Shift] = ContextVar("open_shift")


async def work_shift() -> State:
    """Work the open shift; the body of every step's flow."""
    return await open_shift.get().work()


def summary(lines: Sequence[Line]) -> str:
    """Return how many inputs ended where."""
    counts = {fate: sum(line.fate == fate for line in lines) for fate in Fate}
    return ", ".join(f"{count} {fate}" for fate, count in counts.items() if count) or "nothing"
