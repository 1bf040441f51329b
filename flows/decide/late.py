"""Answered in time, heard late: an act done offline before its limit counts as on time. Pure.

The breach and every rung climbed stay on record; what changes is whom it is counted against
(architecture §3). The word of an app counts only where its event carries a running number.
"""

from datetime import datetime

from events.contract.envelope import Event
from events.contract.registry import TYPE_OF_PAYLOAD
from flows.decide.draft import Draft
from flows.decide.handled import acted_at
from models.clocks import ClockKind
from models.policy.actions import Action

#: Acts that say the work of a case is done: they answer the case's own limit.
ANSWERS_CASE_LIMIT = frozenset(
    {
        Action.ASSIGNMENT_HANDLE,
        Action.ESCALATION_WHISTLE_FINISH,
        Action.REPORT_SELF_CLOSE,
        Action.FEEDBACK_CLOSE,
    }
)


def in_time(sheet: Draft, due_at: datetime) -> bool:
    """Was this act done by `due_at`, though it is heard only now, after it?"""
    return acted_at(sheet) <= due_at < sheet.now


def mark_late_received(sheet: Draft) -> None:
    """Count the breach as late-received where this act answers the case's limit in time.

    To be called after an applied event; does nothing for every other input.
    """
    event, case = sheet.input, sheet.case
    if not isinstance(event, Event) or case.breached_at is None or case.late_received:
        return
    action = TYPE_OF_PAYLOAD[type(event.data)].action
    if action in ANSWERS_CASE_LIMIT and in_time(sheet, case.breached_at):
        sheet.change(late_received=True)
        sheet.record(
            action,
            reason="late_received",
            rule="deadlines/offline",
            detail={
                "limit": ClockKind.CASE_DUE,
                "occurred_at": event.time.isoformat(),
                "due_at": case.breached_at.isoformat(),
                "sequence": event.sequence,
            },
        )
