"""Who carries a batch out: plainly, or as a task run in a step's shift (`flows.shifts`)."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from flows.batch import Batch, Result

Work = Callable[[], list[Result]]


class Runner(Protocol):
    """Carries batches out, once each."""

    def run(self, batch: Batch, work: Work) -> list[Result]:
        """Do `work`, and let those see it who watch; what it raises comes through."""
        ...

    def close(self) -> None:
        """End what is open."""
        ...


@runtime_checkable
class ShowingRunner(Runner, Protocol):
    """Carries batches out where operators can see it, as long as a server answers."""

    @property
    def shown(self) -> bool:
        """Does the server answer?"""
        ...


class PlainRunner:
    """Does the work and nothing else: tests, benchmarks, and whenever Prefect is away."""

    def run(self, batch: Batch, work: Work) -> list[Result]:  # noqa: ARG002 - one port, two ways
        """Do `work`."""
        return work()

    def close(self) -> None:
        """Nothing is open."""
