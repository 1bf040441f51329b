"""What people tell of an emergency: that it is one, who called whom, that the county knows. Pure."""

from events.contract.emergency import (
    EmergencyCallRecorded,
    EmergencyDeclared,
    ReportedUpward,
    UpwardForm,
)
from flows.decide.draft import Draft, Refusal, system
from flows.decide.intake_correcting import shorten
from flows.decide.intake_emergency import sound_alarm
from flows.decide.intake_registering import ask_dispatch, register
from flows.decide.route import handles
from flows.decide.waiting import answer, waits_for
from models.case import ClockKind
from models.policy.actions import Action
from models.values import CaseState, Step

_CLOCK = {
    UpwardForm.PHONE: ClockKind.UPWARD_PHONE,
    UpwardForm.WRITTEN: ClockKind.UPWARD_WRITTEN,
}
#: Registered, but still talked over or waiting for a dispatcher: there is no time for that now.
_NOT_OUT = frozenset({CaseState.REGISTERED, CaseState.CONSULTING})


@handles(EmergencyDeclared)
def declare_emergency(sheet: Draft, data: EmergencyDeclared) -> Refusal | None:
    """宣布突发事件. When an open case turns out to be one: alarm, and no waiting for anybody."""
    if sheet.case.emergency_level:
        return Refusal("emergency_already", {"level": sheet.case.emergency_level})
    sound_alarm(sheet, level=data.level)
    sheet.done_by(Action.ESCALATION_DECLARE_EMERGENCY, sheet.acting.actor)
    sheet.record(
        Action.ESCALATION_DECLARE_EMERGENCY,
        words=data.reason,
        detail={"level": data.level, "called": bool(data.emergency_call)},
    )
    if data.emergency_call:
        sheet.record(Action.ESCALATION_RECORD_CALL, words=data.emergency_call)
    if sheet.case.registered_at is None:
        engine = system(Step.INTAKE, sheet.case.township)
        register(sheet, acting=engine, rule="intake/emergency")
        return None
    hurry(sheet)
    return None


def hurry(sheet: Draft) -> None:
    """Let the work of a registered case go out at once, on an emergency's limit."""
    shorten(sheet, sheet.limit(sheet.policy.deadlines.emergency_finish))
    if sheet.case.state in _NOT_OUT:
        answer(sheet, ClockKind.PROPOSAL, ClockKind.CONVENE, ClockKind.CONCLUDE)
        ask_dispatch(sheet)


@handles(EmergencyCallRecorded)
def record_call(sheet: Draft, data: EmergencyCallRecorded) -> Refusal | None:
    """登记报警. When it is told who called 110, 119 or 120; the words are kept as a token."""
    if not data.call:
        return Refusal("call_missing")
    sheet.record(Action.ESCALATION_RECORD_CALL, words=data.call)
    return None


@handles(ReportedUpward)
def report_upward(sheet: Draft, data: ReportedUpward) -> Refusal | None:
    """信息上报. When the county was told: that form's clock is answered, in time or late."""
    clock = _CLOCK[data.form]
    if not waits_for(sheet, clock):
        return Refusal("no_upward_report_due", {"form": data.form.value})
    late = sheet.case.clock(clock) is None
    answer(sheet, clock)
    sheet.record(
        Action.ESCALATION_REPORT_UPWARD,
        words=data.note,
        detail={"form": data.form.value, "late": late},
    )
    return None
