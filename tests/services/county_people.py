"""The people of the tests' county on the wall clock: what whoever must act does next. Pure."""

from events.contract.assignment import (
    AssigneeKind,
    AssignmentAccepted,
    AssignmentConfirmed,
    AssignmentHandled,
    HandlingChecked,
    ProgressReported,
)
from events.contract.envelope import Acting, Payload
from events.contract.feedback import VisitAnswered, VisitChannel, VisitResult
from events.contract.reports import (
    OutcomeEvidence,
    Place,
    ReportFiled,
    ReportSource,
    ReportVerified,
    Verdict,
)
from models.case import Case
from models.handling import AssignmentState
from models.policy.people import Role
from models.policy.work import Satisfaction
from models.values import CaseState
from partygrid.sample.draw import Draw
from tests.world import GRIDS, acting, branch_of

#: Matters that a grid settles with its own people.
CATEGORIES = ("06-01", "06-02")


def report(draw: Draw, number: int) -> tuple[ReportFiled, Acting, str]:
    """Return a report, who files it, and the township."""
    grid = GRIDS[draw.between(0, len(GRIDS) - 1, "grid", number)]
    data = ReportFiled(
        grid=grid,
        category=CATEGORIES[draw.between(0, len(CATEGORIES) - 1, "category", number)],
        source=ReportSource.GRID_MEMBER,
        title=f"第{number}件",
        place=Place(lon=121.0 + number % 100 / 500, lat=30.0 + number // 100 / 500),
    )
    return data, acting(Role.GRID_MEMBER, grid), grid[:9]


def next_act(case: Case) -> tuple[Payload, Acting] | None:
    """Return what is done next in a case, and by whom; None where nobody of these must act."""
    work, grid = case.assignment, case.grid[:15]
    match case.state:
        case CaseState.VERIFYING:
            return ReportVerified(verdict=Verdict.EXISTS), acting(Role.GRID_MEMBER, grid)
        case CaseState.DISPATCHED if work is not None and work.state is AssignmentState.RECOMMENDED:
            who = [one.assignee for one in work.candidates if one.kind == AssigneeKind.PARTY_MEMBER]
            return AssignmentConfirmed(assignee=who[0]), acting(
                Role.BRANCH_SECRETARY, branch_of(grid)
            )
        case CaseState.DISPATCHED if work is not None and work.state is AssignmentState.OFFERED:
            return AssignmentAccepted(), member(work.assignee)
        case CaseState.ACCEPTED if work is not None:
            return ProgressReported(note="已买材料"), member(work.assignee)
        case CaseState.HANDLING if work is not None:
            done = AssignmentHandled(opinion="已办好", shown_by=OutcomeEvidence.STATEMENT)
            return done, member(work.assignee)
        case CaseState.CHECKING:
            return HandlingChecked(passed=True), acting(Role.CHECKER, grid[:9])
        case CaseState.VISITING:
            return visited(), acting(Role.VISITOR, grid[:9])
    return None


def visited() -> VisitAnswered:
    """Return the answer of a villager who is content."""
    return VisitAnswered(
        channel=VisitChannel.CALL,
        result=VisitResult.ANSWERED,
        contacted=True,
        solved=True,
        satisfaction=Satisfaction.SATISFIED,
    )


def member(person: str) -> Acting:
    """Return a Party member of the tests' county acting in their own grid's branch."""
    return Acting(
        actor=person, role=str(Role.PARTY_MEMBER), org=branch_of(person.rpartition("-")[2])
    )
