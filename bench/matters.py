"""The matters of the load: what is reported, and who does what next until it is closed. Pure.

No act here waits for a timer, so what becomes of an event does not hang on when it is decided.
"""

from events.contract.assignment import (
    AssignmentAccepted,
    AssignmentHandled,
    AssignmentReassigned,
    HandlingChecked,
    ProgressReported,
)
from events.contract.envelope import Acting, Payload
from events.contract.reports import (
    OutcomeEvidence,
    Place,
    ReportFiled,
    ReportSelfClosed,
    ReportSource,
    ReportVerified,
    Verdict,
)
from models.case import Case
from models.clocks import ClockKind
from models.handling import AssignmentState
from models.policy.people import Role
from models.values import CaseState
from partygrid.sample.draw import Draw
from tests.services.county_people import visited
from tests.world import GRIDS, acting

#: What the engine registers and closes by itself; and what is settled on the spot.
SMALL, ON_THE_SPOT = ("05-02", "06-01", "06-02"), "11-03"
#: Of all reports so many are settled on the spot; so many come from villagers, and are looked at.
_SPOT_SHARE, _HEARD_SHARE = 0.15, 0.4
#: Degrees between two matters: far more than the metres within which they seem to be the same.
_APART, _IN_A_ROW = 0.002, 200


def report(draw: Draw, number: int, township: str = "") -> tuple[ReportFiled, Acting]:
    """Return a report, from that township or any, and who files it."""
    grids = [grid for grid in GRIDS if grid.startswith(township)]
    grid = grids[draw.between(0, len(grids) - 1, "grid", number)]
    on_the_spot = draw.happens(_SPOT_SHARE, "spot", number)
    small = SMALL[draw.between(0, len(SMALL) - 1, "category", number)]
    heard = draw.happens(_HEARD_SHARE, "heard", number)
    data = ReportFiled(
        grid=grid,
        category=ON_THE_SPOT if on_the_spot else small,
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
    if case.category == ON_THE_SPOT and case.state is CaseState.DISPATCHED:
        settled = ReportSelfClosed(outcome="当场处理好", shown_by=OutcomeEvidence.STATEMENT)
        return settled, acting(Role.GRID_MEMBER, grid)
    match case.state:
        case CaseState.VERIFYING:
            return ReportVerified(verdict=Verdict.EXISTS), acting(Role.GRID_MEMBER, grid)
        case CaseState.DISPATCHED if _waits(case):
            # So it need not wait for a round, which comes when its time is.
            given = AssignmentReassigned(to=township, reason="镇里正好有人在附近")
            return given, acting(Role.DISPATCHER, township)
        case CaseState.DISPATCHED | CaseState.ACCEPTED | CaseState.HANDLING:
            return _work(case), acting(Role.TOWNSHIP_HANDLER, township)
        case CaseState.CHECKING:
            return HandlingChecked(passed=True), acting(Role.CHECKER, township)
        case CaseState.VISITING if case.clock(ClockKind.VISIT) is not None:
            return visited(), acting(Role.VISITOR, township)
    return None


def _waits(case: Case) -> bool:
    return case.assignment is not None and case.assignment.state is AssignmentState.WAITING


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
