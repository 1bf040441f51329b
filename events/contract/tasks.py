"""Work that departments want to put on villages: `grid.tasks`, decided by admission."""

from datetime import date
from enum import StrEnum

from events.contract.envelope import Code, Count, Label, Payload, Ref, Text
from events.contract.registry import Origin, Topic, event_type


class Funding(StrEnum):
    """费随事转: who bears the cost of entrusted work."""

    #: the asking department pays
    DEPARTMENT = "department"
    #: the township pays
    TOWNSHIP = "township"
    #: nobody said
    NONE = "none"


@event_type("grid.task.requested", Topic.TASKS, action="task.request", needs_subject=False)
class TaskRequested(Payload, kw_only=True):
    """When a department asks villages to do something. Opens a village task."""

    title: Label
    #: item of the admission list; empty where it is on none
    item: str = ""
    villages: tuple[Code, ...]
    legal_basis: Label | None = None
    forms: Count = 0
    ledgers: Count = 0
    meetings: Count = 0
    inspections: Count = 0
    #: apps, platforms and chat groups villages would have to use
    systems: tuple[Label, ...] = ()
    funding: Funding = Funding.NONE
    #: work outside working hours
    off_hours: bool = False
    urgent: bool = False
    ends_on: date | None = None
    reason: Text = ""


@event_type("grid.task.admitted", Topic.TASKS, action="task.admit", origin=Origin.BOTH)
class TaskAdmitted(Payload, kw_only=True):
    """准入. When the county lets the task onto the list."""

    reason: Text = ""


@event_type("grid.task.admitted_temporarily", Topic.TASKS, action="task.admit_temporarily")
class TaskAdmittedTemporarily(Payload, kw_only=True):
    """When an urgent unlisted task is let through with consent and an end date."""

    ends_on: date
    reason: Text


@event_type("grid.task.refused", Topic.TASKS, action="task.refuse", origin=Origin.BOTH)
class TaskRefused(Payload, kw_only=True):
    """When a task is refused, with the reason; no penalty for the village."""

    reason: Text


@event_type("grid.task.expired", Topic.TASKS, origin=Origin.ENGINE)
class TaskExpired(Payload, kw_only=True):
    """When a temporary task reached its end date. Made by the engine's timer."""

    task: Ref


@event_type("grid.task.withdrawn", Topic.TASKS, action="task.withdraw")
class TaskWithdrawn(Payload, kw_only=True):
    """When the asking department takes its request back."""

    reason: Text = ""
