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
    #: no money comes with it
    NONE = "none"


@event_type("grid.task.requested", Topic.TASKS, action="task.request", needs_subject=False)
class TaskRequested(Payload, frozen=True, kw_only=True):
    """When a department asks villages to do something. Opens a village task.

    None is "not stated": what policy wants stated is asked of the department, never of the village.
    """

    title: Label
    #: item of the admission list; empty where it is on none
    item: str = ""
    #: codes of the villages, or of the grids for grid work
    villages: tuple[Code, ...]
    legal_basis: Label | None = None
    forms: Count | None = None
    ledgers: Count | None = None
    meetings: Count | None = None
    inspections: Count | None = None
    #: apps, platforms and chat groups villages would have to use; none of them is stated as `[]`
    systems: tuple[Label, ...] | None = None
    funding: Funding | None = None
    #: work outside working hours
    off_hours: bool = False
    urgent: bool = False
    #: last day
    ends_on: date | None = None
    reason: Text = ""


@event_type("grid.task.reviewed", Topic.TASKS, action="task.admit")
class TaskReviewed(Payload, frozen=True, kw_only=True):
    """When a reviewer found nothing against the task and passes it on; else it is refused."""

    reason: Text = ""


@event_type("grid.task.admitted", Topic.TASKS, action="task.admit", origin=Origin.BOTH)
class TaskAdmitted(Payload, frozen=True, kw_only=True):
    """准入. When the county lets the task onto the list."""

    reason: Text = ""


@event_type("grid.task.admitted_temporarily", Topic.TASKS, action="task.admit_temporarily")
class TaskAdmittedTemporarily(Payload, frozen=True, kw_only=True):
    """When an urgent unlisted task is let through with consent and an end date, or renewed."""

    #: last day
    ends_on: date
    #: codes of the villages or grids that agreed; all of the task's have to
    consents: tuple[Code, ...]
    reason: Text


@event_type("grid.task.refused", Topic.TASKS, action="task.refuse", origin=Origin.BOTH)
class TaskRefused(Payload, frozen=True, kw_only=True):
    """When a task is refused, with the reason; no penalty for the village."""

    reason: Text


@event_type("grid.task.expired", Topic.TASKS, origin=Origin.ENGINE)
class TaskExpired(Payload, frozen=True, kw_only=True):
    """When a temporary task reached its end date. Made by the engine's timer."""

    task: Ref


@event_type("grid.task.withdrawn", Topic.TASKS, action="task.withdraw")
class TaskWithdrawn(Payload, frozen=True, kw_only=True):
    """When the asking department takes its request back."""

    reason: Text = ""
