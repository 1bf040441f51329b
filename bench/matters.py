"""The matters of the load: what is reported, and who does what next until it is closed. Pure.

No act here waits for a timer, so what becomes of an event does not hang on when it is decided.
"""

from events.contract.assignment import (
    AssignmentAccepted,
    AssignmentHandled,
    AssignmentRequested,
    HandlingChecked,
    ProgressReported,
)
from events.contract.envelope import Acting, Payload
from events.contract.feedback import CaseClosed, VisitAnswered, VisitChannel, VisitResult
from events.contract.reports import (
    OutcomeEvidence,
    Place,
    ReportFiled,
    ReportRegistered,
    ReportSelfClosed,
    ReportSource,
    ReportVerified,
    Verdict,
)
from models.case import Case
from models.clocks import ClockKind
from models.handling import AssignmentState
from models.policy.people import Role
from models.policy.work import Satisfaction
from models.values import CaseState
from partygrid.sample.draw import Draw
from tests.world import GRIDS, acting

#: What the township's own people deal with, and what a grid settles on the spot.
TOWNSHIP_WORK = ("05-03", "06-06", "07-03", "08-01", "08-05")
SMALL = ("06-01", "06-02", "11-03")
#: Of a hundred reports so many are small, and so many come from villagers and are looked at first.
_SMALL_SHARE, _HEARD_SHARE = 0.3, 0.4
#: Degrees between two matters: far more than the metres within which they seem to be the same.
_APART, _IN_A_ROW = 0.002, 200


def report(draw: Draw, number: int) -> tuple[ReportFiled, Acting]:
    """Return a report and who files it."""
    grid = GRIDS[draw.between(0, len(GRIDS) - 1, "grid", number)]
    categories = SMALL if draw.happens(_SMALL_SHARE, "small", number) else TOWNSHIP_WORK
    heard = draw.happens(_HEARD_SHARE, "heard", number)
    data = ReportFiled(
        grid=grid,
        category=categories[draw.between(0, len(categories) - 1, "category", number)],
        source=ReportSource.VILLAGER if heard else ReportSource.GRID_MEMBER,
        title=f"第{number}件",
        description="路边发现，已拍照，附近两户受影响，请尽快派人来看。",
        place=Place(
            lon=120.0 + number % _IN_A_ROW * _APART, lat=29.0 + number // _IN_A_ROW * _APART
        ),
    )
    return data, acting(Role.GRID_MEMBER, grid)


def next_act(case: Case) -> tuple[Payload, Acting] | None:
    """Return what is done next in a case, and by whom; None where nobody must act."""
    grid, township = case.grid[:15], case.township
    if case.category in SMALL and case.state in (CaseState.REGISTERED, CaseState.DISPATCHED):
        settled = ReportSelfClosed(outcome="当场处理好", shown_by=OutcomeEvidence.STATEMENT)
        return settled, acting(Role.GRID_MEMBER, grid)
    match case.state:
        case CaseState.REPORTED:
            return ReportRegistered(), acting(Role.DUTY_SUPERVISOR, township)
        case CaseState.VERIFYING:
            return ReportVerified(verdict=Verdict.EXISTS), acting(Role.GRID_MEMBER, grid)
        case CaseState.REGISTERED:
            return AssignmentRequested(), acting(Role.DISPATCHER, township)
        case CaseState.DISPATCHED | CaseState.ACCEPTED | CaseState.HANDLING:
            return _work(case), acting(Role.TOWNSHIP_HANDLER, township)
        case CaseState.CHECKING:
            return HandlingChecked(passed=True), acting(Role.CHECKER, township)
        case CaseState.VISITING:
            if case.clock(ClockKind.CLOSE) is not None:
                return CaseClosed(reason="已办结"), acting(Role.DUTY_SUPERVISOR, township)
            return _visited(), acting(Role.VISITOR, township)
    return None


def _work(case: Case) -> Payload:
    work = case.assignment
    if work is None or work.state is AssignmentState.OFFERED:
        return AssignmentAccepted()
    if not work.progress:
        return ProgressReported(note="已到现场，材料明天到。")
    return AssignmentHandled(
        opinion="已办好",
        shown_by=OutcomeEvidence.STATEMENT,
        without_helpers="不需要协办" if work.helpers else "",
    )


def _visited() -> VisitAnswered:
    return VisitAnswered(
        channel=VisitChannel.CALL,
        result=VisitResult.ANSWERED,
        contacted=True,
        solved=True,
        satisfaction=Satisfaction.SATISFIED,
    )
