"""One flow run of Prefect for each event, the quickest way in which that can be had.

Async, one client for all, no heartbeat, no log lines to the server, nothing validated or kept, a
few cases side by side. It imports Prefect, so it is a process of its own: `python -m` with the
environment of a client.
"""

import asyncio
from contextlib import closing
from pathlib import Path

from prefect import flow
from prefect.context import AsyncClientContext, SyncClientContext
from prefect.settings import (
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_RESULTS_LOCAL_STORAGE_PATH,
    temporary_settings,
)

from bench.one_by_one import LANES, Clock, Done, Given, Hand, answer, until_over


async def decide(given: Given, hand: Hand) -> Done:
    """Decide each event in a flow run of its own."""

    @flow(
        validate_parameters=False,
        persist_result=False,
        retries=0,
        log_prints=False,
        # Else each run asks the server where results would lie.
        result_storage=Path(PREFECT_RESULTS_LOCAL_STORAGE_PATH.value()),
    )
    async def event(case: int, place: int) -> None:
        hand.decide(given.cases[case][place])

    @flow(persist_result=False)
    async def warm_up() -> None:
        """Have imported what a first run imports."""

    async def lane() -> int:
        events = 0
        for case in waiting:
            for place in until_over(clock, given.cases[case]):
                await event(case, place)
                events += 1
        return events

    # For some of its questions Prefect takes the other client, or makes one anew each time.
    with SyncClientContext.get_or_create():
        async with AsyncClientContext.get_or_create():
            await warm_up()
            clock, waiting = Clock(given.seconds), iter(range(len(given.cases)))
            return clock.done(sum(await asyncio.gather(*(lane() for _ in range(LANES)))))


def main(given: Given) -> Done:
    """Decide with Prefect around each event."""
    with (
        closing(Hand(given)) as hand,
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        return asyncio.run(decide(given, hand))


if __name__ == "__main__":
    answer(main)
