"""The people of the tests' county on the wall clock: what whoever must act does next. Pure."""

from msgspec.structs import replace

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
    ReportSupplemented,
    ReportVerified,
    Verdict,
)
from models.case import Case
from models.handling import Assignment, AssignmentState
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
            confirmed = AssignmentConfirmed(assignee=(*who, work.org)[0])
            return confirmed, acting(Role.BRANCH_SECRETARY, branch_of(grid))
        case CaseState.DISPATCHED if work is not None and work.state is AssignmentState.OFFERED:
            return AssignmentAccepted(), _handler(work)
        case CaseState.ACCEPTED if work is not None:
            return ProgressReported(note="已买材料"), _handler(work)
        case CaseState.HANDLING if work is not None:
            return _done(), _handler(work)
        case CaseState.CHECKING:
            return HandlingChecked(passed=True), acting(Role.CHECKER, grid[:9])
        case CaseState.VISITING:
            return visited(), acting(Role.VISITOR, grid[:9])
    return None


def story(draw: Draw, number: int) -> tuple[str, list[tuple[Payload, Acting]]]:
    """Return the township of a matter, and all that is said of it, from the report to the visit.

    Grids and their members take turns: nobody is asked for more than they may have at a time.
    """
    turn, place = divmod(number, len(GRIDS))
    grid = GRIDS[place]
    chosen = member(f"p-m{turn % 4 + 1}-{grid}")
    looks = acting(Role.GRID_MEMBER, grid)
    filed = replace(
        report(draw, number)[0], grid=grid, source=ReportSource.VILLAGER, reporter_ref="r1"
    )
    confirmed = AssignmentConfirmed(assignee=chosen.actor)
    return grid[:9], [
        (filed, looks),
        (ReportSupplemented(description=f"第{number}件的补充"), looks),
        (ReportVerified(verdict=Verdict.EXISTS), looks),
        (confirmed, acting(Role.BRANCH_SECRETARY, branch_of(grid))),
        (AssignmentAccepted(), chosen),
        (_done(), chosen),
        (HandlingChecked(passed=True), acting(Role.CHECKER, grid[:9])),
        (visited(), acting(Role.VISITOR, grid[:9])),
    ]


def _done() -> AssignmentHandled:
    return AssignmentHandled(opinion="已办好", shown_by=OutcomeEvidence.STATEMENT)


def _handler(work: Assignment) -> Acting:
    """Return who has the work: a member, or where no member would the village itself."""
    if work.kind == AssigneeKind.UNIT:
        return acting(Role.VILLAGE_SECRETARY, work.org[:12])
    return member(work.assignee)


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
