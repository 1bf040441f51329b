"""A shift: one flow run of a step that stays open for a few minutes and takes batches as tasks.

Prefect shows operators what happens; it never holds a case up. Retrying is the engine's, where
ownership is known, so tasks have no retries, no cache and keep no results.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

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


class Job:
    """Work that is done once, whoever comes first, and remembers how it ended."""

    def __init__(self, name: str, work: Callable[[], list[Result]]) -> None:
        """`name` is what the task run is called."""
        self.name, self._work = name, work
        self._claim = threading.Lock()
        self._begun, self._done = threading.Event(), threading.Event()
        self._results: list[Result] = []
        self.fault: BaseException | None = None

    @property
    def begun(self) -> bool:
        """Has somebody begun it?"""
        return self._begun.is_set()

    def claim(self) -> bool:
        """Do the work, unless somebody else has begun it; returns whether it was done here."""
        if not self._claim.acquire(blocking=False):
            return False
        self._begun.set()
        try:
            self._results = self._work()
        except BaseException as fault:  # noqa: BLE001 - every fault belongs to the engine's loop, not to Prefect
            self.fault = fault
        finally:
            self._done.set()
        return True

    def wait_begun(self, seconds: float) -> None:
        """Wait a little until somebody begins it."""
        self._begun.wait(seconds)

    def wait(self) -> None:
        """Wait until it is done."""
        self._done.wait()

    def outcome(self) -> list[Result]:
        """Return the results, or raise what the work raised."""
        if self.fault is not None:
            raise self.fault
        return self._results


@task(retries=0, cache_policy=NO_CACHE, persist_result=False, log_prints=False)
async def micro_batch(job: Job) -> State:
    """Carry one batch out in a thread, so that the shift's own loop goes on."""
    await asyncio.to_thread(job.claim)
    await asyncio.to_thread(job.wait)
    if job.fault is not None:
        return Failed(message=f"{type(job.fault).__name__}: the batch was rolled back")
    return Completed(message=summary([line for result in job.outcome() for line in result.lines]))


class Shift:
    """What an open shift takes in, and what its table will show."""

    def __init__(self, step: Step, length: timedelta) -> None:
        """Stay open for `length`."""
        self.step = step
        self._until = time.monotonic() + length.total_seconds()
        self._jobs: asyncio.Queue[tuple[Job, asyncio.Future[None]] | None] = asyncio.Queue()
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

    async def take(self, job: Job) -> None:
        """Have a job done as a task run of this shift; returns when it is done."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._jobs.put((job, done))
        await done

    def release(self) -> None:
        """Let go of everybody who waits: this shift takes nothing more."""
        self._until = 0.0
        while not self._jobs.empty():
            entry = self._jobs.get_nowait()
            if entry is not None and not entry[1].done():
                entry[1].set_result(None)

    async def leave(self) -> None:
        """Let the shift end after the jobs it has."""
        await self._jobs.put(None)

    async def work(self) -> State:
        """Take jobs until the time is over, then hand over."""
        while not self.over:
            remaining = self._until - time.monotonic()
            try:
                entry = await asyncio.wait_for(self._jobs.get(), timeout=max(remaining, 0.01))
            except TimeoutError:
                break
            if entry is None:
                break
            await self._one(*entry)
        return await self._hand_over()

    async def _one(self, job: Job, done: "asyncio.Future[None]") -> None:
        try:
            run: Callable[..., Any] = micro_batch.with_options(task_run_name=job.name)
            # For each tag of a task run Prefect asks its server for a slot.
            with TagsContext(current_tags=set()):
                await run(job, return_state=True)
        finally:
            if not done.done():
                done.set_result(None)

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


def summary(lines: list[Line]) -> str:
    """Return how many inputs ended where."""
    counts = {fate: sum(line.fate == fate for line in lines) for fate in Fate}
    return ", ".join(f"{count} {fate}" for fate, count in counts.items() if count) or "nothing"
