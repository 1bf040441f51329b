"""What hangs on a case that is settled before its work is done: it ends, and is told so. Pure."""

from msgspec.structs import replace

from flows.decide.draft import Draft
from models.handling import AssignmentState, WhistleState

_OVER = (AssignmentState.PASSED, AssignmentState.ENDED)
_SOUNDING = (WhistleState.REQUESTED, WhistleState.BLOWN)


def end_work(sheet: Draft, why: str) -> None:
    """End assignment and whistle without work, stop every clock, and leave nobody in charge."""
    case = sheet.case
    work, whistle = case.assignment, case.whistle
    if work is not None and work.state not in _OVER:
        work = replace(work, state=AssignmentState.ENDED, ended=why)
    if whistle is not None and whistle.state in _SOUNDING:
        whistle = replace(whistle, state=WhistleState.ENDED)
    sheet.stop_all()
    sheet.change(assignment=work, whistle=whistle, owner=None, ask=None)
