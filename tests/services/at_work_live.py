"""Work that flows while something goes wrong: reports are filed, and people do what is next."""

from collections.abc import Callable

from models.case import Case
from models.values import SETTLED_STATES, CaseState, case_id_of
from partygrid.sample.draw import Draw
from tests.services.county_people import next_act, report
from tests.services.live import PATIENCE, SOURCE, Live, wait_until


class Flow:
    """Everything that is filed, and who has done what."""

    def __init__(self, live: Live, *, seed: int) -> None:
        """File nothing yet."""
        self._live, self._draw = live, Draw(seed)
        self.ids: list[str] = []
        #: what was done once is not done again
        self._done: set[tuple[str, str]] = set()
        self.sent = 0

    def file(self, number: int) -> None:
        """File so many reports."""
        for _ in range(number):
            data, who, township = report(self._draw, len(self.ids))
            event = self._live.event(data, who, township=township)
            self.ids.append(case_id_of(SOURCE, event.id))
            self._live.send(event)
            self.sent += 1

    def step(self) -> None:
        """Let everybody who must act do so once."""
        for case in self._live.cases(self.ids).values():
            said = next_act(case)
            if said is None or (case.id, type(said[0]).__name__) in self._done:
                continue
            self._done.add((case.id, type(said[0]).__name__))
            event = self._live.event(*said, subject=case.id, township=case.township)
            self._live.send(event)
            self.sent += 1

    def until(self, come: Callable[[], object], *, seconds: float = PATIENCE) -> None:
        """Let work flow until it is so."""

        def stepped() -> object:
            self.step()
            return come()

        wait_until(stepped, seconds=seconds, otherwise=self.told)

    def finish(self) -> None:
        """Let work flow until every case is settled, and all that follows is decided."""
        self.until(self.is_over)
        self._live.settle()

    def is_over(self) -> bool:
        """Are all cases there, and closed?"""
        cases = self._live.cases(self.ids)
        return len(cases) == len(self.ids) and all(_is_over(one) for one in cases.values())

    def told(self) -> str:
        """Say where the cases are."""
        states = sorted(
            f"{one.state}/{one.assignment and one.assignment.state}"
            for one in self._live.cases(self.ids).values()
        )
        return f"{len(self.ids)} filed: {states}; {self._live.fates()}; {self._live.what_lacks()}"


def _is_over(case: Case) -> bool:
    return case.state in SETTLED_STATES and case.state is not CaseState.REJECTED
