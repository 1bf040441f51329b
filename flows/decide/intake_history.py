"""历史导入: what happened in another system, kept as it happened, decided by nobody. Pure."""

from datetime import datetime

from events.contract.envelope import Event
from events.contract.reports import HistoryRecorded
from flows.decide.draft import Draft, Refusal
from flows.decide.fitting import event_of
from flows.decide.intake_filing import known_grid, may_not
from flows.decide.route import handles
from models.policy.actions import Action
from models.values import CaseState, history_case_id


@handles(HistoryRecorded)
def record_history(sheet: Draft, data: HistoryRecorded) -> Refusal | None:
    """历史记录. When a row of another system's log is imported.

    No guards, no deadlines, no notices; the audit keeps who is said to have done what, when. Rows
    may come in any order and after the last one.
    """
    event = event_of(sheet)
    if sheet.case.version and sheet.case.state is not CaseState.HISTORY:
        return Refusal("not_a_history_case")
    if refusal := known_grid(sheet, data.grid):
        return refusal
    if refusal := may_not(sheet, Action.REPORT_RECORD_HISTORY, data.grid):
        return refusal
    before = sheet.case.state
    _keep(sheet, event, data)
    sheet.record(
        Action.REPORT_RECORD_HISTORY,
        before=before,
        reason="imported",
        detail=_row(event, data),
    )
    return None


def _keep(sheet: Draft, event: Event, data: HistoryRecorded) -> None:
    case, began = sheet.case, data.started_at or event.time
    ended = (data.ended_at or event.time) if data.last else None
    sheet.change(
        id=history_case_id(event.source, data.case_ref),
        state=CaseState.HISTORY,
        county=data.grid[:6],
        township=data.grid[:9],
        village=data.grid[:12],
        grid=data.grid,
        origin=event.source,
        history_ref=data.case_ref,
        history_rows=case.history_rows + 1,
        policy_version=case.policy_version or sheet.policy.version,
        reported_at=began if case.reported_at is None else min(case.reported_at, began),
        occurred_at=began if case.occurred_at is None else min(case.occurred_at, began),
        closed_at=ended or case.closed_at,
    )


def _row(event: Event, data: HistoryRecorded) -> dict[str, str | int | bool | None]:
    """Return the row as the audit keeps it. Who acted is the importer; who did it stands here."""
    return {
        "activity": data.activity,
        "instance": data.instance,
        "done_by": event.acting.on_behalf_of or data.responsible,
        "responsible": data.responsible,
        "department": data.department,
        "group": data.group,
        "channel": data.channel,
        "occurred_at": event.time.isoformat(),
        "started_at": _written(data.started_at),
        "planned_end": _written(data.planned_end),
        "ended_at": _written(data.ended_at),
        "last": data.last,
    }


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None
