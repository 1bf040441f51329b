"""The case's own limit: how it is set, paused, moved and ended. Pure.

One function sets it and one reads it, so that screen, alert and digest can never disagree.
"""

from datetime import datetime

from flows.decide.draft import Draft
from flows.decide.ladder import stop_ladder
from models.clocks import ClockKind
from models.deadlines import Deadline, warning_at
from models.policy.span import Span

#: Clocks of the case's own limit; the ladder after a breach is stopped by its limit.
CASE_CLOCKS = (ClockKind.CASE_WARNING, ClockKind.CASE_DUE)


def set_case_limit(sheet: Draft, span: Span, *, start: datetime | None = None) -> Deadline:
    """Give the case its limit and set the clocks that warn of it and ring when it is over."""
    deadline = sheet.limit(span, start=start)
    run_case_limit(sheet, deadline)
    return deadline


def run_case_limit(sheet: Draft, deadline: Deadline) -> None:
    """Let an already computed limit run: warning share, then the limit itself.

    A breach stays on record: moving the limit never takes back what is breached, and a limit
    that was breached already rings no second time.
    """
    sheet.change(due=deadline)
    warning = warning_at(deadline, sheet.policy.deadlines.warning, office=sheet.facts.office)
    if warning > sheet.now:
        sheet.start_until(ClockKind.CASE_WARNING, warning, deadline=deadline)
    if sheet.case.breached_at is None:
        sheet.start_until(ClockKind.CASE_DUE, deadline.due_at, deadline=deadline)


def stop_case_limit(sheet: Draft) -> None:
    """Stop the case's clocks: it was settled, or rests. Other limits' ladders go on."""
    sheet.stop(*CASE_CLOCKS)
    stop_ladder(sheet, ClockKind.CASE_DUE)
