"""A workflow of DBOS Transact for each case, with a step for each event that people sent."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from dbos import DBOS

from bench.one_by_one import LANES, Clock, Done, Given, Hand, answer, until_over


def decide(given: Given) -> Done:
    """Decide each event in a step of its case's workflow, or do nothing in each."""
    with closing(Hand(given)) as hand:
        alone = threading.Lock()

        def event(case: int, place: int) -> None:
            if not given.empty:
                with alone:  # one shard has one writer
                    hand.decide(given.cases[case][place])

        step = DBOS.step()(event)

        def events(case: int) -> int:
            done = 0
            for place in until_over(clock, given.cases[case]):
                step(case, place)
                done += 1
            return done

        workflow = DBOS.workflow()(events)

        def lane() -> int:
            return sum(workflow(case) for case in waiting if not clock.over)

        DBOS(
            config={
                "name": "bench",
                "system_database_url": given.other_url,
                "log_level": "WARNING",
                "sys_db_pool_size": 2 * LANES,
            }
        )
        DBOS.launch()
        try:
            clock, waiting = Clock(given.seconds), iter(range(len(given.cases)))
            with ThreadPoolExecutor(LANES) as pool:
                counted = list(pool.map(lambda _: lane(), range(LANES)))
            return clock.done(sum(counted))
        finally:
            DBOS.destroy()


if __name__ == "__main__":
    answer(decide)
