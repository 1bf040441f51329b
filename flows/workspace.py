"""What a micro-batch knows: loaded once in bulk, then changed in memory, event by event.

Every fact a decision may ask for is read from here, so an event sees what the one before it in
the same batch did, and no outcome depends on where a batch ends.
"""

from datetime import datetime

from events.contract.reports import ReportFiled
from flows.decide.decision import Neighbour, OpenWork
from flows.decide.intake_filing import position
from flows.heard import Heard
from flows.nearby import Nearby
from models.audit_chain import ChainHead
from models.case import Case
from models.case_store import ReplacedPart, replaced_parts
from models.directory import Directory
from models.ledger_store import ParkedEvent
from models.policy.work import Duplicates
from models.values import CaseId, Mark
from models.village import Township, VillageTask


class Workspace:
    """The batch's own picture of cases, tasks, townships and numbers."""

    def __init__(self, directory: Directory) -> None:
        """Begin empty; the loader fills it."""
        self.directory = directory
        self.cases: dict[str, Case] = {}
        self.before: dict[str, Case] = {}
        #: parts of cases that others took the place of
        self.replaced: list[ReplacedPart] = []
        self.tasks: dict[str, VillageTask] = {}
        self.changed_tasks: set[str] = set()
        self.townships: dict[str, Township] = {}
        self.changed_townships: set[str] = set()
        self.heads: dict[str, ChainHead] = {}
        self.numbers: dict[tuple[str, str], int] = {}
        self.changed_numbers: set[tuple[str, str]] = set()
        #: by township and category
        self.neighbours: dict[tuple[str, str], Nearby] = {}
        self.parked: dict[str, list[ParkedEvent]] = {}
        self.desks: dict[str, OpenWork] = {}
        #: source → numbered events heard of it, for the sources that must be looked into
        self.heard: dict[str, list[Heard]] = {}

    def case(self, case_id: str) -> Case:
        """Return the case as it stands now; a stub where nothing is known of it."""
        known = self.cases.get(case_id)
        return known if known is not None else Case(id=CaseId(case_id))

    def main(self, case: Case) -> Case | None:
        """Return the case under which a merged one is handled; None for one that was not merged."""
        found = None
        while case.merged_into:
            found = case = self.case(case.merged_into)
        return found

    def township(self, township_id: str) -> Township:
        """Return the township as it stands now."""
        known = self.townships.get(township_id)
        return known if known is not None else Township(id=township_id)

    def put(self, case: Case) -> None:
        """Take a case as a decision left it."""
        known = self.cases.get(case.id)
        if known is not None:
            # Also what comes and goes within one batch is kept: no outcome depends on its ends.
            self.replaced += replaced_parts(known, case)
        self.cases[case.id] = case
        for known_there in self.neighbours.values():
            known_there.drop(case.id)
        there = self.neighbours.get((case.township, case.category))
        if there is not None and case.is_open and case.mark is Mark.NONE:
            there.put(neighbour_of(case))

    def put_task(self, task: VillageTask) -> None:
        """Take a village task as a decision left it."""
        self.tasks[task.id] = task
        self.changed_tasks.add(task.id)

    def put_township(self, township: Township) -> None:
        """Take a township as a decision left it."""
        self.townships[township.id] = township
        self.changed_townships.add(township.id)

    def near(
        self, report: ReportFiled, township: str, rules: Duplicates, *, now: datetime
    ) -> tuple[Neighbour, ...]:
        """Return the open cases that a report may repeat: of its category, around it, of late."""
        there = self.neighbours.get((township, report.category))
        if there is None:
            return ()
        around = there.around(position(report.place).lat, report.grid, rules.metres)
        return tuple(
            sorted(
                (one for one in around if now - rules.within <= one.reported_at <= now),
                key=lambda one: (one.reported_at, one.case_id),
            )
        )

    def next_number(self, grid: str, day: str) -> int:
        """Return the next free case number of a grid's day."""
        return self.numbers.get((grid, day), 0) + 1

    def take_number(self, grid: str, day: str) -> None:
        """Use the next free case number up."""
        self.numbers[grid, day] = self.next_number(grid, day)
        self.changed_numbers.add((grid, day))

    def changes(self) -> list[tuple[Case | None, Case]]:
        """Return the cases that changed, as (before, after)."""
        return [
            (self.before.get(case_id), case)
            for case_id, case in self.cases.items()
            if case is not self.before.get(case_id)
        ]


def neighbour_of(case: Case) -> Neighbour:
    """Return what a duplicate check needs of a case."""
    if case.reported_at is None:
        raise ValueError(f"case {case.id} was never reported")
    return Neighbour(
        case_id=case.id,
        number=case.number,
        grid=case.grid,
        category=case.category,
        lon=case.lon,
        lat=case.lat,
        reported_at=case.reported_at,
    )
