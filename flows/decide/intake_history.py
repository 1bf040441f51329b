"""历史导入: what happened in another system, kept as it happened, decided by nobody. Pure."""

from datetime import datetime

from events.contract.envelope import Acting, Event
from events.contract.reports import HistoryRecorded
from flows.decide.draft import Draft, Refusal
from flows.decide.fitting import event_of
from flows.decide.intake_filing import known_grid, may_not
from flows.decide.rights import Reach, why_not
from flows.decide.route import handles
from models.policy.actions import Action
from models.values import CaseState, history_case_id


@handles(HistoryRecorded)
def record_history(sheet: Draft, data: HistoryRecorded) -> Refusal | None:
    """历史记录. When a row of another system's log is imported.

    No guards, no deadlines, no notices; the audit keeps who is said to have done what, when. Rows
    may come in any order and after the last one. Who acts is the importer, or the one who did it,
    recorded by the importer.
    """
    event = event_of(sheet)
    if sheet.case.version and sheet.case.state is not CaseState.HISTORY:
        return Refusal("not_a_history_case")
    if refusal := known_grid(sheet, data.grid):
        return refusal
    if refusal := _may_not_record(sheet, event, data):
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


def _may_not_record(sheet: Draft, event: Event, data: HistoryRecorded) -> Refusal | None:
    """Return why the row cannot be recorded by whoever does.

    The importer needs the right now; who is said to have acted must have held the role then.
    """
    acting, directory = event.acting, sheet.facts.directory
    if not acting.recorded_by:
        return may_not(sheet, Action.REPORT_RECORD_HISTORY, data.grid)
    if not directory.holds(acting.actor, acting.role, acting.org, event.time):
        return Refusal("role_not_held", {"role": acting.role})
    for held in directory.roles_of(acting.recorded_by, sheet.now):
        importer = Acting(actor=acting.recorded_by, role=held.role, org=held.org)
        if not why_not(
            importer,
            Action.REPORT_RECORD_HISTORY,
            Reach(code=data.grid),
            directory=directory,
            policy=sheet.policy,
            on=sheet.now,
        ):
            return None
    return Refusal("role_may_not", {"role": acting.role})


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
        calendar_version=case.calendar_version or sheet.facts.office.calendar.version,
        reported_at=began if case.reported_at is None else min(case.reported_at, began),
        occurred_at=began if case.occurred_at is None else min(case.occurred_at, began),
        closed_at=ended or case.closed_at,
    )


def _row(event: Event, data: HistoryRecorded) -> dict[str, str | int | bool | None]:
    """Return the row as the audit keeps it. Where the importer acts, who did it stands here."""
    acting = event.acting
    by = acting.on_behalf_of or (acting.actor if acting.recorded_by else data.responsible)
    return {
        "activity": data.activity,
        "instance": data.instance,
        "done_by": by,
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
