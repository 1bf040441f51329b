"""How a village task ends: taken back, or its last day is over; and reviews that are late. Pure."""

from datetime import date

from events.contract.tasks import TaskExpired, TaskWithdrawn
from flows.decide.admission import next_review
from flows.decide.admission_sheet import (
    LIVING,
    change,
    denied,
    end_of,
    open_task,
    record,
    rings,
    start,
    stop,
    tell_asker,
    tell_role,
    tell_villages,
)
from flows.decide.decision import Firing
from flows.decide.draft import Draft, Refusal
from flows.decide.route import fires, handles
from models.case import ClockKind, TaskState, VillageTask
from models.policy.actions import Action
from models.values import Step
from notifications.notice import NoticeKind, instant
