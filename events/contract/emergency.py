"""Danger to life or property, beside the work itself: `grid.reports`, decided by intake."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from events.contract.envelope import Payload, Text
from events.contract.registry import Topic, event_type

#: I 红, II 橙, III 黄, IV 蓝: one is worst.
EmergencyLevel = Annotated[int, Meta(ge=1, le=4)]


class UpwardForm(StrEnum):
    """How an emergency is reported to the county."""

    #: 电话
    PHONE = "phone"
    #: 书面
    WRITTEN = "written"


@event_type(
    "grid.report.emergency_declared", Topic.REPORTS, action="escalation.declare_emergency"
)
class EmergencyDeclared(Payload, kw_only=True):
    """宣布突发事件. When an open case turns out to be an emergency."""

    level: EmergencyLevel
    reason: Text
    #: who called which emergency number when
    emergency_call: Text = ""


@event_type("grid.report.emergency_call_recorded", Topic.REPORTS, action="escalation.record_call")
class EmergencyCallRecorded(Payload, kw_only=True):
    """登记报警. When it is told who called 110, 119 or 120, and when."""

    call: Text


@event_type("grid.report.reported_upward", Topic.REPORTS, action="escalation.report_upward")
class ReportedUpward(Payload, kw_only=True):
    """信息上报. When the county was told of an emergency, by phone or in writing."""

    form: UpwardForm
    note: Text = ""
