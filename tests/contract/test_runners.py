"""Whoever carries batches out does each once, and hands back what came of it or what it raised."""

import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from flows.batch import Batch, Line, Result
from flows.runner import PlainRunner, Runner
from models.values import Step
from partygrid.embedded.ports import free_port
from partygrid.embedded.prefect_server import PrefectServer, client_environment
from partygrid.errors import Unavailable
from tests.world import NOW

_numbers = count(1)


def batch(step: Step = Step.INTAKE) -> Batch:
    return Batch(shard=0, step=step, recorded_at=NOW)


def result(number: int) -> list[Result]:
    line = Line(number=str(number), event="grid.report.filed", fate="applied", reason="ok")
    return [Result(lines=(line,), follow_ups=0, dead_letters=number % 2)]


class Broken(Exception):
    """What work may raise that nobody foresaw."""


class RunnerContract:
    """What the engine's loop relies on, whoever watches its work."""

    @pytest.fixture
    def runner(self) -> Iterator[Runner]:
        raise NotImplementedError

    @pytest.mark.parametrize("step", Step)
    def test_the_work_is_done_once_and_its_results_come_back(
        self, runner: Runner, step: Step
    ) -> None:
        done = []

        def work() -> list[Result]:
            done.append(step)
            return result(7)

        assert runner.run(batch(step), work) == result(7)
        assert done == [step]

    def test_one_batch_is_over_before_the_next_begins(self, runner: Runner) -> None:
        """Faster than anybody can show them."""
        told: list[str] = []

        def work(number: int) -> Callable[[], list[Result]]:
            def carry_out() -> list[Result]:
                told.append(f"begin {number}")
                time.sleep(0.002)
                told.append(f"end {number}")
                return result(number)

            return carry_out

        given = [runner.run(batch(), work(number)) for number in range(40)]
        assert given == [result(number) for number in range(40)]
        assert told == [f"{what} {number}" for number in range(40) for what in ("begin", "end")]

    @pytest.mark.parametrize("fault", [Unavailable("away"), Broken("x"), KeyboardInterrupt()])
    def test_what_the_work_raises_comes_through_and_the_next_goes_on(
        self, runner: Runner, fault: BaseException
    ) -> None:
        tries = []

        def work() -> list[Result]:
            tries.append(1)
            raise fault

        with pytest.raises(type(fault)) as raised:
            runner.run(batch(), work)
        assert raised.value is fault
        assert tries == [1]
        assert runner.run(batch(), lambda: result(1)) == result(1)

    def test_a_long_batch_is_waited_for(self, runner: Runner) -> None:
        done = []

        def work() -> list[Result]:
            time.sleep(1.0)
            done.append(1)
            return []

        assert runner.run(batch(), work) == []
        assert done == [1]


class TestPlainRunner(RunnerContract):
    """Does the work and nothing else."""

    @pytest.fixture
    def runner(self) -> Iterator[Runner]:
        one = PlainRunner()
        yield one
        one.close()


def shifts(api_url: str, auth: str | None, shown: list[int]) -> Any:
    """Prefect's runner, imported where a test wants it: that takes seconds."""

    def name_of(_: Batch) -> str:
        shown.append(1)
        return "batch"

    return import_module("flows.shifts").Shifts(
        engine=f"contract-{next(_numbers)}",
        api_url=api_url,
        auth=auth,
        length=timedelta(minutes=5),
        per_second=20,
        name_of=name_of,
    )


class TestShiftsWithoutPrefect(RunnerContract):
    """Its server is away: the work goes on plainly."""

    @pytest.fixture
    def runner(self) -> Iterator[Runner]:
        shown: list[int] = []
        one = shifts(f"http://127.0.0.1:{free_port()}/api", None, shown)
        yield one
        one.close()
        assert shown == []


@pytest.fixture(scope="module")
def shown_runner(
    prefect_server: PrefectServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runner]:
    """One for all of them: a shift takes seconds to open."""
    shown: list[int] = []
    with pytest.MonkeyPatch.context() as changes:
        _speak_to(prefect_server, tmp_path_factory.mktemp("prefect"), changes)
        one = shifts(prefect_server.api_url, prefect_server.auth, shown)
        deadline = time.monotonic() + 60
        while not shown:
            assert time.monotonic() < deadline, "no batch was shown"
            one.run(batch(), lambda: result(0))
            time.sleep(0.05)
        yield one
        one.close()
    assert len(shown) > len(Step)
    import_module("prefect.context").refresh_global_settings_context()


@pytest.mark.slow
@pytest.mark.timeout(240)
class TestShifts(RunnerContract):
    """Its server is there: batches are task runs of open shifts."""

    @pytest.fixture
    def runner(self, shown_runner: Runner) -> Runner:
        return shown_runner


def _speak_to(server: PrefectServer, home: Path, changes: pytest.MonkeyPatch) -> None:
    """Make this process a client of the server, as an engine's process is from its start."""
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        changes.delenv(name)
    given = client_environment(api_url=server.api_url, auth=server.auth, home=home)
    for name, value in given.items():
        changes.setenv(name, value)
    import_module("prefect.context").refresh_global_settings_context()
