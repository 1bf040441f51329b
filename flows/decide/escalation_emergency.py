"""突发事件: declared afterwards, who called the emergency numbers, the reports upward. Pure."""

from events.contract.escalation import (
    EmergencyCallRecorded,
    EmergencyDeclared,
    ReportedUpward,
    UpwardForm,
)
from flows.decide.draft import Draft, Refusal
from flows.decide.intake_correcting import hurry
from flows.decide.intake_emergency import sound_alarm
from flows.decide.route import handles
from flows.decide.waiting import answer, waits_for
from models.clocks import ClockKind
from models.policy.actions import Action
from notifications.notice import instant

_CLOCK_OF = {
    UpwardForm.PHONE: ClockKind.UPWARD_PHONE,
    UpwardForm.WRITTEN: ClockKind.UPWARD_WRITTEN,
}


@handles(EmergencyDeclared)
def declare(sheet: Draft, data: EmergencyDeclared) -> Refusal | None:
    """宣布突发事件. When a running case turns out to be one; a known one is only rated anew.

    The alarm goes out, nothing waits any more, and the limit grows shorter, never longer.
    """
    before = sheet.case.emergency_level
    if before == data.level:
        return Refusal("same_level", {"level": before})
    if before:
        sheet.change(emergency_level=data.level)
    else:
        sound_alarm(sheet, level=data.level)
    sheet.done_by(Action.ESCALATION_DECLARE_EMERGENCY, sheet.acting.actor)
    sheet.record(
        Action.ESCALATION_DECLARE_EMERGENCY,
        words=data.reason,
        detail={"level": data.level, "before": before},
    )
    if not before:
        hurry(sheet)
    return None


@handles(EmergencyCallRecorded)
def record_call(sheet: Draft, data: EmergencyCallRecorded) -> Refusal | None:
    """登记报警. When it is written down who called which number when. Answers no clock."""
    if data.called_at > sheet.now + sheet.policy.deadlines.clock_skew:
        return Refusal("called_in_the_future")
    sheet.record(
        Action.ESCALATION_RECORD_CALL,
        words=data.note,
        detail={"number": data.number.value, "called_at": instant(data.called_at)},
    )
    return None


@handles(ReportedUpward)
def report_upward(sheet: Draft, data: ReportedUpward) -> Refusal | None:
    """信息上报. When the county was told; it answers the clock of that form and no other."""
    if not sheet.case.emergency_level:
        return Refusal("no_emergency")
    clock = _CLOCK_OF[data.form]
    asked = waits_for(sheet, clock)
    answer(sheet, clock)
    sheet.record(
        Action.ESCALATION_REPORT_UPWARD,
        words=data.note,
        evidence=data.evidence,
        detail={"form": data.form.value, "asked": asked},
    )
    return None
