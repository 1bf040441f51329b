"""Rolling shifts: the runner that shows every step's work in Prefect and never waits for it.

Prefect lives on a thread and a loop of its own, and shows what the engine does meanwhile. While
its server answers, a batch has a task run in the step's open shift, at most a few a second; what
comes faster is entered in the shift's table only. When the server stops answering, the shifts are
left until it answers again: then the record of a run is missing, never the work.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import State, StateType
from prefect.context import AsyncClientContext, tags
from prefect.flows import Flow
from prefect.states import Crashed

from flows.admission import admission
from flows.assignment import assignment
from flows.batch import Batch, Result
from flows.consultation import consultation
from flows.directory import directory
from flows.escalation import escalation
from flows.feedback import feedback
from flows.intake import intake
from flows.runner import Work
from flows.shift import Ended, Job, Shift, open_shift
from models.values import Step

log = logging.getLogger(__name__)

FLOWS: dict[Step, Flow[[str], Coroutine[Any, Any, State]]] = {
    Step.INTAKE: intake,
    Step.CONSULTATION: consultation,
    Step.ASSIGNMENT: assignment,
    Step.ESCALATION: escalation,
    Step.FEEDBACK: feedback,
    Step.ADMISSION: admission,
    Step.DIRECTORY: directory,
}

#: How often the server is asked whether it answers.
_PROBE = 2.0
#: So many batches wait at most to be shown in a step's shift, where its server is slow.
_MOST_WAITING = 20


class Budget:
    """So many task runs a second; what comes faster does not wait."""

    def __init__(self, per_second: float) -> None:
        """Begin with one second's worth."""
        self._rate = self._left = float(per_second)
        self._at = time.monotonic()

    def take(self) -> bool:
        """Use one, if there is one."""
        now = time.monotonic()
        self._left = min(self._rate, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Shifts:
    """Runs batches in the open shifts of their steps."""

    def __init__(
        self,
        *,
        engine: str,
        api_url: str,
        auth: str | None,
        length: timedelta,
        per_second: float,
        name_of: Callable[[Batch], str],
    ) -> None:
        """Start the thread; shifts open with their first batch."""
        self._engine, self._length, self._name_of = engine, length, name_of
        self._health_url, self._auth = f"{api_url}/health", auth
        self._budget = Budget(per_second)
        self._open: dict[Step, tuple[Shift, asyncio.Task[object]]] = {}
        self._answers = False
        self._stopping = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._live, name="prefect", daemon=True)
        self._thread.start()

    @property
    def shown(self) -> bool:
        """Does the server answer?"""
        return self._answers

    def run(self, batch: Batch, work: Work) -> list[Result]:
        """Do `work`, at once; a task run shows it where that is possible now."""
        if not self._answers:
            return work()
        if not self._budget.take():
            results = work()
        else:
            job = Job(self._name_of(batch))
            self._loop.call_soon_threadsafe(self._show, batch.step, job)
            results = _carried_out(job, work)
        self._note(batch.step, results)
        return results

    def _show(self, step: Step, job: Job) -> None:
        shift = self._shift_of(step)
        if shift.waiting < _MOST_WAITING:
            shift.show(job)

    def _shift_of(self, step: Step) -> Shift:
        known = self._open.get(step)
        if known is not None and not known[0].over and not known[1].done():
            return known[0]
        shift = Shift(step, self._length)
        self._open[step] = (shift, self._loop.create_task(self._hold(step, shift)))
        return shift

    async def _hold(self, step: Step, shift: Shift) -> object:
        """Run the step's flow; whatever becomes of the run, the work is not its business."""
        open_shift.set(shift)
        try:
            with tags(f"engine:{self._engine}"):
                return await FLOWS[step](self._engine, return_state=True)
        except Exception as fault:  # noqa: BLE001 - the server may vanish at any call: the work goes on plainly
            log.warning("a shift of %s could not be recorded: %s", step, type(fault).__name__)
            return None
        finally:
            shift.end()

    def _note(self, step: Step, results: list[Result]) -> None:
        known = self._open.get(step)
        if known is not None:
            self._loop.call_soon_threadsafe(known[0].note, results)

    # --- the thread ----------------------------------------------------------------------------

    def _live(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._watch())
        finally:
            self._loop.close()

    async def _watch(self) -> None:
        """Ask the server again and again whether it answers; leave the shifts when it does not."""
        credentials = tuple(self._auth.split(":", 1)) if self._auth else None
        async with httpx.AsyncClient(auth=credentials, timeout=_PROBE) as probe:  # type: ignore[arg-type]
            while not self._stopping.is_set():
                answers = await self._probe(probe)
                if answers and not self._answers:
                    await self._begin()
                if not answers and self._answers:
                    await self._abandon()
                self._answers = answers
                await self._rest(_PROBE if answers else 0.5)
        self._answers = False
        await self._end_shifts()

    async def _probe(self, probe: httpx.AsyncClient) -> bool:
        try:
            return (await probe.get(self._health_url)).is_success
        except httpx.HTTPError:
            return False

    async def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._stopping.is_set():
            await asyncio.sleep(0.05)

    async def _begin(self) -> None:
        """Mark runs that an earlier process of this engine left open, and say we are back."""
        log.info("Prefect answers: batches are shown as task runs")
        with contextlib.suppress(Exception):
            async with AsyncClientContext.get_or_create(), get_client() as client:
                open_runs = await client.read_flow_runs(
                    flow_run_filter=FlowRunFilter(
                        tags=FlowRunFilterTags(all_=[f"engine:{self._engine}"]),
                        state=FlowRunFilterState(
                            type=FlowRunFilterStateType(any_=[StateType.RUNNING])
                        ),
                    )
                )
                for run in open_runs:
                    await client.set_flow_run_state(
                        run.id, Crashed(message="the engine ended"), force=True
                    )

    async def _abandon(self) -> None:
        """Leave every shift: the server is away."""
        log.warning("Prefect does not answer: the work goes on without it")
        for shift, held in self._open.values():
            shift.end()
            held.cancel()
        self._open.clear()

    async def _end_shifts(self) -> None:
        for shift, _ in self._open.values():
            shift.end()
        held = [task for _, task in self._open.values()]
        if held:
            await asyncio.wait(held, timeout=5)
        for task in held:
            task.cancel()

    def close(self) -> None:
        """End the shifts and the thread."""
        self._stopping.set()
        self._thread.join(timeout=15)


def _carried_out(job: Job, work: Work) -> list[Result]:
    """Do the work at once, and tell its task run how it ended."""
    try:
        results = work()
    except BaseException as fault:
        job.ended.set_result(Ended(fault=type(fault).__name__))
        raise
    job.ended.set_result(Ended(tuple(line for result in results for line in result.lines)))
    return results
